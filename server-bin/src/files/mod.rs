//! A directory, served: static files below one root.
//!
//! One request's way leads through these modules, in this order. Those marked *pure* do no I/O, and their tests are
//! tables.
//!
//! | module | what it does |
//! | --- | --- |
//! | `serve` | leads the way |
//! | `root` | the directory that the root's path leads to, looked at anew at most once a second |
//! | `asked`, `coding` | *pure*: whether the request has conditions, and which siblings (`.br`, `.zst`, `.gz`) it wants |
//! | `cache`, `watch` | what the worker remembers, and the look that says whether it is still so |
//! | `path` | *pure*: from the request's path to a name below the root, or 400 or 404 |
//! | `resolve` | looks the name up and opens it: a file, an index, a redirect to the directory's slash, a status |
//! | `selected` | *pure*: the field lines of a file, made once: `mime` (its type), `etag`, `rules` (what the operator adds) |
//! | `conditional`, `range` | *pure*: 200, 206, 304, 412 or 416 (RFC 9110 §13 and §14) |
//! | `send` | reads the file, and puts the answer together |
//! | `refusal`, `instead` | why there is no file to send; errors and redirects, the fallback page, pages for errors |
//! | `trouble` | what the operator is told of files that are there and cannot be sent |
//! | `listing`, `escape` | the page for a directory without an index, if that is switched on |
//!
//! # What is served
//!
//! - GET and HEAD; OPTIONS, of any path, is 204 with the methods and the operator's [fields](Files::with_header).
//! - Regular files only. A FIFO, a socket or a device in the root is 404, and nothing happens to it: a file is looked
//!   at before it is opened.
//! - No name that begins with a dot, in any spelling, but for those in `/.well-known/`. The rule looks at the names in
//!   the request: a link with an ordinary name to a hidden file serves it, as the one who made the link asked for.
//! - Nothing outside of the root, whatever the path's spelling: names are judged as bytes in `path`, and opened in a
//!   way that cannot leave the root (openat2(2) with RESOLVE_BENEATH on Linux, a walk of the same rule elsewhere).
//! - A symbolic link is followed if its target is relative and each step stays below the root. An absolute target
//!   is 404 also where it leads back inside. A *hard* link is the file itself: the one who can put one into the root
//!   publishes the file.
//! - 403 for what the server may not read; 503 with `Retry-After` while there are no descriptors left.
//! - A directory is its `index.html`, or another [index](Files::with_index). `/dir` is redirected to `./dir/`, which is
//!   right behind any proxy and can name no other host.
//!
//! # The root
//!
//! The root is a path. Before a round's first file, at most once a second, the directory that it leads to (device,
//! inode and mount) is compared with the one that is held open: a site that was deleted and built anew, linked to
//! another release or mounted over is served within a second. While the path leads to nothing that can be opened, the
//! directory that is held serves on.
//!
//! # Freshness
//!
//! - `Cache-Control: no-cache` unless a [rule](Files::with_cache_control) says otherwise: caches ask each time, and a
//!   304 is cheap.
//! - The ETag is made of length, modification time and change time ([`Tags`]), and is weak until the file has *settled*:
//!   until its last change is older than the resolution of the clock that stamps changes (20 ms, or 2 s where the file
//!   system stores whole seconds). Last-Modified is the modification time.
//! - Remembered content is compared with the file system before it is sent (device, inode, length, both times). Only
//!   content that had settled when it was read is remembered.
//!
//! # What is promised of a file that changes
//!
//! A file of up to 64 KiB that had settled before it was read and is unchanged after that is sent whole, with a strong
//! tag. One that was changed just now goes with a weak tag and without a promise. A larger one that had settled is
//! compared before each slice, and after its last bytes were read: when it has changed, the connection closes before the
//! promised length, so that no client takes a mixture for the file; that is so for a file that grows, too. Bytes that are
//! on their way then may still change: the kernel sends the file's own pages. Publish by rename(2), or by a link to a new
//! directory: what was opened before is sent to its end. Nothing can be promised of a file that is written through a
//! shared mapping, as no time tells of each of its changes, nor where a file system's clock is not the machine's.
//!
//! # Cost
//!
//! A file of up to 64 KiB leaves with its head in one write. If it is remembered, a request on an idle connection is six
//! system calls (wait, read, openat2, fstatat, close, write), four if it lies in the root itself, one more where
//! siblings were looked for and absent, and no allocation. A file that was looked up in a round serves all
//! requests of that round.
//!
//! Opening and reading happen on the worker's own thread. A cold disk or a slow network file system therefore delays the
//! worker's other connections. Listings are built on another thread, one for each worker.

mod asked;
mod cache;
mod coding;
mod conditional;
mod escape;
mod etag;
mod guard;
mod instead;
mod listing;
mod local;
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
mod send;
mod serve;
mod status;
#[cfg(test)]
mod tests;
mod text;
mod trouble;
mod watch;

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use http_core::Head;

use crate::handler::{Context, Decision, Handler, Methods};
pub use etag::Tags;
use local::Local;
use options::Options;
use root::ServedRoot;
pub use root::{Reopener, RootEvent};
pub use rules::RuleError;
pub use trouble::FileEvent;

/// How many files a worker remembers, and how many bytes of them, unless [`Files::with_cache`] says otherwise.
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

/// `OPTIONS` is answered here, with the fields of [`Files::with_header`], as the question of a browser before a request to
/// another origin needs them.
const METHODS: Methods = Methods::of("GET, HEAD, OPTIONS");

impl Handler for Files {
    fn methods(&self, _head: &Head<'_>) -> Methods {
        METHODS
    }

    #[inline(always)]
    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        serve::serve(&self.options, &mut self.local, head, cx).into()
    }

    fn round_ended(&mut self) {
        self.local.cache.end_round();
    }

    fn memory(&self) -> usize {
        self.local.memory()
    }

    fn give_up_memory(&mut self) {
        self.local.give_up_memory();
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
