//! The representation that was selected for a request (RFC 9110 §3.2), with its field lines made once a file.

use std::sync::Arc;

use http_core::{FieldBlock, FieldLine, Name as FieldName, ResponseHead};

use super::etag::{ETag, Tags};
use super::mime::Media;
use super::rules::Rules;
use super::text::Text;
use crate::date::{Date, LAST};
use crate::handler::{Prepared, status};
use crate::sys::{Stamp, Time};

const CONTENT_ENCODING: FieldName = FieldName::from_static("content-encoding");
const CONTENT_TYPE: FieldName = FieldName::from_static("content-type");
const ETAG: FieldName = FieldName::from_static("etag");
const LAST_MODIFIED: FieldName = FieldName::from_static("last-modified");

const ACCEPT_RANGES: FieldLine = FieldLine::from_static("accept-ranges: bytes");
/// Caches keep it, and ask each time whether it is still the one: a 304 is cheap, and an old page is not.
pub(super) const NO_CACHE: FieldLine = status::NO_CACHE;
pub(super) const NO_SNIFFING: FieldLine = FieldLine::from_static("x-content-type-options: nosniff");
const VARY: FieldLine = FieldLine::from_static("vary: accept-encoding");
pub(super) const VARY_ACCEPT: FieldLine = FieldLine::from_static("vary: accept");
const VARY_BOTH: FieldLine = FieldLine::from_static("vary: accept, accept-encoding");

/// Why a file is sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Role {
    /// The page that the request's path names.
    Page,
    /// The page that stands in for those that do not exist.
    Fallback,
    /// The text of an error.
    Error,
}

/// The facts that the field lines of a file are made of.
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
    /// The time in Last-Modified, in seconds since the epoch, if there is one.
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
    pub(super) fn describe(&mut self, facts: &Facts<'_>, length: u64, tags: Tags, rules: &Rules) {
        self.brief.clear();
        self.full.clear();
        self.length = length;
        self.etag = ETag::of(&facts.stamp, facts.coding, tags, facts.settled);
        self.modified = last_modified(facts.stamp.modified, facts.now);
        self.modified_text = Text::new();
        if let Some(seconds) = self.modified {
            self.modified_text.push(Date::of(seconds).bytes());
        }
        match (facts.role, facts.negotiated) {
            (Role::Fallback, true) => self.brief.push_line(VARY_BOTH),
            (Role::Fallback, false) => self.brief.push_line(VARY_ACCEPT),
            (Role::Page, true) => self.brief.push_line(VARY),
            (Role::Page, false) | (Role::Error, _) => {}
        }
        self.add_rules(facts, rules);
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

    fn add_rules(&mut self, facts: &Facts<'_>, rules: &Rules) {
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

    /// An answer with its field lines: 304 has those of a 304, and any other status all of them.
    pub(super) fn prepare(&self, status: u16, content: Arc<[u8]>) -> Option<Arc<Prepared>> {
        let mut head = ResponseHead::new(status);
        head.push_all(if status == 304 { &self.brief } else { &self.full });
        Prepared::new(&head, content).ok().map(Arc::new)
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

/// Returns the time for Last-Modified: never later than now (RFC 9110 §8.8.2.1), and none where no date can say it.
fn last_modified(modified: Time, now: u64) -> Option<u64> {
    let seconds = u64::try_from(modified.seconds).ok()?.min(now);
    (seconds <= LAST).then_some(seconds)
}
