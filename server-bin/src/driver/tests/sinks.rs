//! Request bodies that are taken piece by piece.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use http_core::Head;

use super::rig::{Incoming, READABLE, Rig, answers, post, seconds};
use crate::driver::phase::{Phase, Then, Wait};
use crate::driver::settings::Settings;
use crate::driver::socket::Ready;
use crate::handler::{BodySink, Context, Decision, Notifier, Reply, Took};

/// A sink that does what a test says.
#[derive(Clone, Default)]
struct Puppet(Arc<Mutex<Strings>>);

#[derive(Default)]
struct Strings {
    taken: String,
    /// How it takes the beginning, and the next pieces.
    begins: Does,
    does: Does,
    limit: Option<u64>,
    min_rate: Option<u32>,
    timeout: Option<Duration>,
    drained: usize,
    panics: &'static str,
    has_no_notifier: bool,
    notifier: Option<Notifier>,
}

#[derive(Clone, Copy, Default)]
enum Does {
    #[default]
    More,
    Pause,
    Answer,
}

impl Does {
    fn took(self) -> Took {
        match self {
            Self::More => Took::More,
            Self::Pause => Took::Pause,
            Self::Answer => Took::Answer("early".into()),
        }
    }
}

impl Puppet {
    fn strings(&self) -> MutexGuard<'_, Strings> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn notify(&self) {
        let notifier = self.strings().notifier.clone();
        notifier.expect("a request has come").notify();
    }

    fn taken(&self) -> String {
        std::mem::take(&mut self.strings().taken)
    }

    fn rig(&self) -> Rig {
        self.rig_with(Settings::default())
    }

    fn rig_with(&self, settings: Settings) -> Rig {
        let puppet = self.clone();
        Rig::with(
            move |_: &Head<'_>, cx: &mut Context<'_>| {
                if !puppet.strings().has_no_notifier {
                    puppet.strings().notifier = Some(cx.notifier());
                }
                Decision::Stream(Box::new(puppet.clone()))
            },
            settings,
        )
    }
}

impl BodySink for Puppet {
    fn limit(&self) -> Option<u64> {
        assert_ne!(self.strings().panics, "limit");
        self.strings().limit
    }

    fn min_rate(&self) -> Option<u32> {
        self.strings().min_rate
    }

    fn begin(&mut self, _: &mut Context<'_>) -> Took {
        assert_ne!(self.strings().panics, "begin");
        self.strings().begins.took()
    }

    fn data(&mut self, bytes: &[u8], _: &mut Context<'_>) -> Took {
        let mut strings = self.strings();
        assert_ne!(strings.panics, "data");
        strings.taken.push_str(std::str::from_utf8(bytes).unwrap());
        strings.does.took()
    }

    fn end(self: Box<Self>, _: &mut Context<'_>) -> Reply {
        assert_ne!(self.strings().panics, "end");
        "thank you".into()
    }

    fn pause_timeout(&self) -> Option<Duration> {
        assert_ne!(self.strings().panics, "pause_timeout");
        self.strings().timeout
    }

    fn drain(&mut self) {
        assert_ne!(self.strings().panics, "drain");
        self.strings().drained += 1;
    }
}

const EXPECTING: &str = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";

fn whole() -> Vec<(u16, String)> {
    vec![(200, "thank you".into())]
}

#[test]
fn a_sink_gets_the_pieces_as_they_come_and_answers_behind_the_last() {
    let puppet = Puppet::default();
    let mut rig = puppet.rig();
    rig.arrive(post(10) + "ab");
    assert_eq!(
        (puppet.taken().as_str(), rig.connection.phase()),
        ("ab", Phase::Body)
    );
    rig.arrive("cdef");
    assert_eq!((puppet.taken().as_str(), rig.sent().as_str()), ("cdef", ""));
    rig.arrive("ghij");
    assert_eq!((puppet.taken().as_str(), answers(&rig.sent())), ("ghij", whole()));
    puppet.strings().notifier = None;
    rig.deliver();
    assert!(rig.connection.phase() == Phase::Idle && rig.owns_nothing());

    rig.arrive(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n",
    );
    assert_eq!((puppet.taken().as_str(), answers(&rig.sent())), ("abc", whole()));
    rig.arrive(post(0));
    assert_eq!(answers(&rig.sent()), whole(), "an empty body ends at once");
}

#[test]
fn a_sink_that_pauses_is_not_read_for_until_its_notifier_fires() {
    let puppet = Puppet::default();
    puppet.strings().does = Does::Pause;
    let mut rig = puppet.rig();
    rig.arrive(post(10) + "ab");
    assert_eq!(
        (rig.wait, rig.connection.phase()),
        (Wait::Elsewhere, Phase::Paused)
    );
    let reads = rig.wire().reads;
    rig.arrive("cdefgh");
    assert_eq!((rig.wire().reads, puppet.taken().as_str()), (reads, "ab"));
    assert_eq!(
        rig.pass(seconds(1_000_000)),
        None,
        "no timeout of the client runs"
    );

    puppet.notify();
    puppet.notify();
    assert_eq!((rig.deliver(), rig.wait), (1, Wait::Read));
    rig.turn(READABLE);
    assert_eq!(
        (puppet.taken().as_str(), rig.connection.phase()),
        ("cdefgh", Phase::Paused)
    );
    // The news are a turn old by then.
    puppet.strings().does = Does::More;
    puppet.notify();
    rig.deliver();
    rig.arrive("ij");
    assert_eq!((puppet.taken().as_str(), answers(&rig.sent())), ("ij", whole()));
}

#[test]
fn a_pause_behind_the_last_byte_puts_the_answer_off_and_what_follows_waits() {
    let puppet = Puppet::default();
    puppet.strings().does = Does::Pause;
    let mut rig = puppet.rig();
    rig.arrive(post(2) + "ab" + &post(2) + "cd");
    assert_eq!((rig.connection.phase(), rig.sent().as_str()), (Phase::Paused, ""));
    puppet.notify();
    rig.deliver();
    assert_eq!(
        (answers(&rig.sent()), rig.connection.phase()),
        (whole(), Phase::Paused)
    );
    assert_eq!(puppet.taken(), "abcd");
    puppet.notify();
    rig.deliver();
    assert_eq!(
        (answers(&rig.sent()), rig.connection.phase()),
        (whole(), Phase::Idle)
    );
}

#[test]
fn a_pause_before_an_empty_body_puts_the_answer_off() {
    let puppet = Puppet::default();
    puppet.strings().begins = Does::Pause;
    let mut rig = puppet.rig();
    rig.arrive(post(0) + &post(0));
    assert_eq!((rig.connection.phase(), rig.sent().as_str()), (Phase::Paused, ""));
    for _ in 0..2 {
        puppet.notify();
        rig.deliver();
        assert_eq!(answers(&rig.sent()), whole());
    }
    assert_eq!(rig.connection.phase(), Phase::Idle);
    // Nobody could end it.
    puppet.strings().has_no_notifier = true;
    puppet.strings().notifier = None;
    rig.deliver();
    rig.arrive(post(0));
    assert_eq!(answers(&rig.sent()), whole());
}

#[test]
fn a_pause_that_nobody_could_end_is_none() {
    let puppet = Puppet::default();
    (puppet.strings().begins, puppet.strings().does) = (Does::Pause, Does::Pause);
    puppet.strings().has_no_notifier = true;
    let mut rig = puppet.rig();
    rig.arrive(EXPECTING);
    assert_eq!(rig.sent(), "HTTP/1.1 100 Continue\r\n\r\n");
    rig.arrive("hello");
    assert_eq!(answers(&rig.sent()), whole());

    // The last notifier goes while it pauses.
    let puppet = Puppet::default();
    puppet.strings().begins = Does::Pause;
    let mut rig = puppet.rig();
    rig.arrive(post(2));
    assert_eq!(rig.connection.phase(), Phase::Paused);
    let notifier = puppet.strings().notifier.take();
    drop(notifier);
    rig.deliver();
    rig.arrive("ab");
    assert_eq!(answers(&rig.sent()), whole());
}

#[test]
fn a_client_is_told_to_continue_when_the_sink_takes_the_body_and_does_not_pause() {
    let puppet = Puppet::default();
    let mut rig = puppet.rig();
    rig.arrive(EXPECTING);
    assert_eq!(rig.sent(), "HTTP/1.1 100 Continue\r\n\r\n");
    rig.arrive("hello");
    assert_eq!(answers(&rig.sent()), whole());

    let puppet = Puppet::default();
    puppet.strings().begins = Does::Pause;
    let mut rig = puppet.rig();
    rig.arrive(EXPECTING);
    assert_eq!((rig.sent().as_str(), rig.connection.phase()), ("", Phase::Paused));
    puppet.notify();
    rig.deliver();
    assert_eq!(rig.sent(), "HTTP/1.1 100 Continue\r\n\r\n");
    puppet.notify();
    rig.deliver();
    assert_eq!(rig.sent(), "", "once");

    // A client that did not wait is told nothing.
    let mut rig = puppet.rig();
    rig.arrive(EXPECTING.to_owned() + "he");
    puppet.notify();
    rig.deliver();
    assert_eq!(rig.sent(), "");
}

#[test]
fn an_early_answer_ends_the_taking_and_no_continue_follows_it() {
    // At the beginning, to a client that waits: it may never send the body, so the connection closes.
    let puppet = Puppet::default();
    puppet.strings().begins = Does::Answer;
    let mut rig = puppet.rig();
    rig.arrive(EXPECTING);
    let sent = rig.sent();
    assert!(
        sent.starts_with("HTTP/1.1 200 ") && sent.ends_with("early"),
        "{sent}"
    );
    assert!(sent.to_lowercase().contains("connection: close") && !sent.contains("100 Continue"));
    assert_eq!(rig.connection.phase(), Phase::Lingering);

    // In the middle: the rest is dropped, and the connection goes on.
    let puppet = Puppet::default();
    puppet.strings().does = Does::Answer;
    let mut rig = puppet.rig();
    rig.arrive(post(10) + "abc");
    assert_eq!(answers(&rig.sent()), [(200, "early".into())]);
    assert_eq!(rig.connection.phase(), Phase::Discarding);
    rig.arrive("defghij".to_owned() + &post(1) + "k");
    assert_eq!(answers(&rig.sent()), [(200, "early".into())]);
    assert_eq!(puppet.taken(), "abck");

    // Too much remains to be dropped: it closes, and lingers, so that the answer is read.
    let puppet = Puppet::default();
    puppet.strings().does = Does::Answer;
    puppet.strings().limit = Some(u64::MAX);
    let mut rig = puppet.rig();
    rig.arrive(post(10_000_000) + "abc");
    assert_eq!(answers(&rig.sent()), [(200, "early".into())]);
    for _ in 0..3 {
        rig.arrive([b'x'; 60_000]);
    }
    assert_eq!(
        (rig.connection.phase(), rig.sent().as_str()),
        (Phase::Lingering, "")
    );
}

#[test]
fn a_sinks_limit_replaces_the_default_below_the_ceiling_of_the_server() {
    for (limit, max_body, length, want) in [
        (None, None, 1_048_576, None),
        (None, None, 1_048_577, Some(413)),
        (Some(10), None, 11, Some(413)),
        (Some(1 << 40), None, 1 << 30, None),
        (Some(1 << 40), Some(100), 101, Some(413)),
        (Some(1 << 40), Some(100), 100, None),
        (None, Some(1 << 30), 1_048_577, Some(413)),
    ] {
        let puppet = Puppet::default();
        puppet.strings().limit = limit;
        let settings = Settings {
            max_body,
            ..Settings::default()
        };
        let mut rig = puppet.rig_with(settings);
        rig.arrive(post(length));
        let status = answers(&rig.sent()).first().map(|(status, _)| *status);
        assert_eq!(status, want, "{limit:?} {max_body:?} {length}");
    }
}

#[test]
fn a_sinks_least_rate_replaces_the_default() {
    let puppet = Puppet::default();
    puppet.strings().min_rate = Some(0);
    let mut rig = puppet.rig();
    rig.arrive(post(100));
    for _ in 0..10 {
        assert_eq!(rig.pass(seconds(19)), None);
        rig.arrive("x");
    }
    assert_eq!(rig.pass(seconds(20)), Some(Wait::Read));
    assert_eq!(rig.statuses(), [408]);

    puppet.strings().min_rate = Some(1);
    let mut rig = puppet.rig();
    rig.arrive(post(100));
    for _ in 0..40 {
        assert_eq!(rig.pass(seconds(1)), None, "a byte a second is enough");
        rig.arrive("x");
    }
}

#[test]
fn a_pause_that_lasts_longer_than_the_sink_says_is_503() {
    let puppet = Puppet::default();
    puppet.strings().does = Does::Pause;
    puppet.strings().timeout = Some(seconds(3));
    let mut rig = puppet.rig();
    rig.arrive(post(10) + "a");
    assert_eq!(rig.pass(seconds(2)), None);
    rig.arrive("b");
    assert_eq!(
        rig.pass(seconds(1)),
        Some(Wait::Read),
        "what the client sends prolongs nothing"
    );
    assert_eq!(
        (rig.statuses(), rig.connection.phase()),
        (vec![503], Phase::Lingering)
    );

    // Each pause has its own time, also a shorter one than before.
    puppet.strings().timeout = Some(seconds(60));
    let mut rig = puppet.rig();
    rig.arrive(post(10) + "a");
    assert_eq!(rig.pass(seconds(50)), None);
    puppet.strings().timeout = Some(seconds(2));
    rig.wire().incoming.push_back(Incoming::Bytes(b"b".into()));
    puppet.notify();
    rig.deliver();
    rig.turn(READABLE);
    assert_eq!(
        (rig.connection.phase(), rig.pass(seconds(1))),
        (Phase::Paused, None)
    );
    assert_eq!(rig.pass(seconds(1)), Some(Wait::Read));
}

#[test]
fn a_paused_sink_hears_of_a_drain_and_goes_on() {
    let puppet = Puppet::default();
    puppet.strings().does = Does::Pause;
    let mut rig = puppet.rig();
    rig.arrive(post(10) + "a");
    puppet.strings().does = Does::Answer;
    rig.drain();
    assert_eq!(
        (puppet.strings().drained, rig.connection.phase()),
        (1, Phase::Body)
    );
    rig.arrive("b");
    assert_eq!(answers(&rig.sent()), [(200, "early".into())]);

    // One that begins afterwards hears it first.
    let puppet = Puppet::default();
    let mut rig = puppet.rig();
    rig.kit.lent.draining = true;
    rig.arrive(post(1) + "a");
    assert_eq!((puppet.strings().drained, answers(&rig.sent())), (1, whole()));
}

#[test]
fn a_continue_that_the_client_does_not_take_does_not_let_news_go_by() {
    // The 100 is not taken, the notifier fires, then there is room.
    let puppet = Puppet::default();
    let mut rig = puppet.rig();
    rig.wire().room = Some(0);
    rig.arrive(EXPECTING);
    assert_eq!(rig.connection.phase(), Phase::Unsent(Then::Body));
    puppet.notify();
    rig.deliver();
    assert_eq!((rig.room(1_000), rig.wait), (Wait::Read, Wait::Read));
    rig.arrive("hello");
    assert!(rig.sent().ends_with("thank you"));

    // An answer before is not taken while the next request's sink pauses, and its news come before there is room.
    let puppet = Puppet::default();
    puppet.strings().begins = Does::Pause;
    let mut rig = puppet.rig();
    rig.wire().room = Some(0);
    rig.arrive("BREW / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n".to_owned() + &post(2));
    assert_eq!(rig.connection.phase(), Phase::Unsent(Then::Paused));
    puppet.notify();
    rig.deliver();
    assert_eq!(rig.connection.phase(), Phase::Unsent(Then::Body));
    assert_eq!(rig.room(1_000), Wait::Read);
    let mut rig = puppet.rig();
    rig.wire().room = Some(0);
    rig.arrive("BREW / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n\r\n".to_owned() + &post(2));
    assert_eq!(
        (rig.room(1_000), rig.connection.phase()),
        (Wait::Elsewhere, Phase::Paused)
    );
}

#[test]
fn a_sink_that_panics_costs_its_own_request_at_whatever_it_is_asked() {
    for method in ["limit", "begin", "data", "end"] {
        let puppet = Puppet::default();
        puppet.strings().panics = method;
        let mut rig = puppet.rig();
        rig.arrive(post(2) + "ab");
        assert_eq!(
            (rig.statuses(), rig.connection.phase()),
            (vec![500], Phase::Lingering),
            "{method}"
        );
    }
    for method in ["pause_timeout", "drain"] {
        let puppet = Puppet::default();
        puppet.strings().panics = method;
        puppet.strings().begins = Does::Pause;
        let mut rig = puppet.rig();
        rig.arrive(post(2));
        rig.drain();
        rig.arrive("ab");
        assert_eq!(rig.statuses(), [200], "{method}: the worker and the body go on");
    }
}

#[test]
fn a_peer_that_ends_in_the_middle_of_a_paused_body_is_answered_when_that_goes_on() {
    let puppet = Puppet::default();
    puppet.strings().begins = Does::Pause;
    let mut rig = puppet.rig();
    rig.arrive(post(2));
    rig.wire().incoming.push_back(Incoming::End);
    assert_eq!(rig.turn(super::rig::SHUT), Wait::Elsewhere);
    puppet.notify();
    rig.deliver();
    assert_eq!(rig.turn(READABLE), Wait::Nothing);
    assert_eq!(rig.statuses(), [400]);

    let mut rig = puppet.rig();
    rig.arrive(post(2));
    assert_eq!(rig.turn(super::rig::GONE), Wait::Nothing);
    rig.turn(Ready::NOTHING);
}
