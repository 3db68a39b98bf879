//! What peers ask, and what they have to get for it.

use super::seams::{EARLY, EVENTS, LATER, LOST, TINY};
use super::site::{ECHO_LIMIT, LARGE, PIECES, checksum, large, piece, shared};
use super::themes::{Theme, choose};
use crate::driver::tests::random::Random;

/// A request, and the answer that belongs to it.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) request: Vec<u8>,
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
    /// HEAD and 304: the head may say a length, but no body follows.
    pub(super) bodiless: bool,
    /// The body that was promised never ends.
    pub(super) cut: bool,
    /// The handler answers as soon as it sees the head.
    pub(super) at_once: bool,
    /// Whether its answer is the same wherever the request is cut.
    pub(super) can_be_cut: bool,
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

    /// Whether it ends HTTP on its connection.
    pub(super) fn switches(&self) -> bool {
        self.status == 101
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
    pub(super) fn first_line(&self) -> String {
        let text = String::from_utf8_lossy(&self.request);
        text.trim_start().lines().next().unwrap_or_default().to_owned()
    }

    pub(super) fn can_be_cut(&self) -> bool {
        self.can_be_cut
    }

    /// What belongs to this request when the peer shuts its side after `sent` of its bytes, none of them or all of
    /// them excluded: an answer, and nothing behind it.
    pub(super) fn cut_after(mut self, sent: usize) -> Self {
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

/// Makes a request of some kind.
pub(super) type Ask = fn(&mut Random, &str) -> Exchange;

/// A request that a connection survives. `tag` is in what it sends, so that nobody else's bytes can pass for its own.
pub(super) fn one(random: &mut Random, tag: &str) -> Exchange {
    if random.once_in(2) {
        return elsewhere(random, tag);
    }
    match random.below(15) {
        3 | 4 if !random.once_in(4) => Exchange::get("/shared", "", 200, shared()),
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
        10 => Exchange::get("/shared", "", 200, shared()),
        11 => Exchange::get(
            "/pull",
            "",
            200,
            (1..=PIECES).flat_map(piece).collect::<Vec<u8>>(),
        ),
        12 => with_length("/echo", tag, random.below(ECHO_LIMIT / tag.len()), 200).after_its_body(),
        13 => in_chunks(random, tag).after_its_body(),
        // Short enough to be dropped.
        _ => unwanted(tag, random.below(200)),
    }
}

/// A request that other threads have a part in.
pub(super) fn elsewhere(random: &mut Random, tag: &str) -> Exchange {
    let events = EVENTS.concat();
    let count = random.below(300 / tag.len());
    match random.below(13) {
        11 => Exchange {
            body: events.into(),
            ..with_length("/events", tag, count + 1, 200).uncut()
        },
        12 => Exchange {
            body: shared().to_vec(),
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
        8 => refused(tag, count),
        9 => Exchange {
            body: EARLY.into(),
            ..with_length("/early", tag, count + 1, 200).uncut()
        },
        _ => expecting(tag, count),
    }
}

/// Its sink answers without a look at the body.
fn refused(tag: &str, count: usize) -> Exchange {
    Exchange {
        body: EARLY.into(),
        ..with_length("/refusing", tag, count, 200)
    }
}

fn expecting(tag: &str, count: usize) -> Exchange {
    let exchange = with_length("/sink", tag, count, 200).after_its_body();
    let text = String::from_utf8(exchange.request.clone()).expect("text");
    Exchange {
        request: text
            .replacen("Host: a", "Expect: 100-continue\r\nHost: a", 1)
            .into(),
        ..exchange
    }
}

/// Nobody wants its body. When it is long, the answer comes before its end, and is the last one.
fn unwanted(tag: &str, count: usize) -> Exchange {
    Exchange {
        body: b"405 Method Not Allowed\n".into(),
        ..with_length("/small.txt", tag, count, 405)
    }
}

fn too_long(tag: &str) -> Exchange {
    Exchange {
        body: b"413 Content Too Large\n".into(),
        ..with_length("/echo", tag, 100_000 / tag.len(), 413)
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
pub(super) fn ending(random: &mut Random, tag: &str) -> Exchange {
    match random.below(15) {
        12 => Exchange::get("/panic", "", 500, "500 Internal Server Error\n"),
        13 => Exchange {
            cut: true,
            ..Exchange::get("/broken-source", "", 200, TINY)
        },
        14 => Exchange {
            body: b"500 Internal Server Error\n".into(),
            ..with_length("/broken-sink", tag, random.below(40) + 1, 500).uncut()
        },
        7 => Exchange {
            cut: true,
            ..Exchange::get("/lost", "", 200, LOST)
        },
        8..=10 => upgrade(random, tag),
        11 => Exchange::get("/events", "Connection: close\r\n", 200, EVENTS.concat()),
        0 => Exchange::get("/small.txt", "Connection: close\r\n", 200, "small"),
        1 => Exchange::get("/large.bin", "Connection: close\r\n", 200, large()),
        2 => Exchange::new("GET /shared HTTP/1.0\r\n\r\n", 200, shared()),
        3 => Exchange::new("BAD\0REQUEST\r\n\r\n", 400, "400 Bad Request\n"),
        4 => too_long(tag),
        5 => unwanted(tag, 100_000 / tag.len()),
        _ => Exchange {
            cut: true,
            ..Exchange::get("/cut", "", 200, large()[LARGE - 50_000..].to_vec())
        },
    }
}

/// Leaves HTTP.
pub(super) fn upgrade(random: &mut Random, tag: &str) -> Exchange {
    let count = random.below(40);
    upgrade_and_say(random, tag, count)
}

/// The same with more to say than a small buffer holds.
pub(super) fn long_upgrade(random: &mut Random, tag: &str) -> Exchange {
    let count = 40 + random.below(200);
    upgrade_and_say(random, tag, count)
}

fn upgrade_and_say(random: &mut Random, tag: &str, count: usize) -> Exchange {
    let said = tag.repeat(count) + ".";
    let fields = match random.below(3) {
        0 => "Content-Length: 3\r\nExpect: 100-continue\r\n\r\nxyz",
        1 => "Content-Length: 3\r\n\r\nxyz",
        _ => "\r\n",
    };
    let head = "GET /upgrade HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: echo\r\n";
    Exchange::new(format!("{head}{fields}{said}"), 101, said).uncut()
}

/// A short request with a short answer.
pub(super) fn small(random: &mut Random, _: &str) -> Exchange {
    match random.once_in(2) {
        true => Exchange::get("/small.txt", "", 200, "small"),
        false => Exchange::get("/tiny", "", 200, TINY),
    }
}

/// The same behind a line that robust servers skip (RFC 9112 section 2.2).
pub(super) fn behind_empty_line(random: &mut Random, tag: &str) -> Exchange {
    let exchange = small(random, tag);
    Exchange {
        request: [b"\r\n", &*exchange.request].concat(),
        ..exchange
    }
}

/// A body that a sink takes, and may pause in.
pub(super) fn sink(random: &mut Random, tag: &str) -> Exchange {
    let count = random.below(300 / tag.len());
    match random.once_in(3) {
        true => expecting(tag, count),
        false => with_length("/sink", tag, count, 200).after_its_body(),
    }
}

/// A body that is answered before its end.
pub(super) fn early(random: &mut Random, tag: &str) -> Exchange {
    let count = 1 + random.below(150);
    match random.once_in(2) {
        true => refused(tag, count),
        false => unwanted(tag, count),
    }
}

/// A head or a body of which a part is much to keep.
pub(super) fn bulky(random: &mut Random, tag: &str) -> Exchange {
    if random.once_in(3) {
        let line = format!("X-{tag}: {}\r\n", "x".repeat(900));
        return Exchange::get("/small.txt", &line.repeat(15 + random.below(15)), 200, "small").uncut();
    }
    let exchange = with_length("/collect", tag, (20_000 + random.below(50_000)) / tag.len(), 200);
    Exchange {
        body: checksum(&exchange.body).into(),
        ..exchange.after_its_body().uncut()
    }
}

/// A long answer.
pub(super) fn long(random: &mut Random, _: &str) -> Exchange {
    match random.once_in(2) {
        true => Exchange::get("/large.bin", "", 200, large()),
        false => Exchange::get("/shared", "", 200, shared()),
    }
}

/// A connection's last request, with a long answer or a long body that nobody wants.
pub(super) fn last(random: &mut Random, tag: &str) -> Exchange {
    match random.below(4) {
        0 => too_long(tag),
        1 => unwanted(tag, 100_000 / tag.len()),
        2 => Exchange::get("/large.bin", "Connection: close\r\n", 200, large()),
        _ => Exchange::new("GET /shared HTTP/1.0\r\n\r\n", 200, shared()),
    }
}

/// What one peer asks in its time, pipelined.
pub(super) fn conversation(random: &mut Random, tag: &str, theme: &Theme) -> Vec<Exchange> {
    let mut exchanges: Vec<_> = (0..random.below(theme.requests))
        .map(|_| choose(random, theme.asks)(random, tag))
        .collect();
    if random.once_in(theme.burst_once_in) {
        // More than one turn answers.
        exchanges.extend((0..40).map(|_| match random.once_in(2) {
            true => Exchange::get("/empty.txt", "", 200, ""),
            false => Exchange::get("/tiny", "", 200, TINY),
        }));
    }
    let is_silent = exchanges.is_empty() && theme.is_silent;
    if random.once_in(theme.ending_once_in) || (exchanges.is_empty() && !is_silent) {
        exchanges.push(choose(random, theme.endings)(random, tag));
    }
    exchanges
}
