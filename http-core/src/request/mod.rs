//! The request side: octets in, a `Head`, body octets and trailers out.

pub(crate) mod body;
pub(crate) mod chunked;
pub(crate) mod fields;
pub(crate) mod framing;
pub(crate) mod head;
pub(crate) mod host;
pub(crate) mod line;
pub(crate) mod parts;
pub(crate) mod scan;
pub(crate) mod table;

use crate::limits::{Caps, TargetPolicy};
use crate::rules::Rule;
use fields::{Known, Line, Observer, Seen};
use table::{Slot, Table};

/// Why a line could not be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// More octets are needed.
    Incomplete,
    /// The octet at this index proves that a rule is broken.
    Broken(usize, Rule),
}

/// Why a section (a head or trailers) could not be parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// More octets are needed; the line that begins at `line` is the first one without its end.
    Incomplete { line: usize },
    /// A rule is broken.
    Broken(Rule),
}

/// How long a line and its section may be, as the indices of the first octets that are too many.
///
/// A fault counts only if the octet that proves it comes before these: so the verdict is the same however the octets
/// were cut, because an octet over a limit might not have been there yet.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) line: usize,
    pub(crate) line_rule: Rule,
    pub(crate) section: usize,
    pub(crate) section_rule: Rule,
}

impl Bounds {
    /// What to say about a fault in the line of `bytes` that begins at `line`.
    ///
    /// It counts when the line has ended or is over a limit, or if it is the first octet of all: a scan that resumes
    /// judges a line at its LF, and a prefix must not be told otherwise because it came in one piece.
    #[cold]
    pub(crate) fn judge(self, fault: Fault, line: usize, bytes: &[u8]) -> Stop {
        let at = match fault {
            Fault::Incomplete => bytes.len().saturating_sub(1),
            Fault::Broken(at, _) => at,
        };
        if at >= self.line && self.line <= self.section {
            return Stop::Broken(self.line_rule);
        }
        if at >= self.section {
            return Stop::Broken(self.section_rule);
        }
        let within = bytes.len() <= self.line.min(self.section);
        let open = within && !bytes.get(line..).is_some_and(|rest| rest.contains(&b'\n'));
        match fault {
            Fault::Broken(at, rule) if at == 0 || !open => Stop::Broken(rule),
            Fault::Broken(..) | Fault::Incomplete => Stop::Incomplete { line },
        }
    }
}

/// Parses a whole head: the request line, the field lines, and what they mean together. Answers its length.
///
/// Every verdict depends on the octets up to the one that proves it and on no later one, so a prefix of `bytes` gets the
/// same one or none.
#[inline(always)]
pub(crate) fn parse(
    bytes: &[u8],
    caps: &Caps,
    targets: TargetPolicy,
    table: &mut Table<[Slot]>,
) -> Result<usize, Stop> {
    let section = caps.head as usize;
    let bytes = &bytes[..bytes.len().min(section.saturating_add(1))];
    let next = match line::parse(bytes, targets, &mut table.info) {
        Ok(next) if next <= caps.request_line as usize && next <= section => next,
        Ok(next) => {
            return Err(line_bounds(caps).judge(Fault::Broken(next - 1, Rule::HeadTooLong), 0, bytes));
        }
        Err(fault) => {
            table.work.add(bytes.len());
            return Err(line_bounds(caps).judge(fault, 0, bytes));
        }
    };
    let limits = fields::Limits {
        line: caps.field_line as usize,
        section,
        section_rule: Rule::HeadTooLong,
        count: caps.fields,
    };
    let mut seen = Seen::default();
    let length = fields::parse(bytes, next, &limits, table, &mut seen)?;
    seen.settle(bytes, table).map_err(Stop::Broken)?;
    Ok(length)
}

fn line_bounds(caps: &Caps) -> Bounds {
    Bounds {
        line: caps.request_line as usize,
        line_rule: Rule::RequestLineTooLong,
        section: caps.head as usize,
        section_rule: Rule::HeadTooLong,
    }
}

/// Drops what must not be in a trailer section.
struct KeptInTrailers;

impl Observer for KeptInTrailers {
    fn keeps(&mut self, line: &Line<'_>, _index: usize) -> bool {
        kept_in_trailers(line.name)
    }
}

/// Fields that a trailer section must not have (RFC 9110 section 6.5.1): framing, routing, request modifiers,
/// authentication and content. They are dropped.
fn kept_in_trailers(name: &[u8]) -> bool {
    const DROPPED: [&str; 29] = [
        "authorization",
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-range",
        "content-type",
        "cookie",
        "expect",
        "host",
        "if-match",
        "if-modified-since",
        "if-none-match",
        "if-range",
        "if-unmodified-since",
        "keep-alive",
        "max-forwards",
        "pragma",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "range",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
        "forwarded",
    ];
    !DROPPED
        .iter()
        .any(|dropped| name.eq_ignore_ascii_case(dropped.as_bytes()))
}

/// Parses a trailer section, from its first line to its empty one. Answers its length.
pub(crate) fn parse_trailers(bytes: &[u8], caps: &Caps, table: &mut Table<[Slot]>) -> Result<usize, Stop> {
    let section = usize::from(caps.trailers);
    let bytes = &bytes[..bytes.len().min(section + 1)];
    let limits = fields::Limits {
        line: caps.field_line as usize,
        section,
        section_rule: Rule::TrailersTooLong,
        count: caps.fields,
    };
    fields::parse(bytes, 0, &limits, table, &mut KeptInTrailers)
}

/// Whether the field may stand in a trailer section that we write.
pub(crate) fn may_trail(name: &[u8]) -> bool {
    kept_in_trailers(name) && Known::of(name) == Known::Other
}
