//! The parts of a head that are no field lines, and the fields that a head knows of itself.

use crate::bytes::is_name;
use core::fmt;
use core::num::NonZeroU64;

/// The version of a request (RFC 9112 section 2.3). HTTP/1.2 to HTTP/1.9 count as 1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// How the end of a request's body is known (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// There is no body: neither framing field is there, or Content-Length is 0.
    Empty,
    /// Content-Length says how many bytes follow; it is not 0.
    Length(NonZeroU64),
    /// The body comes in chunks (RFC 9112 section 7.1).
    Chunked,
}

/// The meaning of Expect (RFC 9110 section 10.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expectation {
    /// There is no Expect field, or the version is 1.0.
    None,
    /// `100-continue`: the client waits for 100 or a final response before it sends the body.
    Continue,
    /// Something else: answer 417.
    Unknown,
}

/// A field whose presence [`Head::has`](crate::Head::has) knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum KnownField {
    /// Accept-Encoding (RFC 9110 section 12.5.3).
    AcceptEncoding,
    /// Any [`Modifier`].
    Modifier,
}

/// A field that modifies a request: a condition on what is there (RFC 9110 section 13.1), or the part of it that is asked for
/// (section 14.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Modifier {
    /// RFC 9110 section 13.1.1
    IfMatch,
    /// RFC 9110 section 13.1.2
    IfNoneMatch,
    /// RFC 9110 section 13.1.3
    IfModifiedSince,
    /// RFC 9110 section 13.1.4
    IfUnmodifiedSince,
    /// RFC 9110 section 13.1.5
    IfRange,
    /// RFC 9110 section 14.2
    Range,
}

impl Modifier {
    /// Returns the modifier with this name, which has to be a token, without regard to case.
    ///
    /// ```
    /// # use http_core::Modifier;
    /// assert_eq!(Modifier::of(b"If-None-Match"), Some(Modifier::IfNoneMatch));
    /// assert_eq!(Modifier::of(b"Accept"), None);
    /// ```
    #[inline]
    #[must_use]
    pub fn of(name: &[u8]) -> Option<Self> {
        match name.len() {
            5 if is_name(name, b"range") => Some(Self::Range),
            8 if is_name(name, b"if-match") => Some(Self::IfMatch),
            8 if is_name(name, b"if-range") => Some(Self::IfRange),
            13 if is_name(name, b"if-none-match") => Some(Self::IfNoneMatch),
            17 if is_name(name, b"if-modified-since") => Some(Self::IfModifiedSince),
            19 if is_name(name, b"if-unmodified-since") => Some(Self::IfUnmodifiedSince),
            _ => None,
        }
    }
}

/// A method (RFC 9110 section 9); case-sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method<'a> {
    /// RFC 9110 section 9.3.1
    Get,
    /// RFC 9110 section 9.3.2
    Head,
    /// RFC 9110 section 9.3.3
    Post,
    /// RFC 9110 section 9.3.4
    Put,
    /// RFC 9110 section 9.3.5
    Delete,
    /// RFC 9110 section 9.3.6
    Connect,
    /// RFC 9110 section 9.3.7
    Options,
    /// RFC 9110 section 9.3.8
    Trace,
    /// RFC 5789
    Patch,
    /// Any other token.
    Extension(&'a str),
}

impl<'a> Method<'a> {
    /// Returns the method as it stands in the request line.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
            Self::Extension(token) => token,
        }
    }
}

impl fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request target in one of its four forms (RFC 9112 section 3.2). All of it is ASCII, percent-encoded as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target<'a> {
    /// `/path?query`
    Origin {
        /// Begins with `/`.
        path: &'a str,
        /// The part behind the first `?`.
        query: Option<&'a str>,
    },
    /// `http://authority/path?query`
    Absolute {
        /// `http` or `https`, in the case received.
        scheme: &'a str,
        /// The host and its port; it replaces Host (RFC 9112 section 3.2.2).
        authority: &'a str,
        /// Empty, or begins with `/`.
        path: &'a str,
        /// The part behind the first `?`.
        query: Option<&'a str>,
    },
    /// `host:port`, of CONNECT.
    Authority(&'a str),
    /// `*`, of OPTIONS.
    Asterisk,
}

impl<'a> Target<'a> {
    /// Returns the path: `/` for an absolute-form without one, empty for the two forms that have none.
    #[must_use]
    pub const fn path(self) -> &'a str {
        match self {
            Self::Origin { path, .. } => path,
            Self::Absolute { path, .. } if path.is_empty() => "/",
            Self::Absolute { path, .. } => path,
            Self::Authority(_) | Self::Asterisk => "",
        }
    }

    /// Returns the query, without its `?`.
    #[must_use]
    pub const fn query(self) -> Option<&'a str> {
        match self {
            Self::Origin { query, .. } | Self::Absolute { query, .. } => query,
            Self::Authority(_) | Self::Asterisk => None,
        }
    }
}
