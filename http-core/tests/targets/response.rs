//! Any order of calls on the response side, held to a model of what is legal and read by an independent client.

use super::roundtrip::Tape;
use crate::oracle::framing::list;
use crate::oracle::response::{self, Framing, Response};
use http_core::{Body, Connection, Event, FieldBlock, Fields, Misuse, ResponseHead};

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

/// What a request asked for, and what was answered so far.
struct Cycle {
    method: &'static str,
    minor: u8,
    upgrade: bool,
    /// The connection will close after the answer.
    close: bool,
    /// Body bytes of the request that were not fed yet.
    unfed: &'static [u8],
    /// Nobody asked: the answer is to an idle connection or to a broken request.
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

const STATUSES: [u16; 16] = [
    100, 101, 102, 103, 199, 200, 204, 205, 206, 304, 404, 500, 599, 600, 99, 0,
];

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

    /// Holds a result to what the model says.
    #[track_caller]
    fn expect(result: Result<(), Misuse>, legal: bool, what: &str) -> Result<(), Misuse> {
        assert_eq!(result.is_ok(), legal, "{what}: {result:?}");
        result
    }

    fn may_interim(&mut self) -> bool {
        let cycle = self.last();
        cycle.minor > 0 && !cycle.refused && cycle.last.is_none()
    }

    fn interim(&mut self) -> Result<(), Misuse> {
        let status = self.tape.pick(&STATUSES);
        let legal = self.may_interim() && (100..200).contains(&status) && status != 101;
        let head = ResponseHead::new(status);
        Self::expect(self.conn.interim(&mut self.out, &head), legal, "interim")?;
        self.last().interims.push(status);
        Ok(())
    }

    fn continue_100(&mut self) -> Result<(), Misuse> {
        let legal = self.may_interim();
        Self::expect(self.conn.continue_100(&mut self.out), legal, "continue_100")?;
        self.last().interims.push(100);
        Ok(())
    }

    /// Whether a final response may begin, and whether it would have a body.
    fn may_begin(&mut self, status: u16, length: Option<u64>) -> (bool, bool) {
        let cycle = self.last();
        let fits = (200..600).contains(&status)
            && !(cycle.method == "CONNECT" && status < 300 && !cycle.refused)
            && !(cycle.refused && status < 400)
            && !(status == 204 && length.is_some_and(|n| n > 0))
            && !(status == 205 && length != Some(0));
        let has_body = cycle.method != "HEAD" && !matches!(status, 204 | 205 | 304);
        (cycle.last.is_none() && !cycle.switched && fits, has_body)
    }

    fn begin(&mut self, status: u16, length: Option<u64>, has_body: bool) {
        let cycle = self.last();
        // Without a length HTTP/1.0 and the client of a refused request read until the close.
        cycle.close |= length.is_none() && has_body && (cycle.minor == 0 || cycle.refused);
        let close = cycle.close;
        cycle.last = Some(Final {
            status,
            length,
            data: Vec::new(),
            has_body,
            close,
            ended: false,
            trailers: false,
        });
    }

    fn respond(&mut self) -> Result<(), Misuse> {
        let status = self.tape.pick(&STATUSES);
        let length = self.tape.pick(&[None, Some(0), Some(5), Some(3)]);
        let (legal, has_body) = self.may_begin(status, length);
        let body = length.map_or(Body::Stream, Body::Known);
        let mut head = ResponseHead::new(status);
        head.push("x-kind", "respond").expect("a legal field");
        Self::expect(
            self.conn.respond(&mut self.out, &head, body),
            legal,
            &format!("respond {status} {length:?}"),
        )?;
        self.begin(status, length, has_body);
        Ok(())
    }

    fn reply(&mut self) -> Result<(), Misuse> {
        let status = self.tape.pick(&STATUSES);
        let body = self.tape.pick(&[&b""[..], b"12345", b"HTTP/1.1 200 OK\r\n\r\n"]);
        let length = Some(body.len() as u64);
        let (legal, has_body) = self.may_begin(status, length);
        let head = ResponseHead::new(status);
        Self::expect(
            self.conn.reply(&mut self.out, &head, body),
            legal,
            &format!("reply {status} {}", body.len()),
        )?;
        self.begin(status, length, has_body);
        let last = self.last().last.as_mut().expect("just begun");
        last.data.extend_from_slice(if has_body { body } else { b"" });
        last.ended = true;
        Ok(())
    }

    /// Whether `n` more bytes of a body may be sent; `None` where the model leaves it open.
    fn may_send(&mut self, n: u64) -> Option<bool> {
        match &self.last().last {
            None => Some(false),
            Some(last) if last.ended => Some(false),
            Some(last) if !last.has_body => (n > 0).then_some(false),
            Some(last) => Some(
                last.length
                    .is_none_or(|length| n <= length - last.data.len() as u64),
            ),
        }
    }

    fn data(&mut self) -> Result<(), Misuse> {
        let bytes = self.tape.pick(&[&b""[..], b"a", b"12345", b"0\r\n\r\n"]);
        let legal = self.may_send(bytes.len() as u64);
        let before = self.out.len();
        let result = self.conn.data(&mut self.out, bytes);
        if let Some(legal) = legal {
            assert_eq!(result.is_ok(), legal, "data of {} bytes: {result:?}", bytes.len());
        } else {
            assert_eq!(self.out.len(), before, "a response without a body got one");
        }
        result?;
        if let Some(last) = &mut self.last().last {
            last.data.extend_from_slice(bytes);
        }
        Ok(())
    }

    fn sent(&mut self) -> Result<(), Misuse> {
        let n = self.tape.pick(&[0u64, 1, 5, u64::MAX]);
        let cycle = self.last();
        let chunked = cycle
            .last
            .as_ref()
            .is_some_and(|l| l.length.is_none() && cycle.minor > 0 && !cycle.refused);
        let endless = n == u64::MAX && cycle.last.as_ref().is_some_and(|l| l.length.is_none());
        if endless {
            return Ok(());
        }
        let legal = if chunked { Some(false) } else { self.may_send(n) };
        let result = self.conn.sent(n);
        if let Some(legal) = legal.filter(|_| n > 0) {
            assert_eq!(result.is_ok(), legal, "sent {n}: {result:?}");
        }
        result?;
        // The caller writes them itself, here and now.
        let bytes = vec![b'S'; usize::try_from(n).expect("few")];
        self.out.extend(&bytes);
        if let Some(last) = &mut self.last().last {
            last.data.extend(bytes);
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Misuse> {
        let legal = self.last().last.as_ref().is_some_and(|last| {
            !last.ended
                && (!last.has_body || last.length.is_none_or(|length| last.data.len() as u64 == length))
        });
        let trailers = self.tape.byte() % 2 == 1;
        let counted = self
            .last()
            .last
            .as_ref()
            .is_some_and(|last| last.has_body && last.length.is_some());
        let mut block = FieldBlock::new();
        block.push("x-trailer", "1").expect("a legal field");
        let result = self.conn.end(&mut self.out, trailers.then_some(&block));
        Self::expect(result, legal && !(trailers && counted), "end")?;
        let last = self.last().last.as_mut().expect("it was under way");
        last.ended = true;
        last.trailers = trailers;
        Ok(())
    }

    fn upgrade(&mut self) -> Result<(), Misuse> {
        let status = self.tape.pick(&[101, 200, 204, 404]);
        let named = self.tape.byte().is_multiple_of(2);
        let mut head = ResponseHead::new(status);
        if named {
            head.push("upgrade", "other/1").expect("a legal field");
        }
        let cycle = self.last();
        let asked = match status {
            101 => cycle.upgrade && named,
            200..300 => cycle.method == "CONNECT",
            _ => false,
        };
        let legal = asked && cycle.last.is_none() && cycle.unfed.is_empty() && !cycle.refused;
        Self::expect(
            self.conn.upgrade(&mut self.out, &head),
            legal,
            &format!("upgrade {status}"),
        )?;
        let cycle = self.last();
        cycle.switched = true;
        cycle.interims.push(status);
        Ok(())
    }

    /// Asks for a close, or feeds the rest of the body.
    fn close_or_feed(&mut self) {
        if self.tape.byte().is_multiple_of(2) {
            self.conn.close_after_response();
            // A response that was begun has said already how the connection goes on.
            self.last().close = true;
        } else {
            self.feed_body();
        }
    }

    /// Ends the response in the plainest legal way, if the calls so far did not.
    fn finish_plainly(&mut self) {
        if self.last().switched {
            return;
        }
        if self.last().last.is_none() {
            let (_, has_body) = self.may_begin(500, Some(2));
            self.conn
                .respond(&mut self.out, &ResponseHead::new(500), Body::Known(2))
                .expect("500 is always legal");
            self.begin(500, Some(2), has_body);
        }
        let last = self.last().last.as_ref().expect("begun");
        let missing = last
            .length
            .map_or(0, |length| length - last.data.len().min(length as usize) as u64);
        let (ended, has_body) = (last.ended, last.has_body);
        if !ended {
            if has_body && missing > 0 {
                let bytes = vec![b'x'; missing as usize];
                self.conn.data(&mut self.out, &bytes).expect("what is missing");
                self.last().last.as_mut().expect("begun").data.extend(bytes);
            }
            self.conn
                .end(&mut self.out, None)
                .expect("a complete body may end");
            self.last().last.as_mut().expect("begun").ended = true;
        }
        assert!(self.conn.response_ended());
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

    /// Reads everything that was written, response by response.
    fn read_as_a_client(&self) {
        let mut rest = self.out.as_slice();
        for cycle in &self.cycles {
            for status in &cycle.interims {
                // An interim response is framed alike whatever the method.
                let method = if cycle.switched { cycle.method } else { "GET" };
                let (read, len) = self.read(rest, method);
                assert_eq!(read.status, *status);
                rest = &rest[len..];
            }
            if let Some(last) = &cycle.last {
                let (read, len) = self.read(rest, cycle.method);
                check(&read, last, cycle);
                rest = &rest[len..];
            }
        }
        assert!(
            rest.is_empty(),
            "bytes behind the last response: {}",
            rest.escape_ascii()
        );
    }

    fn read(&self, rest: &[u8], method: &str) -> (Response, usize) {
        response::read(rest, method).unwrap_or_else(|e| panic!("{e}: {}", self.out.escape_ascii()))
    }
}

/// Compares what the client read with what was meant.
fn check(read: &Response, last: &Final, cycle: &Cycle) {
    assert_eq!((read.status, &read.body), (last.status, &last.data));
    let options = list(&read.fields, "connection");
    let says = |option: &str| options.iter().any(|o| o.eq_ignore_ascii_case(option));
    assert_eq!(says("close"), last.close, "{} {:?}", cycle.method, read);
    assert!(!(says("close") && says("keep-alive")), "{read:?}");
    if cycle.minor == 0 && !cycle.refused {
        assert!(
            last.close || says("keep-alive"),
            "an HTTP/1.0 client has to be told: {read:?}"
        );
        assert_ne!(read.framing, Framing::Chunked, "HTTP/1.0 knows no chunks");
        assert!(
            read.fields
                .iter()
                .all(|f| !f.name.eq_ignore_ascii_case("transfer-encoding"))
        );
    }
    let trailers = usize::from(last.trailers && read.framing == Framing::Chunked);
    assert_eq!(read.trailers.len(), trailers, "{read:?}");
    if read.framing == Framing::UntilClose {
        assert!(last.close, "a body that ends with the connection needs its end");
    }
}
