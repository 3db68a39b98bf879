//! What a handler hears of its requests when they are over.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use http_core::{Head, ResponseHead, Rule};

use super::rig::{GET, GONE, Incoming, READABLE, Rig, Wire, post, seconds};
use crate::driver::connection::Connection;
use crate::driver::handler::outcomes::Keep;
use crate::driver::handler::outcomes::records::{MANY, ROOM};
use crate::driver::phase::Wait;
use crate::driver::preamble::Opening;
use crate::handler::{
    Completer, Context, Decision, End, Handler, Methods, Outcome, Outcomes, Prepared, Reply, Watch,
};

#[derive(Clone, PartialEq, Debug)]
struct Heard {
    target: String,
    status: u16,
    bytes: u64,
    rule: Option<Rule>,
    end: End,
}

/// Answers by target, and writes down what it hears.
#[derive(Clone, Default)]
struct Watching {
    heard: Arc<Mutex<Vec<Heard>>>,
    promised: Arc<Mutex<Vec<Completer>>>,
    stops_after: Option<usize>,
    panics: bool,
}

impl Watching {
    fn heard(&self) -> Vec<Heard> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }

    fn targets(&self) -> Vec<(String, u16, End)> {
        let heard = self.heard();
        heard
            .into_iter()
            .map(|one| (one.target, one.status, one.end))
            .collect()
    }
}

impl Handler for Watching {
    fn methods(&self, _: &Head<'_>) -> Methods {
        Methods::ANY
    }

    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        match head.target().path() {
            "/large" => vec![b'l'; 100_000].into(),
            "/later" => {
                let (ticket, completer) = cx.later();
                self.promised.lock().unwrap().push(completer);
                Decision::Respond(Reply::Later(ticket))
            }
            "/304" => {
                cx.set_status(304);
                "not a body".into()
            }
            "/prepared" => {
                let prepared = Prepared::new(&ResponseHead::new(200), &b"hello"[..]);
                Decision::from(Arc::new(prepared.expect("a final response")))
            }
            "/body" => Decision::buffer(10, |body, _| body.to_vec().into()),
            _ => "hello".into(),
        }
    }

    fn done(&mut self, outcome: &Outcome<'_>) -> Watch {
        let mut heard = self.heard.lock().unwrap();
        heard.push(Heard {
            target: String::from_utf8_lossy(outcome.target).into_owned(),
            status: outcome.status,
            bytes: outcome.bytes,
            rule: outcome.rule,
            end: outcome.end,
        });
        let stops = self.stops_after.is_some_and(|most| heard.len() >= most);
        drop(heard);
        assert!(!self.panics, "on purpose");
        if stops { Watch::Stop } else { Watch::GoOn }
    }
}

/// Names a client for each request, as behind a proxy, and writes down of whom it hears.
#[derive(Clone, Default)]
struct Naming(Arc<Mutex<Vec<Named>>>);

/// A status, and whose request it is.
type Named = (u16, Option<SocketAddr>);

const NAMED: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(6, 6, 6, 6)), 0);

impl Handler for Naming {
    fn head(&mut self, _: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        cx.set_client(NAMED);
        "hello".into()
    }

    fn done(&mut self, outcome: &Outcome<'_>) -> Watch {
        self.0.lock().unwrap().push((outcome.status, outcome.peer));
        Watch::GoOn
    }
}

fn get(target: &str) -> String {
    GET.replacen("/ ", &format!("{target} "), 1)
}

fn ended(target: &str, status: u16, end: End) -> (String, u16, End) {
    (target.into(), status, end)
}

#[test]
fn each_request_is_told_of_once_in_order_when_its_last_byte_is_taken() {
    let watching = Watching::default();
    let mut rig = Rig::new(watching.clone());
    rig.arrive(get("/1") + &get("/2") + &get("/large") + &get("/3"));
    let complete = |target: &str| ended(target, 200, End::Complete);
    let all = ["/1", "/2", "/large", "/3"].map(complete);
    assert_eq!(watching.targets(), all);

    // One by one, as the socket takes them.
    let mut rig = Rig::new(watching.clone());
    rig.wire().room = Some(0);
    rig.arrive(get("/1") + &get("/2"));
    assert_eq!(watching.targets(), []);
    let length = rig.connection.work.as_ref().unwrap().output.len() / 2;
    rig.room(length);
    assert_eq!(watching.targets(), [complete("/1")]);
    rig.room(length);
    assert_eq!(watching.targets(), [complete("/2")]);
    rig.turn(READABLE);
    assert_eq!(watching.targets(), []);
}

#[test]
fn the_client_that_a_handler_has_named_is_not_that_of_another_connection() {
    type Ends = fn(&mut Rig) -> Wait;
    let expire: Ends = |rig| rig.pass(seconds(60)).expect("its deadline is over");
    let give_up: Ends = |rig| {
        let turn = rig.connection.give_up(0, &mut rig.inlet, &mut rig.kit);
        rig.took(turn)
    };
    for (end, status) in [(expire, 408), (give_up, 503)] {
        let naming = Naming::default();
        let mut rig = Rig::new(naming.clone());
        rig.arrive(GET);
        let slow: SocketAddr = ([7, 7, 7, 7], 7).into();
        rig.connection = Connection::new(Wire::default(), Some(slow), Opening::Request, &rig.kit);
        rig.arrive("GET / HT");
        end(&mut rig);
        let heard = naming.0.lock().unwrap();
        assert_eq!(*heard, [(200, Some(NAMED)), (status, Some(slow))]);
    }
}

#[test]
fn the_bytes_of_a_body_are_those_that_the_socket_took() {
    let watching = Watching::default();
    let mut rig = Rig::new(watching.clone());
    for (request, want) in [
        (get("/hello"), 5),
        (get("/large"), 100_000),
        (get("/304"), 0),
        (get("/prepared"), 5),
        (get("/hello").replacen("GET", "HEAD", 1), 0),
        (get("/prepared").replacen("GET", "HEAD", 1), 0),
        (get("/large").replacen("GET", "HEAD", 1), 0),
    ] {
        let before = rig.kit.tally.body_bytes;
        rig.arrive(&request);
        let heard = watching.heard();
        assert_eq!(
            (heard.len(), heard[0].bytes, heard[0].end),
            (1, want, End::Complete),
            "{request}"
        );
        assert_eq!(rig.kit.tally.body_bytes - before, want, "{request}");
    }

    // Cut off: of the first answer a part of the body has left, of the second nothing.
    let mut rig = Rig::new(watching.clone());
    rig.wire().room = Some(0);
    rig.arrive(get("/1") + &get("/2"));
    let length = rig.connection.work.as_ref().unwrap().output.len() / 2;
    rig.room(length - 2);
    rig.wire().broken = true;
    assert_eq!(rig.turn(GONE), Wait::Nothing);
    let heard = watching.heard();
    let ends: Vec<_> = heard
        .iter()
        .map(|one| (one.target.as_str(), one.bytes, one.end))
        .collect();
    assert_eq!(ends, [("/1", 3, End::PeerGone), ("/2", 0, End::PeerGone)]);
}

#[test]
fn requests_that_end_otherwise_are_told_of_too() {
    let watching = Watching::default();
    // Heads that cannot be read, and what broke the rule.
    let mut rig = Rig::new(watching.clone());
    rig.arrive("GET  / HTTP/1.1\r\n\r\n");
    let heard = watching.heard();
    assert_eq!(
        (heard.len(), heard[0].status, heard[0].end),
        (1, 400, End::Complete)
    );
    assert!(heard[0].rule.is_some());
    // A head that takes too long, or is cut; none that has not begun.
    let mut rig = Rig::new(watching.clone());
    rig.arrive("GET /slow");
    rig.pass(seconds(10));
    assert_eq!(watching.targets(), [ended("", 408, End::Complete)]);
    let mut rig = Rig::new(watching.clone());
    rig.arrive("GET /cut");
    rig.wire().incoming.push_back(Incoming::End);
    rig.turn(READABLE);
    assert_eq!(watching.targets(), [ended("", 400, End::Complete)]);
    let mut rig = Rig::new(watching.clone());
    rig.pass(seconds(75));
    assert_eq!(watching.targets(), []);
    // A body that is too long, or stops.
    let mut rig = Rig::new(watching.clone());
    rig.arrive(post(11).replacen("/ ", "/body ", 1));
    let heard = watching.heard();
    assert_eq!(
        (heard.len(), heard[0].status, heard[0].rule),
        (1, 413, Some(Rule::BodyTooLong))
    );
    let mut rig = Rig::new(watching.clone());
    rig.arrive(post(10).replacen("/ ", "/body ", 1));
    rig.pass(seconds(20));
    assert_eq!(watching.targets(), [ended("/body", 408, End::Complete)]);
    // An answer that never comes, because the client goes, or the server stops.
    let mut rig = Rig::new(watching.clone());
    rig.arrive(get("/later"));
    rig.turn(GONE);
    assert_eq!(watching.targets(), [ended("/later", 0, End::PeerGone)]);
    let mut rig = Rig::new(watching.clone());
    rig.arrive(get("/1") + &get("/later"));
    watching.heard();
    rig.connection.cut(End::Stopped, &mut rig.kit);
    rig.kit.end_round(None, std::time::Instant::now);
    assert_eq!(watching.targets(), [ended("/later", 0, End::Stopped)]);
    // A client that takes nothing.
    let mut rig = Rig::new(watching.clone());
    rig.wire().room = Some(1);
    rig.arrive(get("/large"));
    rig.pass(seconds(60));
    assert_eq!(watching.targets(), [ended("/large", 200, End::TimedOut)]);
    // A client that resets while it is sent to from memory.
    let mut rig = Rig::new(watching.clone());
    rig.wire().room = Some(1000);
    rig.arrive(get("/large"));
    rig.wire().broken = true;
    rig.room(1000);
    assert_eq!(watching.targets(), [ended("/large", 200, End::PeerGone)]);
}

/// Wants to hear when there are many, as the log does, and counts of how many it heard each time.
#[derive(Clone)]
struct Patient {
    heard: Arc<Mutex<Vec<usize>>>,
    prepared: Arc<Prepared>,
}

impl Handler for Patient {
    fn head(&mut self, _: &Head<'_>, _: &mut Context<'_>) -> Decision {
        Decision::from(Arc::clone(&self.prepared))
    }

    fn all_done(&mut self, outcomes: &mut Outcomes) -> Watch {
        outcomes.keep(Some(Keep {
            wanted: Arc::default(),
            timed: false,
        }));
        self.heard.lock().unwrap().push(outcomes.forget());
        Watch::GoOn
    }
}

#[test]
fn a_handler_that_waits_hears_as_soon_as_there_are_many() {
    let prepared = Prepared::new(&ResponseHead::new(200), &b"hello"[..]);
    let patient = Patient {
        heard: Arc::default(),
        prepared: Arc::new(prepared.expect("a final response")),
    };
    let mut rig = Rig::of_its_methods(patient.clone());
    let long = GET.replacen("\r\n\r\n", &format!("\r\nX: {}\r\n\r\n", "x".repeat(900)), 1);
    for (request, most) in [(GET, MANY), (&long, ROOM / long.len())] {
        for _ in 0..3 * most / 32 {
            rig.arrive(request.repeat(32));
        }
        let heard = std::mem::take(&mut *patient.heard.lock().unwrap());
        // Some of the turn in which there were many may have ended just then.
        let times = heard.iter().filter(|&&count| count + 32 > most && count <= most);
        assert!(times.count() >= 2, "{heard:?}");
    }
}

#[test]
fn a_handler_that_wants_to_hear_no_more_hears_no_more() {
    let watching = Watching {
        stops_after: Some(1),
        ..Watching::default()
    };
    let mut rig = Rig::new(watching.clone());
    rig.arrive(get("/1") + &get("/2") + &get("/3"));
    assert_eq!(watching.targets(), [ended("/1", 200, End::Complete)]);
    rig.arrive(get("/4"));
    rig.arrive("bad\r\n\r\n");
    assert_eq!(watching.targets(), []);

    // Also of what was under way on another connection by then.
    let watching = Watching {
        stops_after: Some(1),
        ..Watching::default()
    };
    let mut rig = Rig::new(watching.clone());
    rig.arrive(get("/later"));
    let mut other = Rig::new(watching.clone());
    std::mem::swap(&mut rig.connection, &mut other.connection);
    rig.arrive(get("/1"));
    assert_eq!(watching.targets().len(), 1);
    std::mem::swap(&mut rig.connection, &mut other.connection);
    assert_eq!(rig.turn(GONE), Wait::Nothing);
    assert_eq!(watching.targets(), []);
}

#[test]
fn a_hook_that_panics_costs_nobody_anything() {
    let watching = Watching {
        panics: true,
        ..Watching::default()
    };
    let mut rig = Rig::new(watching.clone());
    rig.arrive(get("/1") + &get("/2"));
    assert_eq!(rig.statuses(), [200, 200]);
    rig.arrive(get("/3"));
    assert_eq!(rig.statuses(), [200]);
}
