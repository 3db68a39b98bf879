//! The scan of a section that has not arrived whole: from LF to LF, never looking at an octet twice, and judging each
//! line at its end, so that what no later octet can mend is refused at once.

use super::fields;
use super::line;
use super::table::Info;
use crate::limits::{self, Caps, TargetPolicy};
use memchr::memchr;

/// How far an incomplete section was scanned: where its open line begins, where the octets not yet seen do, and how long
/// the section may become before it has to be parsed, to be refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    line: u32,
    seen: u32,
    until: u32,
    /// How many empty lines came before the section.
    skipped: u8,
}

/// Room for a request line, and what its target may hold.
type FirstLine<'a> = Option<(&'a mut Info, TargetPolicy)>;

/// How long the lines of a section and the section may be.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    first_line: u32,
    line: u32,
    section: u32,
}

impl Room {
    #[inline(always)]
    pub(crate) const fn of_head(caps: &Caps) -> Self {
        Self {
            first_line: caps.request_line,
            line: caps.field_line,
            section: caps.head,
        }
    }

    pub(crate) const fn of_trailers(caps: &Caps) -> Self {
        Self {
            first_line: caps.field_line,
            line: caps.field_line,
            section: caps.trailers as u32,
        }
    }
}

/// What a scan found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing yet: more octets are needed.
    More,
    /// The section is whole, or broken: parse it to learn which.
    Parse,
}

impl Progress {
    /// Nothing was seen.
    pub(crate) const NONE: Self = Self {
        line: 0,
        seen: 0,
        until: 0,
        skipped: 0,
    };

    /// All `seen` octets were, and the open line begins at `line`.
    pub(crate) fn new(line: usize, seen: usize, room: Room) -> Self {
        let mut progress = Self {
            line: 0,
            seen: seen as u32,
            ..Self::NONE
        };
        progress.open(line, room);
        progress
    }

    /// Whether anything was seen.
    #[inline(always)]
    pub(crate) const fn has_begun(self) -> bool {
        self.seen != 0
    }

    /// Takes note of an empty line. Returns whether it may be skipped.
    pub(crate) fn skips_line(&mut self) -> bool {
        let skips = self.skipped < limits::EMPTY_LINES;
        self.skipped += u8::from(skips);
        skips
    }

    /// Whether the first line has ended.
    pub(crate) const fn first_line_ended(self) -> bool {
        self.line != 0
    }

    /// How many octets were seen.
    pub(crate) const fn seen(self) -> usize {
        self.seen as usize
    }

    fn open(&mut self, line: usize, room: Room) {
        self.line = line as u32;
        let limit = if line == 0 { room.first_line } else { room.line };
        self.until = room.section.min(self.line.saturating_add(limit));
    }

    /// Whether `bytes` are what was seen and one octet more that decides nothing. This is what a call costs that brings
    /// a head octet by octet.
    #[inline(always)]
    pub(crate) fn grows_by_one(&mut self, bytes: &[u8]) -> bool {
        let grows = bytes.len() <= self.until as usize
            && bytes.len() == self.seen as usize + 1
            && bytes.last() != Some(&b'\n');
        self.seen += u32::from(grows);
        grows
    }

    /// Scans on. `first` has room for a request line and what it may hold; `None` where the section has none (trailers).
    pub(crate) fn resume(&mut self, bytes: &[u8], room: Room, mut first: FirstLine<'_>) -> Verdict {
        let mut seen = self.seen as usize;
        while let Some(fresh) = bytes.get(seen..) {
            let Some(lf) = memchr(b'\n', fresh) else {
                self.seen = bytes.len() as u32;
                return if bytes.len() > self.until as usize {
                    Verdict::Parse
                } else {
                    Verdict::More
                };
            };
            let next = seen + lf + 1;
            let too_long = next > self.until as usize;
            if too_long || !is_sound(bytes, self.line as usize, next, first.as_mut()) {
                return Verdict::Parse;
            }
            self.open(next, room);
            seen = next;
        }
        Verdict::Parse // fewer octets than last time: not what was promised
    }
}

/// Whether the line from `start` to `next` is one that others may follow. The empty line is not: it ends the section.
fn is_sound(bytes: &[u8], start: usize, next: usize, first: Option<&mut (&mut Info, TargetPolicy)>) -> bool {
    match (bytes.get(start..next), first) {
        (Some(line), Some((info, targets))) if start == 0 => line::parse(line, *targets, info).is_ok(),
        (Some(line), _) => fields::field_line(line, 0).is_ok(),
        (None, _) => false,
    }
}
