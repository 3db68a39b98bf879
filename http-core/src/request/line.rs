//! The request line: `method SP request-target SP HTTP-version CRLF` (RFC 9112 section 3), judged byte by byte.

use super::Fault::{self, Broken, Incomplete};
use super::host;
use super::parts::Version;
use super::table::{Form, Info, MethodKind, Span};
use crate::bytes::{self, TOKEN};
use crate::limits::{self, TargetPolicy};
use crate::rules::Rule;

/// Parses the line at the start of `bytes` into `info`. Returns the index behind its LF.
#[inline(always)]
pub(crate) fn parse(bytes: &[u8], targets: TargetPolicy, info: &mut Info) -> Result<usize, Fault> {
    // By far the most common one; `==` compares whole words, where a pattern would compare bytes.
    let get = bytes.first_chunk() == Some(b"GET ");
    let (method, end) = if get { (MethodKind::Get, 3) } else { method(bytes)? };
    info.method = method;
    info.method_end = end as u8;
    let start = end + 1;
    let end = target(bytes, start, targets, info)?;
    info.target = Span::new(start, end);
    if bytes.get(end + 1..end + 11) == Some(b"HTTP/1.1\r\n") {
        info.version = Version::Http11;
        return Ok(end + 11);
    }
    version(bytes, end + 1, info)
}

/// The method and the index of the SP behind it.
#[inline(never)]
fn method(bytes: &[u8]) -> Result<(MethodKind, usize), Fault> {
    let end = bytes::span(&bytes[..bytes.len().min(limits::METHOD + 1)], 0, TOKEN);
    if end > limits::METHOD {
        return Err(Broken(limits::METHOD, Rule::MethodTooLong));
    }
    match bytes.get(end) {
        None => return Err(Incomplete),
        Some(b' ') if end > 0 => {}
        Some(_) if end == 0 => return Err(Broken(0, Rule::BadMethod)),
        Some(_) => return Err(line_end(bytes, end, Rule::BadRequestLine, Rule::BadMethod)),
    }
    let method = match &bytes[..end] {
        b"GET" => MethodKind::Get,
        b"HEAD" => MethodKind::Head,
        b"POST" => MethodKind::Post,
        b"PUT" => MethodKind::Put,
        b"DELETE" => MethodKind::Delete,
        b"CONNECT" => MethodKind::Connect,
        b"OPTIONS" => MethodKind::Options,
        b"TRACE" => MethodKind::Trace,
        b"PATCH" => MethodKind::Patch,
        _ => MethodKind::Extension,
    };
    Ok((method, end))
}

/// Names the fault of an unexpected byte at `at`: `short` if the line ends there, the rules of their own for an LF without CR
/// and a CR without LF, and `other` for any other byte.
fn line_end(bytes: &[u8], at: usize, short: Rule, other: Rule) -> Fault {
    match (bytes.get(at), bytes.get(at + 1)) {
        (None, _) | (Some(b'\r'), None) => Incomplete,
        (Some(b'\r'), Some(b'\n')) => Broken(at + 1, short),
        (Some(b'\r'), Some(_)) => Broken(at + 1, Rule::BareCr),
        (Some(b'\n'), _) => Broken(at, Rule::BareLf),
        (Some(_), _) => Broken(at, other),
    }
}

/// Judges the target by its form (RFC 9112 section 3.2). Returns the index of the SP behind it.
#[inline(always)]
fn target(bytes: &[u8], start: usize, targets: TargetPolicy, info: &mut Info) -> Result<usize, Fault> {
    match bytes.get(start) {
        Some(b'/') if info.method != MethodKind::Connect => {
            info.form = Form::Origin;
            path_and_query(bytes, start, targets, info)
        }
        _ => other_form(bytes, start, targets, info),
    }
}

/// Scans a path and a query from `start` on and notes where they begin.
#[inline(always)]
fn path_and_query(
    bytes: &[u8],
    start: usize,
    targets: TargetPolicy,
    info: &mut Info,
) -> Result<usize, Fault> {
    info.path.start = start as u32;
    let end = bytes::long_span(bytes, start, targets.path());
    match bytes.get(end) {
        Some(b' ') => {
            info.path.end = end as u32;
            Ok(end)
        }
        _ => rest_of_target(bytes, end, targets, info),
    }
}

/// Goes on where the plain bytes of a path end: at a `%` that has to be judged, at the query, or at a byte of no target.
#[inline(never)]
fn rest_of_target(
    bytes: &[u8],
    mut at: usize,
    targets: TargetPolicy,
    info: &mut Info,
) -> Result<usize, Fault> {
    let mut class = targets.path();
    loop {
        match bytes.get(at) {
            None => return Err(Incomplete),
            Some(b' ') => {
                if class == targets.path() {
                    info.path.end = at as u32;
                }
                return Ok(at);
            }
            Some(b'?') => {
                info.path.end = at as u32;
                class = targets.query();
            }
            Some(b'%') => at = percent(bytes, at)?,
            Some(_) => return Err(line_end(bytes, at, Rule::BadRequestLine, Rule::BadTarget)),
        }
        at = bytes::long_span(bytes, at + 1, class);
    }
}

/// Two hexadecimal digits follow the `%` at `at` (RFC 3986 section 2.1). Returns the index of the second.
fn percent(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    for digit in [at + 1, at + 2] {
        match bytes.get(digit) {
            None => return Err(Incomplete),
            Some(byte) if byte.is_ascii_hexdigit() => {}
            Some(_) => return Err(Broken(digit, Rule::BadTarget)),
        }
    }
    Ok(at + 2)
}

/// Judges a target that is not in origin-form.
#[inline(never)]
fn other_form(bytes: &[u8], start: usize, targets: TargetPolicy, info: &mut Info) -> Result<usize, Fault> {
    let connect = info.method == MethodKind::Connect;
    // The two forms that have no path have an empty one.
    info.path = Span::new(start, start);
    match bytes.get(start) {
        None => Err(Incomplete),
        Some(_) if connect => {
            info.form = Form::Authority;
            authority(bytes, start, true)
        }
        Some(b'*') => {
            info.form = Form::Asterisk;
            match bytes.get(start + 1) {
                None => Err(Incomplete),
                Some(b' ') if info.method == MethodKind::Options => Ok(start + 1),
                // `PRI * HTTP/2.0`: the version decides, because its targets may have other forms (RFC 9113 section 3.4).
                Some(b' ') => {
                    let next = version(bytes, start + 2, info)?;
                    Err(Broken(next - 1, Rule::WrongTargetForm))
                }
                Some(_) => Err(Broken(start + 1, Rule::WrongTargetForm)),
            }
        }
        Some(byte) if byte.is_ascii_alphabetic() => absolute(bytes, start, targets, info),
        Some(_) => Err(line_end(bytes, start, Rule::BadRequestLine, Rule::BadTarget)),
    }
}

/// Judges the authority that begins at `start`. Returns the index behind it: of the `/`, `?` or SP that ends it.
fn authority(bytes: &[u8], start: usize, port_needed: bool) -> Result<usize, Fault> {
    let ends = |&byte: &u8| matches!(byte, b'/' | b'?' | b' ' | b'#' | b'\r' | b'\n');
    let rest = &bytes[start..];
    let Some(length) = rest.iter().position(ends) else {
        return Err(Incomplete);
    };
    let end = start + length;
    match host::parse(&rest[..length]) {
        Some(_) if !port_needed => Ok(end),
        Some(Some(_)) if bytes[end] == b' ' => Ok(end),
        Some(_) if bytes[end] == b' ' => Err(Broken(end, Rule::BadAuthority)),
        Some(_) => Err(line_end(bytes, end, Rule::BadRequestLine, Rule::WrongTargetForm)),
        None => Err(Broken(end, Rule::BadAuthority)),
    }
}

/// Judges an absolute-form: `http://` or `https://`, an authority, a path and a query (RFC 9110 section 4.2).
fn absolute(bytes: &[u8], start: usize, targets: TargetPolicy, info: &mut Info) -> Result<usize, Fault> {
    info.form = Form::Absolute;
    let mut at = start;
    for &want in b"http" {
        at = expect(bytes, at, want)?;
    }
    if let Some(b's' | b'S') = bytes.get(at) {
        at += 1;
    }
    for &want in b"://" {
        at = expect(bytes, at, want)?;
    }
    let end = authority(bytes, at, false)?;
    if bytes[end] == b'/' {
        path_and_query(bytes, end, targets, info)
    } else {
        info.path.start = end as u32;
        rest_of_target(bytes, end, targets, info)
    }
}

/// The byte at `at` is `want`, without regard to case. Returns the index behind it.
fn expect(bytes: &[u8], at: usize, want: u8) -> Result<usize, Fault> {
    match bytes.get(at) {
        None => Err(Incomplete),
        Some(byte) if byte.to_ascii_lowercase() == want => Ok(at + 1),
        Some(_) => Err(line_end(bytes, at, Rule::BadRequestLine, Rule::BadTarget)),
    }
}

/// Judges a version that is not plainly HTTP/1.1 (RFC 9112 section 2.3): 1.2 to 1.9 are handled as 1.1, another major
/// version is not supported. Returns the index behind the LF.
#[cold]
fn version(bytes: &[u8], start: usize, info: &mut Info) -> Result<usize, Fault> {
    for (i, want) in b"HTTP/d.d".iter().enumerate() {
        let at = start + i;
        match bytes.get(at) {
            None => return Err(Incomplete),
            Some(byte) if *want == b'd' && byte.is_ascii_digit() => {}
            Some(byte) if byte == want && *want != b'd' => {}
            Some(_) => return Err(line_end(bytes, at, Rule::BadVersion, Rule::BadVersion)),
        }
    }
    let end = start + 8;
    match (bytes.get(end), bytes.get(end + 1)) {
        (Some(b'\r'), Some(b'\n')) => {}
        _ => return Err(line_end(bytes, end, Rule::BadVersion, Rule::BadVersion)),
    }
    info.version = match (bytes[start + 5], bytes[start + 7]) {
        (b'1', b'0') => Version::Http10,
        (b'1', _) => Version::Http11,
        _ => return Err(Broken(end + 1, Rule::UnsupportedVersion)),
    };
    Ok(end + 2)
}
