//! The representation that was selected for a request (RFC 9110 §3.2), with its field lines made once a file.

use std::time::{Duration, UNIX_EPOCH};

use http_core::{FieldBlock, FieldLine, Name as FieldName};

use super::etag::ETag;
use super::mime::Media;
use super::options::Options;
use super::text::Text;
use crate::sys::{Stamp, Time};

const CONTENT_ENCODING: FieldName = FieldName::from_static("content-encoding");
const CONTENT_TYPE: FieldName = FieldName::from_static("content-type");
const ETAG: FieldName = FieldName::from_static("etag");
const LAST_MODIFIED: FieldName = FieldName::from_static("last-modified");

const ACCEPT_RANGES: FieldLine = FieldLine::from_static("accept-ranges: bytes");
/// Caches keep it, and ask each time whether it is still the one: a 304 is cheap, and an old page is not.
pub(super) const NO_CACHE: FieldLine = FieldLine::from_static("cache-control: no-cache");
pub(super) const NO_SNIFFING: FieldLine = FieldLine::from_static("x-content-type-options: nosniff");
const VARY: FieldLine = FieldLine::from_static("vary: accept-encoding");
pub(super) const VARY_ACCEPT: FieldLine = FieldLine::from_static("vary: accept");
const VARY_BOTH: FieldLine = FieldLine::from_static("vary: accept, accept-encoding");

/// What a file is sent as.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// What the request's path names.
    Page,
    /// What stands in for pages that do not exist.
    Fallback,
    /// The text of an error.
    Error,
}

/// What is to be said of a file.
pub(super) struct Facts<'a> {
    /// The file's name below the root.
    pub(super) name: &'a [u8],
    pub(super) media: Media,
    pub(super) role: Role,
    /// The content coding of the sibling that was chosen, or none (`""`).
    pub(super) coding: &'static str,
    /// Whether Accept-Encoding was asked.
    pub(super) negotiated: bool,
    pub(super) stamp: Stamp,
    /// Whether the content cannot change any more without a trace.
    pub(super) settled: bool,
    /// The server's clock, in seconds since the epoch.
    pub(super) now: u64,
}

/// A selected representation, ready to be sent any number of times.
#[derive(Clone, Debug)]
pub(super) struct Selected {
    /// The field lines of a 304 (§15.4.5).
    pub(super) brief: FieldBlock,
    /// Those of an answer with content: these, and those that describe it.
    pub(super) full: FieldBlock,
    pub(super) etag: ETag,
    /// What Last-Modified says, in seconds since the epoch, if it says anything.
    pub(super) modified: Option<u64>,
    /// The same, as an HTTP-date.
    pub(super) modified_text: Text<29>,
    pub(super) length: u64,
}

impl Selected {
    pub(super) const fn new() -> Self {
        Self {
            brief: FieldBlock::new(),
            full: FieldBlock::new(),
            etag: ETag::NONE,
            modified: None,
            modified_text: Text::new(),
            length: 0,
        }
    }

    /// Describes another file, in the memory of the one before.
    pub(super) fn describe(&mut self, facts: &Facts<'_>, length: u64, options: &Options) {
        self.brief.clear();
        self.full.clear();
        self.length = length;
        self.etag = ETag::of(&facts.stamp, facts.coding, options.tags, facts.settled);
        self.modified = last_modified(facts.stamp.modified, facts.now);
        self.modified_text = self.modified.map_or(Text::new(), |seconds| {
            let date = httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(seconds));
            Text::of(format_args!("{date}"))
        });
        match (facts.role, facts.negotiated) {
            (Role::Fallback, true) => self.brief.push_line(VARY_BOTH),
            (Role::Fallback, false) => self.brief.push_line(VARY_ACCEPT),
            (Role::Page, true) => self.brief.push_line(VARY),
            (Role::Page, false) | (Role::Error, _) => {}
        }
        self.add_rules(facts, options);
        if facts.role != Role::Error {
            // It cannot be refused: its bytes are digits, letters and quotes.
            let _ = self.brief.push(ETAG, self.etag.as_bytes());
        }
        self.full.push_all(&self.brief);
        add_type(&mut self.full, facts);
        if facts.role != Role::Error {
            self.add_dates();
        }
    }

    fn add_rules(&mut self, facts: &Facts<'_>, options: &Options) {
        let rules = &options.rules;
        let own = match facts.role {
            Role::Page => rules.cache_control(facts.name),
            Role::Fallback | Role::Error => None,
        };
        match own {
            Some(line) => self.brief.push_all(line),
            None => self.brief.push_line(NO_CACHE),
        }
        for line in rules.headers(facts.name) {
            self.brief.push_all(line);
        }
    }

    fn add_dates(&mut self) {
        if self.modified.is_some() {
            let _ = self.full.push(LAST_MODIFIED, self.modified_text.as_bytes());
        }
        self.full.push_line(ACCEPT_RANGES);
    }

    /// How much memory it takes, about.
    pub(super) fn weight(&self) -> usize {
        size_of::<Self>() + self.brief.as_bytes().len() + self.full.as_bytes().len()
    }
}

fn add_type(block: &mut FieldBlock, facts: &Facts<'_>) {
    let _ = block.push(CONTENT_TYPE, facts.media.content_type().as_bytes());
    block.push_line(NO_SNIFFING);
    let coding = match facts.coding {
        "" => facts.media.coding,
        coding => coding,
    };
    if !coding.is_empty() {
        let _ = block.push(CONTENT_ENCODING, coding);
    }
}

/// The year 10000, which no HTTP-date can say.
const END_OF_DATES: u64 = 253_402_300_800;

/// What Last-Modified says: never later than now (RFC 9110 §8.8.2.1), and nothing for times that no date can say.
fn last_modified(modified: Time, now: u64) -> Option<u64> {
    let seconds = u64::try_from(modified.seconds).ok()?.min(now);
    (seconds < END_OF_DATES).then_some(seconds)
}
