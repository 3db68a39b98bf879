//! A whole connection, judged over all its bytes at once.

use super::abnf::{Verdict, is_tchar, opt, seq, text, token};
use super::chunked::{self, Part};
use super::framing::{self, Body};
use super::head::{self, Field, Line, Raw};

/// The events of a connection that receives `input`, in the words of the corpus (`support/corpus.rs`), and how it ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Story {
    pub lines: Vec<String>,
    pub end: End,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// It waits for more.
    Open,
    /// The last answer closes the connection; what follows is not read.
    Closed,
    /// Refused, with one of these statuses: each is that of a rule which the bytes break.
    Refused(Vec<u16>),
    /// Nothing that follows can mend it, but a careful server may wait for the end of the head before it says so.
    OpenOrRefused(Vec<u16>),
}

/// Reads `input` from the beginning of a connection; each request is answered when it has ended. `limit` is the most
/// bytes that a body may have. Limits of heads are not looked at, so `input` has to keep within them.
pub fn read(input: &[u8], limit: u64, raw: Raw) -> Story {
    let mut lines = Vec::new();
    let mut rest = input;
    let end = loop {
        // The crate documents that it skips up to four empty lines.
        for _ in 0..4 {
            rest = rest.strip_prefix(b"\r\n").unwrap_or(rest);
        }
        if rest.is_empty() || rest == b"\r" {
            break End::Open;
        }
        let (head, len) = match judge_head(rest, raw) {
            Ok(found) => found,
            Err(end) => break end,
        };
        rest = &rest[len..];
        lines.push(request_line(&head));
        lines.extend(head.fields.iter().map(|f| {
            format!("field {}: {}", f.name, f.value.escape_ascii())
                .trim_end()
                .to_owned()
        }));
        match read_body(head.body, rest, limit, &mut lines) {
            Ok(len) => rest = &rest[len..],
            Err(end) => break end,
        }
        if !framing::keep_alive(head.line.minor, &head.fields) {
            break End::Closed;
        }
    };
    Story { lines, end }
}

struct Head {
    line: Line,
    fields: Vec<Field>,
    body: Body,
}

/// All rules over one head. The statuses of every broken rule are collected: which of them is named is not judged.
fn judge_head(input: &[u8], raw: Raw) -> Result<(Head, usize), End> {
    let whole = input.windows(4).position(|w| w == b"\r\n\r\n").map(|at| at + 4);
    let shown = &input[..whole.unwrap_or(input.len())];
    let bare_lf = shown
        .iter()
        .enumerate()
        .any(|(at, b)| *b == b'\n' && (at == 0 || shown[at - 1] != b'\r'));
    if bare_lf || !(is_tchar(input[0])) {
        return Err(End::Refused(all_but_413()));
    }
    let (line, at) = match head::line(input, raw) {
        Ok(found) => found,
        Err(Verdict::Open) => return Err(End::Open),
        Err(_) if shown.contains(&b'\n') => return Err(End::Refused(all_but_413())),
        Err(_) => return Err(End::OpenOrRefused(all_but_413())),
    };
    let mut broken = Vec::new();
    if line.minor == u8::MAX {
        broken.push(505);
    }
    if !head::authority_fits(&line.method, &line.target) {
        broken.push(400);
    }
    let (fields, section) = match head::field_section(&input[at..]) {
        Ok(found) => found,
        Err(Verdict::Open) if broken.is_empty() => return Err(End::Open),
        Err(Verdict::Open) => return Err(End::Refused(broken)),
        Err(_) if whole.is_some() || !broken.is_empty() => {
            return Err(End::Refused([broken, vec![400]].concat()));
        }
        Err(_) => return Err(End::OpenOrRefused(vec![400])),
    };
    let body = judge_fields(&line, &fields, &mut broken);
    if broken.is_empty() {
        Ok((Head { line, fields, body }, at + section))
    } else {
        Err(End::Refused(broken))
    }
}

/// A line so broken that any rule of a head may be the one that is named.
fn all_but_413() -> Vec<u16> {
    vec![400, 501, 505]
}

fn judge_fields(line: &Line, fields: &[Field], broken: &mut Vec<u16>) -> Body {
    if !framing::host_is_valid(line.minor, fields) {
        broken.push(400);
    }
    if framing::values(fields, "content-type").len() > 1 {
        broken.push(400);
    }
    let body = framing::decide(line.minor, fields);
    if let Body::Refused(status) = body {
        broken.push(status);
    }
    body
}

/// Reads the body that follows a head. Returns its length.
fn read_body(body: Body, rest: &[u8], limit: u64, lines: &mut Vec<String>) -> Result<usize, End> {
    match body {
        Body::Empty => Ok(0),
        Body::Refused(_) => unreachable!("a refused framing has no body"),
        // The head was told, and its body is refused before any byte of it.
        Body::Length(length) if length > limit => Err(End::Refused(vec![413])),
        Body::Length(length) => {
            let there = rest.len().min(usize::try_from(length).unwrap_or(usize::MAX));
            push_body(&rest[..there], lines);
            if there as u64 == length {
                lines.push("end".into());
                Ok(there)
            } else {
                Err(End::Open)
            }
        }
        Body::Chunked => {
            let body = chunked::read(rest, limit);
            push_body(&body.data, lines);
            lines.extend(
                body.trailers
                    .iter()
                    .map(|f| format!("trailer {}: {}", f.name, f.value.escape_ascii())),
            );
            match body.end {
                chunked::End::Complete(len) => {
                    lines.push("end".into());
                    Ok(len)
                }
                chunked::End::Open => Err(End::Open),
                chunked::End::Broken(Part::TooLarge) => Err(End::Refused(vec![413])),
                chunked::End::Broken(Part::Line | Part::DataEnd) => Err(End::Refused(vec![400])),
                chunked::End::Broken(Part::Trailer) => Err(End::OpenOrRefused(vec![400])),
            }
        }
    }
}

fn push_body(bytes: &[u8], lines: &mut Vec<String>) {
    if !bytes.is_empty() {
        let mut line = format!("body {}", bytes.escape_ascii());
        if line.ends_with(' ') {
            line.replace_range(line.len() - 1.., "\\x20");
        }
        lines.push(line);
    }
}

/// The line of the corpus that describes a request.
fn request_line(head: &Head) -> String {
    let Line {
        method,
        target,
        minor,
    } = &head.line;
    let framing = match head.body {
        Body::Length(n) => format!("length {n}"),
        Body::Chunked => "chunked".to_owned(),
        Body::Empty | Body::Refused(_) => "empty".to_owned(),
    };
    let persistence = if framing::keep_alive(*minor, &head.fields) {
        "keep-alive"
    } else {
        "close"
    };
    let extras = if *minor > 0 { extras(head) } else { String::new() };
    format!(
        "request {method} {target} HTTP/1.{} {framing} {persistence}{extras}",
        (*minor).min(1)
    )
}

/// Expectations and upgrades, which only HTTP/1.1 has.
fn extras(head: &Head) -> String {
    let expectations = framing::list(&head.fields, "expect");
    let expectation = match expectations.as_slice() {
        [] => "",
        all if !all.iter().all(|e| e.eq_ignore_ascii_case("100-continue")) => " expects-unknown",
        _ if head.body == Body::Empty => "",
        _ => " expects-continue",
    };
    let asked = framing::list(&head.fields, "connection")
        .iter()
        .any(|o| o.eq_ignore_ascii_case("upgrade"))
        && head.line.method != "POST";
    let protocols = framing::list(&head.fields, "upgrade");
    let protocol = seq([token(), opt(seq([text("/"), token()]))]);
    let to_bytes = |text: &String| text.chars().map(|c| c as u8).collect::<Vec<_>>();
    let is_named = |p: &&String| asked && protocol.matches(&to_bytes(p)) && !p.eq_ignore_ascii_case("h2c");
    let named = protocols.iter().filter(is_named);
    named.fold(expectation.to_owned(), |text, protocol| {
        format!("{text} upgrade={protocol}")
    })
}
