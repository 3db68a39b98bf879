//! Connections that have left HTTP.

use std::io::{ErrorKind, Read as _, Write as _};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};

use http_core::Head;

use super::rig::{GET, GONE, Incoming, READABLE, Rig, SHUT, post, seconds};
use crate::driver::phase::{Phase, Then, Wait};
use crate::driver::settings::TURN_BYTES;
use crate::driver::socket::Ready;
use crate::handler::{
    Context, Decision, Handler, Happened, Io, Methods, Notifier, Outcome, Protocol, Wants, Watch,
};

/// A protocol that writes down why it was called, reads what it is told to, and wants what a test says.
#[derive(Clone)]
struct Puppet(Arc<Mutex<Strings>>);

struct Strings {
    happened: Vec<Happened>,
    read: Vec<u8>,
    /// How many bytes it reads in a call.
    reads: usize,
    /// What it writes in its next call.
    says: &'static str,
    wants: Wants,
    deadline: Option<Instant>,
    idle: Option<Duration>,
    panics: &'static str,
    notifier: Option<Notifier>,
    /// What reading, then writing came to.
    ended: Vec<ErrorKind>,
}

impl Puppet {
    fn new() -> Self {
        Self(Arc::new(Mutex::new(Strings {
            happened: Vec::new(),
            read: Vec::new(),
            reads: usize::MAX,
            says: "",
            wants: Wants::Read,
            deadline: None,
            idle: Some(seconds(75)),
            panics: "",
            notifier: None,
            ended: Vec::new(),
        })))
    }

    fn strings(&self) -> MutexGuard<'_, Strings> {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn happened(&self) -> Vec<Happened> {
        std::mem::take(&mut self.strings().happened)
    }

    fn read(&self) -> String {
        String::from_utf8(std::mem::take(&mut self.strings().read)).unwrap()
    }

    fn notify(&self) {
        let notifier = self.strings().notifier.clone();
        notifier.expect("a request has come").notify();
    }

    fn handler(&self) -> impl Handler + use<> {
        let puppet = self.clone();
        move |_: &Head<'_>, cx: &mut Context<'_>| {
            puppet.strings().notifier = Some(cx.notifier());
            cx.field("upgrade", "test");
            Decision::Upgrade(Box::new(puppet.clone()))
        }
    }

    /// A connection that was handed to it, with `behind` behind the head.
    fn asked(&self, behind: &str) -> Rig {
        let mut rig = Rig::new(self.handler());
        rig.arrive(format!("{UPGRADE}\r\n{behind}"));
        assert!(rig.sent().starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
        rig
    }
}

impl Protocol for Puppet {
    fn ready(&mut self, io: &mut Io<'_>, happened: Happened, _: Instant) -> Wants {
        let mut strings = self.strings();
        assert_ne!(strings.panics, "ready");
        strings.happened.push(happened);
        let mut left = strings.reads;
        let mut buffer = [0; 1000];
        while left > 0 {
            match io.read(&mut buffer[..left.min(1000)]) {
                Ok(0) => break,
                Ok(n) => {
                    strings.read.extend_from_slice(&buffer[..n]);
                    left -= n;
                }
                Err(error) => {
                    strings.ended.push(error.kind());
                    break;
                }
            }
        }
        let says = std::mem::take(&mut strings.says);
        if !says.is_empty() {
            let written = io.write(says.as_bytes());
            strings.ended.extend(written.err().map(|error| error.kind()));
        }
        strings.wants
    }

    fn deadline(&self) -> Option<Instant> {
        assert_ne!(self.strings().panics, "deadline");
        self.strings().deadline
    }

    fn idle_timeout(&self) -> Option<Duration> {
        assert_ne!(self.strings().panics, "idle_timeout");
        self.strings().idle
    }
}

const UPGRADE: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: test\r\n";

#[test]
fn a_protocol_gets_the_bytes_behind_the_head_and_those_that_come_later() {
    let puppet = Puppet::new();
    let mut rig = puppet.asked("early");
    assert_eq!(puppet.happened(), [Happened::Upgraded]);
    assert_eq!((puppet.read().as_str(), rig.wait), ("early", Wait::Read));
    puppet.strings().says = "hello";
    rig.arrive("late");
    assert_eq!((puppet.read().as_str(), rig.sent().as_str()), ("late", "hello"));
    assert_eq!(puppet.happened(), [Happened::Ready]);
}

#[test]
fn bytes_that_a_protocol_leaves_are_told_of_again_once() {
    // It takes them byte by byte.
    let puppet = Puppet::new();
    puppet.strings().reads = 1;
    let mut rig = puppet.asked("abc");
    for _ in 0..2 {
        assert_eq!(rig.wait, Wait::Yield);
        rig.turn(Ready::NOTHING);
    }
    assert_eq!((puppet.read().as_str(), rig.wait), ("abc", Wait::Read));

    // It writes first, and reads then.
    let puppet = Puppet::new();
    puppet.strings().reads = 0;
    puppet.strings().wants = Wants::Write;
    let mut rig = puppet.asked("frame");
    assert_eq!(rig.wait, Wait::Write);
    (puppet.strings().says, puppet.strings().wants) = ("greeting", Wants::Read);
    assert_eq!(
        rig.turn(Ready::NOTHING),
        Wait::Yield,
        "nobody else knows of the frame"
    );
    puppet.strings().reads = 100;
    assert_eq!(rig.turn(Ready::NOTHING), Wait::Read);
    assert_eq!(puppet.read(), "frame");

    // It leaves them for good: that does not become a busy loop.
    let puppet = Puppet::new();
    puppet.strings().reads = 0;
    let mut rig = puppet.asked("frame");
    let turns = (0..10)
        .take_while(|_| rig.turn(Ready::NOTHING) == Wait::Yield)
        .count();
    assert!(turns < 3, "{turns}");
}

#[test]
fn each_want_is_waited_for() {
    for (wants, wait) in [
        (Wants::Read, Wait::Read),
        (Wants::Write, Wait::Write),
        (Wants::ReadOrWrite, Wait::ReadOrWrite),
        (Wants::Nothing, Wait::Elsewhere),
    ] {
        let puppet = Puppet::new();
        puppet.strings().wants = wants;
        let mut rig = puppet.asked("");
        assert_eq!((rig.wait, rig.connection.phase()), (wait, Phase::Upgraded(wants)));
        rig.arrive("x");
        let (read, next) = match wants {
            Wants::Nothing => ("", SHUT),
            _ => ("x", READABLE),
        };
        assert_eq!(puppet.read(), read);
        puppet.strings().wants = Wants::Close;
        assert_eq!(rig.turn(next), Wait::Read);
        assert_eq!(rig.connection.phase(), Phase::Lingering);
    }
}

#[test]
fn a_protocol_that_closes_lingers_so_that_its_last_bytes_arrive() {
    let puppet = Puppet::new();
    let mut rig = puppet.asked("");
    (puppet.strings().says, puppet.strings().wants) = ("bye", Wants::Close);
    puppet.notify();
    rig.deliver();
    assert_eq!(
        (rig.sent().as_str(), rig.connection.phase()),
        ("bye", Phase::Lingering)
    );
    assert!(rig.wire().shut && !rig.owns_nothing() || rig.wire().shut);
    rig.arrive("still sending");
    assert_eq!(puppet.read(), "");
    rig.wire().incoming.push_back(Incoming::End);
    assert_eq!(rig.turn(READABLE), Wait::Nothing);
}

#[test]
fn a_notifier_and_a_drain_call_a_protocol_whatever_it_waits_for() {
    for wants in [Wants::Read, Wants::Write, Wants::ReadOrWrite, Wants::Nothing] {
        let puppet = Puppet::new();
        puppet.strings().wants = wants;
        let mut rig = puppet.asked("");
        puppet.happened();
        puppet.notify();
        puppet.notify();
        rig.deliver();
        rig.drain();
        assert_eq!(puppet.happened(), [Happened::Notified, Happened::Draining]);
    }
}

#[test]
fn what_happens_before_a_protocol_can_be_called_is_told_then() {
    // The 101 has not left.
    let puppet = Puppet::new();
    let mut rig = Rig::new(puppet.handler());
    rig.wire().room = Some(10);
    rig.arrive(format!("{UPGRADE}\r\n"));
    assert_eq!(rig.connection.phase(), Phase::Unsent(Then::Switch));
    puppet.notify();
    rig.deliver();
    rig.drain();
    assert_eq!(puppet.happened(), []);
    rig.room(10_000);
    let told = [Happened::Upgraded, Happened::Draining, Happened::Notified];
    while rig.wait == Wait::Yield {
        rig.turn(Ready::NOTHING);
    }
    assert_eq!(puppet.happened(), told);

    // The body of the request has not ended.
    let puppet = Puppet::new();
    let mut rig = Rig::new(puppet.handler());
    rig.arrive(format!("{UPGRADE}Content-Length: 2\r\n\r\nx"));
    puppet.notify();
    rig.deliver();
    rig.drain();
    rig.arrive("y");
    while rig.wait == Wait::Yield {
        rig.turn(Ready::NOTHING);
    }
    assert_eq!(puppet.happened(), told);

    // The drain had begun before the request.
    let puppet = Puppet::new();
    let mut rig = Rig::new(puppet.handler());
    rig.kit.lent.draining = true;
    rig.arrive(format!("{UPGRADE}\r\n"));
    while rig.wait == Wait::Yield {
        rig.turn(Ready::NOTHING);
    }
    assert_eq!(puppet.happened(), told[..2]);
}

#[test]
fn a_deadline_is_told_at_its_time_also_when_it_came_nearer() {
    let puppet = Puppet::new();
    let mut rig = puppet.asked("");
    puppet.happened();
    assert_eq!(rig.pass(seconds(10)), None);
    // With the first message it wants to be called in 5 s, much earlier than its idle timeout.
    puppet.strings().deadline = Some(rig.kit.lent.now + seconds(5));
    rig.arrive("x");
    assert_eq!(rig.pass(seconds(4)), None);
    assert_eq!(puppet.happened(), [Happened::Ready]);
    puppet.strings().deadline = Some(rig.kit.lent.now + seconds(3));
    assert_eq!(rig.pass(seconds(1)), Some(Wait::Read));
    assert_eq!(puppet.happened(), [Happened::Deadline]);
    puppet.strings().deadline = None;
    assert_eq!(rig.pass(seconds(2)), Some(Wait::Read));
    assert_eq!(puppet.happened(), [Happened::Deadline]);
    assert_eq!(rig.pass(seconds(60)), None, "it wants none");
}

#[test]
fn a_deadline_that_is_not_moved_on_is_no_busy_loop_and_no_way_round_the_idle_timeout() {
    let puppet = Puppet::new();
    let mut rig = puppet.asked("");
    puppet.strings().deadline = Some(rig.kit.lent.now);
    puppet.notify();
    rig.deliver();
    puppet.happened();
    let calls = (0..100)
        .take_while(|_| rig.pass(Duration::ZERO).is_some())
        .count();
    assert_eq!(calls, 1);
    let calls = (0..200)
        .take_while(|_| rig.pass(seconds(1)) == Some(Wait::Read))
        .count();
    assert!((70..76).contains(&calls), "{calls}");
    assert_eq!(rig.connection.phase(), Phase::Lingering);
}

#[test]
fn a_protocol_over_which_no_byte_moves_ends_at_its_idle_timeout() {
    let puppet = Puppet::new();
    let mut rig = puppet.asked("");
    for _ in 0..3 {
        assert_eq!(rig.pass(seconds(74)), None);
        rig.arrive("x");
    }
    // A call that moves nothing renews nothing.
    assert_eq!(rig.pass(seconds(74)), None);
    puppet.notify();
    rig.deliver();
    assert_eq!(rig.pass(seconds(1)), Some(Wait::Read));
    assert_eq!(rig.connection.phase(), Phase::Lingering);

    // It never reads, though there is something.
    let puppet = Puppet::new();
    puppet.strings().reads = 0;
    let mut rig = puppet.asked("");
    for _ in 0..74 {
        assert_eq!(rig.pass(seconds(1)), None);
        rig.arrive("x");
    }
    assert_eq!(rig.pass(seconds(1)), Some(Wait::Read));

    let puppet = Puppet::new();
    puppet.strings().idle = None;
    let mut rig = puppet.asked("");
    assert_eq!(rig.pass(seconds(1_000_000)), None, "it wants none");
    // It may also become shorter.
    puppet.strings().idle = Some(seconds(1));
    rig.arrive("x");
    assert_eq!(rig.pass(seconds(1)), Some(Wait::Read));
}

#[test]
fn a_protocol_that_panics_costs_its_own_connection() {
    for method in ["ready", "deadline", "idle_timeout"] {
        let puppet = Puppet::new();
        let mut rig = puppet.asked("");
        puppet.strings().says = "before";
        rig.arrive("x");
        puppet.strings().panics = method;
        assert_eq!(rig.arrive("x"), Wait::Read, "{method}");
        // A reset would overtake what the peer has not read yet.
        assert_eq!(
            (rig.sent().as_str(), rig.connection.phase()),
            ("before", Phase::Lingering)
        );
        assert!(rig.wire().shut);
    }
}

#[test]
fn the_body_of_the_request_ends_before_101_and_100_comes_before_it() {
    let puppet = Puppet::new();
    let mut rig = Rig::new(puppet.handler());
    rig.arrive(format!(
        "{UPGRADE}Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    ));
    assert_eq!(rig.sent(), "HTTP/1.1 100 Continue\r\n\r\n");
    rig.arrive("body");
    assert_eq!(rig.sent(), "");
    rig.arrive("!behind");
    assert!(rig.sent().starts_with("HTTP/1.1 101 "));
    assert_eq!(puppet.read(), "behind");

    // Also where there is no body, or it has come.
    for (fields, body) in [("", ""), ("Content-Length: 2\r\n", "xy")] {
        let puppet = Puppet::new();
        let mut rig = Rig::new(puppet.handler());
        rig.arrive(format!(
            "{UPGRADE}{fields}Expect: 100-continue\r\n\r\n{body}behind"
        ));
        let sent = rig.sent();
        assert!(
            sent.starts_with("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 101 "),
            "{sent}"
        );
        assert_eq!(puppet.read(), "behind");
    }
}

#[test]
fn a_client_that_asks_for_no_upgrade_gets_none() {
    let puppet = Puppet::new();
    let mut rig = Rig::new(puppet.handler());
    rig.arrive(GET);
    assert_eq!((rig.statuses(), puppet.happened()), (vec![500], vec![]));
    let mut rig = Rig::new(puppet.handler());
    rig.arrive(post(100_000).replace("Host: a", "Host: a\r\nConnection: upgrade\r\nUpgrade: test"));
    assert_eq!(rig.statuses(), [413], "its body is only dropped");
}

#[test]
fn a_tunnel_is_for_a_handler_that_names_connect() {
    #[derive(Clone)]
    struct Tunnels(Puppet);
    impl Handler for Tunnels {
        fn methods(&self, _: &Head<'_>) -> Methods {
            Methods::of("CONNECT")
        }
        fn head(&mut self, _: &Head<'_>, _: &mut Context<'_>) -> Decision {
            Decision::Upgrade(Box::new(self.0.clone()))
        }
    }
    let puppet = Puppet::new();
    let mut rig = Rig::of_its_methods(Tunnels(puppet.clone()));
    rig.arrive("CONNECT b:443 HTTP/1.1\r\nHost: b:443\r\n\r\ntunnelled");
    assert!(rig.sent().starts_with("HTTP/1.1 200 "));
    assert_eq!((puppet.read().as_str(), rig.wait), ("tunnelled", Wait::Read));
}

#[test]
fn a_peer_that_goes_away_is_told_of_or_ends_the_connection() {
    let puppet = Puppet::new();
    puppet.strings().wants = Wants::Nothing;
    let mut rig = puppet.asked("");
    puppet.happened();
    assert_eq!(rig.turn(SHUT), Wait::Elsewhere);
    assert_eq!(puppet.happened(), [Happened::Ready]);
    assert_eq!(rig.turn(GONE), Wait::Nothing);
}

#[test]
fn a_turn_of_a_protocol_is_bounded_in_bytes_both_ways() {
    let puppet = Puppet::new();
    let mut rig = puppet.asked("");
    puppet.strings().ended.clear();
    rig.arrive(vec![b'x'; 3 * TURN_BYTES]);
    assert_eq!(puppet.strings().read.len(), TURN_BYTES.next_multiple_of(1000));
    assert_eq!(puppet.strings().ended, [ErrorKind::WouldBlock]);
    assert_eq!(rig.wait, Wait::Read, "the poller tells of the rest");
    puppet.strings().says = "too much";
    rig.turn(READABLE);
    assert_eq!(rig.sent(), "", "nothing may be written, either");
}

#[test]
fn an_upgrade_is_one_request_that_ends_with_its_protocol() {
    type Heard = Arc<Mutex<Vec<(u16, crate::handler::End)>>>;
    #[derive(Clone)]
    struct Watching(Puppet, Heard);
    impl Handler for Watching {
        fn head(&mut self, _: &Head<'_>, cx: &mut Context<'_>) -> Decision {
            cx.field("upgrade", "test");
            Decision::Upgrade(Box::new(self.0.clone()))
        }
        fn done(&mut self, outcome: &Outcome<'_>) -> Watch {
            self.1.lock().unwrap().push((outcome.status, outcome.end));
            Watch::GoOn
        }
    }
    use crate::handler::End;
    for (end, want) in [
        ("close", End::Complete),
        ("idle", End::TimedOut),
        ("gone", End::PeerGone),
        ("panic", End::Failed),
    ] {
        let (puppet, heard) = (Puppet::new(), Heard::default());
        let mut rig = Rig::new(Watching(puppet.clone(), Arc::clone(&heard)));
        rig.arrive(format!("{UPGRADE}\r\n"));
        assert_eq!(*heard.lock().unwrap(), []);
        match end {
            "close" => {
                puppet.strings().wants = Wants::Close;
                rig.arrive("x");
            }
            "idle" => {
                rig.pass(seconds(75));
            }
            "gone" => {
                puppet.strings().wants = Wants::Nothing;
                rig.arrive("x");
                rig.turn(GONE);
            }
            _ => {
                puppet.strings().panics = "ready";
                rig.arrive("x");
            }
        }
        assert_eq!(*heard.lock().unwrap(), [(101, want)], "{end}");
    }
}
