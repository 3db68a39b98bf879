//! A head that is made once and sent many times.

use super::body::{Body, Sending};
use super::fields::DateLine;
use super::head::{FramingLine, Options, ResponseHead};
use crate::misuse::Misuse;
use alloc::vec::Vec;

/// A whole response head, checked and written once, for answers that are sent again and again: a file's, a fixed reply's.
///
/// It holds the status line, the field lines and the Content-Length. Sending it by
/// [`reply_prepared`](crate::Connection::reply_prepared) or [`respond_prepared`](crate::Connection::respond_prepared) copies
/// them, and adds what differs from one response to the next: Date, and Connection where the connection closes or an
/// HTTP/1.0 client has to be told that it persists. The bytes are those that a [`ResponseHead`] gives with the same fields
/// and Date behind them.
///
/// ```
/// use http_core::{Connection, DateLine, Event, Fields, Limits, PreparedHead, ResponseHead};
/// let body = b"Hello, World!";
/// let head = ResponseHead::new(200)
///     .field("content-type", "text/plain")?
///     .field("etag", "\"1\"")?;
/// let prepared = PreparedHead::new(&head, body.len() as u64)?; // once
///
/// let mut conn = Connection::server(Limits::default());
/// let mut fields = Fields::<8>::new();
/// let mut out = Vec::new();
/// conn.receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &mut fields).expect("a request");
/// let date = DateLine::new(b"Sun, 06 Nov 1994 08:49:37 GMT"); // once a second
/// conn.reply_prepared(&mut out, &prepared, Some(&date), body)?; // for each request
/// assert_eq!(
///     out,
///     b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\netag: \"1\"\r\n\
///       date: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
///       content-length: 13\r\n\r\nHello, World!"
/// );
/// # Ok::<(), http_core::Misuse>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedHead {
    /// The status line and the field lines, room for Date, Content-Length and the empty line: with Date and nothing else, one
    /// copy sends them.
    bytes: Vec<u8>,
    /// Where Date goes.
    date: usize,
    length: u64,
    status: u16,
    /// Whether a body follows, but for HEAD.
    content: bool,
    upgrade: bool,
}

impl PreparedHead {
    /// Prepares `head` for a body of `length` bytes. For responses without a body, to HEAD and with 304, it is the length that
    /// is announced, as with [`Body::Known`].
    ///
    /// # Errors
    /// [`Misuse::BadStatus`] if the status is no final one, [`Misuse::ContentForbidden`] if a status without content (204,
    /// 205) has a length.
    pub fn new(head: &ResponseHead, length: u64) -> Result<Self, Misuse> {
        let status = head.status();
        if !(200..600).contains(&status) {
            return Err(Misuse::BadStatus);
        }
        // Neither HEAD nor the version of the client plays a part in what is prepared.
        let body = Body::Known(length);
        let content = Sending::decide(status, body, false, false)?.has_body();
        let mut bytes = Vec::new();
        head.write_lines(&mut bytes);
        let date = bytes.len();
        bytes.extend_from_slice(DateLine::new(&[b' '; 29]).as_bytes());
        FramingLine::of(status, body, false).write(&mut bytes);
        bytes.shrink_to_fit();
        Ok(Self {
            bytes,
            date,
            length,
            status,
            content,
            upgrade: head.has_upgrade(),
        })
    }

    /// Returns the status.
    #[inline]
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Returns the length of the body that the head was prepared for, in bytes.
    #[inline]
    #[must_use]
    pub const fn length(&self) -> u64 {
        self.length
    }

    pub(crate) const fn has_upgrade(&self) -> bool {
        self.upgrade
    }

    /// Judges the length of the body.
    #[inline(always)]
    pub(crate) const fn expects(&self, body: &[u8]) -> Result<(), Misuse> {
        let length = body.len() as u64;
        if length < self.length {
            Err(Misuse::BodyTooShort)
        } else if length > self.length {
            Err(Misuse::BodyTooLong)
        } else {
            Ok(())
        }
    }

    /// Whether a body always follows, but for HEAD.
    #[inline(always)]
    pub(crate) const fn has_content(&self) -> bool {
        self.content
    }

    /// Appends the head, and makes room for `more` bytes behind it.
    #[inline(always)]
    pub(crate) fn write(&self, out: &mut Vec<u8>, date: Option<&DateLine>, options: Options, more: usize) {
        out.reserve(self.bytes.len() + 128 + more);
        let start = out.len();
        if let (Some(date), Options::None) = (date, options) {
            out.extend_from_slice(&self.bytes);
            let room = out[start + self.date..].first_chunk_mut();
            if let Some(room) = room {
                *room = *date.as_bytes();
            }
            return;
        }
        let (fields, rest) = self.bytes.split_at(self.date);
        out.extend_from_slice(fields);
        if let Some(date) = date {
            out.extend_from_slice(date.as_bytes());
        }
        out.extend_from_slice(options.line());
        out.extend_from_slice(&rest[DateLine::LENGTH..]);
    }
}
