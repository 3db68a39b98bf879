//! A client's view of what a server wrote: RFC 9112, section 6.3, for responses.

use super::abnf::*;
use super::chunked::{self, End};
use super::framing::{TrimBlanks, list, values};
use super::head::{Field, field_section};

/// One response as a client reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Response {
    pub minor: u8,
    pub status: u16,
    pub fields: Vec<Field>,
    pub body: Vec<u8>,
    pub trailers: Vec<Field>,
    pub framing: Framing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// By rule: HEAD, 1xx, 204, 304, or a 2xx to CONNECT.
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

/// Reads one response to a request with `method` from the beginning of `written`. `Err` says why it is illegal or short.
pub fn read(written: &[u8], method: &str) -> Result<(Response, usize), String> {
    let (status, minor, mut at) = status_line(written)?;
    let (fields, len) = field_section(&written[at..]).map_err(|v| format!("field section: {v:?}"))?;
    at += len;
    let framing = framing(method, status, &fields)?;
    let mut response = Response {
        minor,
        status,
        fields,
        body: Vec::new(),
        trailers: Vec::new(),
        framing,
    };
    let rest = &written[at..];
    match framing {
        Framing::None => {}
        Framing::Length(n) => {
            let n = usize::try_from(n).map_err(|e| e.to_string())?;
            response.body = rest
                .get(..n)
                .ok_or(format!("a body of {} bytes, promised {n}", rest.len()))?
                .to_vec();
            at += n;
        }
        Framing::Chunked => {
            let body = chunked::read(rest, u64::MAX);
            let End::Complete(len) = body.end else {
                return Err(format!("chunked body: {:?}", body.end));
            };
            response.body = body.data;
            response.trailers = body.trailers;
            at += len;
        }
        Framing::UntilClose => {
            response.body = rest.to_vec();
            at = written.len();
        }
    }
    Ok((response, at))
}

/// `HTTP-version SP 3DIGIT SP [ reason-phrase ] CRLF`
fn status_line(written: &[u8]) -> Result<(u16, u8, usize), String> {
    let reason = any(byte(|b| is_blank(b) || is_vchar(b) || is_obs_text(b)));
    let status = seq([
        byte(|b| (b'1'..=b'9').contains(&b)),
        byte(is_digit),
        byte(is_digit),
    ]);
    let line = seq([
        text("HTTP/1."),
        byte(is_digit),
        text(" "),
        status,
        text(" "),
        reason,
        crlf(),
    ]);
    match line.judge(written) {
        Verdict::Matches(len) => {
            let status = written[9..12]
                .iter()
                .fold(0, |n, digit| n * 10 + u16::from(digit - b'0'));
            Ok((status, written[7] - b'0', len))
        }
        verdict => Err(format!(
            "status line: {verdict:?}: {}",
            written[..written.len().min(60)].escape_ascii()
        )),
    }
}

fn framing(method: &str, status: u16, fields: &[Field]) -> Result<Framing, String> {
    let lengths = values(fields, "content-length");
    let codings = list(fields, "transfer-encoding");
    let bodiless = matches!(status, 100..=199 | 204) || (method == "CONNECT" && (200..300).contains(&status));
    if bodiless && !(lengths.is_empty() && codings.is_empty()) {
        return Err(format!("{status} to {method} with a framing field"));
    }
    if !lengths.is_empty() && !codings.is_empty() {
        return Err("both framings".into());
    }
    let length = match lengths.as_slice() {
        [] => None,
        [one] if some(byte(is_digit)).matches(one.trim_ascii_blanks()) => {
            let text = std::str::from_utf8(one).map_err(|e| e.to_string())?;
            Some(text.parse::<u64>().map_err(|e| e.to_string())?)
        }
        other => return Err(format!("content-length {other:?}")),
    };
    if bodiless || method == "HEAD" || status == 304 {
        return Ok(Framing::None);
    }
    match (codings.as_slice(), length) {
        ([], Some(n)) => Ok(Framing::Length(n)),
        ([], None) => Ok(Framing::UntilClose),
        ([only], None) if only == "chunked" => Ok(Framing::Chunked),
        _ => Err(format!("transfer-encoding {codings:?}")),
    }
}
