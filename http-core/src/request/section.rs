//! A section of lines up to the empty line that ends it, a head or trailers: whole, or in pieces.
//!
//! A section that has arrived whole is parsed once. While it arrives in pieces it is scanned from LF to LF: no byte of a later
//! piece is searched for its LF twice, and each line that ends in one is judged once, at its end, so that what no later byte can
//! mend is refused at once. Where the scan finds the end or a breach, the whole section is parsed, which says what was found: so
//! every verdict comes from one place, and a byte is looked at a few times at most, however the section was cut.

use super::Fault::{self, Broken, Incomplete};
use super::field::{self, Line};
use super::line;
use super::table::{Info, Slot, Table};
use crate::limits::{self, Caps, TargetPolicy};
use crate::rules::Rule;
use memchr::{memchr, memrchr};

/// Called with every field line while a section is parsed. A trait, because a closure may stay a call of its own.
pub(crate) trait Visitor {
    /// Sees a line and the index of the slot that it would get. Returns whether it takes that slot.
    fn keeps(&mut self, line: &Line<'_>, slot: usize) -> bool;
}

/// Which section: it decides how long the lines and the whole may be, and what the first line is.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Section {
    /// A request line, whose target may hold what the policy says, and field lines.
    Head(TargetPolicy),
    /// Field lines.
    Trailers,
}

impl Section {
    #[inline(always)]
    const fn longest(self, caps: &Caps) -> usize {
        match self {
            Self::Head(_) => caps.head as usize,
            Self::Trailers => caps.trailers as usize,
        }
    }

    const fn too_long(self) -> Rule {
        match self {
            Self::Head(_) => Rule::HeadTooLong,
            Self::Trailers => Rule::TrailersTooLong,
        }
    }

    /// The index of the first byte that is too many in the line that begins at `line`, and the rule that it breaks.
    const fn end_of_line(self, line: usize, caps: &Caps) -> (usize, Rule) {
        match self {
            Self::Head(_) if line == 0 => (caps.request_line as usize, Rule::RequestLineTooLong),
            Self::Head(_) | Self::Trailers => (
                line.saturating_add(caps.field_line as usize),
                Rule::FieldLineTooLong,
            ),
        }
    }

    /// Parses field lines from `from` on, up to and with the empty line, into the table's slots. Returns the index behind the
    /// empty line.
    #[inline(always)]
    pub(crate) fn fields(
        self,
        bytes: &[u8],
        from: usize,
        caps: &Caps,
        table: &mut Table<[Slot]>,
        visitor: &mut impl Visitor,
    ) -> Result<usize, Fault> {
        let (longest, longest_line) = (self.longest(caps), caps.field_line as usize);
        let slots = table.slots.len().min(usize::from(caps.fields));
        let slots = &mut table.slots[..slots];
        let mut count = 0;
        let mut at = from;
        while bytes.get(at) != Some(&b'\r') {
            let (line, next) = match field::parse(bytes, at) {
                Ok(parsed) => parsed,
                Err(fault) => {
                    table.work.add(bytes.len());
                    return Err(self.judge(fault, at, bytes, caps));
                }
            };
            if next - at > longest_line {
                return Err(self.judge(Broken(next - 1, Rule::FieldLineTooLong), at, bytes, caps));
            }
            if visitor.keeps(&line, count) {
                // Counting goes on past the limit: a scan that resumes does not count lines, so that their number is judged
                // at the end of the section in either case.
                if let Some(free) = slots.get_mut(count) {
                    *free = line.slot;
                }
                count += 1;
            }
            at = next;
        }
        let fits = count <= slots.len();
        table.info.count = count as u16;
        table.work.add(at + 2);
        match bytes.get(at + 1) {
            Some(b'\n') if at + 2 <= longest && fits => Ok(at + 2),
            Some(b'\n') if at + 2 <= longest => Err(Broken(at + 1, Rule::TooManyFields)),
            Some(b'\n') => Err(Broken(longest, self.too_long())),
            Some(_) => Err(self.judge(Broken(at + 1, Rule::BareCr), at, bytes, caps)),
            None => Err(self.judge(Incomplete, at, bytes, caps)),
        }
    }

    /// Decides what a fault in the line of `bytes` that begins at `line` comes to.
    ///
    /// A fault counts only if the byte that proves it comes before the limits: a byte over a limit might not have been there
    /// yet, and the verdict must not depend on how the bytes were cut. It counts when its line has ended or is over a limit,
    /// or if it is the first byte of all: a scan that resumes judges a line at its LF, and the same prefix in one piece has
    /// to get the same verdict.
    #[cold]
    pub(crate) fn judge(self, fault: Fault, line: usize, bytes: &[u8], caps: &Caps) -> Fault {
        let (end_of_line, line_too_long) = self.end_of_line(line, caps);
        let longest = self.longest(caps);
        let at = match fault {
            Incomplete => bytes.len().saturating_sub(1),
            Broken(at, _) => at,
        };
        if at >= end_of_line && end_of_line <= longest {
            return Broken(end_of_line, line_too_long);
        }
        if at >= longest {
            return Broken(longest, self.too_long());
        }
        let within = bytes.len() <= end_of_line.min(longest);
        let open = within && !bytes.get(line..).is_some_and(|rest| rest.contains(&b'\n'));
        if open && at > 0 { Incomplete } else { fault }
    }

    /// Whether the line from `start` to `next` is one that others may follow. The empty line is not: it ends the section.
    /// `info` is scratch for the request line.
    fn is_sound(self, bytes: &[u8], start: usize, next: usize, info: &mut Info) -> bool {
        match (bytes.get(start..next), self) {
            (Some(line), Self::Head(targets)) if start == 0 => line::parse(line, targets, info).is_ok(),
            (Some(line), _) => field::parse(line, 0).is_ok(),
            (None, _) => false,
        }
    }
}

/// How far an incomplete section was scanned. Packed, so that a connection stays small.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed)]
pub(crate) struct Progress {
    /// Where the line begins that has not ended.
    line: u32,
    /// How many bytes were scanned.
    seen: u32,
    /// How long the section may become before it is parsed, to be refused.
    until: u32,
    /// How many empty lines came before the section.
    skipped: u8,
}

impl Progress {
    /// Nothing was scanned.
    pub(crate) const NONE: Self = Self {
        line: 0,
        seen: 0,
        until: 0,
        skipped: 0,
    };

    /// All of `bytes` was scanned, and its last line has not ended.
    pub(crate) fn of(bytes: &[u8], section: Section, caps: &Caps) -> Self {
        let mut progress = Self {
            seen: bytes.len() as u32,
            ..Self::NONE
        };
        progress.open(memrchr(b'\n', bytes).map_or(0, |lf| lf + 1), section, caps);
        progress
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

    /// How many bytes were scanned.
    pub(crate) const fn seen(self) -> u32 {
        self.seen
    }

    /// The line that begins at `line` is the one that has not ended.
    fn open(&mut self, line: usize, section: Section, caps: &Caps) {
        let (end_of_line, _) = section.end_of_line(line, caps);
        self.line = line as u32;
        self.until = end_of_line.min(section.longest(caps)) as u32;
    }

    /// Whether `bytes` are what was scanned and one byte more that decides nothing. This is all that a call costs that
    /// brings a head byte by byte.
    #[inline(always)]
    pub(crate) fn grows_by_one(&mut self, bytes: &[u8]) -> bool {
        let grows = bytes.len() <= self.until as usize
            && bytes.len() == self.seen as usize + 1
            && bytes.last() != Some(&b'\n');
        self.seen += u32::from(grows);
        grows
    }

    /// Scans on. Returns whether the section has to be parsed: it is whole, or a rule is broken.
    pub(crate) fn resume(
        &mut self,
        bytes: &[u8],
        section: Section,
        caps: &Caps,
        table: &mut Table<[Slot]>,
    ) -> bool {
        let mut seen = self.seen as usize;
        // Each byte is looked at for its LF, and once more in its line.
        table.work.add(2 * bytes.len().saturating_sub(seen));
        while let Some(fresh) = bytes.get(seen..) {
            let Some(lf) = memchr(b'\n', fresh) else {
                self.seen = bytes.len() as u32;
                return bytes.len() > self.until as usize;
            };
            let next = seen + lf + 1;
            let too_long = next > self.until as usize;
            if too_long || !section.is_sound(bytes, self.line as usize, next, &mut table.info) {
                return true;
            }
            self.open(next, section, caps);
            seen = next;
        }
        true // fewer bytes than last time: not what was promised
    }
}
