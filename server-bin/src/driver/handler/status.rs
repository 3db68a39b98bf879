//! The plain text that goes with a status, and the head of an answer that has nothing else to say.

use http_core::{FieldBlock, FieldLine, ResponseHead, Rule};

pub(crate) const TYPE: FieldLine = FieldLine::from_static("content-type: text/plain; charset=utf-8");

/// When to come again to a server that is short of something (RFC 9110 section 10.2.3).
pub(crate) const RETRY: FieldLine = FieldLine::from_static("retry-after: 1");

/// No cache keeps an answer of the driver's own without asking anew: a 405 or a 414 it might keep else (RFC 9110
/// section 15.1).
pub(crate) const NO_CACHE: FieldLine = FieldLine::from_static("cache-control: no-cache");

/// Makes `head` one of an error that the driver answers itself, with [`text`] or an [`explanation`].
pub(crate) fn refusal(answer: &mut ResponseHead, kept: &FieldBlock, status: u16) {
    head(answer, kept, status);
    answer.push_line(NO_CACHE);
}

/// Makes `head` one of an answer with [`text`].
pub(super) fn head(head: &mut ResponseHead, kept: &FieldBlock, status: u16) {
    head.reset(status);
    head.push_all(kept);
    head.push_line(TYPE);
}

/// The text of an answer that refuses a request for a broken rule: the status, the rule, and its clause.
pub(crate) fn explanation(rule: Rule) -> String {
    format!(
        "{}{} ({}).\n",
        text(rule.status()),
        rule.sentence(),
        rule.clause()
    )
}

/// The status and its name (RFC 9110 section 15) on a line.
pub(crate) fn text(status: u16) -> &'static str {
    match status {
        301 => "301 Moved Permanently\n",
        400 => "400 Bad Request\n",
        403 => "403 Forbidden\n",
        404 => "404 Not Found\n",
        405 => "405 Method Not Allowed\n",
        408 => "408 Request Timeout\n",
        412 => "412 Precondition Failed\n",
        413 => "413 Content Too Large\n",
        414 => "414 URI Too Long\n",
        416 => "416 Range Not Satisfiable\n",
        417 => "417 Expectation Failed\n",
        426 => "426 Upgrade Required\n",
        431 => "431 Request Header Fields Too Large\n",
        500 => "500 Internal Server Error\n",
        501 => "501 Not Implemented\n",
        503 => "503 Service Unavailable\n",
        505 => "505 HTTP Version Not Supported\n",
        _ if status < 500 => "The request cannot be served.\n",
        _ => "The server cannot serve this request.\n",
    }
}
