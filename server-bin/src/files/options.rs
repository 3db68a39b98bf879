//! The choices of an operator or an embedder about a site.

use std::sync::Arc;

use super::cache::Cache;
use super::coding::Wanted;
use super::etag::Tags;
use super::path::Name;
use super::resolve::Lookup;
use super::rules::{RuleError, Rules};
use super::trouble::{FileEvent, Troubles};
use super::{Files, root};
use crate::sys::Root;

/// The errors that a request for a file may end with. All others are answered before a file is asked for.
const ERRORS: [u16; 7] = [400, 403, 404, 412, 416, 500, 503];

/// How a site is served. See the methods of [`Files`] for each.
#[derive(Clone, Debug)]
pub(super) struct Options {
    pub(super) listing: bool,
    pub(super) precompressed: bool,
    pub(super) tags: Tags,
    pub(super) index: Vec<Box<[u8]>>,
    pub(super) rules: Rules,
    /// The path of a page below the root.
    pub(super) fallback: Option<Box<[u8]>>,
    pub(super) error_pages: Vec<(u16, Box<[u8]>)>,
    /// Begins with a slash and does not end with one; empty for none.
    pub(super) prefix: Box<[u8]>,
    pub(super) troubles: Troubles,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listing: false,
            precompressed: true,
            tags: Tags::Full,
            index: vec![b"index.html"[..].into()],
            rules: Rules::default(),
            fallback: None,
            error_pages: Vec::new(),
            prefix: Box::default(),
            troubles: Troubles::default(),
        }
    }
}

impl Options {
    /// The part of a path behind the prefix; none if it does not lie below it.
    #[inline]
    pub(super) fn below_prefix<'a>(&self, path: &'a [u8]) -> Option<&'a [u8]> {
        if self.prefix.is_empty() {
            return Some(path);
        }
        let rest = path.strip_prefix(&*self.prefix)?;
        (rest.is_empty() || rest.starts_with(b"/")).then_some(rest)
    }

    /// How names are looked up for a request that wants these codings.
    pub(super) fn lookup<'a>(&'a self, root: &'a Root, wanted: Wanted) -> Lookup<'a> {
        Lookup {
            root,
            index: &self.index,
            wanted,
            troubles: &self.troubles,
        }
    }

    /// The page for an error of this status.
    pub(super) fn error_page(&self, status: u16) -> Option<&[u8]> {
        let page = self.error_pages.iter().find(|(of, _)| *of == status);
        page.map(|(_, path)| &**path)
    }

    /// The page that an answer of this status may be replaced with.
    pub(super) fn fallback_for(&self, status: u16) -> Option<&[u8]> {
        self.fallback.as_deref().filter(|_| status == 404)
    }
}

impl Files {
    /// Whether a directory without an index is answered with a list of what is in it. Off by default.
    #[must_use]
    pub fn with_listing(self, on: bool) -> Self {
        self.change(|options| options.listing = on)
    }

    /// Whether the `.br`, `.zst` and `.gz` siblings of a file are sent to those who take them. On by default.
    ///
    /// It costs up to three more looks for a request that takes a content coding, the first time.
    #[must_use]
    pub fn with_precompressed(self, on: bool) -> Self {
        self.change(|options| options.precompressed = on)
    }

    /// Chooses what entity tags are made of. [`Tags::Full`] by default.
    #[must_use]
    pub fn with_etag(self, tags: Tags) -> Self {
        self.change(|options| options.tags = tags)
    }

    /// The names that stand for their directory, the first one that is there. `index.html` by default; none is
    /// allowed.
    ///
    /// # Errors
    /// If one of them is no plain file name.
    pub fn with_index<S: AsRef<str>>(self, names: impl IntoIterator<Item = S>) -> Result<Self, RuleError> {
        let mut index = Vec::new();
        for name in names {
            let name = name.as_ref();
            if name.contains('/') {
                let why = "it is looked for in each directory, so it has no slash";
                return Err(RuleError::new("the index", name, why));
            }
            index.push(below("the index", name)?[1..].into());
        }
        Ok(self.change(|options| options.index = index))
    }

    /// Sends files whose names match `glob` with this Cache-Control; the first of several that match counts. Any
    /// other file has `no-cache`: caches keep it, and ask whether it is still the one.
    ///
    /// A glob has `*` and `?` within a segment, `**` across segments, `[a-z]` and `{one,another}`. Without a slash it is
    /// held against the last segment, otherwise against the whole name below the root. Errors, redirects, listings and
    /// fallback pages always have `no-cache`.
    ///
    /// ```
    /// # use server_bin::files::Files;
    /// # let directory = tempfile::tempdir()?;
    /// let files = Files::open(directory.path())?
    ///     .with_cache_control("assets/**", "public, max-age=31536000, immutable")?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the pattern or the value cannot be used.
    pub fn with_cache_control(self, glob: &str, value: &str) -> Result<Self, RuleError> {
        self.try_change(|options| options.rules.add_cache_control(glob, value))
    }

    /// Sends files whose names match `glob` with one more field; all that match count. `**` means every answer
    /// of this handler: files, listings, redirects, errors and the answer to OPTIONS. It does not see 405 and the requests that
    /// the server refuses before (400 for a broken rule, 408, 413, 414, 417, 431, 501, 505), so those have no such field.
    ///
    /// # Errors
    /// If the pattern, the name or the value cannot be used, or if the server writes the field itself.
    pub fn with_header(self, glob: &str, name: &str, value: &str) -> Result<Self, RuleError> {
        self.try_change(|options| options.rules.add_header(glob, name, value))
    }

    /// Answers with this file, as 200, where there is nothing: for an application of a single page that makes its
    /// pages itself. Only a request whose Accept names `text/html` gets it, so that a missing image or script stays 404.
    ///
    /// # Errors
    /// If no file below the root can have this name.
    pub fn with_fallback(self, name: &str) -> Result<Self, RuleError> {
        let path = below("the fallback", name)?;
        Ok(self.change(|options| options.fallback = Some(path)))
    }

    /// Sends this file with the errors of one status: 400, 403, 404, 412, 416, 500 or 503. Where the server itself answers with
    /// 400, 500 or 503 (a request that breaks a rule, a handler's panic, no memory), it does so by its own text.
    ///
    /// # Errors
    /// If it is a status that files are not answered with, or no file below the root can have this name.
    pub fn with_error_page(self, status: u16, name: &str) -> Result<Self, RuleError> {
        if !ERRORS.contains(&status) {
            let why = "a page is for 400, 403, 404, 412, 416, 500 or 503; any other error is the server's own and has its text";
            return Err(RuleError::new("the status", &status.to_string(), why));
        }
        let path = below("the error page", name)?;
        Ok(self.change(|options| {
            options.error_pages.retain(|(of, _)| *of != status);
            options.error_pages.push((status, path));
        }))
    }

    /// Serves the files below a path, `/static` for example; any other path is 404.
    ///
    /// # Errors
    /// If it is no path of plain segments.
    pub fn with_prefix(self, prefix: &str) -> Result<Self, RuleError> {
        let path = prefix.trim_matches('/');
        let path = match path {
            "" => Box::default(),
            path => below("the prefix", path)?,
        };
        let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-._~".contains(byte);
        if !path.iter().all(is_plain) {
            let why = "write it with letters, digits and -._~ between its slashes";
            return Err(RuleError::new("the prefix", prefix, why));
        }
        Ok(self.change(|options| options.prefix = path))
    }

    /// How many files each worker remembers, and how many bytes they may take in all: small files with their content,
    /// 4,096 in 8 MiB by default. 0 remembers nothing.
    #[must_use]
    pub fn with_cache(mut self, entries: usize, bytes: usize) -> Self {
        self.cache_size = (entries, bytes);
        self.local.cache = Cache::new(entries, bytes);
        self
    }

    /// Calls `log` when the path of the root leads to another directory, and when it cannot be opened.
    ///
    /// It is called on a worker's thread, so it must not block.
    #[must_use]
    pub fn with_root_log(self, log: impl Fn(&root::RootEvent) + Send + Sync + 'static) -> Self {
        self.local.root.log_to(Box::new(log));
        self
    }

    /// Calls `log` when a client asks for a file that may not be read, for a link that leads to nothing below the root, or for
    /// what cannot be opened for want of something; not when nothing of the name is there. Each such request calls it, so it has to
    /// bound what it writes.
    ///
    /// It is called on a worker's thread, so it must not block.
    ///
    /// ```
    /// # use server_bin::files::Files;
    /// # let directory = tempfile::tempdir()?;
    /// let (tell, heard) = std::sync::mpsc::sync_channel(100);
    /// let files = Files::open(directory.path())?.with_file_log(move |event| {
    ///     let _ = tell.try_send(event.to_string());
    /// });
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[must_use]
    pub fn with_file_log(self, log: impl Fn(&FileEvent<'_>) + Send + Sync + 'static) -> Self {
        self.change(|options| options.troubles = Troubles::new(log))
    }

    /// The pages for errors and the fallback that cannot be sent as things are now.
    #[cfg(feature = "cli")]
    pub(crate) fn missing_pages(&self) -> Vec<String> {
        use super::resolve::{Found, find};
        let site = &*self.options;
        let errors = site.error_pages.iter().map(|(_, path)| ("error page", path));
        let fallback = site.fallback.iter().map(|path| ("fallback", path));
        let is_missing = |path: &[u8]| {
            let lookup = site.lookup(self.local.root.directory(), Wanted::NONE);
            let found = Name::plain(path).map(|mut name| find(&lookup, &mut name));
            !matches!(found, Ok(Ok(Found::File(_))))
        };
        let missing = errors.chain(fallback).filter(|(_, path)| is_missing(path));
        missing
            .map(|(what, path)| {
                format!(
                    "the {what} {:?} is not there yet",
                    String::from_utf8_lossy(&path[1..])
                )
            })
            .collect()
    }

    fn change(mut self, change: impl FnOnce(&mut Options)) -> Self {
        change(Arc::make_mut(&mut self.options));
        self
    }

    fn try_change(
        mut self,
        change: impl FnOnce(&mut Options) -> Result<(), RuleError>,
    ) -> Result<Self, RuleError> {
        change(Arc::make_mut(&mut self.options))?;
        Ok(self)
    }
}

/// A name below the root as a path: a slash before it, and nothing in it that a name cannot have.
fn below(what: &'static str, name: &str) -> Result<Box<[u8]>, RuleError> {
    let wrong = |why| Err(RuleError::new(what, name, why));
    let path = [b"/", name.trim_start_matches('/').as_bytes()].concat();
    match Name::plain(&path) {
        Ok(found) if found.asks_for_directory() => wrong("name a file, not a directory"),
        Ok(found) if found.as_bytes() == &path[1..] => Ok(path.into()),
        Ok(_) => wrong("write it without empty segments, . and .."),
        Err(_) => wrong("it has to be a name below the root that does not begin with a dot"),
    }
}
