//! The flags for what is served from a directory.

use std::path::Path;
use std::str::FromStr;

use clap::Args;
use clap::builder::BoolishValueParser;

use crate::files::{Files, Tags};

/// How a directory is served.
#[derive(Args, Clone, Debug)]
pub(super) struct FileFlags {
    /// Answer a directory without an index file with a list of what is in it
    #[arg(long, env = "SERVER_LISTING", value_parser = BoolishValueParser::new())]
    pub(super) listing: bool,

    /// The files that stand for their directory; the first that is there [default: index.html]
    #[arg(long, value_name = "NAMES", env = "SERVER_INDEX", value_delimiter = ',')]
    index: Vec<String>,

    /// Cache-Control of files: VALUE, or GLOB:VALUE for those whose path matches; the first that matches counts, and in the
    /// variable each has a line [default: no-cache, so a client asks whether it has changed]
    #[arg(
        long,
        value_name = "VALUE",
        env = "SERVER_CACHE_CONTROL",
        value_delimiter = '\n'
    )]
    cache_control: Vec<String>,

    /// A field of responses: NAME=VALUE, or GLOB:NAME=VALUE for files whose path matches; in the variable each has a line.
    /// OPTIONS has it, too; 405, and what is refused before a file is looked for, has not
    #[arg(long, value_name = "FIELD", env = "SERVER_HEADER", value_delimiter = '\n')]
    header: Vec<FieldRule>,

    /// The file that answers browsers in the place of a 404, for applications that make their pages themselves
    #[arg(long, value_name = "FILE", env = "SERVER_FALLBACK")]
    fallback: Option<String>,

    /// The body of an error, as 404=404.html: of 400, 403, 404, 412, 416, 500 or 503. Requests that break a rule of HTTP have the
    /// server's own text
    #[arg(
        long,
        value_name = "STATUS=FILE",
        env = "SERVER_ERROR_PAGE",
        value_delimiter = ','
    )]
    error_page: Vec<ErrorPage>,

    /// What entity tags are made of: full (a change is never missed), or mtime (replicas share them)
    #[arg(long, value_name = "OF", env = "SERVER_ETAG", default_value = "full", value_parser = tags)]
    etag: Tags,

    /// Leave files beside others alone that have .br, .zst or .gz behind their name
    #[arg(long, env = "SERVER_NO_PRECOMPRESSED", value_parser = BoolishValueParser::new())]
    no_precompressed: bool,
}

fn tags(text: &str) -> Result<Tags, String> {
    match text {
        "full" => Ok(Tags::Full),
        "mtime" => Ok(Tags::Mtime),
        _ => Err("tags are made of full or mtime".into()),
    }
}

/// `[GLOB:]NAME=VALUE`.
#[derive(Clone, Debug)]
struct FieldRule {
    glob: String,
    name: String,
    value: String,
}

impl FromStr for FieldRule {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (before, value) = text
            .split_once('=')
            .ok_or("a field is NAME=VALUE, or GLOB:NAME=VALUE, as *.html:X-Frame-Options=DENY")?;
        // No name has a colon in it.
        let (glob, name) = before.rsplit_once(':').unwrap_or(("**", before));
        Ok(Self {
            glob: glob.into(),
            name: name.trim().into(),
            value: value.trim().into(),
        })
    }
}

/// `404=404.html`.
#[derive(Clone, Debug)]
struct ErrorPage {
    status: u16,
    file: String,
}

impl FromStr for ErrorPage {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let pair = text
            .split_once('=')
            .and_then(|(status, file)| Some((status.parse().ok()?, file)));
        let (status, file) = pair.ok_or("an error page is STATUS=FILE, as 404=404.html")?;
        Ok(Self {
            status,
            file: file.into(),
        })
    }
}

impl FileFlags {
    /// The first flag that was given and says something only of a directory.
    pub(super) fn given(&self) -> Option<&'static str> {
        [
            (self.listing, "--listing"),
            (!self.index.is_empty(), "--index"),
            (!self.cache_control.is_empty(), "--cache-control"),
            (!self.header.is_empty(), "--header"),
            (self.fallback.is_some(), "--fallback"),
            (!self.error_page.is_empty(), "--error-page"),
            (self.etag != Tags::Full, "--etag"),
            (self.no_precompressed, "--no-precompressed"),
        ]
        .into_iter()
        .find_map(|(is_given, flag)| is_given.then_some(flag))
    }

    /// Checks the rules, as far as they are wrong whatever the directory holds. A directory that is missing is no error here: the
    /// server says so when it starts.
    pub(super) fn check(&self, root: &Path) -> Result<(), String> {
        match Files::open(root) {
            Ok(files) => self.add_rules(files).map(drop).map_err(|error| error.to_string()),
            Err(_) => Ok(()),
        }
    }

    /// The handler for a directory.
    pub(super) fn open(&self, root: &Path) -> Result<Files, String> {
        let files = Files::open(root).map_err(|error| error.to_string())?;
        let files = files
            .with_listing(self.listing)
            .with_precompressed(!self.no_precompressed)
            .with_etag(self.etag);
        self.add_rules(files).map_err(|error| error.to_string())
    }

    fn add_rules(&self, mut files: Files) -> Result<Files, crate::files::RuleError> {
        if !self.index.is_empty() {
            files = files.with_index(&self.index)?;
        }
        for rule in &self.cache_control {
            // No directive has a colon in it.
            let (glob, value) = rule.split_once(':').unwrap_or(("**", rule));
            files = files.with_cache_control(glob, value.trim())?;
        }
        for rule in &self.header {
            files = files.with_header(&rule.glob, &rule.name, &rule.value)?;
        }
        if let Some(fallback) = &self.fallback {
            files = files.with_fallback(fallback)?;
        }
        for page in &self.error_page {
            files = files.with_error_page(page.status, &page.file)?;
        }
        Ok(files)
    }
}
