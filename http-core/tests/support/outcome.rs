//! The result of a drive, in a form that can be compared and printed, and the text form of the `.expect` files.

use http_core::{Expectation, Framing, Head, Rejection, Target, Version};
use std::fmt;

/// Everything that must not depend on how the bytes were cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub seen: Vec<Seen>,
    pub stop: Stop,
    /// Where the byte is that decided, if it was rejected, here or at the end of input.
    pub place: Option<Place>,
    pub consumed: usize,
    /// The result of `end_of_input`, where the drive ended waiting for more.
    pub eof: Option<Result<(), String>>,
    /// The responses that were written.
    pub written: Vec<u8>,
    pub must_close: bool,
}

/// Where a rejection says that the decision fell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Where the request begins in the wire.
    pub start: usize,
    /// Counted from there.
    pub offset: u32,
    pub line: Option<u32>,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at {}", self.offset)?;
        self.line.map_or(Ok(()), |line| write!(f, " line {line}"))
    }
}

/// One event, with consecutive `Data` joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Request(Request),
    Body(Vec<u8>),
    Trailer(String, Vec<u8>),
    End,
}

/// A head, copied out of the borrowed view.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub target: String,
    pub version: Version,
    pub framing: Framing,
    pub keep_alive: bool,
    pub expects_continue: bool,
    pub expects_unknown: bool,
    pub upgrade: Vec<String>,
    pub fields: Vec<(String, Vec<u8>)>,
}

/// Why a drive ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Stop {
    NeedMore,
    Paused,
    Closed,
    Upgraded,
    Rejected { rule: String, status: u16 },
}

impl Stop {
    pub fn rejected(rejection: Rejection) -> Self {
        Self::Rejected {
            rule: format!("{:?}", rejection.rule),
            status: rejection.status(),
        }
    }
}

impl Request {
    pub fn of(head: &Head<'_>) -> Self {
        Self {
            method: head.method().to_string(),
            target: target_text(head.target()),
            version: head.version(),
            framing: head.framing(),
            keep_alive: head.keep_alive(),
            expects_continue: head.expects_continue(),
            expects_unknown: head.expectation() == Expectation::Unknown,
            upgrade: head.upgrade().map(str::to_owned).collect(),
            fields: head.fields().map(|(n, v)| (n.to_owned(), v.to_vec())).collect(),
        }
    }
}

/// The target as it stood on the wire, put together again from its parts.
pub fn target_text(target: Target<'_>) -> String {
    let with_query = |path: &str, query: Option<&str>| match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    match target {
        Target::Origin { path, query } => with_query(path, query),
        Target::Absolute {
            scheme,
            authority,
            path,
            query,
        } => {
            format!("{scheme}://{authority}{}", with_query(path, query))
        }
        Target::Authority(authority) => authority.to_owned(),
        Target::Asterisk => "*".to_owned(),
    }
}

/// Adds body bytes, joined to what came before.
pub fn push_body(seen: &mut Vec<Seen>, bytes: &[u8]) {
    match seen.last_mut() {
        Some(Seen::Body(body)) => body.extend_from_slice(bytes),
        _ => seen.push(Seen::Body(bytes.to_vec())),
    }
}

impl Outcome {
    /// The verdict alone: rule and status.
    pub fn verdict(&self) -> String {
        self.stop.to_string()
    }

    /// The requests alone.
    pub fn requests(&self) -> impl Iterator<Item = &Request> {
        self.seen.iter().filter_map(|seen| match seen {
            Seen::Request(request) => Some(request),
            _ => None,
        })
    }

    /// The lines of the `.expect` form; `fields` says whether the field lines are among them.
    pub fn lines(&self, fields: bool) -> Vec<String> {
        let mut lines = Vec::new();
        for seen in &self.seen {
            match seen {
                Seen::Request(request) => request.lines(fields, &mut lines),
                Seen::Body(bytes) => lines.push(format!("body {}", bytes.escape_ascii())),
                Seen::Trailer(name, value) => lines.push(format!("trailer {name}: {}", value.escape_ascii())),
                Seen::End => lines.push("end".into()),
            }
        }
        // A blank at the end of a line would be lost in the file.
        for line in &mut lines {
            if line.ends_with(' ') && line.starts_with("body") {
                line.replace_range(line.len() - 1.., "\\x20");
            }
        }
        lines.push(self.stop.to_string());
        match &self.eof {
            Some(Ok(())) => lines.push("eof ok".into()),
            Some(Err(verdict)) => lines.push(format!("eof {verdict}")),
            None => {}
        }
        lines.extend(self.place.map(|place| place.to_string()));
        lines
    }
}

impl Request {
    fn lines(&self, fields: bool, lines: &mut Vec<String>) {
        let version = match self.version {
            Version::Http10 => "HTTP/1.0",
            Version::Http11 => "HTTP/1.1",
        };
        let framing = match self.framing {
            Framing::Empty => "empty".to_owned(),
            Framing::Length(n) => format!("length {n}"),
            Framing::Chunked => "chunked".to_owned(),
        };
        let persistence = if self.keep_alive { "keep-alive" } else { "close" };
        let expectation = match (self.expects_continue, self.expects_unknown) {
            (true, _) => " expects-continue",
            (_, true) => " expects-unknown",
            _ => "",
        };
        let upgrade: String = self
            .upgrade
            .iter()
            .map(|protocol| format!(" upgrade={protocol}"))
            .collect();
        let (method, target) = (&self.method, &self.target);
        lines.push(format!(
            "request {method} {target} {version} {framing} {persistence}{expectation}{upgrade}"
        ));
        if fields {
            let field = |(name, value): &(String, Vec<u8>)| {
                format!("field {name}: {}", value.escape_ascii())
                    .trim_end()
                    .to_owned()
            };
            lines.extend(self.fields.iter().map(field));
        }
    }
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeedMore => f.write_str("need-more"),
            Self::Paused => f.write_str("paused"),
            Self::Closed => f.write_str("closed"),
            Self::Upgraded => f.write_str("upgraded"),
            Self::Rejected { rule, status } => write!(f, "reject {rule} {status}"),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines(true) {
            writeln!(f, "{line}")?;
        }
        writeln!(f, "consumed {}", self.consumed)?;
        writeln!(f, "must_close {}", self.must_close)?;
        writeln!(f, "written {}", self.written.escape_ascii())
    }
}
