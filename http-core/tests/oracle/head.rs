//! RFC 9112, sections 3 and 5, and RFC 3986: the grammar of a head.

use super::abnf::*;
use super::framing::{TrimBlanks, authority_is_valid};

/// One field line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Field {
    pub name: String,
    pub value: Vec<u8>,
}

/// The parts of a request line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub method: String,
    pub target: String,
    /// 0 for HTTP/1.0; 1 to 9 are all handled as HTTP/1.1.
    pub minor: u8,
}

// RFC 3986, sections 2 and 3.
fn pct_encoded() -> Abnf {
    seq([text("%"), byte(is_hex), byte(is_hex)])
}
fn is_unreserved_or_sub_delim(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&b)
}
fn pchar() -> Abnf {
    alt([
        byte(is_unreserved_or_sub_delim),
        byte(|b| b == b':' || b == b'@'),
        pct_encoded(),
    ])
}

/// Which bytes stand in a target as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Raw {
    /// Those of RFC 3986.
    Rfc,
    /// Also those that the WHATWG URL standard does not encode when a browser serializes a URL.
    Browsers,
}

impl Raw {
    /// The serializer leaves these in a path: all of ASCII but C0 controls, DEL, space, `"`, `#`, `<`, `>`, `?`, the
    /// backtick, `{`, `}`; `\` has become `/`, and `^` is encoded since 2023.
    fn path(self) -> Abnf {
        let leftover = byte(|b| (0x21..0x7f).contains(&b) && !b"\"#<>?`{}\\^".contains(&b));
        match self {
            Self::Rfc => any(alt([text("/"), pchar()])),
            Self::Browsers => any(leftover),
        }
    }
    /// And these in a query: all of ASCII but C0 controls, DEL, space, `"`, `#`, `<`, `>`.
    fn query(self) -> Abnf {
        let leftover = byte(|b| (0x21..0x7f).contains(&b) && !b"\"#<>".contains(&b));
        let of_rfc = alt([pchar(), byte(|b| b == b'/' || b == b'?')]);
        match self {
            Self::Rfc => seq([text("?"), any(of_rfc)]),
            Self::Browsers => seq([text("?"), any(leftover)]),
        }
    }
}

fn reg_name() -> Abnf {
    some(alt([byte(is_unreserved_or_sub_delim), pct_encoded()]))
}
fn h16() -> Abnf {
    times(1, 4, byte(is_hex))
}
fn ipv4() -> Abnf {
    let part = || {
        alt([
            byte(is_digit),
            seq([byte(|b| (b'1'..=b'9').contains(&b)), byte(is_digit)]),
            seq([text("1"), byte(is_digit), byte(is_digit)]),
            seq([text("2"), byte(|b| (b'0'..=b'4').contains(&b)), byte(is_digit)]),
            seq([text("25"), byte(|b| (b'0'..=b'5').contains(&b))]),
        ])
    };
    seq([part(), text("."), part(), text("."), part(), text("."), part()])
}
fn ipv6() -> Abnf {
    let ls32 = || alt([seq([h16(), text(":"), h16()]), ipv4()]);
    let group = || seq([h16(), text(":")]);
    let before = |n: usize| opt(seq([times(0, n, group()), h16()]));
    alt([
        seq([times(6, 6, group()), ls32()]),
        seq([text("::"), times(5, 5, group()), ls32()]),
        seq([before(0), text("::"), times(4, 4, group()), ls32()]),
        seq([before(1), text("::"), times(3, 3, group()), ls32()]),
        seq([before(2), text("::"), times(2, 2, group()), ls32()]),
        seq([before(3), text("::"), group(), ls32()]),
        seq([before(4), text("::"), ls32()]),
        seq([before(5), text("::"), h16()]),
        seq([before(6), text("::")]),
    ])
}
fn ip_literal() -> Abnf {
    let future = seq([
        no_case("v"),
        some(byte(is_hex)),
        text("."),
        some(byte(|b| is_unreserved_or_sub_delim(b) || b == b':')),
    ]);
    seq([text("["), alt([ipv6(), future]), text("]")])
}
fn host() -> Abnf {
    alt([ip_literal(), reg_name()])
}

/// `uri-host [ ":" port ]` with a host that is not empty.
pub fn host_value() -> Abnf {
    seq([host(), opt(seq([text(":"), any(byte(is_digit))]))])
}

/// It begins with a slash; an empty first segment is allowed (RFC 9110, section 4.1).
fn origin_form(raw: Raw) -> Abnf {
    seq([text("/"), raw.path(), opt(raw.query())])
}
fn absolute_form(raw: Raw) -> Abnf {
    let scheme = alt([no_case("http://"), no_case("https://")]);
    let path = opt(seq([text("/"), raw.path()]));
    seq([scheme, host_value(), path, opt(raw.query())])
}
fn authority_form() -> Abnf {
    seq([host(), text(":"), some(byte(is_digit))])
}

/// The targets that may stand with a method: an authority with CONNECT and with no other, `*` with OPTIONS.
fn target(method: &[u8], raw: Raw) -> Abnf {
    match method {
        b"CONNECT" => authority_form(),
        b"OPTIONS" => alt([origin_form(raw), absolute_form(raw), text("*")]),
        _ => alt([origin_form(raw), absolute_form(raw)]),
    }
}

/// `request-line` with its CRLF: any version of the right shape.
fn request_line(input: &[u8], raw: Raw) -> Abnf {
    let method = input.split(|b| *b == b' ').next().unwrap_or_default();
    let version = seq([text("HTTP/"), byte(is_digit), text("."), byte(is_digit)]);
    // The crate documents that no method is longer.
    let token = times(1, 32, byte(is_tchar));
    seq([token, text(" "), target(method, raw), text(" "), version, crlf()])
}

/// Reads a request line. `Err(Open)` means that more bytes could make it one, `Err(Fails)` that none can.
pub fn line(input: &[u8], raw: Raw) -> Result<(Line, usize), Verdict> {
    let len = match request_line(input, raw).judge(input) {
        Verdict::Matches(len) => len,
        other => return Err(other),
    };
    let text = String::from_utf8(input[..len - 2].to_vec()).expect("the grammar holds only ASCII");
    let parts: Vec<&str> = text.split(' ').collect();
    let minor = parts[2].as_bytes()[7] - b'0';
    let major = parts[2].as_bytes()[5] - b'0';
    let line = Line {
        method: parts[0].to_owned(),
        target: parts[1].to_owned(),
        minor: if major == 1 { minor } else { u8::MAX },
    };
    Ok((line, len))
}

/// Whether the authority of a target, if it has one, has a port that TCP has.
pub fn authority_fits(method: &str, target: &str) -> bool {
    if method == "CONNECT" {
        return authority_is_valid(target.as_bytes());
    }
    match target.split_once("://") {
        Some((scheme, rest)) if !scheme.starts_with('/') => {
            authority_is_valid(rest.split(['/', '?']).next().unwrap_or("").as_bytes())
        }
        _ => true,
    }
}

/// `field-line` with its CRLF; the value is looked at byte by byte, its blanks are stripped later.
fn field_line() -> Abnf {
    let value = any(byte(|b| is_blank(b) || is_vchar(b) || is_obs_text(b)));
    seq([token(), text(":"), value, crlf()])
}

/// Reads `*field-line CRLF`. The answer holds the fields and the length of the section with the empty line.
pub fn field_section(input: &[u8]) -> Result<(Vec<Field>, usize), Verdict> {
    let mut fields = Vec::new();
    let mut at = 0;
    loop {
        match crlf().judge(&input[at..]) {
            Verdict::Matches(len) => return Ok((fields, at + len)),
            Verdict::Open => return Err(Verdict::Open),
            Verdict::Fails => {}
        }
        match field_line().judge(&input[at..]) {
            Verdict::Matches(len) => {
                let line = &input[at..at + len - 2];
                let colon = line
                    .iter()
                    .position(|b| *b == b':')
                    .expect("the grammar has a colon");
                let name = String::from_utf8(line[..colon].to_vec()).expect("a token is ASCII");
                fields.push(Field {
                    name,
                    value: line[colon + 1..].trim_ascii_blanks().to_vec(),
                });
                at += len;
            }
            other => return Err(other),
        }
    }
}
