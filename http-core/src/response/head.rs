//! The head of a response.

use super::fields::{DateLine, FieldBlock, FieldLine, FieldName};
use super::status::{status_line, unnamed_status};
use crate::misuse::Misuse;
use alloc::vec::Vec;

/// The Connection field of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Options {
    None,
    Close,
    KeepAlive,
    Upgrade,
    CloseAndUpgrade,
    KeepAliveAndUpgrade,
}

impl Options {
    pub(crate) const fn line(self) -> &'static [u8] {
        match self {
            Self::None => b"",
            Self::Close => b"connection: close\r\n",
            Self::KeepAlive => b"connection: keep-alive\r\n",
            Self::Upgrade => b"connection: upgrade\r\n",
            Self::CloseAndUpgrade => b"connection: close, upgrade\r\n",
            Self::KeepAliveAndUpgrade => b"connection: keep-alive, upgrade\r\n",
        }
    }
}

/// The field line that tells the framing of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FramingLine {
    None,
    Length(u64),
    Chunked,
}

impl FramingLine {
    /// Appends the line and the empty one.
    #[inline(always)]
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::None => out.extend_from_slice(b"\r\n"),
            Self::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n"),
            Self::Length(length) => content_length(out, length),
        }
    }
}

/// The status and the field lines of a response. One of them can serve any number of responses by
/// [`reset`](Self::reset), and then allocates only for a head longer than any before.
///
/// A registered status gets its reason phrase, any other an empty one (RFC 9112 section 4). The connection adds Connection,
/// Content-Length and Transfer-Encoding when it writes the head. It does not add Date, because it knows no clock:
/// [`push_date`](Self::push_date) does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    status: u16,
    fields: FieldBlock,
}

impl ResponseHead {
    /// Makes a head without field lines. The status is judged when the head is written: [`Misuse::BadStatus`] if it does not
    /// fit the call.
    #[must_use]
    pub const fn new(status: u16) -> Self {
        Self {
            status,
            fields: FieldBlock::new(),
        }
    }

    /// Starts anew and keeps the memory.
    #[inline]
    pub fn reset(&mut self, status: u16) {
        self.status = status;
        self.fields.clear();
    }

    /// Changes the status and keeps the field lines.
    #[inline]
    pub fn set_status(&mut self, status: u16) {
        self.status = status;
    }

    /// Returns the status.
    #[inline]
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Adds a field line.
    ///
    /// # Errors
    /// [`Misuse::BadFieldName`], [`Misuse::BadFieldValue`] (RFC 9110 section 5.5), or [`Misuse::FramingField`] for
    /// Connection, Keep-Alive, Proxy-Connection, Content-Length and Transfer-Encoding, which the connection writes itself.
    #[inline]
    pub fn push(&mut self, name: impl FieldName, value: impl AsRef<[u8]>) -> Result<(), Misuse> {
        self.fields.push(name, value)
    }

    /// Returns the head with one more field line, for chains.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn field(mut self, name: impl FieldName, value: impl AsRef<[u8]>) -> Result<Self, Misuse> {
        self.push(name, value)?;
        Ok(self)
    }

    /// Adds a field line that was checked when it was compiled.
    #[inline]
    pub fn push_line(&mut self, line: FieldLine) {
        self.fields.push_line(line);
    }

    /// Adds all lines of a block that was made before.
    #[inline]
    pub fn push_all(&mut self, block: &FieldBlock) {
        self.fields.push_all(block);
    }

    /// Adds Date.
    #[inline]
    pub fn push_date(&mut self, date: &DateLine) {
        self.fields.push_date(date);
    }

    /// Removes all field lines called `name`, without regard to case.
    pub fn remove_all(&mut self, name: &str) {
        self.fields.remove_all(name);
    }

    /// Returns whether there is a field line called `name`, without regard to case.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.fields.contains(name)
    }

    /// Returns the field lines.
    #[must_use]
    pub const fn fields(&self) -> &FieldBlock {
        &self.fields
    }

    #[inline(always)]
    pub(crate) const fn has_upgrade(&self) -> bool {
        self.fields.upgrade
    }

    /// Appends the head: the status line, the field lines, and those of the connection.
    pub(crate) fn write(&self, out: &mut Vec<u8>, options: Options, framing: FramingLine) {
        self.write_lines(out);
        if options != Options::None {
            out.extend_from_slice(options.line());
        }
        framing.write(out);
    }

    /// Appends the status line and the field lines, and makes room for what follows them in a head.
    #[inline(always)]
    pub(crate) fn write_lines(&self, out: &mut Vec<u8>) {
        let status = status_line(self.status);
        out.reserve(status.len() + self.fields.lines.len() + 128);
        out.extend_from_slice(status);
        if status.is_empty() {
            unnamed_status(out, self.status);
        }
        out.extend_from_slice(&self.fields.lines);
    }

    /// Appends the head of a 200 with no more of the connection's lines than Content-Length: the most common one.
    #[inline(always)]
    pub(crate) fn write_common_200(&self, out: &mut Vec<u8>, length: u64) {
        const STATUS: &[u8; 17] = b"HTTP/1.1 200 OK\r\n";
        out.reserve(STATUS.len() + self.fields.lines.len() + 128);
        out.extend_from_slice(STATUS);
        out.extend_from_slice(&self.fields.lines);
        content_length(out, length);
    }
}

/// Appends Content-Length and the empty line.
#[inline(always)]
fn content_length(out: &mut Vec<u8>, mut length: u64) {
    const NAME: &[u8; 16] = b"content-length: ";
    // Filled from its end, so that one copy appends it.
    let mut line = *b"content-length: 00000000000000000000\r\n\r\n";
    let mut first = line.len() - 4;
    loop {
        first -= 1;
        line[first] = b'0' + (length % 10) as u8;
        length /= 10;
        if length == 0 || first == NAME.len() {
            break;
        }
    }
    let start = first - NAME.len();
    line[start..][..NAME.len()].copy_from_slice(NAME);
    out.extend_from_slice(&line[start..]);
}
