//! The differences that are meant, each with its reason. Reviewed by hand: a new one is a bug until someone says why not.

/// `PEER DIFFERENCE[: VECTOR]` and the reason. `takes RULE`: it takes what breaks that rule.
pub(crate) const DIFFERENCES: &[(&str, &str)] = &[
    (
        "http-parser reads otherwise: valid/upgrade-post-keeps-framing",
        "it stops at an Upgrade; a server that ignores it keeps the framing",
    ),
    (
        "http-parser refuses what we take: ambiguous/te-leading-comma",
        "it takes a coding it does not know for a body until close, and so for an error; empty list elements are ignored (RFC 9110 section 5.6.1)",
    ),
    (
        "http-parser refuses what we take: ambiguous/te-trailing-comma",
        "as with te-leading-comma",
    ),
    (
        "http-parser refuses what we take: valid/body-on-brew",
        "it knows a list of methods; any token is one",
    ),
    (
        "http-parser refuses what we take: valid/content-length-ows",
        "a blank behind the digits is an error to it; it is OWS",
    ),
    (
        "http-parser refuses what we take: valid/method-all-token-characters",
        "it knows a list of methods; any token is one",
    ),
    (
        "http-parser refuses what we take: valid/method-lower-case",
        "it knows a list of methods; any token is one",
    ),
    (
        "http-parser refuses what we take: valid/method-mixed-case",
        "it knows a list of methods; any token is one",
    ),
    (
        "http-parser refuses what we take: valid/te-ows",
        "a blank behind `chunked` is no OWS to it",
    ),
    (
        "http-parser takes BadAuthority",
        "userinfo and odd ports are taken",
    ),
    (
        "http-parser takes BadChunkExtension",
        "extensions are skipped, not parsed",
    ),
    (
        "http-parser takes BadChunkLineEnd",
        "extensions are skipped, not parsed",
    ),
    (
        "http-parser takes BadContentLength",
        "blanks between digits are skipped",
    ),
    (
        "http-parser takes BadFieldValue",
        "controls are taken unless built strict",
    ),
    ("http-parser takes BadHost", "Host is left to the caller"),
    (
        "http-parser takes BadMethod",
        "it skips any number of line ends before a request line",
    ),
    ("http-parser takes BadRequestLine", "HTTP/0.9 has no version"),
    (
        "http-parser takes BadTarget",
        "fragments and high bytes are taken unless built strict",
    ),
    (
        "http-parser takes BadTransferEncoding",
        "a list is compared with `chunked` as a whole, and anything else means no body",
    ),
    (
        "http-parser takes BadVersion",
        "versions of several digits are taken",
    ),
    (
        "http-parser takes BareLf",
        "it takes LF alone as the end of a line",
    ),
    (
        "http-parser takes BothFramings",
        "it takes both unless asked not to, and chunked wins",
    ),
    (
        "http-parser takes ChunkExtensionsTooLong",
        "extensions are limited only by the size of heads",
    ),
    ("http-parser takes ChunkOverhead", "overhead is not limited"),
    ("http-parser takes HeadTooLong", "its limit is 80 KiB"),
    ("http-parser takes LineFolding", "folded lines are joined"),
    ("http-parser takes MissingHost", "Host is left to the caller"),
    (
        "http-parser takes RepeatedContentLength",
        "a list of digits and commas is refused late or not at all",
    ),
    (
        "http-parser takes RepeatedContentType",
        "repeated fields are left to the caller",
    ),
    ("http-parser takes RepeatedHost", "Host is left to the caller"),
    ("http-parser takes TooManyFields", "fields are not counted"),
    (
        "http-parser takes TransferEncodingInHttp10",
        "it decodes chunks whatever the version",
    ),
    (
        "http-parser takes UnsupportedTransferCoding",
        "any coding but `chunked` means no body",
    ),
    (
        "http-parser takes UnsupportedVersion",
        "versions are left to the caller",
    ),
    (
        "http-parser takes WrongTargetForm",
        "* is taken with every method",
    ),
    (
        "httparse refuses what we take: valid/version-1-2",
        "it knows 1.0 and 1.1 only; RFC 9110 section 2.5 has a server handle a higher minor version",
    ),
    (
        "httparse refuses what we take: valid/version-1-9",
        "it knows 1.0 and 1.1 only; RFC 9110 section 2.5 has a server handle a higher minor version",
    ),
    (
        "httparse takes BadAuthority",
        "the authority of an absolute-form or of CONNECT is not parsed",
    ),
    ("httparse takes BadContentLength", "framing is left to the caller"),
    ("httparse takes BadHost", "Host is left to the caller"),
    (
        "httparse takes BadMethod",
        "it skips any number of empty lines before a request line, also bare LFs",
    ),
    (
        "httparse takes BadTarget",
        "a target is any run of bytes without blanks",
    ),
    (
        "httparse takes BadTransferEncoding",
        "framing is left to the caller",
    ),
    ("httparse takes BareLf", "it takes LF alone as the end of a line"),
    ("httparse takes BothFramings", "framing is left to the caller"),
    (
        "httparse takes ContentLengthOverflow",
        "framing is left to the caller",
    ),
    ("httparse takes FieldLineTooLong", "limits are left to the caller"),
    ("httparse takes HeadTooLong", "limits are left to the caller"),
    ("httparse takes MethodTooLong", "limits are left to the caller"),
    ("httparse takes MissingHost", "Host is left to the caller"),
    (
        "httparse takes RepeatedContentLength",
        "framing is left to the caller",
    ),
    (
        "httparse takes RepeatedContentType",
        "repeated fields are left to the caller",
    ),
    ("httparse takes RepeatedHost", "Host is left to the caller"),
    (
        "httparse takes RequestLineTooLong",
        "limits are left to the caller",
    ),
    ("httparse takes TooManyFields", "limits are left to the caller"),
    (
        "httparse takes TransferEncodingInHttp10",
        "framing is left to the caller",
    ),
    (
        "httparse takes UnsupportedTransferCoding",
        "framing is left to the caller",
    ),
    (
        "httparse takes WrongTargetForm",
        "the form of a target is left to the caller",
    ),
    (
        "picohttpparser takes BadAuthority",
        "the authority of an absolute-form or of CONNECT is not parsed",
    ),
    (
        "picohttpparser takes BadContentLength",
        "framing is left to the caller",
    ),
    ("picohttpparser takes BadHost", "Host is left to the caller"),
    (
        "picohttpparser takes BadMethod",
        "it skips an empty line before a request line, also a bare LF",
    ),
    (
        "picohttpparser takes BadTarget",
        "a target is any run of bytes without blanks",
    ),
    (
        "picohttpparser takes BadTransferEncoding",
        "framing is left to the caller",
    ),
    (
        "picohttpparser takes BadVersion",
        "it takes several blanks between target and version",
    ),
    (
        "picohttpparser takes BareLf",
        "it takes LF alone as the end of a line",
    ),
    (
        "picohttpparser takes BothFramings",
        "framing is left to the caller",
    ),
    (
        "picohttpparser takes ContentLengthOverflow",
        "framing is left to the caller",
    ),
    (
        "picohttpparser takes FieldLineTooLong",
        "limits are left to the caller",
    ),
    (
        "picohttpparser takes HeadTooLong",
        "limits are left to the caller",
    ),
    (
        "picohttpparser takes LineFolding",
        "it reports a folded line as one without a name",
    ),
    (
        "picohttpparser takes MethodTooLong",
        "limits are left to the caller",
    ),
    ("picohttpparser takes MissingHost", "Host is left to the caller"),
    (
        "picohttpparser takes RepeatedContentLength",
        "framing is left to the caller",
    ),
    (
        "picohttpparser takes RepeatedContentType",
        "repeated fields are left to the caller",
    ),
    ("picohttpparser takes RepeatedHost", "Host is left to the caller"),
    (
        "picohttpparser takes RequestLineTooLong",
        "limits are left to the caller",
    ),
    (
        "picohttpparser takes TooManyFields",
        "limits are left to the caller",
    ),
    (
        "picohttpparser takes TransferEncodingInHttp10",
        "framing is left to the caller",
    ),
    (
        "picohttpparser takes UnsupportedTransferCoding",
        "framing is left to the caller",
    ),
    (
        "picohttpparser takes WrongTargetForm",
        "the form of a target is left to the caller",
    ),
    (
        "picohttpparser's chunked decoder refuses what we take: valid/chunked-leading-zeros-many",
        "it takes at most 16 digits, zeros included; RFC 9112 section 7.1 says 1*HEXDIG",
    ),
    (
        "picohttpparser's chunked decoder takes BadChunkDataEnd",
        "CR behind the data is optional, and repeated ones are taken",
    ),
    (
        "picohttpparser's chunked decoder takes BadChunkExtension",
        "everything up to LF is an extension",
    ),
    (
        "picohttpparser's chunked decoder takes BadChunkLineEnd",
        "everything up to LF is an extension, so that LF alone ends a chunk line (the shape of CVE-2025-55315)",
    ),
    (
        "picohttpparser's chunked decoder takes BadChunkSize",
        "what follows the digits is taken for an extension (its issue 78)",
    ),
    (
        "picohttpparser's chunked decoder takes BadFieldValue",
        "trailers are skipped, not parsed",
    ),
    (
        "picohttpparser's chunked decoder takes BareLf",
        "trailers are skipped line by line, whatever ends them",
    ),
    (
        "picohttpparser's chunked decoder takes ChunkExtensionsTooLong",
        "extensions are not limited",
    ),
    (
        "picohttpparser's chunked decoder takes ChunkOverhead",
        "this version does not limit overhead",
    ),
    (
        "picohttpparser's chunked decoder takes LineFolding",
        "trailers are skipped, not parsed",
    ),
    (
        "picohttpparser's chunked decoder takes MissingColon",
        "trailers are skipped, not parsed",
    ),
    (
        "picohttpparser's chunked decoder takes SpaceBeforeColon",
        "trailers are skipped, not parsed",
    ),
    (
        "picohttpparser's chunked decoder takes TrailersTooLong",
        "trailers are not limited",
    ),
];

/// Differences over generated wires that need a look at the bytes to be told from a bug.
pub(crate) fn excused(difference: &str, wire: &[u8]) -> bool {
    let newer = wire
        .windows(8)
        .any(|w| w.starts_with(b"HTTP/1.") && (b'2'..=b'9').contains(&w[7]));
    difference.starts_with("httparse refuses what we ") && newer
}
