//! Field lines to send: checked when they are added, so that writing is copying.

use crate::bytes::{self, TOKEN, VALUE, is_name};
use crate::misuse::Misuse;
use alloc::vec::Vec;

/// A field name: text that is checked when it is used, or a [`Name`] that was checked when it was compiled.
///
/// Sealed: the result of [`checked`](Self::checked) is written as it is, so no other crate may provide it.
///
/// ```compile_fail,E0277
/// struct Injected;
/// impl http_core::FieldName for Injected {
///     fn checked(&self) -> Result<&[u8], http_core::Misuse> {
///         Ok(b"x: y\r\nset-cookie")
///     }
/// }
/// ```
pub trait FieldName: sealed::Sealed {
    /// Returns the name.
    ///
    /// # Errors
    /// [`Misuse::BadFieldName`] if it is no token, [`Misuse::FramingField`] if it is one that the connection writes.
    fn checked(&self) -> Result<&[u8], Misuse>;
}

pub(crate) mod sealed {
    /// Implemented for the types whose names are checked.
    pub trait Sealed {}

    impl Sealed for str {}
    impl Sealed for super::Name {}
    impl<T: Sealed + ?Sized> Sealed for &T {}
}

impl FieldName for str {
    fn checked(&self) -> Result<&[u8], Misuse> {
        let name = self.as_bytes();
        if name.is_empty() || !bytes::all(name, TOKEN) {
            return Err(Misuse::BadFieldName);
        }
        if is_framing(name) {
            Err(Misuse::FramingField)
        } else {
            Ok(name)
        }
    }
}

impl<T: FieldName + ?Sized> FieldName for &T {
    fn checked(&self) -> Result<&[u8], Misuse> {
        (**self).checked()
    }
}

/// Fields that say how long the connection or the message is: the connection writes them (RFC 9112 section 6 and 9.6).
fn is_framing(name: &[u8]) -> bool {
    match name.len() {
        10 => is_name(name, b"connection") || is_name(name, b"keep-alive"),
        14 => is_name(name, b"content-length"),
        16 => is_name(name, b"proxy-connection"),
        17 => is_name(name, b"transfer-encoding"),
        _ => false,
    }
}

/// A field name that is checked at compile time, so that using it costs nothing.
///
/// ```
/// const CONTENT_TYPE: http_core::Name = http_core::Name::from_static("content-type");
/// let head = http_core::ResponseHead::new(200).field(CONTENT_TYPE, "text/plain")?;
/// # Ok::<(), http_core::Misuse>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Name(&'static str);

impl Name {
    /// Makes a name.
    ///
    /// # Panics
    /// If `name` is no token, or a field that the connection writes; at compile time in a constant.
    #[must_use]
    pub const fn from_static(name: &'static str) -> Self {
        check_name(name.as_bytes());
        Self(name)
    }

    /// Returns the name as text.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

const fn same(name: &[u8], lower: &[u8]) -> bool {
    if name.len() != lower.len() {
        return false;
    }
    let mut i = 0;
    while i < name.len() {
        if name[i].to_ascii_lowercase() != lower[i] {
            return false;
        }
        i += 1;
    }
    true
}

impl FieldName for Name {
    #[inline]
    fn checked(&self) -> Result<&[u8], Misuse> {
        Ok(self.0.as_bytes())
    }
}

/// A whole field line that is checked at compile time, so that sending it is one copy.
///
/// ```
/// use http_core::{FieldLine, ResponseHead};
/// const PLAIN: FieldLine = FieldLine::from_static("content-type: text/plain");
/// let mut head = ResponseHead::new(200);
/// head.push_line(PLAIN);
/// assert!(head.contains("Content-Type"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FieldLine(&'static str);

impl FieldLine {
    /// Makes a line from `name: value`, without CRLF.
    ///
    /// # Panics
    /// If it is not a name that [`Name::from_static`] takes, a colon, one space, and a value without white space around
    /// it (RFC 9110 section 5.5); or if it is Upgrade, which a head has to know of. At compile time in a constant.
    #[must_use]
    pub const fn from_static(line: &'static str) -> Self {
        let (name, rest) = line.as_bytes().split_at(name_length(line.as_bytes()));
        check_name(name);
        assert!(!same(name, b"upgrade"), "Upgrade is pushed by its name");
        assert!(
            matches!(rest, [b':', b' ', ..]),
            "a colon and one space follow the name"
        );
        let (_, value) = rest.split_at(2);
        assert!(
            !matches!(value, [b' ' | b'\t', ..] | [.., b' ' | b'\t']),
            "a value has no white space around it"
        );
        let mut i = 0;
        while i < value.len() {
            assert!(bytes::is(value[i], VALUE), "a value has no controls");
            i += 1;
        }
        Self(line)
    }
}

const fn name_length(line: &[u8]) -> usize {
    let mut length = 0;
    while length < line.len() && line[length] != b':' {
        length += 1;
    }
    length
}

/// Panics unless `name` is a token and none of the names that the connection writes.
const fn check_name(name: &[u8]) {
    assert!(!name.is_empty(), "a field name is not empty");
    let mut i = 0;
    while i < name.len() {
        assert!(bytes::is(name[i], TOKEN), "a field name is a token");
        i += 1;
    }
    assert!(
        !same(name, b"connection")
            && !same(name, b"keep-alive")
            && !same(name, b"content-length")
            && !same(name, b"proxy-connection")
            && !same(name, b"transfer-encoding"),
        "the connection writes the framing fields itself"
    );
}

/// A Date line (RFC 9110 section 6.6.1): made once a second, so that sending it is one copy.
///
/// ```
/// use http_core::{DateLine, ResponseHead};
/// let date = DateLine::new(b"Sun, 06 Nov 1994 08:49:37 GMT");
/// let mut head = ResponseHead::new(200);
/// head.push_date(&date);
/// assert!(head.contains("Date"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DateLine([u8; 37]);

impl DateLine {
    /// Makes a line from an IMF-fixdate, as `httpdate` formats it. A byte outside of 0x20 to 0x7e
    /// becomes a space; nothing else is checked.
    #[must_use]
    pub const fn new(imf_fixdate: &[u8; 29]) -> Self {
        const NAME: &[u8; 6] = b"date: ";
        let mut line = *b"date:                              \r\n";
        let mut i = 0;
        while i < imf_fixdate.len() {
            if let printable @ b' '..=b'~' = imf_fixdate[i] {
                line[NAME.len() + i] = printable;
            }
            i += 1;
        }
        Self(line)
    }

    /// How long a line is, with its CRLF.
    pub(crate) const LENGTH: usize = 37;

    #[inline(always)]
    pub(crate) const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

/// Checked field lines, serialised: of a head, or of a trailer section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldBlock {
    pub(super) lines: Vec<u8>,
    pub(super) upgrade: bool,
}

impl FieldBlock {
    /// Makes a block without field lines.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            lines: Vec::new(),
            upgrade: false,
        }
    }

    /// Adds a field line.
    ///
    /// # Errors
    /// [`Misuse::BadFieldName`], [`Misuse::BadFieldValue`] (RFC 9110 section 5.5), or [`Misuse::FramingField`]; nothing is
    /// added then.
    #[inline]
    pub fn push(&mut self, name: impl FieldName, value: impl AsRef<[u8]>) -> Result<(), Misuse> {
        let name = name.checked()?;
        let value = value.as_ref();
        if !is_value(value) {
            return Err(Misuse::BadFieldValue);
        }
        self.upgrade |= name.len() == 7 && is_name(name, b"upgrade");
        self.lines.reserve(name.len() + value.len() + 4);
        self.lines.extend_from_slice(name);
        self.lines.extend_from_slice(b": ");
        self.lines.extend_from_slice(value);
        self.lines.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Adds a line that was checked when it was compiled.
    #[inline]
    pub fn push_line(&mut self, line: FieldLine) {
        self.lines.reserve(line.0.len() + 2);
        self.lines.extend_from_slice(line.0.as_bytes());
        self.lines.extend_from_slice(b"\r\n");
    }

    /// Adds all lines of `other`, which were checked when they were added there.
    #[inline]
    pub fn push_all(&mut self, other: &Self) {
        self.lines.extend_from_slice(&other.lines);
        self.upgrade |= other.upgrade;
    }

    /// Adds Date.
    #[inline]
    pub fn push_date(&mut self, date: &DateLine) {
        self.lines.extend_from_slice(&date.0);
    }

    /// Removes all lines called `name`, without regard to case.
    pub fn remove_all(&mut self, name: &str) {
        let mut at = 0;
        while let Some(length) = self.lines[at..].iter().position(|&b| b == b'\n') {
            let line = at..at + length + 1;
            if name_of(&self.lines[line.clone()]).eq_ignore_ascii_case(name.as_bytes()) {
                self.lines.drain(line);
            } else {
                at = line.end;
            }
        }
        self.upgrade &= !name.eq_ignore_ascii_case("upgrade");
    }

    /// Returns whether a line is called `name`, without regard to case.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.names()
            .any(|other| other.eq_ignore_ascii_case(name.as_bytes()))
    }

    /// Removes all lines and keeps the memory.
    pub fn clear(&mut self) {
        self.lines.clear();
        self.upgrade = false;
    }

    /// Returns the lines as they are sent, each with its CRLF.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.lines
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.lines.split_inclusive(|&b| b == b'\n').map(name_of)
    }
}

/// The name of a line in the block, where every line has a colon.
fn name_of(line: &[u8]) -> &[u8] {
    line.split(|&b| b == b':').next().unwrap_or(line)
}

/// HTAB, SP, VCHAR and obs-text, with no white space at either end (RFC 9110 section 5.5).
#[inline]
fn is_value(value: &[u8]) -> bool {
    let blank = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    bytes::value_span(value, 0) == value.len() && !blank(value.first()) && !blank(value.last())
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;

    #[test]
    fn a_line_made_at_compile_time_is_the_line_that_push_makes() {
        let mut pushed = FieldBlock::new();
        pushed.push("content-type", "text/plain; charset=utf-8").unwrap();
        let mut copied = FieldBlock::new();
        copied.push_line(FieldLine::from_static("content-type: text/plain; charset=utf-8"));
        assert_eq!(pushed, copied);
    }

    #[test]
    fn a_line_that_push_refuses_cannot_be_made_at_compile_time() {
        for line in [
            "",
            "no colon",
            ": nameless",
            "a b: c",
            "a:b",
            "a:  b",
            "a: b ",
            "a: b\r\nc: d",
            "a: \0",
            "Content-Length: 5",
            "connection: close",
            "Transfer-Encoding: chunked",
            "Upgrade: websocket",
        ] {
            let made = std::panic::catch_unwind(|| FieldLine::from_static(line));
            assert!(made.is_err(), "{line:?}");
        }
        let _empty_values_are_legal = FieldLine::from_static("a: ");
    }

    #[test]
    fn blocks_are_joined_with_what_a_head_has_to_know_of_them() {
        let mut other = FieldBlock::new();
        other.push("upgrade", "websocket").unwrap();
        let mut block = FieldBlock::new();
        block.push("a", "b").unwrap();
        block.push_all(&other);
        assert_eq!(block.as_bytes(), b"a: b\r\nupgrade: websocket\r\n");
        assert!(block.upgrade);
    }
}
