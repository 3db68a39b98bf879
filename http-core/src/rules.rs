//! The rules that a peer can break, each with its clause, its status and its verdict.

use thiserror::Error;

/// A rule of RFC 9110 or 9112, or a limit, that a request broke.
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The method is not a token, or nothing that a method could begin with.
    BadMethod,
    /// The method is longer than [`limits::METHOD`](crate::limits::METHOD).
    MethodTooLong,
    /// The request line is not `method SP target SP version CRLF`.
    BadRequestLine,
    /// The target holds an octet that no URI has there.
    BadTarget,
    /// The target's form does not belong to the method.
    WrongTargetForm,
    /// The target's authority is not `host [":" port]`.
    BadAuthority,
    /// The version is not `HTTP/` DIGIT `.` DIGIT.
    BadVersion,
    /// The major version is not 1.
    UnsupportedVersion,
    /// The request line is longer than the limit.
    RequestLineTooLong,
    /// A line ends in LF without CR.
    BareLf,
    /// A CR is not followed by LF.
    BareCr,
    /// A field name is empty or holds an octet that is not a token's.
    BadFieldName,
    /// White space stands between a field name and its colon.
    SpaceBeforeColon,
    /// A field line has no colon.
    MissingColon,
    /// A line of the field section begins with white space: line folding.
    LineFolding,
    /// A field value holds a control.
    BadFieldValue,
    /// A field line is longer than the limit.
    FieldLineTooLong,
    /// There are more field lines than the limit, or than the slots given.
    TooManyFields,
    /// The head is longer than the limit.
    HeadTooLong,
    /// An HTTP/1.1 request has no Host.
    MissingHost,
    /// A request has more than one Host.
    RepeatedHost,
    /// Host is not `uri-host [":" port]`.
    BadHost,
    /// A request has more than one Content-Type.
    RepeatedContentType,
    /// Transfer-Encoding in an HTTP/1.0 request.
    TransferEncodingInHttp10,
    /// Transfer-Encoding beside Content-Length.
    BothFramings,
    /// Transfer-Encoding does not end in one `chunked`, or is empty, or names it twice or with parameters.
    BadTransferEncoding,
    /// Transfer-Encoding names other codings before one final `chunked`.
    UnsupportedTransferCoding,
    /// A request has more than one Content-Length, be they equal or not, or a list in it.
    RepeatedContentLength,
    /// Content-Length is not `1*DIGIT`.
    BadContentLength,
    /// Content-Length does not fit 64 bits.
    ContentLengthOverflow,
    /// The body is longer than the limit.
    BodyTooLong,
    /// A chunk size is not `1*HEXDIG`.
    BadChunkSize,
    /// A chunk size has more than 16 digits.
    ChunkSizeOverflow,
    /// A chunk extension breaks the grammar.
    BadChunkExtension,
    /// The chunk extensions of one body are longer than the limit.
    ChunkExtensionsTooLong,
    /// A chunk line does not end in CRLF.
    BadChunkLineEnd,
    /// The data of a chunk is not followed by exactly CRLF.
    BadChunkDataEnd,
    /// The chunks are so small that their framing is over the limit.
    ChunkOverhead,
    /// The trailer section is longer than the limit.
    TrailersTooLong,
    /// The peer closed inside a head.
    TruncatedHead,
    /// The peer closed inside a body.
    TruncatedBody,
}

/// What a rule is about: its clause, the status to answer and the rule in words.
struct Facts(&'static str, u16, &'static str);

impl Rule {
    /// Every rule, in the order of the enum.
    pub const ALL: [Self; 41] = [
        Self::BadMethod,
        Self::MethodTooLong,
        Self::BadRequestLine,
        Self::BadTarget,
        Self::WrongTargetForm,
        Self::BadAuthority,
        Self::BadVersion,
        Self::UnsupportedVersion,
        Self::RequestLineTooLong,
        Self::BareLf,
        Self::BareCr,
        Self::BadFieldName,
        Self::SpaceBeforeColon,
        Self::MissingColon,
        Self::LineFolding,
        Self::BadFieldValue,
        Self::FieldLineTooLong,
        Self::TooManyFields,
        Self::HeadTooLong,
        Self::MissingHost,
        Self::RepeatedHost,
        Self::BadHost,
        Self::RepeatedContentType,
        Self::TransferEncodingInHttp10,
        Self::BothFramings,
        Self::BadTransferEncoding,
        Self::UnsupportedTransferCoding,
        Self::RepeatedContentLength,
        Self::BadContentLength,
        Self::ContentLengthOverflow,
        Self::BodyTooLong,
        Self::BadChunkSize,
        Self::ChunkSizeOverflow,
        Self::BadChunkExtension,
        Self::ChunkExtensionsTooLong,
        Self::BadChunkLineEnd,
        Self::BadChunkDataEnd,
        Self::ChunkOverhead,
        Self::TrailersTooLong,
        Self::TruncatedHead,
        Self::TruncatedBody,
    ];

    const fn facts(self) -> Facts {
        match self {
            Self::BadMethod => Facts("RFC 9110 section 9.1", 400, "a method is a token"),
            Self::MethodTooLong => Facts("RFC 9112 section 3", 400, "no method is that long"),
            Self::BadRequestLine => Facts(
                "RFC 9112 section 3",
                400,
                "a request line is method SP target SP version CRLF",
            ),
            Self::BadTarget => Facts(
                "RFC 9112 section 3.2",
                400,
                "a target holds only the octets of a URI",
            ),
            Self::WrongTargetForm => Facts(
                "RFC 9112 section 3.2",
                400,
                "the form of a target belongs to its method",
            ),
            Self::BadAuthority => Facts(
                "RFC 3986 section 3.2",
                400,
                "an authority is a host and at most one port",
            ),
            Self::BadVersion => Facts("RFC 9112 section 2.3", 400, "a version is HTTP/ DIGIT . DIGIT"),
            Self::UnsupportedVersion => Facts("RFC 9110 section 2.5", 505, "the major version is 1"),
            Self::RequestLineTooLong => {
                Facts("RFC 9112 section 3", 414, "the request line is within its limit")
            }
            Self::BareLf => Facts("RFC 9112 section 2.2", 400, "a line ends in CRLF"),
            Self::BareCr => Facts("RFC 9112 section 2.2", 400, "a CR is followed by LF"),
            Self::BadFieldName => Facts("RFC 9110 section 5.1", 400, "a field name is a token"),
            Self::SpaceBeforeColon => Facts(
                "RFC 9112 section 5.1",
                400,
                "no white space stands before the colon",
            ),
            Self::MissingColon => Facts("RFC 9112 section 5", 400, "a field line has a colon"),
            Self::LineFolding => Facts(
                "RFC 9112 section 5.2",
                400,
                "no field line begins with white space",
            ),
            Self::BadFieldValue => Facts(
                "RFC 9110 section 5.5",
                400,
                "a field value holds no control but HTAB",
            ),
            Self::FieldLineTooLong => Facts("RFC 6585 section 5", 431, "a field line is within its limit"),
            Self::TooManyFields => Facts(
                "RFC 6585 section 5",
                431,
                "the field lines are within their number",
            ),
            Self::HeadTooLong => Facts("RFC 6585 section 5", 431, "the head is within its limit"),
            Self::MissingHost => Facts("RFC 9112 section 3.2", 400, "an HTTP/1.1 request has a Host"),
            Self::RepeatedHost => Facts("RFC 9112 section 3.2", 400, "a request has one Host"),
            Self::BadHost => Facts("RFC 9110 section 7.2", 400, "Host is a host and at most one port"),
            Self::RepeatedContentType => Facts("RFC 9110 section 8.3", 400, "a request has one Content-Type"),
            Self::TransferEncodingInHttp10 => {
                Facts("RFC 9112 section 6.1", 400, "HTTP/1.0 knows no Transfer-Encoding")
            }
            Self::BothFramings => Facts(
                "RFC 9112 section 6.1",
                400,
                "Transfer-Encoding excludes Content-Length",
            ),
            Self::BadTransferEncoding => Facts(
                "RFC 9112 section 6.3",
                400,
                "the one chunked coding is the last one",
            ),
            Self::UnsupportedTransferCoding => Facts(
                "RFC 9112 section 6.1",
                501,
                "chunked is the only transfer coding served",
            ),
            Self::RepeatedContentLength => {
                Facts("RFC 9112 section 6.3", 400, "a request has one Content-Length")
            }
            Self::BadContentLength => Facts("RFC 9110 section 8.6", 400, "Content-Length is digits"),
            Self::ContentLengthOverflow => {
                Facts("RFC 9110 section 8.6", 400, "Content-Length fits into 64 bits")
            }
            Self::BodyTooLong => Facts("RFC 9110 section 15.5.14", 413, "the body is within its limit"),
            Self::BadChunkSize => Facts("RFC 9112 section 7.1", 400, "a chunk size is hexadecimal digits"),
            Self::ChunkSizeOverflow => {
                Facts("RFC 9112 section 7.1", 400, "a chunk size has at most 16 digits")
            }
            Self::BadChunkExtension => Facts(
                "RFC 9112 section 7.1.1",
                400,
                "a chunk extension is ; name [= value]",
            ),
            Self::ChunkExtensionsTooLong => Facts(
                "RFC 9112 section 7.1.1",
                400,
                "the chunk extensions are within their limit",
            ),
            Self::BadChunkLineEnd => Facts("RFC 9112 section 7.1", 400, "a chunk line ends in CRLF"),
            Self::BadChunkDataEnd => Facts("RFC 9112 section 7.1", 400, "CRLF follows the data of a chunk"),
            Self::ChunkOverhead => Facts("RFC 9112 section 7.1", 400, "chunks are worth their framing"),
            Self::TrailersTooLong => Facts(
                "RFC 6585 section 5",
                431,
                "the trailer section is within its limit",
            ),
            Self::TruncatedHead => Facts("RFC 9112 section 8", 400, "a head ends in an empty line"),
            Self::TruncatedBody => Facts("RFC 9112 section 8", 400, "a body ends where its framing says"),
        }
    }

    /// The clause that the rule comes from.
    #[must_use]
    pub const fn clause(self) -> &'static str {
        self.facts().0
    }

    /// The status to answer.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.facts().1
    }

    /// The rule in words: what a request has to do.
    #[must_use]
    pub const fn text(self) -> &'static str {
        self.facts().2
    }

    /// Whether the connection has to close after the answer.
    ///
    /// Always: after a broken rule nobody knows where the next request begins (RFC 9112 section 9.3 and 6.3).
    #[must_use]
    pub const fn closes(self) -> bool {
        true
    }
}

/// Why a request was refused; the answer is due by [`respond`](crate::Connection::respond), then the connection closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Error)]
#[error("{rule:?}: {} ({})", rule.text(), rule.clause())]
pub struct Rejection {
    /// The rule that was broken.
    pub rule: Rule,
}

impl Rejection {
    /// The rule that was broken.
    #[must_use]
    pub const fn rule(&self) -> Rule {
        self.rule
    }

    /// The status to answer.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.rule.status()
    }

    /// Whether the connection has to close after the answer.
    #[must_use]
    pub const fn close(&self) -> bool {
        self.rule.closes()
    }
}

impl From<Rule> for Rejection {
    fn from(rule: Rule) -> Self {
        Self { rule }
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn every_rule_is_listed_once_and_in_order() {
        for (i, rule) in Rule::ALL.iter().enumerate() {
            assert_eq!(*rule as usize, i);
        }
        assert_eq!(
            Rule::ALL.len(),
            Rule::TruncatedBody as usize + 1,
            "TruncatedBody is the last one"
        );
    }

    /// The page on rules in the docs.
    fn page() -> std::string::String {
        let mut page = std::string::String::from(
            "# What a request can break\n\n\
             Each refusal names one of these rules; `tests/corpus.rs` holds this table, `Rule::ALL` and the wire files of \
             `tests/corpus` to each\nother. After every one of them the connection closes: nobody knows where the next \
             request begins.\n\n\
             | rule | what a careful request keeps | clause | status |\n| --- | --- | --- | --- |\n",
        );
        for rule in Rule::ALL {
            page += &std::format!(
                "| `{rule:?}` | {} | {} | {} |\n",
                rule.text(),
                rule.clause(),
                rule.status()
            );
        }
        page
    }

    #[test]
    fn the_table_in_the_docs_shows_every_rule() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/rules.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, page()).unwrap();
        }
        let shown = std::fs::read_to_string(path).unwrap();
        assert_eq!(
            shown,
            page(),
            "run UPDATE_DOCS=1 cargo test -p http-core --lib table"
        );
    }

    #[test]
    fn every_rule_has_a_clause_an_error_status_and_a_verdict() {
        for rule in Rule::ALL {
            assert!(rule.clause().starts_with("RFC "), "{rule:?}");
            assert!((400..600).contains(&rule.status()), "{rule:?}");
            assert!(rule.closes(), "{rule:?}");
        }
    }

    #[test]
    fn a_rejection_names_its_rule_and_clause() {
        let text = Rejection::from(Rule::BareLf).to_string();
        assert_eq!(text, "BareLf: a line ends in CRLF (RFC 9112 section 2.2)");
    }
}
