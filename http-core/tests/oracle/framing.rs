//! RFC 9112, section 6.3, and `Host` and `Connection`: decisions over the list of all fields.

use super::abnf::*;
use super::head::{Field, host_value};

/// How the body's end is known, or the status that refuses it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Body {
    Empty,
    Length(u64),
    Chunked,
    Refused(u16),
}

/// All values of a field, in order.
pub fn values<'a>(fields: &'a [Field], name: &str) -> Vec<&'a [u8]> {
    fields
        .iter()
        .filter(|f| f.name.eq_ignore_ascii_case(name))
        .map(|f| f.value.as_slice())
        .collect()
}

/// The elements of a comma list over all lines of a field, blanks stripped, empty ones dropped.
pub fn list(fields: &[Field], name: &str) -> Vec<String> {
    let joined = values(fields, name).join(&b","[..]);
    let elements = joined
        .split(|b| *b == b',')
        .map(|e| e.trim_ascii_blanks().iter().map(|b| char::from(*b)).collect());
    elements.filter(|e: &String| !e.is_empty()).collect()
}

/// Strips SP and HTAB, and nothing else, from both sides.
pub trait TrimBlanks {
    fn trim_ascii_blanks(&self) -> &[u8];
}

impl TrimBlanks for [u8] {
    fn trim_ascii_blanks(&self) -> &[u8] {
        let from = self.iter().position(|b| !is_blank(*b)).unwrap_or(self.len());
        let to = self.iter().rposition(|b| !is_blank(*b)).map_or(from, |at| at + 1);
        &self[from..to]
    }
}

/// The framing of a request body. `minor` is that of the version.
pub fn decide(minor: u8, fields: &[Field]) -> Body {
    let codings = !values(fields, "transfer-encoding").is_empty();
    let lengths = values(fields, "content-length");
    match (codings, lengths.as_slice()) {
        (true, [_, ..]) => Body::Refused(400),
        (true, []) if minor == 0 => Body::Refused(400),
        (true, []) => coding(fields),
        (false, []) => Body::Empty,
        (false, [one]) => length(one),
        (false, [_, _, ..]) => Body::Refused(400),
    }
}

fn coding(fields: &[Field]) -> Body {
    let list = list(fields, "transfer-encoding");
    let is_chunked = |element: &String| element.eq_ignore_ascii_case("chunked");
    match list.as_slice() {
        [only] if is_chunked(only) => Body::Chunked,
        [others @ .., last] if is_chunked(last) => {
            // A coding with parameters is none that anybody sends, so it is refused like any other oddity.
            let plain =
                |other: &String| other.bytes().all(is_tchar) && other.is_ascii() && !is_chunked(other);
            Body::Refused(if others.iter().all(plain) { 501 } else { 400 })
        }
        _ => Body::Refused(400),
    }
}

fn length(value: &[u8]) -> Body {
    if !some(byte(is_digit)).matches(value) {
        return Body::Refused(400);
    }
    // Digit by digit in an integer so wide that a value beyond u64 is seen before it could wrap.
    let mut length: u128 = 0;
    for digit in value {
        length = length * 10 + u128::from(digit - b'0');
        if length > u128::from(u64::MAX) {
            return Body::Refused(400);
        }
    }
    match length as u64 {
        0 => Body::Empty,
        n => Body::Length(n),
    }
}

/// Whether the `Host` fields are as RFC 9112, section 3.2, demands.
pub fn host_is_valid(minor: u8, fields: &[Field]) -> bool {
    match values(fields, "host").as_slice() {
        [] => minor == 0,
        [one] => authority_is_valid(one),
        _ => false,
    }
}

/// `uri-host [ ":" port ]` with a port that TCP has.
pub fn authority_is_valid(authority: &[u8]) -> bool {
    let before = authority.iter().rposition(|b| !is_digit(*b));
    let port = before
        .filter(|at| authority[*at] == b':')
        .map_or(&[][..], |at| &authority[at + 1..]);
    let port = port.iter().fold(0u128, |n, digit| {
        (n * 10 + u128::from(digit - b'0')).min(1 << 100)
    });
    host_value().matches(authority) && port <= 65_535
}

/// Whether the connection carries another request after this one.
pub fn keep_alive(minor: u8, fields: &[Field]) -> bool {
    let options = list(fields, "connection");
    let has = |option: &str| options.iter().any(|o| o.eq_ignore_ascii_case(option));
    !has("close") && (minor > 0 || has("keep-alive"))
}
