//! A field line: `field-name ":" OWS field-value OWS CRLF` (RFC 9112 section 5).

use super::Fault::{self, Broken, Incomplete};
use super::table::{Slot, Span};
use crate::bytes::{self, TOKEN};
use crate::rules::Rule;

/// A field line.
pub(crate) struct Line<'a> {
    pub(crate) name: &'a [u8],
    pub(crate) value: &'a [u8],
    pub(crate) slot: Slot,
}

/// Parses the line that begins at `start` and is not empty. Returns it and the index behind it.
#[inline(always)]
pub(crate) fn parse(bytes: &[u8], start: usize) -> Result<(Line<'_>, usize), Fault> {
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
        name: Span::new(start, colon),
        value: Span::new(start_of_value, value_end),
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

/// SP or HTAB. Nearly every byte is neither, and one comparison is enough to know it.
#[inline(always)]
fn is_blank(byte: &u8) -> bool {
    *byte <= b' ' && (*byte == b' ' || *byte == b'\t')
}

/// Names the fault at `at`, where the line that begins at `start` should have its colon.
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

/// Names the fault at `at`, where CRLF should end a field value.
#[cold]
fn bad_end(bytes: &[u8], at: usize) -> Fault {
    match &bytes[at..] {
        [] | [b'\r'] => Incomplete,
        [b'\r', ..] => Broken(at + 1, Rule::BareCr),
        [b'\n', ..] => Broken(at, Rule::BareLf),
        [..] => Broken(at, Rule::BadFieldValue),
    }
}
