//! Messages that are written by the grammar are read back as they were meant: requests by the crate, responses by the oracle.

use super::drive;
use crate::oracle::abnf::{is_tchar, is_vchar};
use crate::oracle::framing::TrimBlanks;
use crate::oracle::response;
use crate::support::{Outcome, Seen, Stop};
use http_core::{Connection, Event, Fields, ResponseHead};

/// Bytes that steer a generator; when they run out it goes on with zeros.
pub struct Tape<'a>(pub &'a [u8]);

impl Tape<'_> {
    pub fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((first, rest)) => {
                self.0 = rest;
                *first
            }
            None => 0,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn below(&mut self, n: usize) -> usize {
        usize::from(self.byte()) % n
    }

    pub fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }

    /// Up to `most` bytes, each mapped into a class.
    pub fn text(&mut self, least: usize, most: usize, class: fn(u8) -> bool) -> Vec<u8> {
        let alphabet: Vec<u8> = (0..=255).filter(|b| class(*b)).collect();
        let len = least + self.below(most - least + 1);
        (0..len).map(|_| self.pick(&alphabet)).collect()
    }
}

/// A request as it is meant.
#[derive(Debug, PartialEq, Eq)]
struct Meant {
    method: String,
    target: String,
    fields: Vec<(String, Vec<u8>)>,
    body: Vec<u8>,
    trailers: Vec<(String, Vec<u8>)>,
}

pub fn run(bytes: &[u8]) {
    let mut tape = Tape(&bytes[..bytes.len().min(2048)]);
    let seed = tape.byte();
    let mut wire = Vec::new();
    let requests: Vec<Meant> = (0..1 + tape.below(3))
        .map(|_| request(&mut tape, &mut wire))
        .collect();
    let ends = super::random_cuts(seed, wire.len());
    let outcome = drive(super::limits(), &wire, ends).outcome;
    assert_eq!(read_back(&outcome), requests, "{}", wire.escape_ascii());
    assert_eq!(outcome.stop, Stop::NeedMore, "{}", wire.escape_ascii());
    assert_eq!(
        outcome.consumed,
        wire.len(),
        "bytes unaccounted for: {}",
        wire.escape_ascii()
    );
    reply(&mut tape);
}

/// Writes one request and returns its meaning.
fn request(tape: &mut Tape<'_>, wire: &mut Vec<u8>) -> Meant {
    let method = ascii(tape.text(1, 20, is_tchar));
    // CONNECT takes another form of target; no other method is special to a parser.
    let method = if method == "CONNECT" {
        "CONNECT2".to_owned()
    } else {
        method
    };
    let target = format!(
        "/{}",
        ascii(tape.text(0, 40, |b| b.is_ascii_alphanumeric()
            || b"-._~!$&'()*+,;=:@/?".contains(&b)))
    );
    wire.extend(format!("{method} {target} HTTP/1.1\r\n").bytes());
    let mut fields = vec![("Host".to_owned(), b"a.example:80".to_vec())];
    fields.extend((0..tape.below(6)).map(|_| field(tape)));
    let (body, chunked) = (tape.text(0, 60, |_| true), tape.byte().is_multiple_of(2));
    if chunked {
        fields.push(("Transfer-Encoding".to_owned(), b"chunked".to_vec()));
    } else if !body.is_empty() {
        fields.push(("Content-Length".to_owned(), body.len().to_string().into_bytes()));
    }
    write_fields(&fields, tape, wire);
    let mut trailers = Vec::new();
    if chunked {
        write_chunks(&body, tape, wire);
        trailers.extend((0..tape.below(3)).map(|_| field(tape)));
        write_fields(&trailers, tape, wire);
    } else {
        wire.extend(&body);
    }
    Meant {
        method,
        target,
        fields,
        body,
        trailers,
    }
}

/// A field that means nothing to framing: its name begins with `x-`.
fn field(tape: &mut Tape<'_>) -> (String, Vec<u8>) {
    let name = format!("x-{}", ascii(tape.text(0, 12, is_tchar)));
    let value = tape.text(0, 30, |b| b == b' ' || b == b'\t' || is_vchar(b) || b >= 0x80);
    (name, value.trim_ascii_blanks().to_vec())
}

fn write_fields(fields: &[(String, Vec<u8>)], tape: &mut Tape<'_>, wire: &mut Vec<u8>) {
    for (name, value) in fields {
        let (before, after) = (tape.pick(&["", " ", "\t", "  \t"]), tape.pick(&["", " ", "\t "]));
        wire.extend(
            [
                name.as_bytes(),
                b":",
                before.as_bytes(),
                value,
                after.as_bytes(),
                b"\r\n",
            ]
            .concat(),
        );
    }
    wire.extend(b"\r\n");
}

/// Writes a chunked body without its last empty line.
fn write_chunks(mut body: &[u8], tape: &mut Tape<'_>, wire: &mut Vec<u8>) {
    while !body.is_empty() {
        let (chunk, rest) = body.split_at(1 + tape.below(body.len()));
        let size = match tape.below(3) {
            0 => format!("{:x}", chunk.len()),
            1 => format!("{:X}", chunk.len()),
            _ => format!("{:016x}", chunk.len()),
        };
        wire.extend(
            [
                size.as_bytes(),
                extension(tape).as_bytes(),
                b"\r\n",
                chunk,
                b"\r\n",
            ]
            .concat(),
        );
        body = rest;
    }
    wire.extend(
        [
            "0".repeat(1 + tape.below(16)).as_bytes(),
            extension(tape).as_bytes(),
            b"\r\n",
        ]
        .concat(),
    );
}

fn extension(tape: &mut Tape<'_>) -> &'static str {
    tape.pick(&["", "", ";a", " ; a = b", ";a=\"\\\"\t;\"", ";q=\"\";z"])
}

fn read_back(outcome: &Outcome) -> Vec<Meant> {
    let mut requests: Vec<Meant> = Vec::new();
    for seen in &outcome.seen {
        match (seen, requests.last_mut()) {
            (Seen::Request(r), _) => requests.push(Meant {
                method: r.method.clone(),
                target: r.target.clone(),
                fields: r.fields.clone(),
                body: Vec::new(),
                trailers: Vec::new(),
            }),
            (Seen::Body(bytes), Some(last)) => last.body.extend(bytes),
            (Seen::Trailer(name, value), Some(last)) => last.trailers.push((name.clone(), value.clone())),
            (Seen::End, Some(_)) => {}
            (other, None) => panic!("{other:?} before any request"),
        }
    }
    requests
}

/// Writes a response with the crate and reads it with the oracle.
fn reply(tape: &mut Tape<'_>) {
    let mut conn = Connection::server(super::limits());
    let mut slots = Fields::<8>::new();
    let received = conn
        .receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &mut slots)
        .expect("a legal request");
    assert!(matches!(received.event, Event::Request(_)));
    let status = 200 + u16::from(tape.byte()) % 400;
    let bodiless = matches!(status, 204 | 205 | 304);
    let body = if bodiless {
        Vec::new()
    } else {
        tape.text(0, 80, |_| true)
    };
    let fields: Vec<_> = (0..tape.below(6)).map(|_| field(tape)).collect();
    let mut head = ResponseHead::new(status);
    for (name, value) in &fields {
        head.push(name.as_str(), value).expect("a legal field");
    }
    let mut out = b"before".to_vec();
    conn.reply(&mut out, &head, &body)
        .unwrap_or_else(|e| panic!("{status} with {} bytes: {e}", body.len()));
    let (read, len) =
        response::read(&out[6..], "GET").unwrap_or_else(|e| panic!("{e}: {}", out.escape_ascii()));
    assert_eq!(
        (read.status, &read.body, len),
        (status, &body, out.len() - 6),
        "{}",
        out.escape_ascii()
    );
    let ours = |name: &str| {
        ["content-length", "transfer-encoding", "connection"]
            .iter()
            .any(|n| name.eq_ignore_ascii_case(n))
    };
    let named: Vec<_> = read
        .fields
        .into_iter()
        .filter(|f| !ours(&f.name))
        .map(|f| (f.name, f.value))
        .collect();
    assert_eq!(named, fields, "{}", out.escape_ascii());
}

fn ascii(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("the class is ASCII")
}
