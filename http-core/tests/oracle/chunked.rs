//! RFC 9112, section 7.1: chunked bodies, judged over the whole input.

use super::abnf::*;
use super::head::{Field, field_section};

/// The bytes behind a head, read as a chunked body.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chunked {
    /// The data of the chunks, and of the part of the last one that is there.
    pub data: Vec<u8>,
    pub trailers: Vec<Field>,
    pub end: End,
}

/// How it ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum End {
    /// After this many bytes.
    Complete(usize),
    /// More bytes are needed, and could complete it.
    #[default]
    Open,
    /// No byte that follows can mend it.
    Broken(Part),
}

/// The part that broke.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    Line,
    DataEnd,
    Trailer,
    /// The sum of the chunks is over the limit for bodies.
    TooLarge,
}

/// `1*HEXDIG` of a value that 64 bits hold, as the crate documents: any zeros before 16 digits.
fn size() -> Abnf {
    seq([any(text("0")), times(0, 16, byte(is_hex))])
}

/// `*( BWS ";" BWS chunk-ext-name [ BWS "=" BWS chunk-ext-val ] )`
fn extensions() -> Abnf {
    let value = alt([token(), quoted_string()]);
    let named = seq([ows(), text(";"), ows(), token()]);
    any(seq([named, opt(seq([ows(), text("="), ows(), value]))]))
}

/// Reads a chunked body from the beginning of `input`; `limit` is the most data it may hold.
pub fn read(input: &[u8], limit: u64) -> Chunked {
    let mut body = Chunked::default();
    let mut at = 0;
    loop {
        // The grammar of the size matches nothing at all as well.
        if input.get(at).is_some_and(|b| !is_hex(*b)) {
            return body.ended(End::Broken(Part::Line));
        }
        let line = match seq([size(), extensions(), crlf()]).judge(&input[at..]) {
            Verdict::Open => return body,
            Verdict::Fails => return body.ended(End::Broken(Part::Line)),
            Verdict::Matches(line) => line,
        };
        let size = value_of(&input[at..]);
        at += line;
        if size == 0 {
            return read_trailers(body, input, at);
        }
        if size + body.data.len() as u128 > u128::from(limit) {
            return body.ended(End::Broken(Part::TooLarge));
        }
        let rest = &input[at..];
        if (rest.len() as u128) < size {
            body.data.extend_from_slice(rest);
            return body;
        }
        let size = size as usize;
        body.data.extend_from_slice(&rest[..size]);
        match crlf().judge(&rest[size..]) {
            Verdict::Open => return body,
            Verdict::Fails => return body.ended(End::Broken(Part::DataEnd)),
            Verdict::Matches(_) => at += size + 2,
        }
    }
}

/// The digits before anything else, in an integer that 16 of them cannot fill.
fn value_of(line: &[u8]) -> u128 {
    let digits = line.iter().map_while(|b| char::from(*b).to_digit(16));
    digits.fold(0, |value, digit| value * 16 + u128::from(digit))
}

fn read_trailers(mut body: Chunked, input: &[u8], at: usize) -> Chunked {
    let section = field_section(&input[at..]);
    body.end = match section {
        Err(Verdict::Open) => End::Open,
        Err(_) => End::Broken(Part::Trailer),
        Ok((fields, len)) => {
            // Fields that must not be there are dropped.
            body.trailers = fields
                .into_iter()
                .filter(|field| !forbidden(&field.name))
                .collect();
            End::Complete(at + len)
        }
    };
    body
}

/// RFC 9110, section 6.5.1: fields for framing, routing, authentication, request modifiers, and the content's meaning.
pub fn forbidden(name: &str) -> bool {
    const NAMES: &[&str] = &[
        "transfer-encoding",
        "content-length",
        "host",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "proxy-connection",
        "authorization",
        "proxy-authorization",
        "www-authenticate",
        "proxy-authenticate",
        "cookie",
        "set-cookie",
        "cache-control",
        "expect",
        "max-forwards",
        "pragma",
        "range",
        "content-encoding",
        "content-type",
        "content-range",
        "if-match",
        "if-none-match",
        "if-modified-since",
        "if-unmodified-since",
        "if-range",
        "forwarded",
    ];
    NAMES.iter().any(|forbidden| name.eq_ignore_ascii_case(forbidden))
}

impl Chunked {
    fn ended(mut self, end: End) -> Self {
        self.end = end;
        self
    }
}
