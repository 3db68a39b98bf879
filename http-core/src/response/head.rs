//! The head of a response: a status and field lines that were checked when they were added, so that writing is copying.

use crate::bytes::{self, TOKEN, is_name};
use crate::rules::Misuse;
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
    lines: Vec<u8>,
    upgrade: bool,
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

/// What the Connection field of a response says.
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
    const fn line(self) -> &'static [u8] {
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

/// The status and the field lines of a response. One of them can serve any number of responses by
/// [`reset`](Self::reset), and then allocates only for a head longer than any before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    status: u16,
    fields: FieldBlock,
}

impl ResponseHead {
    /// A head without field lines. The status is judged when the head is written.
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

    /// The status.
    #[inline]
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Adds a field line.
    ///
    /// # Errors
    /// [`Misuse::BadFieldName`], [`Misuse::BadFieldValue`] (RFC 9110 section 5.5), or [`Misuse::FramingField`] for
    /// Connection, Content-Length and Transfer-Encoding, which the connection writes itself.
    #[inline]
    pub fn push(&mut self, name: impl FieldName, value: impl AsRef<[u8]>) -> Result<(), Misuse> {
        self.fields.push(name, value)
    }

    /// The head with one more field line, for chains.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn field(mut self, name: impl FieldName, value: impl AsRef<[u8]>) -> Result<Self, Misuse> {
        self.push(name, value)?;
        Ok(self)
    }

    /// Adds Date with an IMF-fixdate (RFC 9110 section 6.6.1), as `httpdate` formats it. An octet that no date has
    /// becomes a space.
    #[inline]
    pub fn push_date(&mut self, imf_fixdate: &[u8; 29]) {
        let mut line = *b"date: Thu, 01 Jan 1970 00:00:00 GMT\r\n";
        for (to, from) in line[6..35].iter_mut().zip(imf_fixdate) {
            *to = if matches!(from, b' '..=b'~') { *from } else { b' ' };
        }
        self.fields.lines.extend_from_slice(&line);
    }

    /// Removes all field lines called `name`, without regard to case.
    pub fn remove_all(&mut self, name: &str) {
        self.fields.remove_all(name);
    }

    /// Whether there is a field line called `name`, without regard to case.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.fields.contains(name)
    }

    /// The field lines.
    #[must_use]
    pub const fn fields(&self) -> &FieldBlock {
        &self.fields
    }

    #[inline(always)]
    pub(crate) const fn has_upgrade(&self) -> bool {
        self.fields.upgrade
    }

    /// Appends the head: the status line, the field lines, and those of the connection.
    #[inline(always)]
    pub(crate) fn write(&self, out: &mut Vec<u8>, options: Options, framing: FramingLine) {
        let status = status_line(self.status);
        let fields = self.fields.as_bytes();
        out.reserve(status.len() + fields.len() + 128);
        out.extend_from_slice(status);
        if status.is_empty() {
            unnamed_status(out, self.status);
        }
        out.extend_from_slice(fields);
        if options != Options::None {
            out.extend_from_slice(options.line());
        }
        match framing {
            FramingLine::None => out.extend_from_slice(b"\r\n"),
            FramingLine::Chunked => out.extend_from_slice(b"transfer-encoding: chunked\r\n\r\n"),
            FramingLine::Length(length) => content_length(out, length),
        }
    }
}

/// Appends Content-Length and the empty line.
#[inline]
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
    line.copy_within(..NAME.len(), start);
    out.extend_from_slice(&line[start..]);
}

/// The status line of a status without a registered phrase; the SP behind the code stays (RFC 9112 section 4).
#[cold]
fn unnamed_status(out: &mut Vec<u8>, status: u16) {
    let digit = |unit: u16| b'0' + (status / unit % 10) as u8;
    out.extend_from_slice(b"HTTP/1.1 ");
    out.extend_from_slice(&[digit(100), digit(10), digit(1), b' ', b'\r', b'\n']);
}

/// The status line of a registered status (RFC 9110 section 15 and the registry), else nothing.
fn status_line(status: u16) -> &'static [u8] {
    match status {
        100 => b"HTTP/1.1 100 Continue\r\n",
        101 => b"HTTP/1.1 101 Switching Protocols\r\n",
        102 => b"HTTP/1.1 102 Processing\r\n",
        103 => b"HTTP/1.1 103 Early Hints\r\n",
        200 => b"HTTP/1.1 200 OK\r\n",
        201 => b"HTTP/1.1 201 Created\r\n",
        202 => b"HTTP/1.1 202 Accepted\r\n",
        203 => b"HTTP/1.1 203 Non-Authoritative Information\r\n",
        204 => b"HTTP/1.1 204 No Content\r\n",
        205 => b"HTTP/1.1 205 Reset Content\r\n",
        206 => b"HTTP/1.1 206 Partial Content\r\n",
        300 => b"HTTP/1.1 300 Multiple Choices\r\n",
        301 => b"HTTP/1.1 301 Moved Permanently\r\n",
        302 => b"HTTP/1.1 302 Found\r\n",
        303 => b"HTTP/1.1 303 See Other\r\n",
        304 => b"HTTP/1.1 304 Not Modified\r\n",
        307 => b"HTTP/1.1 307 Temporary Redirect\r\n",
        308 => b"HTTP/1.1 308 Permanent Redirect\r\n",
        400 => b"HTTP/1.1 400 Bad Request\r\n",
        401 => b"HTTP/1.1 401 Unauthorized\r\n",
        402 => b"HTTP/1.1 402 Payment Required\r\n",
        403 => b"HTTP/1.1 403 Forbidden\r\n",
        404 => b"HTTP/1.1 404 Not Found\r\n",
        405 => b"HTTP/1.1 405 Method Not Allowed\r\n",
        406 => b"HTTP/1.1 406 Not Acceptable\r\n",
        408 => b"HTTP/1.1 408 Request Timeout\r\n",
        409 => b"HTTP/1.1 409 Conflict\r\n",
        410 => b"HTTP/1.1 410 Gone\r\n",
        411 => b"HTTP/1.1 411 Length Required\r\n",
        412 => b"HTTP/1.1 412 Precondition Failed\r\n",
        413 => b"HTTP/1.1 413 Content Too Large\r\n",
        414 => b"HTTP/1.1 414 URI Too Long\r\n",
        415 => b"HTTP/1.1 415 Unsupported Media Type\r\n",
        416 => b"HTTP/1.1 416 Range Not Satisfiable\r\n",
        417 => b"HTTP/1.1 417 Expectation Failed\r\n",
        421 => b"HTTP/1.1 421 Misdirected Request\r\n",
        422 => b"HTTP/1.1 422 Unprocessable Content\r\n",
        425 => b"HTTP/1.1 425 Too Early\r\n",
        426 => b"HTTP/1.1 426 Upgrade Required\r\n",
        428 => b"HTTP/1.1 428 Precondition Required\r\n",
        429 => b"HTTP/1.1 429 Too Many Requests\r\n",
        431 => b"HTTP/1.1 431 Request Header Fields Too Large\r\n",
        500 => b"HTTP/1.1 500 Internal Server Error\r\n",
        501 => b"HTTP/1.1 501 Not Implemented\r\n",
        502 => b"HTTP/1.1 502 Bad Gateway\r\n",
        503 => b"HTTP/1.1 503 Service Unavailable\r\n",
        504 => b"HTTP/1.1 504 Gateway Timeout\r\n",
        505 => b"HTTP/1.1 505 HTTP Version Not Supported\r\n",
        _ => b"",
    }
}
