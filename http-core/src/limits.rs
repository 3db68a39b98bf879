//! The default limits of one connection, each with its precedents. Lengths are in bytes. [`Limits`] sets all but [`METHOD`]
//! and [`EMPTY_LINES`], which are fixed.

use crate::bytes::{BROWSER_PATH, BROWSER_QUERY, PATH, QUERY};

/// Longest request line, CRLF included. RFC 9112 section 3 asks for at least 8,000 bytes; nginx 8 KiB, Apache 8,190.
pub const REQUEST_LINE: u32 = 8 * 1024;
/// Longest field line, CRLF included. Apache 8,190, nginx 8 KiB, Node 16 KiB for the whole head.
pub const FIELD_LINE: u32 = 16 * 1024;
/// Longest head, from the method to the empty line. nginx 4 × 8 KiB, Tomcat 8 KiB, Go 1 MiB.
pub const HEAD: u32 = 32 * 1024;
/// Most field lines in a head or a trailer section. Apache 100, hyper 100. `Fields<N>` holds `N` at most.
pub const FIELDS: u16 = 100;
/// Longest request body. nginx 1 MiB.
pub const BODY: u64 = 1024 * 1024;
/// Most bytes of chunk extensions in one body. hyper 16 KiB.
pub const CHUNK_EXTENSIONS: u16 = 16 * 1024;
/// Most bytes of chunk framing that are not paid for by data. Go 16 KiB.
///
/// Each chunk owes the bytes of its framing, and pays 16 and twice the length of its data; the unpaid rest adds up. Go
/// has the same rule, against bodies made of one-byte chunks. It also bounds the leading zeros of a chunk size. A limit over
/// 65,517 counts as 65,517.
pub const CHUNK_OVERHEAD: u16 = 16 * 1024;
/// Longest trailer section. hyper 16 KiB.
pub const TRAILERS: u16 = 16 * 1024;
/// Longest method. No registered one has more than 17 bytes (RFC 9110 section 16.1). A method over the limit is 400, never
/// 414, and not the 501 that RFC 9112 section 3 recommends for it.
pub const METHOD: usize = 32;

/// Most empty lines that are skipped before a request line. RFC 9112 section 2.2 asks for at least one; Node and nginx skip any
/// number, which is a way to hold a connection without a request.
pub const EMPTY_LINES: u8 = 4;

/// Which bytes the path and the query of a target may hold as they are.
///
/// Each policy takes what RFC 3986 allows there, and neither takes a control, a space, `#`, `"`, `<`, `>` or a byte over
/// 0x7f. Nothing else depends on it: methods, hosts and fields are judged alike under both.
///
/// ```
/// use http_core::{Connection, Event, Fields, Limits, Rule, TargetPolicy};
/// let wire = b"GET /[slug].js?ids[]=1 HTTP/1.1\r\nHost: a\r\n\r\n"; // as Chromium sends it
/// let mut fields = Fields::<8>::new();
/// let strict = Connection::server(Limits::default()).receive(wire, &mut fields).unwrap_err();
/// assert_eq!(strict.rule, Rule::BadTarget);
/// let limits = Limits { targets: TargetPolicy::Browsers, ..Limits::default() };
/// let received = Connection::server(limits).receive(wire, &mut fields).map(|r| r.consumed);
/// assert_eq!(received, Ok(wire.len()));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum TargetPolicy {
    /// The bytes that RFC 3986 allows, and no others (RFC 9112 section 3.2); `%` stands before two hexadecimal digits.
    #[default]
    Rfc3986,
    /// Also the bytes that browsers send as they are, because the WHATWG URL standard does not encode them: `[ ] |` in a
    /// path; these, `{ } \ ^` and the backtick in a query; and in both a `%` without two hexadecimal digits behind it. The
    /// code that decodes the target decides about such a `%`; taking it as it is, is usual.
    Browsers,
}

impl TargetPolicy {
    /// The class of the bytes of a path, in which `%` may be.
    #[inline(always)]
    pub(crate) const fn path(self) -> u8 {
        match self {
            Self::Rfc3986 => PATH,
            Self::Browsers => BROWSER_PATH,
        }
    }

    /// The class of the bytes of a query.
    #[inline(always)]
    pub(crate) const fn query(self) -> u8 {
        match self {
            Self::Rfc3986 => QUERY,
            Self::Browsers => BROWSER_QUERY,
        }
    }
}

/// The limits of one [`Connection`](crate::Connection).
///
/// Lengths are in bytes. A message at a limit is taken; one byte or one line past it is refused with the status of its
/// [`Rule`](crate::Rule). The module [`limits`](self) says where each default comes from. A limit of 0 for `field_line` or
/// `trailers` counts as 1.
///
/// ```
/// let limits = http_core::Limits { body: 64 * 1024, ..http_core::Limits::default() };
/// assert_eq!(limits.fields, 100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest request line, CRLF included; 414 past it. By default [`REQUEST_LINE`], 8 KiB.
    pub request_line: u32,
    /// Longest field line in a head or a trailer section, CRLF included; 431 past it. By default [`FIELD_LINE`], 16 KiB.
    pub field_line: u32,
    /// Longest head, from the method to the empty line; 431 past it. By default [`HEAD`], 32 KiB.
    pub head: u32,
    /// Most field lines in a head or a trailer section; 431 past it. By default [`FIELDS`], 100. The smaller of this and the
    /// `N` of [`Fields<N>`](crate::Fields) decides.
    pub fields: u16,
    /// Longest request body; 413 past it. By default [`BODY`], 1 MiB. In a chunked body only the data counts, not its framing.
    /// [`set_body_limit`](crate::Connection::set_body_limit) changes it for one request.
    pub body: u64,
    /// Most bytes of chunk extensions in one body; 400 past it. By default [`CHUNK_EXTENSIONS`], 16 KiB.
    pub chunk_extensions: u16,
    /// Most bytes of chunk framing that are not paid for by data; 400 past it. By default [`CHUNK_OVERHEAD`], 16 KiB, which
    /// says how it is counted.
    pub chunk_overhead: u16,
    /// Longest trailer section; 431 past it. By default [`TRAILERS`], 16 KiB.
    pub trailers: u16,
    /// Which bytes a target may hold; 400 for any other. By default [`TargetPolicy::Rfc3986`].
    pub targets: TargetPolicy,
}

impl Limits {
    /// The defaults, as a constant.
    pub const DEFAULT: Self = Self {
        request_line: REQUEST_LINE,
        field_line: FIELD_LINE,
        head: HEAD,
        fields: FIELDS,
        body: BODY,
        chunk_extensions: CHUNK_EXTENSIONS,
        chunk_overhead: CHUNK_OVERHEAD,
        trailers: TRAILERS,
        targets: TargetPolicy::Rfc3986,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// The limits without the body's, so that a connection can store both without padding.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caps {
    pub(crate) request_line: u32,
    pub(crate) field_line: u32,
    pub(crate) head: u32,
    pub(crate) fields: u16,
    pub(crate) chunk_extensions: u16,
    pub(crate) chunk_overhead: u16,
    pub(crate) trailers: u16,
}

/// Limits of 0 for a line or for trailers become 1: with 0, the CR of the closing empty line, arriving alone, would already be
/// over the limit. The limit of the overhead is lowered so that a `u16` can count past it.
impl From<Limits> for Caps {
    fn from(limits: Limits) -> Self {
        Self {
            request_line: limits.request_line,
            field_line: limits.field_line.max(1),
            head: limits.head,
            fields: limits.fields,
            chunk_extensions: limits.chunk_extensions,
            chunk_overhead: limits.chunk_overhead.min(u16::MAX - 18),
            trailers: limits.trailers.max(1),
        }
    }
}
