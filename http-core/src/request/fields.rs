//! Field lines: `field-name ":" OWS field-value OWS CRLF` (RFC 9112 section 5), and the fields that a server acts on.

use super::Fault::{self, Broken, Incomplete};
use super::framing::{self, ContentLength, TransferEncoding};
use super::head::can_be_switched_to;
use super::parts::{Expectation, Framing, Version};
use super::table::{MethodKind, Slot, Table};
use super::{Bounds, Stop, host};
use crate::bytes::{self, TOKEN, is_name};
use crate::rules::Rule;

/// The limits of one section.
pub(crate) struct Limits {
    pub(crate) line: usize,
    pub(crate) section: usize,
    pub(crate) section_rule: Rule,
    pub(crate) count: u16,
}

impl Limits {
    /// What to say about a fault in the line that begins at `line`.
    #[cold]
    fn judge(&self, fault: Fault, line: usize, bytes: &[u8]) -> Stop {
        let bounds = Bounds {
            line: line.saturating_add(self.line),
            line_rule: Rule::FieldLineTooLong,
            section: self.section,
            section_rule: self.section_rule,
        };
        bounds.judge(fault, line, bytes)
    }
}

/// Who looks at the field lines of a section while they are parsed.
pub(crate) trait Observer {
    /// Sees one line, and the index of the slot that it would get. Answers whether it takes that slot.
    fn keeps(&mut self, line: &Line<'_>, index: usize) -> bool;
}

/// A field line.
pub(crate) struct Line<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
    slot: Slot,
}

/// Parses field lines from `from` on, up to and with the empty line, into the table's slots. Answers the index behind it.
#[inline(always)]
pub(crate) fn parse(
    bytes: &[u8],
    from: usize,
    limits: &Limits,
    table: &mut Table<[Slot]>,
    observer: &mut impl Observer,
) -> Result<usize, Stop> {
    let slots = table.slots.len().min(usize::from(limits.count));
    let slots = &mut table.slots[..slots];
    let mut count = 0;
    let mut at = from;
    while bytes.get(at) != Some(&b'\r') {
        let (line, next) = match field_line(bytes, at) {
            Ok(parsed) => parsed,
            Err(fault) => {
                table.work.add(bytes.len());
                return Err(limits.judge(fault, at, bytes));
            }
        };
        if next - at > limits.line {
            return Err(limits.judge(Broken(next - 1, Rule::FieldLineTooLong), at, bytes));
        }
        if observer.keeps(&line, count) {
            // The lines are counted to the end: a scan that resumes does not count, and has to come to the same verdict.
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
        Some(b'\n') if at + 2 <= limits.section && fits => Ok(at + 2),
        Some(b'\n') if at + 2 <= limits.section => Err(Stop::Broken(Rule::TooManyFields)),
        Some(b'\n') => Err(Stop::Broken(limits.section_rule)),
        Some(_) => Err(limits.judge(Broken(at + 1, Rule::BareCr), at, bytes)),
        None => Err(limits.judge(Incomplete, at, bytes)),
    }
}

/// Parses the line that begins at `start` and is not empty. Answers it and the index behind it.
#[inline(always)]
pub(crate) fn field_line(bytes: &[u8], start: usize) -> Result<(Line<'_>, usize), Fault> {
    let colon = bytes::span(bytes, start, TOKEN);
    if colon == start || bytes.get(colon) != Some(&b':') {
        return Err(bad_name(bytes, start, colon));
    }
    let start_of_value = match bytes.get(colon + 1..colon + 3) {
        Some([b' ', first]) if !is_blank(first) => colon + 2, // as nearly all are written
        _ => skip_blanks(bytes, colon + 1),
    };
    let end = bytes::value_span(bytes, start_of_value);
    if bytes.get(end..end + 2) != Some(b"\r\n") {
        return Err(bad_end(bytes, end));
    }
    let mut value_end = end;
    while value_end > start_of_value && is_blank(&bytes[value_end - 1]) {
        value_end -= 1;
    }
    let slot = Slot {
        name: start as u32,
        name_end: colon as u32,
        value: start_of_value as u32,
        value_end: value_end as u32,
    };
    let name = &bytes[start..colon];
    let value = &bytes[start_of_value..value_end];
    Ok((Line { name, value, slot }, end + 2))
}

#[inline(never)]
fn skip_blanks(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while bytes.get(at).is_some_and(is_blank) {
        at += 1;
    }
    at
}

/// SP or HTAB. Nearly every octet asked about is neither, and one comparison tells.
#[inline(always)]
fn is_blank(byte: &u8) -> bool {
    *byte <= b' ' && (*byte == b' ' || *byte == b'\t')
}

/// What is wrong at `at`, where the colon should be of the line that begins at `start`.
#[cold]
fn bad_name(bytes: &[u8], start: usize, at: usize) -> Fault {
    match &bytes[at..] {
        [] | [b'\r'] => Incomplete,
        [b' ' | b'\t', ..] if at == start => Broken(at, Rule::LineFolding),
        [b' ' | b'\t', ..] => Broken(at, Rule::SpaceBeforeColon),
        [b'\r', b'\n', ..] => Broken(at + 1, Rule::MissingColon),
        [b'\r', ..] => Broken(at + 1, Rule::BareCr),
        [b'\n', ..] => Broken(at, Rule::BareLf),
        [..] => Broken(at, Rule::BadFieldName),
    }
}

/// What is wrong at `at`, where CRLF should end a field value.
#[cold]
fn bad_end(bytes: &[u8], at: usize) -> Fault {
    match &bytes[at..] {
        [] | [b'\r'] => Incomplete,
        [b'\r', ..] => Broken(at + 1, Rule::BareCr),
        [b'\n', ..] => Broken(at, Rule::BareLf),
        [..] => Broken(at, Rule::BadFieldValue),
    }
}

/// The fields that this crate acts on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Other = 0,
    Host = 1,
    ContentLength = 2,
    TransferEncoding = 4,
    Connection = 8,
    Expect = 16,
    Upgrade = 32,
    ContentType = 64,
}

impl Known {
    /// Which field `name` is. The length alone decides for most.
    #[inline(always)]
    pub(crate) fn of(name: &[u8]) -> Self {
        match name.len() {
            4 if is_name(name, b"host") => Self::Host,
            6 if is_name(name, b"expect") => Self::Expect,
            7 if is_name(name, b"upgrade") => Self::Upgrade,
            10 if is_name(name, b"connection") => Self::Connection,
            12 if is_name(name, b"content-type") => Self::ContentType,
            14 if is_name(name, b"content-length") => Self::ContentLength,
            17 if is_name(name, b"transfer-encoding") => Self::TransferEncoding,
            _ => Self::Other,
        }
    }
}

/// What the field lines of a head say to this crate, gathered line by line.
#[derive(Default)]
pub(crate) struct Seen {
    /// One bit for each [`Known`] field that occurred.
    once: u8,
    /// One bit for each that occurred again.
    again: u8,
    host: usize,
    content_length: usize,
    close: bool,
    keep_alive: bool,
    upgrade: bool,
}

impl Observer for Seen {
    #[inline(always)]
    fn keeps(&mut self, line: &Line<'_>, index: usize) -> bool {
        let known = Known::of(line.name);
        if known != Known::Other {
            self.note(known, line.value, index);
        }
        true
    }
}

impl Seen {
    /// Takes note of a field that this crate acts on.
    #[inline(always)]
    fn note(&mut self, known: Known, value: &[u8], index: usize) {
        self.again |= self.once & known as u8;
        self.once |= known as u8;
        match known {
            Known::Host => self.host = index,
            Known::ContentLength => self.content_length = index,
            // The two values that nearly every Connection has, and any other list.
            Known::Connection if is_name(value, b"keep-alive") => self.keep_alive = true,
            Known::Connection if is_name(value, b"close") => self.close = true,
            Known::Connection => self.connection(value),
            Known::TransferEncoding | Known::Expect | Known::Upgrade | Known::ContentType | Known::Other => {}
        }
    }

    /// Reads the options of one Connection line (RFC 9110 section 7.6.1).
    #[inline(never)]
    fn connection(&mut self, value: &[u8]) {
        for option in bytes::list(value) {
            self.close |= is_name(option, b"close");
            self.keep_alive |= is_name(option, b"keep-alive");
            self.upgrade |= is_name(option, b"upgrade");
        }
    }

    /// Judges the fields together and completes the table's facts about the head.
    #[inline(always)]
    pub(crate) fn settle(&self, bytes: &[u8], table: &mut Table<[Slot]>) -> Result<(), Rule> {
        let http11 = table.info.version == Version::Http11;
        if self.once & Known::Host as u8 != 0 {
            if self.again & Known::Host as u8 != 0 {
                return Err(Rule::RepeatedHost);
            }
            let value = table.slots[self.host].value(bytes);
            table.work.add(value.len());
            if host::parse(value).is_none() {
                return Err(Rule::BadHost);
            }
            table.info.host = self.host as u16;
        } else if http11 {
            return Err(Rule::MissingHost);
        } else {
            table.info.host = u16::MAX;
        }
        table.info.keep_alive = !self.close && (http11 || self.keep_alive);
        table.info.framing = Framing::Empty;
        table.info.expectation = Expectation::None;
        table.info.upgrade = false;
        // Most requests have none of these.
        let rare = Known::ContentLength as u8
            | Known::TransferEncoding as u8
            | Known::Expect as u8
            | Known::Upgrade as u8
            | Known::ContentType as u8;
        if self.once & rare == 0 {
            Ok(())
        } else {
            self.settle_rare(bytes, table)
        }
    }

    #[inline(never)]
    fn settle_rare(&self, bytes: &[u8], table: &mut Table<[Slot]>) -> Result<(), Rule> {
        let Table { info, slots, work } = table;
        let slots = &slots[..usize::from(info.count)];
        if self.again & Known::ContentType as u8 != 0 {
            return Err(Rule::RepeatedContentType);
        }
        let values = |known: Known| {
            slots
                .iter()
                .filter(move |slot| Known::of(slot.name(bytes)) == known)
                .map(|slot| slot.value(bytes))
        };
        let content_length = if self.once & Known::ContentLength as u8 == 0 {
            ContentLength::Absent
        } else if self.again & Known::ContentLength as u8 != 0 {
            ContentLength::Repeated
        } else {
            let value = slots[self.content_length].value(bytes);
            work.add(value.len());
            ContentLength::read(value)
        };
        let transfer_encoding = if self.once & Known::TransferEncoding as u8 == 0 {
            TransferEncoding::Absent
        } else {
            values(Known::TransferEncoding).for_each(|value| work.add(value.len()));
            TransferEncoding::read(values(Known::TransferEncoding))
        };
        info.framing = framing::decide(info.version, transfer_encoding, content_length)?;
        // RFC 9110 section 10.1.1: a server ignores the expectation of an HTTP/1.0 request.
        if self.once & Known::Expect as u8 != 0 && info.version == Version::Http11 {
            for expectation in values(Known::Expect).flat_map(bytes::list) {
                info.expectation = match info.expectation {
                    Expectation::None | Expectation::Continue if is_name(expectation, b"100-continue") => {
                        Expectation::Continue
                    }
                    Expectation::None | Expectation::Continue | Expectation::Unknown => Expectation::Unknown,
                };
            }
        }
        // RFC 9110 section 7.8: Upgrade counts only with its Connection option, and not in HTTP/1.0. Nor with POST: an
        // answer in another protocol to what POST does is nothing that a client can have meant.
        info.upgrade = self.once & Known::Upgrade as u8 != 0
            && self.upgrade
            && info.version == Version::Http11
            && info.method != MethodKind::Post;
        // Where it names nothing that can be switched to, nothing was asked for.
        info.upgrade = info.upgrade
            && values(Known::Upgrade)
                .flat_map(bytes::list)
                .any(can_be_switched_to);
        Ok(())
    }
}
