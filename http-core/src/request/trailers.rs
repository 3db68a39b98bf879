//! The trailer section of a chunked body (RFC 9112 section 7.1.2).

use super::Fault::{self, Incomplete};
use super::field::Line;
use super::known::Known;
use super::section::{Progress, Section, Visitor};
use super::table::{Slot, Table};
use crate::limits::Caps;

/// Reads a trailer section, or scans on in it. Returns its length.
#[inline(never)]
pub(crate) fn read(
    progress: &mut Progress,
    bytes: &[u8],
    caps: &Caps,
    table: &mut Table<[Slot]>,
) -> Result<usize, Fault> {
    let section = Section::Trailers;
    if progress.seen() > 0 && !progress.resume(bytes, section, caps, table) {
        return Err(Incomplete);
    }
    let parsed = parse(bytes, caps, table);
    if parsed == Err(Incomplete) {
        *progress = Progress::of(bytes, section, caps);
    }
    parsed
}

/// Drops the fields that must not be in a trailer section.
struct Kept;

impl Visitor for Kept {
    fn keeps(&mut self, line: &Line<'_>, _slot: usize) -> bool {
        is_kept(line.name)
    }
}

/// Parses a trailer section, from its first line to its empty one. Returns its length.
fn parse(bytes: &[u8], caps: &Caps, table: &mut Table<[Slot]>) -> Result<usize, Fault> {
    let bytes = &bytes[..bytes.len().min(usize::from(caps.trailers) + 1)];
    Section::Trailers.fields(bytes, 0, caps, table, &mut Kept)
}

/// Fields that a trailer section must not have (RFC 9110 section 6.5.1): framing, routing, request modifiers,
/// authentication and content. They are dropped.
fn is_kept(name: &[u8]) -> bool {
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

/// Whether the field may stand in a trailer section that we write.
pub(crate) fn may_trail(name: &[u8]) -> bool {
    is_kept(name) && Known::of(name) == Known::Other
}
