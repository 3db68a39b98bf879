//! A directory, served: static files below one root.
//!
//! One request's way leads through these modules, in this order. Those marked *pure* do no I/O, and their tests are
//! tables.
//!
//! | module | what it does |
//! | --- | --- |
//! | `path` | *pure*: from the request's path to a name below the root, or 400 or 404 |
//! | `resolve` | opens the name: a file, a directory's `index.html`, a redirect to the directory's slash, a status |
//! | `coding` | *pure*: which of the `.br`, `.zst` and `.gz` siblings the request wants |
//! | `etag`, `conditional`, `range` | *pure*: 200, 206, 304, 412 or 416 (RFC 9110 §13 and §14) |
//! | `mime` | *pure*: the media type |
//! | `serve` | puts the answer together; the engine sends the file |
//! | `listing`, `escape` | the page for a directory without an index, if that is switched on |
//!
//! # What is served
//!
//! - GET and HEAD. OPTIONS is answered with 204 and `Allow`, anything else with 405.
//! - Regular files only. A FIFO, a socket or a device in the root is 404, and does not hold the worker up.
//! - No name that begins with a dot, in any spelling, but for those in `/.well-known/`. The rule looks at the names in
//!   the request: a link with an ordinary name to a hidden file serves it, as whoever made the link asked for.
//! - Nothing outside of the root, whatever the path's spelling: names are judged as bytes in `path`, and opened in a
//!   way that cannot leave the root (openat2(2) with RESOLVE_BENEATH on Linux, a walk of the same rule elsewhere).
//! - A symbolic link is followed if its target is relative and each step stays below the root. An absolute target
//!   is 404 also where it leads back inside. A *hard* link is the file itself: whoever can put one into the root
//!   publishes the file.
//! - 403 for what the server may not read; 503 with `Retry-After` while there are no descriptors left.
//! - A directory is its `index.html`. `/dir` is redirected to `/dir/` by an absolute path that can name no other host.
//!
//! # Validators
//!
//! The ETag is made of length, modification time and change time, and is weak within the first moments after a
//! change. Last-Modified is the modification time.
//!
//! # Cost
//!
//! Opening, fstat(2), reading and closing happen on the worker's own thread. A cold disk or a slow network file system
//! therefore delays the worker's other connections. An answer allocates nothing, but for redirects, listings, and
//! the walk where openat2 is missing.

mod asked;
mod cache;
mod coding;
mod conditional;
mod escape;
mod etag;
mod listing;
mod media_types;
mod mime;
mod options;
mod path;
mod range;
mod refusal;
mod resolve;
mod root;
mod rules;
mod selected;
mod serve;
#[cfg(test)]
mod tests;
mod text;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http_core::Head;

use crate::handler::{Context, Decision, Handler};
pub use etag::Tags;
use options::Options;
use root::ServedRoot;
pub use root::{Reopener, RootEvent};
pub use rules::RuleError;
use serve::Local;

/// What a worker remembers of files, unless [`Files::with_cache`] says otherwise.
const CACHE: (usize, usize) = (4096, 8 * 1024 * 1024);

/// Serves the files below a directory. See the [module](self) for the rules.
///
/// ```
/// use server_bin::files::Files;
///
/// let directory = tempfile::tempdir()?;
/// let files = Files::open(directory.path())?.with_listing(true);
/// # let _ = server_bin::Server::with(files);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Files {
    options: Arc<Options>,
    cache_size: (usize, usize),
    local: Local,
}

impl Files {
    /// Opens the directory whose files are to be served. The path is made absolute, but stays a path: should it lead to
    /// another directory later, that one is served within a second.
    ///
    /// # Errors
    /// If the directory is missing, is no directory, or may not be read; the error says in one line what to do.
    pub fn open(path: &Path) -> Result<Self, RootError> {
        match ServedRoot::open(path) {
            Ok(root) => Ok(Self {
                options: Arc::default(),
                cache_size: CACHE,
                local: Local::new(root, CACHE),
            }),
            Err(source) => Err(RootError {
                path: path.to_owned(),
                source,
            }),
        }
    }

    /// Returns what has the root opened again on demand, for SIGHUP.
    pub fn reopener(&self) -> Reopener {
        self.local.root.reopener()
    }

    /// Returns the path of the root, which is absolute.
    pub fn root(&self) -> &Path {
        self.local.root.path()
    }
}

/// Another worker's handler: it serves the same site, and remembers for itself.
impl Clone for Files {
    fn clone(&self) -> Self {
        Self {
            options: Arc::clone(&self.options),
            cache_size: self.cache_size,
            local: Local::new(self.local.root.clone(), self.cache_size),
        }
    }
}

impl Handler for Files {
    #[inline]
    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        serve::serve(&self.options, &mut self.local, head, cx).into()
    }

    fn round_ended(&mut self) {
        self.local.cache.end_round();
    }
}

/// Why a directory cannot be served.
#[derive(Debug, thiserror::Error)]
#[error("cannot serve the directory {path:?}: {source}; {}", self.advice())]
pub struct RootError {
    path: PathBuf,
    source: io::Error,
}

impl RootError {
    fn advice(&self) -> &'static str {
        match self.source.kind() {
            io::ErrorKind::NotFound => "create it, or name another one",
            io::ErrorKind::NotADirectory => "name the directory, not a file in it",
            io::ErrorKind::PermissionDenied => "let this user read it, or name another one",
            _ => "name another one",
        }
    }
}
