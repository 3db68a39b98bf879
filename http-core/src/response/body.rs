//! How a response's body is framed and accounted for (RFC 9112 section 6).

use super::fields::FieldBlock;
use super::head::FramingLine;
use crate::misuse::Misuse;
use crate::request::trailers::may_trail;
use alloc::vec::Vec;

/// The body of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Body {
    /// A body of this many bytes: the response gets a Content-Length. For HEAD and 304 the length is announced and no body is
    /// sent; `Known(0)` announces nothing with 304. With 204 and 205 it has to be `Known(0)`.
    Known(u64),
    /// A body whose length is not known yet: chunked to HTTP/1.1, until the connection closes to HTTP/1.0.
    Stream,
}

/// How many bytes of a body are still to be sent. Packed, because the alignment of a `u64` would cost 7 bytes more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(Rust, packed)]
pub(crate) struct Left(u64);

impl Left {
    const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    const fn bytes(self) -> u64 {
        self.0
    }
}

/// The response's body, as it is being sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sending {
    /// Nothing is under way, or a response without a body.
    Nothing,
    /// A body with a Content-Length; this many bytes remain.
    Known(Left),
    /// Chunks.
    Chunked,
    /// Bytes until the connection closes.
    UntilClose,
}

/// Returns whether a final response with this status has a body, to HEAD or to another method: not to HEAD, and not with 204,
/// 205 and 304 (RFC 9110 section 6.4.1). [`Connection::response_has_body`](crate::Connection::response_has_body) returns it for
/// the present request.
///
/// ```
/// # use http_core::response_has_body;
/// assert!(response_has_body(404, false));
/// assert!(!response_has_body(404, true) && !response_has_body(304, false));
/// ```
#[inline]
#[must_use]
pub const fn response_has_body(status: u16, to_head: bool) -> bool {
    !to_head && !matches!(status, 204 | 205 | 304)
}

impl Sending {
    /// Decides how the body of a final response is sent (RFC 9112 section 6.3, RFC 9110 section 6.4.1).
    #[inline(always)]
    pub(crate) fn decide(status: u16, body: Body, to_head: bool, http10: bool) -> Result<Self, Misuse> {
        match (status, body) {
            (204 | 205, Body::Known(0)) | (204, Body::Stream) => Ok(Self::Nothing),
            (204 | 205, _) => Err(Misuse::ContentForbidden),
            (304, _) => Ok(Self::Nothing),
            (_, _) if to_head => Ok(Self::Nothing),
            (_, Body::Known(length)) => Ok(Self::Known(Left::new(length))),
            (_, Body::Stream) if http10 => Ok(Self::UntilClose),
            (_, Body::Stream) => Ok(Self::Chunked),
        }
    }

    /// Whether only the end of the connection ends the body.
    #[inline(always)]
    pub(crate) const fn closes(self) -> bool {
        matches!(self, Self::UntilClose)
    }

    #[inline(always)]
    pub(crate) const fn has_body(self) -> bool {
        match self {
            Self::Nothing => false,
            Self::Known(_) | Self::Chunked | Self::UntilClose => true,
        }
    }

    /// Appends bytes of the body.
    pub(crate) fn data(&mut self, out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Misuse> {
        match self {
            Self::Chunked if bytes.is_empty() => Ok(()), // an empty chunk would end the body
            Self::Chunked => {
                chunk(out, bytes);
                Ok(())
            }
            Self::Nothing | Self::Known(_) | Self::UntilClose => {
                self.sent(bytes.len() as u64)?;
                out.extend_from_slice(bytes);
                Ok(())
            }
        }
    }

    /// Accounts for bytes of the body.
    pub(crate) fn sent(&mut self, bytes: u64) -> Result<(), Misuse> {
        match self {
            Self::Nothing if bytes == 0 => Ok(()),
            Self::Nothing => Err(Misuse::NoBody),
            Self::Known(left) => {
                let rest = left.bytes().checked_sub(bytes).ok_or(Misuse::BodyTooLong)?;
                *left = Left::new(rest);
                Ok(())
            }
            Self::UntilClose => Ok(()),
            Self::Chunked => Err(Misuse::SentChunked),
        }
    }

    /// Ends the body.
    pub(crate) fn end(self, out: &mut Vec<u8>, trailers: Option<&FieldBlock>) -> Result<(), Misuse> {
        if let Some(trailers) = trailers {
            if !trailers.names().all(may_trail) {
                return Err(Misuse::ForbiddenTrailer);
            }
            if matches!(self, Self::Known(_)) {
                return Err(Misuse::TrailersNotChunked);
            }
        }
        match self {
            Self::Known(left) if left.bytes() > 0 => Err(Misuse::BodyTooShort),
            Self::Known(_) | Self::Nothing | Self::UntilClose => Ok(()),
            Self::Chunked => {
                out.extend_from_slice(b"0\r\n");
                out.extend_from_slice(trailers.map_or(&[], FieldBlock::as_bytes));
                out.extend_from_slice(b"\r\n");
                Ok(())
            }
        }
    }
}

impl FramingLine {
    /// The line for a final response. HEAD gets the one that GET would get (RFC 9110 section 9.3.2).
    #[inline(always)]
    pub(crate) const fn of(status: u16, body: Body, http10: bool) -> Self {
        match (status, body) {
            (204, _) | (304, Body::Known(0) | Body::Stream) => Self::None,
            (_, Body::Known(length)) => Self::Length(length),
            (_, Body::Stream) if http10 => Self::None,
            (_, Body::Stream) => Self::Chunked,
        }
    }
}

/// Appends one chunk (RFC 9112 section 7.1).
fn chunk(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut line = *b"0000000000000000\r\n";
    let mut first = 16;
    let mut size = bytes.len() as u64;
    while size > 0 && first > 0 {
        first -= 1;
        line[first] = b"0123456789abcdef"[(size & 15) as usize];
        size >>= 4;
    }
    out.reserve(line.len() - first + bytes.len() + 2);
    out.extend_from_slice(&line[first..]);
    out.extend_from_slice(bytes);
    out.extend_from_slice(b"\r\n");
}
