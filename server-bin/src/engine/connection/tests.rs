//! The driver over a scripted socket: each test says when bytes arrive, when there is room, and what time it is.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Write as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use http_core::{Head, ResponseHead};

use super::*;
use crate::engine::settings::{MAX_DISCARD, MAX_LINGER, Settings};
use crate::handler::{Accept, BodySource, Completer, Context, FileSlice, Handler, Pulled, Reply};

/// What the peer does next.
pub(super) enum Incoming {
    Bytes(Vec<u8>),
    End,
    Reset,
}

/// A socket whose peer is a script.
#[derive(Default)]
pub(super) struct Wire {
    pub(super) incoming: VecDeque<Incoming>,
    pub(super) sent: Vec<u8>,
    /// How many bytes the socket takes before it is full; none is no bound.
    pub(super) room: Option<usize>,
    pub(super) broken: bool,
    pub(super) shut: bool,
    pub(super) reads: usize,
    pub(super) writes: usize,
}

impl Wire {
    fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.broken || self.shut {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let n = self.room.unwrap_or(usize::MAX).min(bytes.len());
        if n == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.room = self.room.map(|room| room - n);
        self.sent.extend_from_slice(&bytes[..n]);
        Ok(n)
    }
}

impl Socket for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        match self.incoming.pop_front() {
            None => Err(io::ErrorKind::WouldBlock.into()),
            Some(Incoming::Bytes(mut bytes)) => {
                let n = bytes.len().min(buffer.len());
                buffer[..n].copy_from_slice(&bytes[..n]);
                if n < bytes.len() {
                    self.incoming.push_front(Incoming::Bytes(bytes.split_off(n)));
                }
                Ok(n)
            }
            Some(Incoming::End) => {
                self.incoming.push_front(Incoming::End);
                Ok(0)
            }
            Some(Incoming::Reset) => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }

    fn write(&mut self, bytes: &[u8], _more: bool) -> io::Result<usize> {
        self.writes += 1;
        self.take(bytes)
    }

    fn send_file(&mut self, file: &File, offset: u64, count: usize, buffer: &mut [u8]) -> io::Result<usize> {
        use std::os::unix::fs::FileExt as _;
        let most = buffer.len().min(count);
        let n = file.read_at(&mut buffer[..most], offset)?;
        self.take(&buffer[..n])
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shut = true;
        Ok(())
    }
}

pub(super) const READABLE: Ready = Ready {
    readable: true,
    gone: false,
};
const GONE: Ready = Ready {
    readable: true,
    gone: true,
};

/// A connection over a [`Wire`], with a clock.
pub(super) struct Rig {
    pub(super) connection: Connection<Wire>,
    pub(super) inlet: Inlet,
    pub(super) kit: Kit,
    pub(super) next: Next,
}

impl Rig {
    pub(super) fn new(handler: impl Handler) -> Self {
        Self::with(handler, Settings::default())
    }

    pub(super) fn with(handler: impl Handler, settings: Settings) -> Self {
        let kit = Kit::new(Arc::new(handler), Arc::new(settings), Instant::now());
        let connection = Connection::new(Wire::default(), None, &kit);
        Self {
            connection,
            inlet: Inlet::default(),
            kit,
            next: Next::Read,
        }
    }

    pub(super) fn wire(&mut self) -> &mut Wire {
        &mut self.connection.socket
    }

    pub(super) fn took(&mut self, turn: Turn) -> Next {
        assert!(
            self.kit.out.is_empty(),
            "nothing of one connection stays in its worker's buffer"
        );
        self.next = turn.next;
        turn.next
    }

    pub(super) fn turn(&mut self, ready: Ready) -> Next {
        let turn = self.connection.turn(0, ready, &mut self.inlet, &mut self.kit);
        self.took(turn)
    }

    /// Bytes arrive, and the worker hears of it.
    fn arrive(&mut self, bytes: impl AsRef<[u8]>) -> Next {
        self.wire()
            .incoming
            .push_back(Incoming::Bytes(bytes.as_ref().to_vec()));
        self.turn(READABLE)
    }

    /// The socket takes so many bytes more, and the worker hears of it.
    fn room(&mut self, bytes: usize) -> Next {
        self.wire().room = Some(bytes);
        self.turn(Ready::default())
    }

    /// Time passes. Answers what the connection does about it, if its deadline is over.
    fn pass(&mut self, time: Duration) -> Option<Next> {
        self.kit.begin(self.kit.now + time);
        (self.connection.deadline(&self.kit) <= self.kit.now).then(|| {
            let turn = self.connection.expire(0, &mut self.inlet, &mut self.kit);
            self.took(turn)
        })
    }

    /// Answers that came from elsewhere are delivered.
    pub(super) fn deliver(&mut self) -> usize {
        let mut letters = Vec::new();
        self.kit.mailbox.collect(&mut letters);
        let count = letters.len();
        for letter in letters {
            let turn = self
                .connection
                .complete(0, letter, &mut self.inlet, &mut self.kit);
            self.took(turn);
        }
        count
    }

    pub(super) fn sent(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.wire().sent)).expect("text")
    }

    fn statuses(&mut self) -> Vec<u16> {
        let sent = self.sent();
        let lines = sent.lines().filter_map(|line| line.split_once("HTTP/1.1 "));
        lines
            .map(|(_, rest)| rest[..3].parse().expect("a status"))
            .collect()
    }

    fn owns_nothing(&self) -> bool {
        self.connection.work.is_none()
    }
}

fn hello(_: &Head<'_>, cx: &mut Context<'_>) -> Accept {
    cx.field("content-type", "text/plain");
    "Hello".into()
}

fn echo(_: &Head<'_>, _: &mut Context<'_>) -> Accept {
    Accept::buffer(1000, |body, _| body.to_vec().into())
}

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

fn post(length: usize) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")
}

fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

#[test]
fn a_request_is_one_read_and_one_write_and_leaves_no_buffer() {
    let mut rig = Rig::new(hello);
    for _ in 0..3 {
        assert_eq!(rig.arrive(GET), Next::Read);
        assert!(rig.sent().ends_with("\r\n\r\nHello"));
        assert!(rig.connection.is_idle() && rig.owns_nothing());
    }
    assert_eq!((rig.wire().reads, rig.wire().writes), (3, 3));
}

#[test]
fn a_request_that_comes_byte_by_byte_is_answered_after_the_last_one() {
    let mut rig = Rig::new(echo);
    let request = post(5) + "hello";
    for at in 0..request.len() - 1 {
        assert_eq!(rig.arrive(&request[at..=at]), Next::Read);
        assert_eq!(rig.sent(), "");
    }
    rig.arrive("o");
    assert!(rig.sent().ends_with("\r\n\r\nhello"));
    assert!(rig.owns_nothing());
}

#[test]
fn pipelined_answers_leave_in_one_write() {
    let mut rig = Rig::new(hello);
    assert_eq!(rig.arrive(GET.repeat(16)), Next::Read);
    assert_eq!((rig.statuses(), rig.wire().writes), (vec![200; 16], 1));
}

#[test]
fn one_turn_answers_so_many_requests_and_the_next_ones_need_no_read() {
    let mut rig = Rig::new(hello);
    assert_eq!(rig.arrive(GET.repeat(70)), Next::Write);
    assert_eq!(rig.statuses().len(), 32);
    assert_eq!(rig.turn(Ready::default()), Next::Write);
    assert_eq!(rig.turn(Ready::default()), Next::Read);
    assert_eq!((rig.statuses().len(), rig.wire().reads), (38, 1));
    assert!(rig.connection.is_idle() && rig.owns_nothing());
}

#[test]
fn a_peer_that_does_not_read_stops_being_read_from_until_it_does() {
    let mut rig = Rig::new(hello);
    rig.wire().room = Some(10);
    assert_eq!(rig.arrive(GET.repeat(3)), Next::Write);
    assert_eq!(rig.arrive(GET), Next::Write);
    assert_eq!(rig.wire().reads, 1);
    assert_eq!(rig.room(20), Next::Write);
    assert_eq!(rig.room(10_000), Next::Read);
    assert_eq!(rig.turn(READABLE), Next::Read);
    assert_eq!(rig.statuses(), [200; 4]);
    assert!(rig.owns_nothing());
}

#[test]
fn a_reset_ends_the_connection_wherever_it_is_noticed() {
    let mut rig = Rig::new(hello);
    rig.wire().incoming.push_back(Incoming::Reset);
    assert_eq!(rig.turn(READABLE), Next::Close);
    let mut rig = Rig::new(hello);
    rig.wire().broken = true;
    assert_eq!(rig.arrive(GET), Next::Close);
    let mut rig = Rig::new(hello);
    rig.wire().room = Some(10);
    rig.arrive(GET);
    rig.wire().broken = true;
    assert_eq!(rig.turn(GONE), Next::Close);
}

#[test]
fn the_end_of_the_stream_is_fine_between_requests_and_400_within_one() {
    for (before, want) in [
        ("", vec![]),
        (GET, vec![200]),
        ("GET / HT", vec![400]),
        (&post(5)[..], vec![400]),
    ] {
        let mut rig = Rig::new(echo);
        if !before.is_empty() {
            rig.arrive(before);
        }
        rig.wire().incoming.push_back(Incoming::End);
        assert_eq!(
            (rig.turn(READABLE), rig.statuses()),
            (Next::Close, want),
            "{before}"
        );
    }
}

#[test]
fn an_idle_connection_ends_silently_at_its_deadline() {
    let mut rig = Rig::new(hello);
    assert_eq!(rig.pass(seconds(74)), None);
    rig.arrive(GET);
    rig.sent();
    assert_eq!(rig.pass(seconds(74)), None);
    assert_eq!(
        (rig.pass(seconds(1)), rig.sent()),
        (Some(Next::Close), String::new())
    );
}

#[test]
fn a_slow_head_gets_408_and_no_byte_renews_its_deadline() {
    let mut rig = Rig::new(hello);
    rig.arrive("GET / HTTP/1.1\r\n");
    for _ in 0..9 {
        assert_eq!(rig.pass(seconds(1)), None);
        rig.arrive("X");
    }
    assert_eq!(rig.pass(seconds(1)), Some(Next::Close));
    let answer = rig.sent();
    assert!(
        answer.starts_with("HTTP/1.1 408 ") && answer.to_lowercase().contains("connection: close"),
        "{answer}"
    );
}

#[test]
fn each_head_has_a_deadline_of_its_own() {
    let mut rig = Rig::new(hello);
    rig.arrive("GET / HTTP/1.1\r\n");
    assert_eq!(rig.pass(seconds(9)), None);
    rig.arrive("Host: a\r\n\r\nGET /");
    assert_eq!(rig.pass(seconds(9)), None);
    assert_eq!(rig.pass(seconds(1)), Some(Next::Close));
    assert_eq!(rig.statuses(), [200, 408]);
}

#[test]
fn a_body_may_be_slow_but_not_stand_still() {
    let mut rig = Rig::new(echo);
    rig.arrive(post(10));
    for _ in 0..5 {
        assert_eq!(rig.pass(seconds(19)), None);
        rig.arrive("x");
    }
    assert_eq!(
        (rig.pass(seconds(20)), rig.statuses()),
        (Some(Next::Close), vec![408])
    );
}

#[test]
fn a_peer_that_takes_nothing_is_cut_off() {
    let mut rig = Rig::new(hello);
    rig.wire().room = Some(10);
    rig.arrive(GET);
    assert_eq!(rig.pass(seconds(29)), None);
    rig.room(1);
    assert_eq!(rig.pass(seconds(29)), None);
    assert_eq!(rig.pass(seconds(1)), Some(Next::Close));
}

#[test]
fn a_clock_that_jumps_ends_what_waits_and_nothing_else() {
    let mut rig = Rig::new(hello);
    rig.kit.begin(rig.kit.now + seconds(1_000_000));
    // The request was there before the deadline was looked at, so it is served first.
    assert_eq!(rig.arrive(GET), Next::Read);
    assert_eq!((rig.pass(seconds(1)), rig.statuses()), (None, vec![200]));
    assert_eq!(rig.pass(seconds(1_000_000)), Some(Next::Close));
}

#[test]
fn a_broken_rule_gets_one_answer_and_what_follows_is_read_and_dropped() {
    let mut rig = Rig::new(hello);
    assert_eq!(
        rig.arrive(GET.to_owned() + "GET  / HTTP/1.1\r\n" + GET),
        Next::Read
    );
    let answers = rig.sent();
    assert!(
        answers.matches("HTTP/1.1 ").count() == 2 && answers.contains("HTTP/1.1 400 "),
        "{answers}"
    );
    assert!(rig.wire().shut && rig.connection.phase() == Phase::Lingering);
    for _ in 0..20 {
        assert_eq!(rig.arrive([b'x'; 10_000]), Next::Read);
    }
    rig.wire().incoming.push_back(Incoming::End);
    assert_eq!((rig.turn(READABLE), rig.sent()), (Next::Close, String::new()));
}

#[test]
fn lingering_has_an_end_in_time_and_in_bytes() {
    let mut rig = Rig::new(hello);
    rig.arrive("\0");
    assert_eq!(rig.pass(seconds(1)), None);
    assert_eq!(rig.arrive("more"), Next::Read);
    assert_eq!(rig.pass(seconds(1)), Some(Next::Close));
    let mut rig = Rig::new(hello);
    rig.arrive("\0");
    let piece = vec![b'x'; 60_000];
    let pieces = (0..1000)
        .find(|_| rig.arrive(&piece) == Next::Close)
        .expect("an end");
    assert_eq!(pieces as u64, MAX_LINGER / 60_000);
}

#[test]
fn a_body_that_nobody_wants_is_dropped_up_to_a_bound() {
    let mut rig = Rig::new(hello);
    rig.arrive(post(1000));
    assert_eq!(
        (rig.statuses(), rig.connection.phase()),
        (vec![200], Phase::Discarding)
    );
    assert_eq!(rig.arrive("x".repeat(1000) + GET), Next::Read);
    assert_eq!(rig.statuses(), [200]);
    assert!(rig.connection.is_idle() && rig.owns_nothing());

    let mut rig = Rig::new(hello);
    rig.arrive(post(MAX_DISCARD as usize + 1));
    assert!(rig.sent().to_lowercase().contains("connection: close"));
    assert_eq!(rig.connection.phase(), Phase::Lingering);

    let mut rig = Rig::new(hello);
    rig.arrive("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert!(!rig.sent().to_lowercase().contains("connection: close"));
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    assert_eq!(
        (rig.arrive(&chunk), rig.connection.phase()),
        (Next::Read, Phase::Discarding)
    );
    rig.arrive(&chunk);
    rig.arrive(&chunk);
    assert_eq!(
        (rig.connection.phase(), rig.sent()),
        (Phase::Lingering, String::new())
    );
}

#[test]
fn a_body_that_breaks_after_its_answer_gets_no_second_one_and_lingers() {
    let mut rig = Rig::new(hello);
    rig.arrive("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello");
    assert_eq!(
        (rig.statuses(), rig.connection.phase()),
        (vec![200], Phase::Discarding)
    );
    assert_eq!((rig.arrive("X\r\n"), rig.sent()), (Next::Read, String::new()));
    assert!(rig.wire().shut && rig.connection.phase() == Phase::Lingering);
}

#[test]
fn a_body_over_its_limit_gets_413_as_soon_as_that_is_known() {
    let mut rig = Rig::new(echo);
    rig.arrive(post(1001));
    assert_eq!(
        (rig.statuses(), rig.connection.phase()),
        (vec![413], Phase::Lingering)
    );
    let mut rig = Rig::new(echo);
    rig.arrive("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    rig.arrive(format!("3e8\r\n{}\r\n", "x".repeat(1000)));
    assert_eq!(rig.sent(), "");
    rig.arrive("1\r\nx");
    assert_eq!(
        (rig.statuses(), rig.connection.phase()),
        (vec![413], Phase::Lingering)
    );
}

#[test]
fn a_broken_body_never_reaches_the_handler() {
    let mut rig = Rig::new(echo);
    rig.arrive("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n");
    assert_eq!(
        (rig.statuses(), rig.connection.phase()),
        (vec![400], Phase::Lingering)
    );
}

#[test]
fn a_continue_is_sent_only_while_the_body_is_missing() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let mut rig = Rig::new(echo);
    rig.arrive(head);
    assert_eq!(rig.sent(), "HTTP/1.1 100 Continue\r\n\r\n");
    rig.arrive("hello");
    assert_eq!(rig.statuses(), [200]);
    rig.arrive(head.to_owned() + "hello");
    assert_eq!(rig.statuses(), [200]);
    let mut rig = Rig::new(hello);
    rig.arrive(head);
    assert!(
        rig.sent().to_lowercase().contains("connection: close"),
        "the body may never come"
    );
}

#[test]
fn other_expectations_and_unknown_methods_are_refused_and_their_bodies_dropped() {
    let mut rig = Rig::new(hello);
    for (request, want) in [
        (
            "POST / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 3\r\n\r\nabc",
            417,
        ),
        ("BREW / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 501),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 501),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 204),
    ] {
        assert_eq!(
            (rig.arrive(request), rig.statuses()),
            (Next::Read, vec![want]),
            "{request}"
        );
        assert!(rig.connection.is_idle());
    }
}

#[test]
fn a_panicking_handler_costs_its_own_request() {
    let mut rig = Rig::new(|_: &Head<'_>, _: &mut Context<'_>| -> Accept { panic!("on purpose") });
    rig.arrive(GET);
    let answer = rig.sent();
    assert!(
        answer.starts_with("HTTP/1.1 500 ") && answer.to_lowercase().contains("connection: close"),
        "{answer}"
    );
    let mut rig =
        Rig::new(|_: &Head<'_>, _: &mut Context<'_>| Accept::buffer(10, |_, _| panic!("on purpose")));
    rig.arrive(GET);
    assert_eq!(rig.statuses(), [500]);
}

#[test]
fn a_source_that_panics_costs_its_own_request_at_whatever_it_is_asked() {
    struct Panicking;
    impl BodySource for Panicking {
        fn length(&self) -> Option<u64> {
            panic!("on purpose")
        }
        fn pull(&mut self, _: &mut Vec<u8>) -> Pulled {
            panic!("on purpose")
        }
    }
    struct PanickingLater;
    impl BodySource for PanickingLater {
        fn pull(&mut self, _: &mut Vec<u8>) -> Pulled {
            panic!("on purpose")
        }
    }
    let mut rig =
        Rig::new(|_: &Head<'_>, _: &mut Context<'_>| Accept::Respond(Reply::Pull(Box::new(Panicking))));
    rig.arrive(GET);
    let answer = rig.sent();
    assert!(
        answer.starts_with("HTTP/1.1 500 ") && answer.to_lowercase().contains("connection: close"),
        "{answer}"
    );
    let mut rig =
        Rig::new(|_: &Head<'_>, _: &mut Context<'_>| Accept::Respond(Reply::Pull(Box::new(PanickingLater))));
    assert_eq!(rig.arrive(GET), Next::Close, "its head has left");
}

#[test]
fn a_field_that_no_response_may_have_becomes_500() {
    let mut rig = Rig::new(|_: &Head<'_>, cx: &mut Context<'_>| {
        cx.field("x", "a\r\nb");
        Accept::from("body")
    });
    rig.arrive(GET);
    assert_eq!(rig.statuses(), [500]);
}

#[test]
fn an_asked_for_close_is_at_once_and_one_of_ours_lingers() {
    let close = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let mut rig = Rig::new(hello);
    assert_eq!((rig.arrive(close), rig.statuses()), (Next::Close, vec![200]));
    let mut rig = Rig::new(hello);
    assert_eq!(
        (rig.arrive(close.to_owned() + GET), rig.statuses()),
        (Next::Read, vec![200])
    );
    assert_eq!(rig.connection.phase(), Phase::Lingering);
    let mut rig = Rig::with(
        hello,
        Settings {
            max_requests: 2,
            ..Settings::default()
        },
    );
    rig.arrive(GET.repeat(3));
    assert_eq!(
        (rig.statuses(), rig.connection.phase()),
        (vec![200, 200], Phase::Lingering)
    );
}

#[test]
fn a_timeout_of_any_length_is_one() {
    let settings = Settings {
        idle_timeout: Duration::MAX,
        head_timeout: Duration::MAX,
        ..Settings::default()
    };
    let mut rig = Rig::with(hello, settings);
    assert_eq!(rig.pass(seconds(1 << 29)), None);
    rig.arrive("GET / HTTP/1.1\r\n");
    assert_eq!(rig.pass(seconds(1 << 29)), None);
    rig.arrive("Host: a\r\n\r\n");
    assert_eq!(rig.statuses(), [200]);
}

#[test]
fn draining_lets_each_connection_have_one_more_request() {
    let mut rig = Rig::new(hello);
    rig.arrive(GET);
    rig.sent();
    rig.kit.draining = true;
    rig.arrive(GET);
    assert!(rig.sent().to_lowercase().contains("connection: close"));
    assert_eq!(rig.connection.phase(), Phase::Lingering);
}

type Promised = Arc<Mutex<Vec<Completer>>>;

fn later() -> (Promised, impl Handler) {
    let promised = Promised::default();
    let completers = Arc::clone(&promised);
    let handler = move |_: &Head<'_>, cx: &mut Context<'_>| {
        let (ticket, completer) = cx.later();
        completers.lock().unwrap().push(completer);
        Accept::Respond(Reply::Later(ticket))
    };
    (promised, handler)
}

fn complete(promised: &Promised) {
    let completer = promised.lock().unwrap().remove(0);
    completer.complete(ResponseHead::new(203), "later");
}

#[test]
fn an_answer_from_elsewhere_comes_in_its_turn() {
    let (promised, handler) = later();
    let mut rig = Rig::new(handler);
    rig.arrive(GET.repeat(2));
    assert_eq!(
        (rig.connection.phase(), rig.sent()),
        (Phase::Waiting, String::new())
    );
    complete(&promised);
    assert_eq!((rig.deliver(), rig.statuses()), (1, vec![203]));
    complete(&promised);
    assert_eq!(
        (rig.deliver(), rig.statuses(), rig.next),
        (1, vec![203], Next::Read)
    );
    assert!(rig.connection.is_idle() && rig.owns_nothing());
}

#[test]
fn a_promise_that_is_dropped_becomes_500_and_one_that_takes_too_long_503() {
    let (promised, handler) = later();
    let mut rig = Rig::new(handler);
    rig.arrive(GET);
    promised.lock().unwrap().clear();
    assert_eq!((rig.deliver(), rig.statuses()), (1, vec![500]));
    rig.arrive(GET);
    assert_eq!(rig.pass(seconds(60)), Some(Next::Read));
    assert_eq!(
        (rig.statuses(), rig.connection.phase()),
        (vec![503], Phase::Lingering)
    );
    complete(&promised);
    assert_eq!(
        (rig.deliver(), rig.sent()),
        (1, String::new()),
        "it comes too late"
    );
}

#[test]
fn a_promise_for_one_request_cannot_answer_the_next() {
    let promised = Promised::default();
    let completers = Arc::clone(&promised);
    let mut rig = Rig::new(move |_: &Head<'_>, cx: &mut Context<'_>| {
        let (ticket, completer) = cx.later();
        // A second promise for the same request: one of the two comes too late.
        completers.lock().unwrap().extend([completer, cx.later().1]);
        Accept::Respond(Reply::Later(ticket))
    });
    rig.arrive(GET);
    complete(&promised);
    assert_eq!((rig.deliver(), rig.statuses()), (1, vec![203]));
    rig.arrive(GET);
    complete(&promised);
    assert_eq!(
        (rig.deliver(), rig.sent()),
        (1, String::new()),
        "it was for the first request"
    );
    complete(&promised);
    assert_eq!((rig.deliver(), rig.statuses()), (1, vec![203]));
}

#[test]
fn a_peer_that_goes_away_is_noticed_while_its_answer_is_made() {
    let (promised, handler) = later();
    let mut rig = Rig::new(handler);
    rig.arrive(GET);
    rig.wire().incoming.push_back(Incoming::End);
    assert_eq!(rig.turn(READABLE), Next::Hangup, "it may have shut its side only");
    assert_eq!(rig.wire().reads, 1);
    complete(&promised);
    assert_eq!(
        (rig.deliver(), rig.next, rig.statuses()),
        (1, Next::Read, vec![203])
    );
    assert_eq!(rig.turn(READABLE), Next::Close);

    let (_promised, handler) = later();
    let mut rig = Rig::new(handler);
    rig.arrive(GET);
    assert_eq!(rig.turn(GONE), Next::Close);
}

/// A source that counts how often it is asked.
struct Counted(Arc<AtomicUsize>, usize);

impl BodySource for Counted {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        if self.0.fetch_add(1, Ordering::Relaxed) == self.1 {
            return Pulled::End;
        }
        out.extend_from_slice(&[b'x'; 10_000]);
        Pulled::More
    }
}

fn counted(pieces: usize) -> (Arc<AtomicUsize>, impl Handler) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let handler = move |_: &Head<'_>, _: &mut Context<'_>| {
        Accept::Respond(Reply::Pull(Box::new(Counted(Arc::clone(&counter), pieces))))
    };
    (count, handler)
}

#[test]
fn a_body_is_pulled_only_as_the_socket_takes_it() {
    let (count, handler) = counted(100);
    let mut rig = Rig::new(handler);
    rig.wire().room = Some(20_000);
    assert_eq!(rig.arrive(GET), Next::Write);
    let pulled = count.load(Ordering::Relaxed);
    assert!(pulled <= 7, "{pulled}");
    assert_eq!(rig.room(0), Next::Write);
    assert_eq!(count.load(Ordering::Relaxed), pulled);
    while rig.room(1_000_000) == Next::Write {}
    let sent = rig.sent();
    assert_eq!(sent.matches("\r\n2710\r\n").count(), 100, "chunks of 10,000");
    assert!(sent.ends_with("\r\n0\r\n\r\n"));
    assert!(rig.connection.is_idle() && rig.owns_nothing());
}

#[test]
fn head_gets_no_body_and_nothing_is_pulled_for_it() {
    let (count, handler) = counted(100);
    let mut rig = Rig::new(handler);
    assert_eq!(rig.arrive("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"), Next::Read);
    assert!(rig.sent().ends_with("\r\n\r\n"));
    assert_eq!(count.load(Ordering::Relaxed), 0);
}

#[test]
fn a_source_that_fails_or_has_nothing_closes_before_the_end_of_the_body() {
    struct Failing(Pulled);
    impl BodySource for Failing {
        fn pull(&mut self, _: &mut Vec<u8>) -> Pulled {
            self.0
        }
    }
    for pulled in [Pulled::Failed, Pulled::More] {
        let mut rig = Rig::new(move |_: &Head<'_>, _: &mut Context<'_>| {
            Accept::Respond(Reply::Pull(Box::new(Failing(pulled))))
        });
        assert_eq!(rig.arrive(GET), Next::Close);
        assert!(!rig.sent().contains("\r\n0\r\n\r\n"));
    }
}

fn file(length: usize, promised: u64) -> impl Handler {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&vec![b'f'; length]).expect("written");
    move |_: &Head<'_>, _: &mut Context<'_>| {
        let file = file.try_clone().expect("a descriptor");
        Accept::Respond(Reply::File(FileSlice {
            file,
            offset: 0,
            len: promised,
        }))
    }
}

#[test]
fn a_turn_sends_a_slice_of_a_file_and_then_it_is_the_turn_of_others() {
    let mut rig = Rig::new(file(600_000, 600_000));
    assert_eq!(rig.arrive(GET), Next::Write);
    assert!(rig.wire().sent.len() < 300_000);
    assert_eq!(rig.turn(Ready::default()), Next::Write);
    assert_eq!(rig.turn(Ready::default()), Next::Read);
    let sent = rig.sent();
    assert_eq!(sent.len() - sent.find("\r\n\r\n").expect("a head") - 4, 600_000);
    assert!(rig.connection.is_idle() && rig.owns_nothing());
}

#[test]
fn a_file_that_became_shorter_closes_before_the_promised_end() {
    let mut rig = Rig::new(file(1000, 2000));
    assert_eq!(rig.arrive(GET), Next::Close);
}

#[test]
fn a_large_answer_from_memory_is_not_copied_and_survives_any_room() {
    let body: Arc<[u8]> = (0..100_000u32).map(|n| b'a' + (n % 26) as u8).collect();
    let shared = Arc::clone(&body);
    let mut rig = Rig::new(move |_: &Head<'_>, _: &mut Context<'_>| Accept::from(Arc::clone(&shared)));
    rig.wire().room = Some(100);
    rig.arrive(GET);
    let work = rig.connection.work.as_ref().expect("something is left");
    assert!(work.output.len() < 1000, "the body stays where it is");
    while rig.room(7_777) == Next::Write {}
    let sent = rig.sent();
    let at = sent.find("\r\n\r\n").expect("a head") + 4;
    assert!(sent.as_bytes()[at..] == body[..]);
}

#[test]
fn http_1_0_streams_until_the_close() {
    let (_, handler) = counted(2);
    let mut rig = Rig::new(handler);
    assert_eq!(rig.arrive("GET / HTTP/1.0\r\n\r\n"), Next::Close);
    let sent = rig.sent();
    assert!(sent.ends_with(&"x".repeat(20_000)) && !sent.to_lowercase().contains("transfer-encoding"));
}
