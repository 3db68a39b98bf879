//! What peers ask, what they have to get, and whether they got it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use crate::files::Files;
use crate::handler::{BodySource, Context, Decision, FileSlice, Handler, Methods, Pulled, Reply};
use http_core::{Head, Method};

use super::random::Random;
use super::seams::{EARLY, EVENTS, Elsewhere, LATER, LOST, TINY};

/// The length of `large.bin`: more than one turn may send.
const LARGE: usize = 700_000;

/// The most that `/echo` takes.
const ECHO_LIMIT: usize = 3_000;

/// Bytes that differ from place to place, so that a part in the wrong place shows.
fn pattern(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at % 251) as u8 ^ (at / 251) as u8)
        .collect()
}

/// What `large.bin` holds, made once.
fn large() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| pattern(LARGE))
}

/// Writes the files that [`handler`] serves.
pub(crate) fn fill(root: &Path) -> std::io::Result<()> {
    fs::create_dir(root.join("dir"))?;
    fs::write(root.join("large.bin"), large())?;
    fs::write(root.join("small.txt"), "small")?;
    fs::write(root.join("empty.txt"), "")?;
    fs::write(root.join("dir/index.html"), "<p>index")
}

/// Every way to answer.
pub(crate) fn handler(root: &Path, elsewhere: Elsewhere) -> impl Handler + use<> {
    Site {
        elsewhere,
        files: Files::open(root).expect("the root was made"),
        large: root.join("large.bin"),
        shared: pattern(90_000).into(),
    }
}

#[derive(Clone)]
struct Site {
    elsewhere: Elsewhere,
    files: Files,
    large: PathBuf,
    shared: Arc<[u8]>,
}

impl Handler for Site {
    fn methods(&self, head: &Head<'_>) -> Methods {
        match head.target().path() {
            "/small.txt" | "/large.bin" | "/empty.txt" | "/dir" | "/dir/" => self.files.methods(head),
            "/echo" | "/tiny" | "/big" | "/shared" | "/pull" | "/cut" | "/later" | "/broken" | "/stream"
            | "/events" | "/lost" | "/sink" | "/early" | "/refusing" | "/upgrade" => Methods::ANY,
            _ => self.files.methods(head),
        }
    }

    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        if let Some(decision) = self.elsewhere.decide(head, cx) {
            return decision;
        }
        match (head.method(), head.target().path()) {
            (Method::Post, "/echo") => Decision::buffer(ECHO_LIMIT as u64, |body, _| body.to_vec().into()),
            (_, "/large.bin") => {
                self.elsewhere.disturb(cx);
                self.files.head(head, cx)
            }
            (_, "/big") => {
                let shared = Arc::clone(&self.shared);
                Decision::buffer(1_000, move |_, _| shared.into())
            }
            (_, "/shared") => Arc::clone(&self.shared).into(),
            (_, "/pull") => Decision::Respond(Reply::Pull(Box::new(Pieces(0)))),
            // More is promised than the file holds, as when it is cut while it is sent.
            (_, "/cut") => {
                let file = File::open(&self.large).expect("the file was made");
                Decision::Respond(Reply::File(FileSlice {
                    file: file.into(),
                    offset: LARGE as u64 - 50_000,
                    len: 60_000,
                    guard: None,
                }))
            }
            _ => self.files.head(head, cx),
        }
    }
}

const PIECES: usize = 300;

fn piece(number: usize) -> Vec<u8> {
    pattern(number)
}

struct Pieces(usize);

impl BodySource for Pieces {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        self.0 += 1;
        out.extend(piece(self.0));
        if self.0 == PIECES {
            Pulled::End
        } else {
            Pulled::More
        }
    }
}

/// A request, and the answer that belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) request: Vec<u8>,
    status: u16,
    body: Vec<u8>,
    /// HEAD and 304: the head may say a length, but no body follows.
    bodiless: bool,
    /// The body that was promised never ends.
    cut: bool,
    /// The handler answers as soon as it sees the head.
    at_once: bool,
    /// Whether its answer is the same wherever the request is cut.
    can_be_cut: bool,
}

impl Exchange {
    fn new(request: impl Into<Vec<u8>>, status: u16, body: impl Into<Vec<u8>>) -> Self {
        let (request, body) = (request.into(), body.into());
        Self {
            request,
            status,
            body,
            bodiless: false,
            cut: false,
            at_once: true,
            can_be_cut: true,
        }
    }

    fn get(target: &str, fields: &str, status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self::new(
            format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"),
            status,
            body,
        )
    }

    fn bodiless(self) -> Self {
        Self {
            bodiless: true,
            body: Vec::new(),
            ..self
        }
    }

    fn after_its_body(self) -> Self {
        Self {
            at_once: false,
            ..self
        }
    }

    /// How many bytes of the request are its head.
    fn head_length(&self) -> usize {
        let skipped = if self.request.starts_with(b"\r\n") { 2 } else { 0 };
        let end = self.request[skipped..]
            .windows(4)
            .position(|window| window == b"\r\n\r\n");
        end.map_or(self.request.len(), |end| skipped + end + 4)
    }

    /// Some answers depend on what has come.
    fn uncut(self) -> Self {
        Self {
            can_be_cut: false,
            ..self
        }
    }

    /// What it asks, for a message.
    pub(crate) fn first_line(&self) -> String {
        let text = String::from_utf8_lossy(&self.request);
        text.trim_start().lines().next().unwrap_or_default().to_owned()
    }

    pub(crate) fn can_be_cut(&self) -> bool {
        self.can_be_cut
    }

    /// What belongs to this request when the peer shuts its side after `sent` of its bytes, none of them or all of
    /// them excluded: an answer, and nothing behind it.
    pub(crate) fn cut_after(mut self, sent: usize) -> Self {
        if sent < self.head_length() || !self.at_once {
            self = Self {
                status: 400,
                body: b"400 Bad Request\n".into(),
                bodiless: false,
                cut: false,
                ..self
            };
        }
        self.request.truncate(sent);
        self
    }
}

/// A request that a connection survives. `tag` is in what it sends, so that nobody else's bytes can pass for its own.
fn one(random: &mut Random, tag: &str) -> Exchange {
    if random.once_in(2) {
        return elsewhere(random, tag);
    }
    match random.below(15) {
        3 if random.once_in(2) => Exchange::get("/shared", "", 200, pattern(90_000)),
        0 => Exchange::get("/small.txt", "", 200, "small"),
        1 => Exchange::get("/dir/", "Decision-Encoding: br, gzip\r\n", 200, "<p>index"),
        2 => Exchange::get("/empty.txt", "", 200, ""),
        3 => Exchange::get("/large.bin", "", 200, large()),
        4 => {
            let first = random.below(LARGE);
            let last = first + random.below(LARGE);
            let part = large()[first..(last + 1).min(LARGE)].to_vec();
            Exchange::get(
                "/large.bin",
                &format!("Range: bytes={first}-{last}\r\n"),
                206,
                part,
            )
        }
        5 => Exchange::get("/large.bin", "If-None-Match: *\r\n", 304, "").bodiless(),
        6 => Exchange::new("HEAD /large.bin HTTP/1.1\r\nHost: a\r\n\r\n", 200, "").bodiless(),
        7 => Exchange::get(
            "/large.bin",
            "Range: bytes=700000-\r\n",
            416,
            "416 Range Not Satisfiable\n",
        ),
        8 => Exchange::get(&format!("/{tag}"), "", 404, "404 Not Found\n"),
        9 => Exchange::get("/dir", "", 301, "301 Moved Permanently\n"),
        10 => Exchange::get("/shared", "", 200, pattern(90_000)),
        11 => Exchange::get(
            "/pull",
            "",
            200,
            (1..=PIECES).flat_map(piece).collect::<Vec<u8>>(),
        ),
        12 => with_length("/echo", tag, random.below(ECHO_LIMIT / tag.len()), 200).after_its_body(),
        13 => in_chunks(random, tag).after_its_body(),
        _ => {
            // Nobody wants this body, and it is short enough to be dropped.
            let unread = with_length("/small.txt", tag, random.below(200), 405);
            Exchange {
                body: b"405 Method Not Allowed\n".into(),
                ..unread
            }
        }
    }
}

/// A request that other threads have a part in.
fn elsewhere(random: &mut Random, tag: &str) -> Exchange {
    let events = EVENTS.concat();
    let count = random.below(300 / tag.len());
    match random.below(13) {
        11 => Exchange {
            body: events.into(),
            ..with_length("/events", tag, count + 1, 200).uncut()
        },
        12 => Exchange {
            body: pattern(90_000),
            ..with_length("/big", tag, count + 1, 200).uncut()
        },
        0 | 1 => Exchange::get("/later", "", 200, LATER).uncut(),
        2 => Exchange {
            body: LATER.into(),
            ..with_length("/later", tag, count, 200).uncut()
        },
        3 => Exchange::get("/broken", "", 500, "500 Internal Server Error\n"),
        4 | 5 => Exchange::get("/events", "", 200, events),
        6 => Exchange::get("/stream", "", 200, events),
        7 => with_length("/sink", tag, count, 200).after_its_body(),
        8 => Exchange {
            body: EARLY.into(),
            ..with_length("/refusing", tag, count, 200)
        },
        9 => Exchange {
            body: EARLY.into(),
            ..with_length("/early", tag, count + 1, 200).uncut()
        },
        _ => {
            let expecting = with_length("/sink", tag, count, 200).after_its_body();
            let text = String::from_utf8(expecting.request.clone()).expect("text");
            Exchange {
                request: text
                    .replacen("Host: a", "Expect: 100-continue\r\nHost: a", 1)
                    .into(),
                ..expecting
            }
        }
    }
}

fn with_length(target: &str, tag: &str, count: usize, status: u16) -> Exchange {
    let body = tag.repeat(count);
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    Exchange::new(head + &body, status, body)
}

fn in_chunks(random: &mut Random, tag: &str) -> Exchange {
    let mut request = "\r\nPOST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_owned();
    let mut body = String::new();
    for _ in 0..random.below(5) {
        let chunk = tag.repeat(1 + random.below(20));
        request += &format!("{:x};ext=\"{tag}\"\r\n{chunk}\r\n", chunk.len());
        body += &chunk;
    }
    request += if random.once_in(2) {
        "0\r\n\r\n"
    } else {
        "0\r\nTrailer: x\r\n\r\n"
    };
    Exchange::new(request, 200, body)
}

/// A request after which the server closes.
fn ending(random: &mut Random, tag: &str) -> Exchange {
    match random.below(12) {
        7 => Exchange {
            cut: true,
            ..Exchange::get("/lost", "", 200, LOST)
        },
        8..=10 => {
            let said = tag.repeat(random.below(40)) + ".";
            let fields = match random.below(3) {
                0 => "Content-Length: 3\r\nExpect: 100-continue\r\n\r\nxyz",
                1 => "Content-Length: 3\r\n\r\nxyz",
                _ => "\r\n",
            };
            let head = "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n";
            Exchange::new(format!("{head}{fields}{said}"), 101, said).uncut()
        }
        11 => Exchange::get("/events", "Connection: close\r\n", 200, EVENTS.concat()),
        0 => Exchange::get("/small.txt", "Connection: close\r\n", 200, "small"),
        1 => Exchange::get("/large.bin", "Connection: close\r\n", 200, large()),
        2 => Exchange::new("GET /shared HTTP/1.0\r\n\r\n", 200, pattern(90_000)),
        3 => Exchange::new("BAD\0REQUEST\r\n\r\n", 400, "400 Bad Request\n"),
        // Both are still sending when the answer is known.
        4 => {
            let long = with_length("/echo", tag, 100_000 / tag.len(), 413);
            Exchange {
                body: b"413 Content Too Large\n".into(),
                ..long
            }
        }
        5 => {
            let long = with_length("/small.txt", tag, 100_000 / tag.len(), 405);
            Exchange {
                body: b"405 Method Not Allowed\n".into(),
                ..long
            }
        }
        _ => Exchange {
            cut: true,
            ..Exchange::get("/cut", "", 200, large()[LARGE - 50_000..].to_vec())
        },
    }
}

/// What one peer asks in its time, pipelined.
pub(crate) fn conversation(random: &mut Random, tag: &str) -> Vec<Exchange> {
    let mut exchanges: Vec<_> = (0..random.below(12)).map(|_| one(random, tag)).collect();
    if random.once_in(8) {
        // More than one turn answers.
        exchanges.extend((0..40).map(|_| match random.once_in(2) {
            true => Exchange::get("/empty.txt", "", 200, ""),
            false => Exchange::get("/tiny", "", 200, TINY),
        }));
    }
    if random.once_in(2) || exchanges.is_empty() {
        exchanges.push(ending(random, tag));
    }
    exchanges
}

/// A response as far as it has arrived.
#[derive(Debug)]
pub(crate) struct Response {
    status: u16,
    body: Vec<u8>,
    complete: bool,
    pub(crate) closes: bool,
}

/// Reads the final responses from what a peer received; `exchanges` says which of them have no body.
pub(crate) fn responses(mut bytes: &[u8], exchanges: &[Exchange]) -> Vec<Response> {
    let mut found = Vec::new();
    while let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = std::str::from_utf8(&bytes[..end])
            .expect("a head is text")
            .to_lowercase();
        bytes = &bytes[end + 4..];
        let status = head[9..12].parse().expect("a status");
        if status == 100 {
            continue;
        }
        let exchange = exchanges.get(found.len());
        // An answer that the peer did not ask for, to a deadline for example, has a body.
        let bodiless = exchange.is_some_and(|exchange| exchange.bodiless && exchange.status == status);
        // A HEAD that was cut has none, where its method was understood before.
        let may_be_bodiless = exchange.is_some_and(|exchange| exchange.request.starts_with(b"HEAD"));
        let field = |name: &str| head.split("\r\n").find_map(|line| line.strip_prefix(name));
        assert!(field("date: ").is_some(), "no date: {head}");
        let length: Option<usize> = field("content-length: ").map(|length| length.parse().expect("a length"));
        let mut body = Vec::new();
        let complete = match length {
            _ if status == 101 => {
                body = std::mem::take(&mut bytes).to_vec();
                body.ends_with(b".")
            }
            _ if bodiless => true,
            Some(length) => {
                body = bytes[..length.min(bytes.len())].to_vec();
                bytes = &bytes[body.len()..];
                body.len() == length || (body.is_empty() && may_be_bodiless)
            }
            None => {
                assert_eq!(field("transfer-encoding: "), Some("chunked"), "{head}");
                unchunk(&mut bytes, &mut body)
            }
        };
        let closes = field("connection: ") == Some("close");
        found.push(Response {
            status,
            body,
            complete,
            closes,
        });
        if !complete {
            return found;
        }
    }
    assert!(
        b"HTTP/1.1 ".starts_with(&bytes[..bytes.len().min(9)]),
        "{}",
        bytes.escape_ascii()
    );
    found
}

/// Takes chunks from `bytes`; whether the last one was there.
fn unchunk(bytes: &mut &[u8], body: &mut Vec<u8>) -> bool {
    while let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end])
            .ok()
            .and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.expect("a chunk size");
        let chunk = &bytes[end + 2..];
        let Some((data, rest)) = chunk.split_at_checked(size + 2) else {
            body.extend(&chunk[..size.min(chunk.len())]);
            break;
        };
        assert!(data.ends_with(b"\r\n"), "a chunk without its end");
        body.extend(&data[..size]);
        *bytes = rest;
        if size == 0 {
            return true;
        }
    }
    *bytes = &[];
    false
}

/// How the texts begin that explain a broken rule.
const REFUSALS: [&[u8]; 2] = [b"400 Bad Request\n", b"413 Content Too Large\n"];

/// Checks that a response is the one that belongs to an exchange, or as much of it as has arrived.
pub(crate) fn check(response: &Response, exchange: &Exchange) -> Result<(), String> {
    let request = exchange.request[..exchange.request.len().min(80)].escape_ascii();
    if response.status != exchange.status {
        return Err(format!(
            "{} instead of {} for {request}",
            response.status, exchange.status
        ));
    }
    let same = match response.complete {
        true if response.body.is_empty() && exchange.request.starts_with(b"HEAD") => true,
        // Behind the status stands the broken rule.
        true if exchange.status == response.status && REFUSALS.contains(&&*exchange.body) => {
            response.body.starts_with(&exchange.body)
        }
        false if REFUSALS.contains(&&*exchange.body) => {
            let length = response.body.len().min(exchange.body.len());
            response.body[..length] == exchange.body[..length]
        }
        true => response.body == exchange.body && !exchange.cut,
        false => exchange.body.starts_with(&response.body),
    };
    let lengths = (response.body.len(), exchange.body.len());
    if same {
        Ok(())
    } else {
        Err(format!("another body (lengths {lengths:?}) for {request}"))
    }
}

/// How much of its body a response has, for a message.
pub(crate) fn progress(response: &Response, exchange: &Exchange) -> String {
    format!("{} of {} bytes", response.body.len(), exchange.body.len())
}

/// Checks that all of a response has arrived that ever will.
pub(crate) fn is_whole(response: &Response, exchange: &Exchange) -> bool {
    response.complete || (exchange.cut && response.body == exchange.body)
}

/// Whether the response is one that only a deadline explains.
pub(crate) fn is_timeout(response: &Response) -> bool {
    matches!(response.status, 408 | 503) && response.closes
}
