//! Any order of calls on the response side, held to a model of what is legal and read by an independent client.

mod calls;
mod client;

use super::roundtrip::Tape;
use http_core::{Connection, Event, Fields};

pub fn run(bytes: &[u8]) {
    let mut session = Session {
        tape: Tape(&bytes[..bytes.len().min(1024)]),
        conn: Connection::server(super::limits()),
        slots: Fields::new(),
        out: Vec::new(),
        cycles: Vec::new(),
    };
    for _ in 0..3 {
        if !session.cycle() {
            break;
        }
    }
    session.read_as_a_client();
}

struct Session<'a> {
    tape: Tape<'a>,
    conn: Connection,
    slots: Fields<16>,
    out: Vec<u8>,
    cycles: Vec<Cycle>,
}

/// The wishes of a request, and the response so far.
struct Cycle {
    method: &'static str,
    minor: u8,
    upgrade: bool,
    /// The connection will close after the answer.
    close: bool,
    /// Body bytes of the request that were not fed yet.
    unfed: &'static [u8],
    /// There was no request that could be read: the response is to an idle connection or to a broken request.
    refused: bool,
    interims: Vec<u16>,
    last: Option<Final>,
    switched: bool,
}

/// A final response.
struct Final {
    status: u16,
    length: Option<u64>,
    data: Vec<u8>,
    has_body: bool,
    close: bool,
    ended: bool,
    trailers: bool,
}

impl Session<'_> {
    /// Feeds one request, makes calls until it is answered or the tape ends, and says whether another cycle can follow.
    fn cycle(&mut self) -> bool {
        self.request();
        for _ in 0..12 {
            if self.cycle_is_over() {
                break;
            }
            let op = if self.tape.is_empty() {
                8
            } else {
                self.tape.below(12)
            };
            self.call(op);
            self.check_queries();
        }
        self.finish_plainly();
        let over = self.last().close || self.last().switched || self.last().refused;
        self.what_follows(over);
        !over
    }

    fn last(&mut self) -> &mut Cycle {
        self.cycles.last_mut().expect("a cycle was begun")
    }

    fn cycle_is_over(&mut self) -> bool {
        let cycle = self.last();
        cycle.switched || cycle.last.as_ref().is_some_and(|last| last.ended)
    }

    fn request(&mut self) {
        let method = self.tape.pick(&["GET", "HEAD", "POST", "CONNECT", "OPTIONS"]);
        let minor = self.tape.pick(&[1, 1, 0]);
        let connection = self
            .tape
            .pick(&["", "close", "keep-alive", "upgrade", "close, upgrade"]);
        let body: &'static [u8] = self.tape.pick(&[&b""[..], b"", b"body"]);
        let early = self.tape.byte().is_multiple_of(3);
        let broken = self.tape.byte() % 8 == 7;
        let target = if method == "CONNECT" { "a:1" } else { "/" };
        let mut wire = format!("{method} {target} HTTP/1.{minor}\r\nHost: a\r\n");
        for (name, value) in [
            ("Connection", connection),
            ("Upgrade", "other/1"),
            ("Bad", if broken { "\0" } else { "" }),
        ] {
            wire.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() {
            wire.push_str(&format!("Content-Length: {}\r\n", body.len()));
        }
        wire.push_str("\r\n");
        let kept = if minor == 0 {
            connection == "keep-alive"
        } else {
            !connection.contains("close")
        };
        self.cycles.push(Cycle {
            method: if broken && method != "HEAD" { "GET" } else { method },
            minor,
            upgrade: minor > 0 && connection.contains("upgrade") && method != "POST" && !broken,
            close: !kept || broken,
            unfed: if broken { b"" } else { body },
            refused: broken,
            interims: Vec::new(),
            last: None,
            switched: false,
        });
        match self.conn.receive(wire.as_bytes(), &mut self.slots) {
            Ok(received) => {
                assert!(!broken && matches!(received.event, Event::Request(_)), "{wire:?}");
                assert_eq!(received.consumed, wire.len());
            }
            Err(_) => assert!(broken, "{wire:?}"),
        }
        if !early {
            self.feed_body();
        }
    }

    /// Feeds what is left of the request's body.
    fn feed_body(&mut self) {
        let mut body = std::mem::take(&mut self.last().unfed);
        if body.is_empty() {
            return;
        }
        loop {
            let received = self
                .conn
                .receive(body, &mut self.slots)
                .expect("a body of the right length");
            body = &body[received.consumed..];
            if matches!(received.event, Event::End | Event::Closed) {
                return;
            }
        }
    }

    /// Makes one call and holds its result to the model.
    fn call(&mut self, op: usize) {
        let before = self.out.len();
        let state = self.queries();
        let result = match op {
            0 | 1 => self.interim(),
            2 => self.continue_100(),
            3 | 4 => self.respond(),
            5 | 6 => self.data(),
            7 => self.sent(),
            8 => self.end(),
            9 => self.reply(),
            10 => self.upgrade(),
            _ => {
                self.close_or_feed();
                return;
            }
        };
        if let Err(misuse) = result {
            assert_eq!(self.out.len(), before, "{misuse:?}, and yet bytes were written");
            assert_eq!(
                self.queries(),
                state,
                "{misuse:?}, and yet the connection changed"
            );
        }
    }

    fn queries(&self) -> [bool; 6] {
        let c = &self.conn;
        [
            c.is_idle(),
            c.must_close(),
            c.request_ended(),
            c.response_ended(),
            c.sends_body(),
            c.response_due(),
        ]
    }

    fn check_queries(&mut self) {
        let Some(last) = &self.cycles.last().expect("a cycle").last else {
            return;
        };
        assert_eq!(self.conn.response_ended(), last.ended);
        if !last.ended {
            assert_eq!(self.conn.sends_body(), last.has_body);
        }
    }

    /// What the connection says after the cycle.
    fn what_follows(&mut self, over: bool) {
        if !over {
            self.feed_body();
            assert!(self.conn.is_idle(), "the cycle is over");
            assert!(!self.conn.must_close());
            return;
        }
        let switched = self.last().switched;
        let event = self
            .conn
            .receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &mut self.slots)
            .expect("nothing is read")
            .event;
        assert!(
            if switched {
                matches!(event, Event::Upgraded)
            } else {
                matches!(event, Event::Closed)
            },
            "{event:?}"
        );
    }
}
