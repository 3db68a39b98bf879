//! Calls that break HTTP.

use thiserror::Error;

/// A call that would break HTTP: a bug in the program that calls. Nothing was written.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
pub enum Misuse {
    /// No response is due: there is no request, or it was answered.
    #[error("no response is due")]
    NothingDue,
    /// No response body is under way: `respond` comes before `data`, `sent` and `end`. `data` and `sent` also return it for
    /// bytes of a response that has no body, where [`sends_body`](crate::Connection::sends_body) is `false`.
    #[error("no response body is under way")]
    NoBody,
    /// The status is outside 100 to 599, or interim where a final one is needed, or the reverse (RFC 9110 section 15).
    #[error("the status does not fit the call")]
    BadStatus,
    /// An interim response to an HTTP/1.0 client (RFC 9110 section 15.2).
    #[error("HTTP/1.0 knows no interim responses")]
    InterimToHttp10,
    /// 100 would ask for a body that is over its limit and will be refused (RFC 9110 section 10.1.1).
    #[error("the body that 100 would ask for is over its limit")]
    ContinueOverLimit,
    /// The status is under 400, and there is no request or it was rejected: only an error (400 to 599) can be sent then.
    #[error("only an error can answer a rejected request")]
    NotAnError,
    /// A field name is not a token (RFC 9110 section 5.1).
    #[error("a field name is not a token")]
    BadFieldName,
    /// A field value holds a control, or begins or ends with white space (RFC 9110 section 5.5).
    #[error("a field value holds a control or begins or ends with white space")]
    BadFieldValue,
    /// Only the connection writes Connection, Content-Length and Transfer-Encoding (RFC 9112 section 6 and 9.6). Keep-Alive and
    /// Proxy-Connection belong to Connection and are never written.
    #[error("the connection writes the framing fields itself")]
    FramingField,
    /// 204 and 205 have no content (RFC 9110 section 15.3.5 and 15.3.6): pass [`Body::Known(0)`](crate::Body::Known).
    #[error("this status has no content")]
    ContentForbidden,
    /// The body has more bytes than its Content-Length says.
    #[error("the body is longer than its Content-Length")]
    BodyTooLong,
    /// The body has fewer bytes than its Content-Length says.
    #[error("the body is shorter than its Content-Length")]
    BodyTooShort,
    /// Bytes of a chunked body have to pass through `data`.
    #[error("a chunked body is written by data")]
    SentChunked,
    /// A body of known length has no trailers (RFC 9112 section 7.1.2).
    #[error("only a chunked body has trailers")]
    TrailersNotChunked,
    /// A field that must not be in a trailer section (RFC 9110 section 6.5.1).
    #[error("a field that no trailer section may have")]
    ForbiddenTrailer,
    /// The client did not ask for an upgrade (RFC 9110 section 7.8), or the request was no CONNECT.
    #[error("the client asked for no upgrade")]
    NoUpgradeAsked,
    /// 101 needs an Upgrade field (RFC 9110 section 15.2.2).
    #[error("101 needs an Upgrade field")]
    MissingUpgradeField,
    /// 2xx to CONNECT begins a tunnel: call `upgrade` (RFC 9110 section 9.3.6).
    #[error("2xx to CONNECT begins a tunnel")]
    TunnelNeedsUpgrade,
}
