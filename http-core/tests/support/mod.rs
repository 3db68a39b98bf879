//! What the wire tests share: one driver, one outcome, every cut.
//!
//! A driver feeds bytes to a [`Connection`] in segments, answers each request as soon as it has ended, and notes what it
//! saw. Two drives of the same bytes must end in equal [`Outcome`]s, however the bytes were cut.

// Each test binary uses its own part of this module.
#![allow(dead_code, unreachable_pub, missing_docs)]

pub mod corpus;
pub mod outcome;

use http_core::{Connection, Event, Fields, Limits, Rejection, ResponseHead, limits};
pub use outcome::{Outcome, Place, Request, Seen, Stop};

/// Field slots of every test connection: more than `Limits::default()` allows, so that the limit decides.
pub const SLOTS: usize = 256;

/// How a drive ended, and what cannot be compared between two cuts of the same bytes.
pub struct Drive {
    pub outcome: Outcome,
    /// How many bytes had been fed when the verdict came; the end of the segment that brought it.
    pub decided_at: usize,
    pub conn: Connection,
}

/// Feeds `wire` in segments that end at `ends` (ascending; the last must be `wire.len()`).
#[track_caller]
pub fn drive(limits: Limits, wire: &[u8], ends: impl IntoIterator<Item = usize>) -> Drive {
    let mut driver = Driver::new(limits);
    let mut decided_at = wire.len();
    for end in ends {
        driver.feed(wire, end);
        if driver.stop.is_some() {
            decided_at = end;
            break;
        }
    }
    let outcome = driver.finish();
    Drive {
        outcome,
        decided_at,
        conn: driver.conn,
    }
}

/// Feeds `wire` in one piece.
#[track_caller]
pub fn whole(wire: &[u8]) -> Outcome {
    drive(Limits::default(), wire, [wire.len()]).outcome
}

/// Feeds `wire` one byte at a time.
#[track_caller]
pub fn byte_by_byte(wire: &[u8]) -> Drive {
    drive(Limits::default(), wire, 1..=wire.len())
}

/// Feeds `wire` whole, byte by byte, cut once at each place, and in the growing steps that a slow reader gives; every
/// outcome must equal the first, which is returned.
#[track_caller]
pub fn every_cut(limits: Limits, wire: &[u8]) -> Outcome {
    let want = drive(limits, wire, [wire.len()]).outcome;
    let got = drive(limits, wire, 1..=wire.len()).outcome;
    assert_same(&got, &want, wire, "byte by byte");
    for cut in cuts_of(wire) {
        let got = drive(limits, wire, [cut, wire.len()]).outcome;
        assert_same(&got, &want, wire, &format!("cut at {cut}"));
    }
    for step in [2, 3, 5, 7, 64, 1460] {
        let got = drive(limits, wire, steps(wire.len(), step)).outcome;
        assert_same(&got, &want, wire, &format!("{step} bytes at a time"));
    }
    // An empty read between segments changes nothing.
    let got = drive(limits, wire, (1..=wire.len()).flat_map(|end| [end, end])).outcome;
    assert_same(&got, &want, wire, "byte by byte, each byte shown twice");
    want
}

/// Where to cut: everywhere in a short wire; around line ends and at 64 even places in a long one.
fn cuts_of(wire: &[u8]) -> Vec<usize> {
    if wire.len() <= 2048 {
        return (0..=wire.len()).collect();
    }
    let even = (0..64).map(|i| i * wire.len() / 64);
    let ends = wire.iter().enumerate().filter(|(_, b)| **b == b'\n').take(64);
    let around = ends.flat_map(|(at, _)| [at.saturating_sub(1), at, at + 1]);
    even.chain(around).filter(|at| *at <= wire.len()).collect()
}

/// Segment ends every `step` bytes, and the end of the wire.
pub fn steps(len: usize, step: usize) -> impl Iterator<Item = usize> {
    (1..=len.div_ceil(step)).map(move |i| (i * step).min(len))
}

#[track_caller]
fn assert_same(got: &Outcome, want: &Outcome, wire: &[u8], how: &str) {
    assert!(
        got == want,
        "{how}: the outcome differs from that of the whole wire\n--- wire\n{}\n--- {how}\n{got}--- whole\n{want}",
        wire[..wire.len().min(2000)].escape_ascii()
    );
}

/// How many bytes of empty lines stand at the beginning of the input.
fn empty_lines(input: &[u8]) -> usize {
    2 * input.chunks(2).take_while(|line| *line == b"\r\n").count()
}

/// A connection, its fields, and the notes taken.
pub struct Driver {
    pub conn: Connection,
    fields: Fields<SLOTS>,
    answer: ResponseHead,
    seen: Vec<Seen>,
    consumed: usize,
    /// Where the last request begins that was seen.
    start: usize,
    /// How many bytes belong to requests that were answered.
    answered: usize,
    place: Option<Place>,
    pub stop: Option<Stop>,
    pub written: Vec<u8>,
    /// A request was seen and not yet answered.
    open: bool,
}

impl Driver {
    pub fn new(limits: Limits) -> Self {
        Self {
            conn: Connection::server(limits),
            fields: Fields::new(),
            answer: ResponseHead::new(404),
            seen: Vec::new(),
            consumed: 0,
            start: 0,
            answered: 0,
            place: None,
            stop: None,
            written: Vec::new(),
            open: false,
        }
    }

    /// Shows the connection everything up to `end` that it has not consumed, until it waits for more or has ended.
    #[track_caller]
    pub fn feed(&mut self, wire: &[u8], end: usize) {
        // Every call consumes, yields an event, or stops: the bound is generous and still catches a spin.
        for _ in 0..4 * wire.len() + 16 {
            if self.stop.is_some() || !self.step(&wire[self.consumed..end]) {
                return;
            }
        }
        panic!("receive makes no progress on {}", wire.escape_ascii());
    }

    /// One call of receive. Returns whether another call with the same bytes makes sense.
    #[track_caller]
    fn step(&mut self, input: &[u8]) -> bool {
        if !self.open {
            let skipped = self.consumed - self.answered + empty_lines(input);
            self.start = self.answered + skipped.min(2 * usize::from(limits::EMPTY_LINES));
        }
        let received = match self.conn.receive(input, &mut self.fields) {
            Ok(received) => received,
            Err(rejection) => {
                self.rejected_at(&rejection);
                self.stop = Some(Stop::rejected(rejection));
                // Nothing is read after it, so how much of a broken line was consumed means nothing.
                self.consumed = 0;
                return false;
            }
        };
        let consumed = received.consumed;
        assert!(
            consumed <= input.len(),
            "consumed {consumed} of {} bytes",
            input.len()
        );
        // How much is discarded after a close depends on how much had come.
        if !matches!(received.event, Event::Closed) {
            self.consumed += consumed;
        }
        let mut again = true;
        match received.event {
            Event::Request(head) => {
                assert!(!self.open, "a second request before the first was answered");
                self.open = true;
                self.seen.push(Seen::Request(Request::of(&head)));
            }
            Event::Data(bytes) => {
                assert!(!bytes.is_empty(), "an empty Data event");
                let inside = input[..consumed].as_ptr_range();
                let data = bytes.as_ptr_range();
                assert!(
                    inside.start <= data.start && data.end <= inside.end,
                    "Data outside what was consumed"
                );
                outcome::push_body(&mut self.seen, bytes);
            }
            Event::Trailers(trailers) => {
                self.seen.extend(
                    trailers
                        .fields()
                        .map(|(n, v)| Seen::Trailer(n.to_owned(), v.to_vec())),
                );
            }
            Event::End => self.seen.push(Seen::End),
            Event::NeedMore => again = false,
            Event::Paused => self.stop = Some(Stop::Paused),
            Event::Closed => self.stop = Some(Stop::Closed),
            Event::Upgraded => self.stop = Some(Stop::Upgraded),
        }
        if self.open && self.conn.request_ended() {
            self.answer();
        }
        again
    }

    fn rejected_at(&mut self, rejection: &Rejection) {
        self.place = Some(Place {
            start: self.start,
            offset: rejection.offset,
            line: rejection.line,
        });
    }

    /// Answers the open request with an empty 404, so that the cycle ends.
    #[track_caller]
    fn answer(&mut self) {
        self.conn
            .reply(&mut self.written, &self.answer, b"")
            .expect("a 404 is legal after every request");
        assert!(self.conn.response_ended(), "reply ends the response");
        self.open = false;
        self.answered = self.consumed;
    }

    /// Ends the drive: what the connection says to an end of input where it waits, and to more bytes where it does not.
    #[track_caller]
    fn finish(&mut self) -> Outcome {
        let stop = self.stop.take().unwrap_or(Stop::NeedMore);
        let mut eof = None;
        match &stop {
            Stop::NeedMore => {
                let verdict = self.conn.end_of_input();
                if let Err(rejection) = &verdict {
                    self.rejected_at(rejection);
                }
                eof = Some(verdict.map_err(|r| Stop::rejected(r).to_string()));
            }
            Stop::Rejected { .. } | Stop::Closed => self.assert_stays_ended(),
            Stop::Paused | Stop::Upgraded => {}
        }
        Outcome {
            seen: std::mem::take(&mut self.seen),
            stop,
            place: self.place,
            consumed: self.consumed,
            eof,
            written: std::mem::take(&mut self.written),
            must_close: self.conn.must_close(),
        }
    }

    /// After a verdict no byte is read as a request any more.
    #[track_caller]
    fn assert_stays_ended(&mut self) {
        let innocent = b"GET /never HTTP/1.1\r\nHost: never\r\n\r\n";
        match self.conn.receive(innocent, &mut self.fields) {
            Err(_) => {}
            Ok(received) => assert!(
                matches!(received.event, Event::Closed),
                "after the end of the connection a request was read"
            ),
        }
    }
}
