//! The rules that a peer can break: one table with the status, the clause and the sentence of each.

use core::fmt;

/// Makes the enum, the list of all rules and the facts of each from one table, so that they cannot disagree.
macro_rules! rules {
    ($($(#[$doc:meta])* $name:ident: $status:literal, $clause:literal, $sentence:literal;)+) => {
        /// A rule of RFC 9110 or 9112, or a limit, that a request broke. Each says what was wrong with the request.
        ///
        /// ```
        /// use http_core::Rule;
        /// let rule = Rule::BodyTooLong;
        /// assert_eq!((rule.name(), rule.status()), ("BodyTooLong", 413));
        /// assert_eq!(rule.to_string(), "the body is longer than its limit");
        /// assert_eq!(rule.clause(), "RFC 9110 section 15.5.14");
        /// let counters = [0_u64; Rule::ALL.len()]; // one for each rule, at `rule as usize`
        /// assert_eq!(counters[rule as usize], 0);
        /// ```
        #[non_exhaustive]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Rule {
            $(
                #[doc = concat!("Status ", $status, ", ", $clause, ": ", $sentence, ".")]
                #[doc = ""]
                $(#[$doc])*
                $name,
            )+
        }

        impl Rule {
            /// Every rule, in the order of the enum: `Rule::ALL[rule as usize] == rule`.
            pub const ALL: [Self; [$(Self::$name),+].len()] = [$(Self::$name),+];

            const fn facts(self) -> Facts {
                match self {
                    $(Self::$name => Facts {
                        name: stringify!($name),
                        status: $status,
                        clause: $clause,
                        sentence: $sentence,
                    },)+
                }
            }
        }
    };
}

rules! {
    /// A first byte that no method begins with counts here too.
    BadMethod: 400, "RFC 9110 section 9.1", "the method is not a token";
    /// The limit is [`limits::METHOD`](crate::limits::METHOD).
    MethodTooLong: 400, "RFC 9112 section 3", "the method is longer than 32 bytes";
    BadRequestLine: 400, "RFC 9112 section 3", "the request line is not method SP target SP version CRLF";
    BadTarget: 400, "RFC 9112 section 3.2", "the target holds a byte that is not allowed there";
    WrongTargetForm: 400, "RFC 9112 section 3.2", "the form of the target does not belong to the method";
    BadAuthority: 400, "RFC 3986 section 3.2", "the authority of the target is not a host with at most one port";
    BadVersion: 400, "RFC 9112 section 2.3", "the version is not HTTP/ DIGIT . DIGIT";
    UnsupportedVersion: 505, "RFC 9110 section 2.5", "the major version is not 1";
    RequestLineTooLong: 414, "RFC 9112 section 3", "the request line is longer than its limit";
    BareLf: 400, "RFC 9112 section 2.2", "a line ends in LF without CR";
    BareCr: 400, "RFC 9112 section 2.2", "a CR is not followed by LF";
    BadFieldName: 400, "RFC 9110 section 5.1", "a field name is empty or holds a byte that is not a token's";
    SpaceBeforeColon: 400, "RFC 9112 section 5.1", "white space stands between a field name and its colon";
    MissingColon: 400, "RFC 9112 section 5", "a field line has no colon";
    LineFolding: 400, "RFC 9112 section 5.2", "a field line begins with white space";
    BadFieldValue: 400, "RFC 9110 section 5.5", "a field value holds a control byte";
    FieldLineTooLong: 431, "RFC 6585 section 5", "a field line is longer than its limit";
    /// The limit is the smaller one of [`Limits::fields`](crate::Limits::fields) and the `N` of [`Fields`](crate::Fields).
    TooManyFields: 431, "RFC 6585 section 5", "there are more field lines than the limit";
    HeadTooLong: 431, "RFC 6585 section 5", "the head is longer than its limit";
    MissingHost: 400, "RFC 9112 section 3.2", "an HTTP/1.1 request has no Host field";
    RepeatedHost: 400, "RFC 9112 section 3.2", "the request has more than one Host field";
    /// Also where it is empty.
    BadHost: 400, "RFC 9110 section 7.2", "Host is not a host with at most one port";
    RepeatedContentType: 400, "RFC 9110 section 8.3", "the request has more than one Content-Type field";
    TransferEncodingInHttp10: 400, "RFC 9112 section 6.1", "an HTTP/1.0 request has a Transfer-Encoding field";
    BothFramings: 400, "RFC 9112 section 6.1", "the request has both Transfer-Encoding and Content-Length";
    /// Also where it is empty, or names `chunked` twice or with parameters.
    BadTransferEncoding: 400, "RFC 9112 section 6.3", "Transfer-Encoding does not end in one plain chunked";
    /// One final `chunked` follows it: else it is [`BadTransferEncoding`](Self::BadTransferEncoding).
    UnsupportedTransferCoding: 501, "RFC 9112 section 6.1", "Transfer-Encoding names another coding than chunked";
    /// Also where the values are equal, or form a list in one field.
    RepeatedContentLength: 400, "RFC 9112 section 6.3", "the request has more than one Content-Length";
    BadContentLength: 400, "RFC 9110 section 8.6", "Content-Length is not a decimal number";
    ContentLengthOverflow: 400, "RFC 9110 section 8.6", "Content-Length does not fit into 64 bits";
    /// The limit is [`Limits::body`](crate::Limits::body), or what [`set_body_limit`](crate::Connection::set_body_limit) put in its place.
    BodyTooLong: 413, "RFC 9110 section 15.5.14", "the body is longer than its limit";
    BadChunkSize: 400, "RFC 9112 section 7.1", "a chunk size is not a hexadecimal number";
    ChunkSizeOverflow: 400, "RFC 9112 section 7.1", "a chunk size does not fit into 64 bits";
    BadChunkExtension: 400, "RFC 9112 section 7.1.1", "a chunk extension is not ; name [= value]";
    ChunkExtensionsTooLong: 400, "RFC 9112 section 7.1.1", "the chunk extensions of the body are longer than their limit";
    BadChunkLineEnd: 400, "RFC 9112 section 7.1", "a chunk line does not end in CRLF";
    BadChunkDataEnd: 400, "RFC 9112 section 7.1", "the data of a chunk is not followed by CRLF";
    ChunkOverhead: 400, "RFC 9112 section 7.1", "the framing of the chunks is longer than its limit for so little data";
    TrailersTooLong: 431, "RFC 6585 section 5", "the trailer section is longer than its limit";
    TruncatedHead: 400, "RFC 9112 section 8", "the peer closed the connection inside a head";
    TruncatedBody: 400, "RFC 9112 section 8", "the peer closed the connection inside a body";
}

/// The facts of a rule.
struct Facts {
    name: &'static str,
    status: u16,
    clause: &'static str,
    sentence: &'static str,
}

impl Rule {
    /// Returns the name of the rule as it stands in the source, for logs and metrics. It does not change between versions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.facts().name
    }

    /// Returns what was wrong, as a sentence without a capital and a full stop. [`Display`](fmt::Display) prints it too.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        self.facts().sentence
    }

    /// Returns the clause that the rule comes from, like `RFC 9112 section 2.2`.
    #[must_use]
    pub const fn clause(self) -> &'static str {
        self.facts().clause
    }

    /// Returns the status of the error response, from 400 to 599.
    #[must_use]
    pub const fn status(self) -> u16 {
        self.facts().status
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

/// Why a request was refused, and where.
///
/// An error response is due by [`respond`](crate::Connection::respond), unless the response was begun before. Then the
/// connection closes, after every rule: where the next request begins is not known (RFC 9112 section 9.3 and 6.3).
#[non_exhaustive]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Rejection {
    /// The rule that was broken.
    pub rule: Rule,
    /// The place of the byte that decided, counted from 0 at the first byte of the request line. It is the same however the
    /// bytes were cut. A number over `u32::MAX` becomes `u32::MAX`.
    ///
    /// It is the first byte that is wrong where it stands, or the first one over a limit. Where fields are judged together it
    /// is the first byte of the last field line with the name that decided, and the last byte of the head if a field is
    /// missing or there are too many. With [`Rule::TruncatedHead`] and [`Rule::TruncatedBody`] it is the number of bytes that
    /// came, and with [`Rule::BodyTooLong`] by a Content-Length the first byte of the body that was not read.
    pub offset: u32,
    /// The line of that byte in the head, counted from 1 for the request line. `None` in a body and its trailers, and where
    /// the peer closed.
    pub line: Option<u32>,
}

impl Rejection {
    /// Returns the status of the error response, which is the rule's.
    #[must_use]
    pub const fn status(&self) -> u16 {
        self.rule.status()
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, offset, line } = self;
        write!(f, "{}: {rule} ({}), at byte {offset}", rule.name(), rule.clause())?;
        match line {
            Some(line) => write!(f, " in line {line}"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for Rejection {}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::string::ToString;

    #[test]
    fn every_rule_is_listed_once_and_in_order() {
        for (i, rule) in Rule::ALL.iter().enumerate() {
            assert_eq!(*rule as usize, i);
            assert_eq!(rule.name(), std::format!("{rule:?}"));
        }
    }

    /// The page on rules in the docs.
    fn page() -> std::string::String {
        let mut page = std::string::String::from(
            "# What a request can break\n\n\
             Each refusal names one of these rules. The table is made of `Rule::ALL`; `tests/corpus.rs` holds that and the \
             wire files\nof `tests/corpus` to each other. After every one of them the connection closes: where the next \
             request begins is not known.\n\n\
             | rule | what was wrong | clause | status |\n| --- | --- | --- | --- |\n",
        );
        for rule in Rule::ALL {
            page += &std::format!(
                "| `{rule:?}` | {rule} | {} | {} |\n",
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
    fn every_rule_has_a_clause_and_an_error_status() {
        for rule in Rule::ALL {
            assert!(rule.clause().starts_with("RFC "), "{rule:?}");
            assert!((400..600).contains(&rule.status()), "{rule:?}");
        }
    }

    /// Where a sentence is the rule itself, "a line ends in CRLF", its reader takes it for the opposite of what happened.
    #[test]
    fn every_rule_says_what_was_wrong() {
        let wrong = [
            " not ",
            " no ",
            "more than",
            "more field lines than",
            "longer than",
            "over its limit",
            "holds a",
            "without",
            "stands between",
            "begins with",
            "has a Transfer-Encoding",
            "both",
            "another",
            "closed",
        ];
        for rule in Rule::ALL {
            let sentence = rule.sentence();
            assert!(
                wrong.iter().any(|word| sentence.contains(word)),
                "{rule:?}: {sentence}"
            );
        }
    }

    #[test]
    fn a_rejection_names_its_rule_its_clause_and_its_place() {
        let rejection = |line| Rejection {
            rule: Rule::BareLf,
            offset: 14,
            line,
        };
        let text = "BareLf: a line ends in LF without CR (RFC 9112 section 2.2), at byte 14";
        assert_eq!(rejection(None).to_string(), text);
        assert_eq!(rejection(Some(1)).to_string(), std::format!("{text} in line 1"));
    }
}
