//! Single cases, of a worker that several workers or much time would be needed for.

mod memory;
mod resting;

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use http_core::Head;
use nix::errno::Errno;

use super::Run;
use super::network::Clock;
use super::seams::{PREFACE, Proxied};
use super::site::{self, Site};
use super::themes;
use super::wire::Wire;
use super::world::Weather;
use crate::driver::buffers::{Kit, Watching};
use crate::driver::connection::{Notes, Queue};
use crate::driver::handler::mailbox::Mailbox;
use crate::driver::handler::{
    BodySource, Completer, Context, Decision, End, Handler, Notice, Notifier, Outcome, Pulled, Reply, Watch,
};
use crate::driver::pace::Pace;
use crate::driver::phase::{Phase, Wait};
use crate::driver::preamble::{Opening, Preamble, Preface};
use crate::driver::settings::Settings;
use crate::driver::socket::Ready;
use crate::driver::tests::random::Random;
use crate::driver::tests::rig::AnyMethod;
use crate::worker::admission::{Admission, Door};
use crate::worker::slab::{CHUNK, Key, Slab};
use crate::worker::system::{Event, System};

const REQUEST: &[u8] = b"GET /empty.txt HTTP/1.1\r\nHost: a\r\n\r\n";

/// A worker to which nothing has happened.
fn run() -> Run {
    run_of(1)
}

/// One of several, which differ by chance.
fn run_of(seed: u64) -> Run {
    let root = tempfile::tempdir().expect("a temporary directory");
    site::fill(root.path()).expect("files in it");
    let site = Site::open(root.path());
    Run::new(Weather::Calm, &themes::PLAIN, &mut Random::new(seed), &site)
}

/// A worker with so many newcomers, which have sent this.
fn visited(newcomers: usize, sent: &[u8]) -> Run {
    let mut run = run();
    visit(&mut run, newcomers, sent);
    run
}

/// So many newcomers come to a worker to which nothing has happened, and have sent this.
fn visit(run: &mut Run, newcomers: usize, sent: &[u8]) {
    run.worker.admission = Admission::new(usize::MAX);
    for _ in 0..newcomers {
        let number = run.network.borrow_mut().connect().expect("somebody listens");
        run.network.borrow_mut().wires[number].send(sent);
        run.worker.accept_one(0);
    }
}

/// A worker with this handler, and what hears its notices.
fn run_with(handler: impl Handler, watching: &Watching) -> Run {
    let mut run = run();
    let worker = &mut run.worker;
    worker.kit = Kit::new(
        Box::new(AnyMethod(handler)),
        Arc::clone(&worker.kit.settings),
        watching,
        worker.mailbox(),
        worker.system.clock(),
        worker.system.wall(),
    );
    run
}

/// The same as [`visited`], behind a proxy.
fn visited_through_proxy(newcomers: usize, sent: &[u8]) -> Run {
    let mut run = run();
    run.worker.kit.preamble = Some(Arc::new(Proxied));
    visit(&mut run, newcomers, sent);
    run
}

/// What the worker knows of its first connection.
fn notes(run: &mut Run) -> (Key, &mut Notes) {
    let key = run.worker.residents.keys().next().expect("a connection");
    let resident = run.worker.residents.get_mut(key).expect("it is there");
    (key, &mut resident.connection.notes)
}

#[test]
fn a_connection_that_has_yielded_keeps_its_one_place_whatever_it_waits_for_meanwhile() {
    let mut run = visited(1, b"");
    let (key, _) = notes(&mut run);
    for wait in [Wait::Yield, Wait::Write, Wait::Yield, Wait::Memory, Wait::Read] {
        run.worker.arrange(key, wait, true);
        assert_eq!(notes(&mut run).1.queue, Some(Queue::Yielded), "{wait:?}");
        assert_eq!(
            (run.worker.yielded.len(), run.worker.held_back.len()),
            (1, 0),
            "{wait:?}"
        );
    }
}

#[test]
fn an_edge_that_comes_while_a_connection_has_yielded_is_asked_for_again() {
    let mut run = visited(1, b"");
    let (key, _) = notes(&mut run);
    run.worker.arrange(key, Wait::Elsewhere, true);
    run.worker.arrange(key, Wait::Yield, true);
    run.worker.turn(key, Ready::BYTES, true);
    assert_eq!(notes(&mut run).1.registered, None);
}

#[test]
fn a_newcomer_that_has_sent_more_than_a_turn_serves_has_a_turn_in_the_next_round() {
    let mut run = visited(20, &REQUEST.repeat(200));
    let yielded = run.worker.yielded.len();
    assert!(yielded > 0, "none of {}", run.worker.residents.len());
    let (_, notes) = notes(&mut run);
    assert!(notes.registered.is_some(), "the poller knows it");
}

#[test]
fn a_request_past_its_turn_is_answered_in_the_next_round_when_all_that_were_ready_have_had_their_turn() {
    let answers = |run: &Run, number: usize| {
        let sent: Vec<u8> = run.network.borrow().wires[number]
            .outbound
            .iter()
            .copied()
            .collect();
        String::from_utf8_lossy(&sent).matches("HTTP/1.1 ").count()
    };
    // The network takes and brings less now and then.
    let mut runs = (1..1_000).map(|seed| {
        let mut run = run_of(seed);
        visit(&mut run, 2, b"");
        let settings = Settings {
            turn_requests: 4,
            ..Settings::default()
        };
        run.worker.kit.pace = Pace::new(run.worker.system.clock(), &settings);
        let keys = run.worker.residents.keys();
        let events = keys.map(|key| Event::Ready(key, Ready::BYTES)).collect();
        {
            let mut network = run.network.borrow_mut();
            network.wires[0].send(&REQUEST.repeat(5));
            network.wires[1].send(REQUEST);
            network.events = events;
        }
        run.worker.round(false);
        let first = (answers(&run, 0), answers(&run, 1));
        assert!(first.0 <= 4, "{first:?}");
        let yielded = run.worker.yielded.len();
        run.network.borrow_mut().events.clear();
        run.worker.round(false);
        (first, yielded, (answers(&run, 0), answers(&run, 1)))
    });
    assert!(runs.any(|run| run == ((4, 1), 1, (5, 1))), "all is read and sent");
}

/// Never answers, and counts the requests that have failed.
#[derive(Clone, Default)]
struct Silent {
    kept: Arc<Mutex<Vec<Completer>>>,
    failed: Arc<AtomicUsize>,
}

impl Handler for Silent {
    fn head(&mut self, _: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        let (ticket, completer) = cx.later();
        self.kept.lock().unwrap().push(completer);
        Decision::Respond(Reply::Later(ticket))
    }

    fn done(&mut self, outcome: &Outcome<'_>) -> Watch {
        assert_eq!((outcome.status, outcome.end), (0, End::Failed));
        self.failed.fetch_add(1, Ordering::Relaxed);
        Watch::GoOn
    }
}

#[test]
fn a_newcomer_that_cannot_be_watched_gives_its_place_back_and_its_request_fails() {
    let unwatched = Arc::new(AtomicUsize::new(0));
    let notices = Arc::clone(&unwatched);
    let watching = Watching {
        notices: Arc::new(move |notice| {
            let is_it = matches!(notice, Notice::Unwatched(_));
            notices.fetch_add(usize::from(is_it), Ordering::Relaxed);
        }),
        ..Watching::default()
    };
    let silent = Silent::default();
    let mut run = run_with(silent.clone(), &watching);
    let admission = Admission::new(usize::MAX);
    run.network.borrow_mut().luck.is_bad = true;
    run.worker.admission = Arc::clone(&admission);
    for _ in 0..200 {
        let number = run.network.borrow_mut().connect().expect("somebody listens");
        run.network.borrow_mut().wires[number].send(REQUEST);
        run.worker.accept_one(0);
    }
    let now = run.worker.kit.lent.now;
    run.worker.end_round(false, now);
    let unwatched = unwatched.load(Ordering::Relaxed);
    let failed = silent.failed.load(Ordering::Relaxed);
    // Of some, a part of their heads was read.
    assert!(failed > 0 && failed <= unwatched, "{failed} of {unwatched}");
    assert_eq!(run.worker.residents.len(), admission.present());
}

#[test]
fn newcomers_read_at_once_also_where_only_their_prefaces_have_come() {
    let run = visited_through_proxy(40, PREFACE.as_bytes());
    let network = run.network.borrow();
    let wires = network.wires.iter();
    let read = wires.filter(|wire| wire.inbound.len() < PREFACE.len()).count();
    // The network pretends now and then that there is nothing.
    assert!(read >= 30, "{read}");
}

#[test]
fn a_piece_of_a_preface_is_not_nothing() {
    let mut run = visited_through_proxy(20, b"");
    let keys: Vec<Key> = run.worker.residents.keys().collect();
    let (first, second) = PREFACE.as_bytes().split_at(8);
    for piece in [first, second] {
        for number in 0..keys.len() {
            run.network.borrow_mut().wires[number].send(piece);
        }
        keys.iter()
            .for_each(|&key| run.worker.turn(key, Ready::BYTES, true));
    }
    let doubted = run.worker.residents.values();
    let doubted = doubted.filter(|resident| resident.connection.notes.is_doubted);
    // The network pretends now and then that there is nothing.
    assert!(doubted.count() <= 5);
}

/// Says nothing of a connection, and takes long for that; refuses those from another port than this one, if there is one.
struct Slow(Clock, Option<u16>);

impl Preamble for Slow {
    fn opening(&self, peer: Option<SocketAddr>) -> Opening {
        self.0.pass(Duration::from_micros(600));
        match (peer, self.1) {
            (Some(peer), Some(port)) if peer.port() != port => Opening::Refused,
            _ => Opening::Request,
        }
    }

    fn read(&self, _: &[u8]) -> Preface {
        Preface::Broken
    }
}

#[test]
fn newcomers_take_no_more_than_the_time_of_a_turn() {
    let mut run = run();
    run.worker.admission = Admission::new(usize::MAX);
    for _ in 0..20 {
        run.network.borrow_mut().connect();
    }
    let clock = run.network.borrow().clock.clone();
    run.worker.kit.preamble = Some(Arc::new(Slow(clock, None)));
    // Each takes 600 µs.
    for (turn, taken) in [(100, 1), (1_500, 3)] {
        let before = run.worker.counted.accepted;
        Arc::make_mut(&mut run.worker.kit.settings).turn_time = Duration::from_micros(turn);
        run.worker.accept(0);
        assert_eq!(run.worker.counted.accepted - before, taken, "in {turn} µs");
    }
}

#[test]
fn events_that_a_round_has_no_time_for_are_handled_before_the_poller_is_asked_again() {
    let mut run = visited(8, b"");
    let ready = run.worker.residents.keys();
    let events: Vec<Event> = ready.map(|key| Event::Ready(key, Ready::BYTES)).collect();
    {
        let mut network = run.network.borrow_mut();
        for wire in &mut network.wires {
            wire.send(REQUEST);
        }
        network.events = events;
    }
    // A read may bring a part of a request, or nothing.
    let round = |run: &mut Run, turn_time| {
        Arc::make_mut(&mut run.worker.kit.settings).turn_time = turn_time;
        run.worker.round(false);
        let network = run.network.borrow();
        let is_read = |wire: &&Wire| wire.inbound.len() < REQUEST.len();
        network.wires.iter().filter(is_read).count()
    };
    // There is no time for more than the turns that are given without a look at the clock.
    let first = round(&mut run, Duration::ZERO);
    assert!(run.worker.left.is_some(), "{first} were read from");
    let both = round(&mut run, Duration::from_secs(1));
    assert!(
        run.worker.left.is_none() && both > first,
        "{both}, {first} before"
    );
}

#[test]
fn whatever_time_a_turn_has_all_that_are_ready_or_have_yielded_have_their_turns() {
    for turn_time in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let mut run = visited(8, b"");
        Arc::make_mut(&mut run.worker.kit.settings).turn_time = turn_time;
        let keys: Vec<Key> = run.worker.residents.keys().collect();
        assert!(
            keys.len() >= 5,
            "four turns are given without a look at the clock"
        );
        let events = keys.iter().map(|&key| Event::Ready(key, Ready::BYTES));
        run.network.borrow_mut().events = events.collect();
        for wire in &mut run.network.borrow_mut().wires {
            wire.send(REQUEST);
        }
        let go_on = |run: &mut Run| {
            // Each call has its time, and with that a turn at least.
            let goes_on = (0..keys.len() + 1).all(|_| {
                run.worker.round(false);
                run.network.borrow().clock.pass(Duration::from_micros(1));
                run.worker.left.is_some()
            });
            assert!(!goes_on, "some wait for ever, with {turn_time:?}");
        };
        go_on(&mut run);
        run.network.borrow_mut().events.clear();
        keys.iter().for_each(|&key| run.worker.let_yield(key));
        go_on(&mut run);
        assert!(run.worker.yielded.is_empty(), "with {turn_time:?}");
    }
}

#[test]
fn a_round_takes_until_the_last_newcomer_was_seen_to_and_not_until_the_last_answer() {
    // The network pretends now and then that less has come.
    let has_answered = |run: &Run| run.worker.kit.tally.all_responses() == 1;
    let mut runs = (1..1_000).map(|seed| {
        let mut run = run_of(seed);
        run.worker.admission = Admission::new(usize::MAX);
        let clock = run.network.borrow().clock.clone();
        run.worker.kit.preamble = Some(Arc::new(Slow(clock.clone(), Some(1))));
        Arc::make_mut(&mut run.worker.kit.settings).turn_time = Duration::from_millis(1);
        for _ in 0..2 {
            let number = run.network.borrow_mut().connect().expect("somebody listens");
            run.network.borrow_mut().wires[number].send(REQUEST);
        }
        let began = clock.now();
        run.worker.kit.lent.now = began;
        run.worker.react(Event::Acceptable(0));
        run.worker.end_round(false, began);
        (run, clock.now() - began)
    });
    let (run, time) = runs.find(|(run, _)| has_answered(run)).expect("one is answered");
    assert_eq!(run.worker.counted.accepted, 2);
    let longest = Duration::from_nanos(run.worker.kit.tally.longest_round);
    assert_eq!(longest, time);
}

#[test]
fn accepting_without_a_descriptor_rests_until_the_first_idle_connection_can_make_room() {
    let mut run = run();
    run.network.borrow_mut().connect();
    run.worker.accept_one(0);
    run.worker.kit.lent.now += Duration::from_millis(1);
    let now = run.worker.kit.lent.now;
    let goes_on = run.worker.cannot_accept(0, Errno::EMFILE.into());
    run.worker.deadlines.ask(now);
    let rest = run.worker.deadlines.timeout();
    assert!(!goes_on && rest <= Duration::from_millis(11), "{rest:?}");
}

#[test]
fn a_worker_that_can_have_no_more_connections_sleeps_although_the_server_could() {
    let mut run = run_with(Silent::default(), &Watching::default());
    run.worker.residents = Slab::with_room_for(CHUNK);
    let admission = Admission::new(usize::MAX);
    run.worker.door = admission.add_door(run.worker.mailbox());
    run.worker.admission = admission;
    // The network pretends now and then that nobody has come.
    while !run.worker.residents.is_full() {
        let number = run.network.borrow_mut().connect().expect("somebody listens");
        run.network.borrow_mut().wires[number].send(REQUEST);
        run.worker.accept_one(0);
    }
    let keys: Vec<Key> = run.worker.residents.keys().collect();
    // All of their heads are whole, so nobody is idle.
    for &key in keys.iter().cycle().take(100 * CHUNK) {
        run.worker.end_rest(key, true);
    }
    run.network.borrow_mut().connect();
    assert!(!run.worker.accept_one(0) && run.worker.acceptor.is_paused());
    assert!(run.worker.residents.is_full(), "nobody makes room");
    assert!(run.worker.mailbox().fall_asleep(), "it calls itself");
}

/// A source that waits for ever, and takes 100 µs to hear of a drain.
struct Waits(
    Clock,
    Arc<AtomicUsize>,
    #[expect(dead_code, reason = "it may come")] Notifier,
);

impl BodySource for Waits {
    fn pull(&mut self, _: &mut Vec<u8>) -> Pulled {
        Pulled::Wait
    }

    fn drain(&mut self) {
        self.0.pass(Duration::from_micros(100));
        self.1.fetch_add(1, Ordering::Relaxed);
    }
}

/// What a worker has left goes on, until nothing happens any more. Returns the longest time that a part has taken.
fn go_on_with_many(run: &mut Run) -> Duration {
    let clock = run.network.borrow().clock.clone();
    let parts = (0..100).map(|_| {
        clock.pass(Duration::from_millis(2));
        let now = clock.now();
        run.worker.kit.lent.now = now;
        run.worker.ring(now, now);
        clock.now() - now
    });
    parts.max().expect("some")
}

/// A round's time, and that of the turns of 100 µs that are given without a look at the clock.
const PART: Duration = Duration::from_micros(1_000 + 16 * 100);

#[test]
fn a_drain_tells_many_connections_of_it_in_parts() {
    let (clock, told) = (
        run().network.borrow().clock.clone(),
        Arc::<AtomicUsize>::default(),
    );
    let place = Arc::new(Mutex::new(clock));
    let (clock, count) = (Arc::clone(&place), Arc::clone(&told));
    let handler = move |_: &Head<'_>, cx: &mut Context<'_>| {
        let clock = clock.lock().unwrap().clone();
        Decision::from(Box::new(Waits(clock, Arc::clone(&count), cx.notifier())) as Box<dyn BodySource>)
    };
    let mut run = run_with(handler, &Watching::default());
    let clock = run.network.borrow().clock.clone();
    *place.lock().unwrap() = clock.clone();
    visit(&mut run, 600, REQUEST);
    let starved = run.worker.residents.values();
    let all = starved.filter(|resident| resident.connection.phase() == Phase::Starved);
    let all = all.count();
    assert!(all > 50, "{all}");
    run.worker.kit.lent.now = clock.now();
    let began = clock.now();
    run.worker.drain();
    assert!(clock.now() - began <= PART, "{:?}", clock.now() - began);
    let first = told.load(Ordering::Relaxed);
    assert!((1..all).contains(&first), "{first} of {all}");
    let longest = go_on_with_many(&mut run);
    assert!(longest <= PART, "{longest:?}");
    assert!(told.load(Ordering::Relaxed) >= all);
}

#[test]
fn a_drain_takes_those_from_the_backlog_in_turns() {
    // The network pretends now and then that nobody waits any more.
    let mut all = (1..100).map(|seed| {
        let mut run = run_of(seed);
        run.worker.admission = Admission::new(usize::MAX);
        for _ in 0..20 {
            run.network.borrow_mut().connect();
        }
        let clock = run.network.borrow().clock.clone();
        run.worker.kit.preamble = Some(Arc::new(Slow(clock, None)));
        run.worker.drain();
        assert!(run.worker.counted.accepted <= 1, "each takes 600 µs");
        while !run.worker.acceptor.is_closed() {
            run.worker.react(Event::Acceptable(0));
        }
        run.worker.counted.accepted
    });
    assert!(all.any(|accepted| accepted == 20));
}

#[test]
fn behind_trusted_proxies_alone_a_scan_finds_places_for_many_newcomers() {
    let mut run = visited(1_100, b"");
    let count = run.worker.residents.len() as u32;
    assert!(count >= 500, "{count}");
    run.worker.trust = Some(Arc::new(|_| true));
    let mut scans = Vec::new();
    for _ in 0..10 {
        run.worker.kit.lent.now += Duration::from_micros(20);
        let idle_for = Duration::from_secs(1);
        run.worker.kit.lent.now += if scans.is_empty() {
            idle_for
        } else {
            Duration::ZERO
        };
        // Others are asked before one of them is closed.
        assert_eq!(run.worker.make_room(false), Ok(false));
        assert_eq!(run.worker.make_room(true), Ok(true));
        scans.push(run.worker.room.scanned);
    }
    scans.dedup();
    assert_eq!(scans.len(), 1, "of {count} connections, within 200 µs");
    // One of others may be there by then.
    run.worker.kit.lent.now += Duration::from_micros(1) * count;
    assert_eq!(run.worker.make_room(false), Ok(false));
    assert!(run.worker.room.scanned > scans[0]);
}

/// A worker that waits for the one place there is, and another door that waits behind it.
fn waiting_for_a_place() -> (Run, Arc<Door>) {
    let mut run = run();
    let admission = Admission::new(1);
    run.worker.door = admission.add_door(run.worker.mailbox());
    let other = admission.add_door(Arc::new(Mailbox::new(None)));
    assert!(admission.enter());
    run.network.borrow_mut().connect();
    run.worker.admission = Arc::clone(&admission);
    assert!(!run.worker.accept_one(0) && admission.is_waited_for());
    admission.wait(&other);
    (run, other)
}

#[test]
fn a_worker_whose_newcomer_has_gone_or_that_has_ended_is_called_for_no_place() {
    let (mut run, other) = waiting_for_a_place();
    run.network.borrow_mut().backlog.clear();
    run.worker.resume_accepting();
    assert!(!run.worker.accept_one(0));
    run.worker.admission.leave();
    assert!(other.is_called(), "who has nobody to take in is called");
    let (run, other) = waiting_for_a_place();
    let admission = Arc::clone(&run.worker.admission);
    run.worker.finish();
    admission.leave();
    assert!(other.is_called(), "who has ended is called");
}

#[test]
fn a_worker_that_is_called_for_a_place_and_has_nobody_for_it_passes_the_call_on() {
    let mut run = run();
    let admission = Admission::new(1);
    let own = admission.add_door(run.worker.mailbox());
    let other = admission.add_door(Arc::new(Mailbox::new(None)));
    assert!(admission.enter());
    admission.wait(&own);
    admission.wait(&other);
    admission.leave();
    run.worker.door = own;
    run.worker.admission = admission;
    run.worker.heed_admission();
    assert!(other.is_called());
}
