//! Field lines to send: checked when they are added, so that writing is copying.

use crate::bytes::{self, TOKEN, is_name};
use crate::misuse::Misuse;
use alloc::vec::Vec;

/// A field name: text that is checked when it is used, or a [`Name`] that was checked when it was compiled.
pub trait FieldName {
    /// The name.
    ///
    /// # Errors
    /// [`Misuse::BadFieldName`] if it is no token, [`Misuse::FramingField`] if it is one that the connection writes.
    fn checked(&self) -> Result<&[u8], Misuse>;
}

impl FieldName for str {
    fn checked(&self) -> Result<&[u8], Misuse> {
        let name = self.as_bytes();
        if name.is_empty() || bytes::span(name, 0, TOKEN) != name.len() {
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
        let text = name.as_bytes();
        assert!(!text.is_empty(), "a field name is not empty");
        let mut i = 0;
        while i < text.len() {
            assert!(bytes::is(text[i], TOKEN), "a field name is a token");
            i += 1;
        }
        assert!(
            !same(text, b"connection")
                && !same(text, b"keep-alive")
                && !same(text, b"content-length")
                && !same(text, b"proxy-connection")
                && !same(text, b"transfer-encoding"),
            "the connection writes the framing fields itself"
        );
        Self(name)
    }

    /// The name as text.
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

/// Checked field lines, serialised: of a head, or of a trailer section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FieldBlock {
    pub(super) lines: Vec<u8>,
    pub(super) upgrade: bool,
}

impl FieldBlock {
    /// No field lines.
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

    /// Whether a line is called `name`, without regard to case.
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

    /// The lines as they are sent, each with its CRLF.
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
    bytes::value_end(value, 0) == value.len() && !blank(value.first()) && !blank(value.last())
}
