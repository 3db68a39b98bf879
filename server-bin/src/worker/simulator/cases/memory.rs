//! Connections that wait for memory.

use super::*;
use crate::driver::handler::{BodySink, Took};
use crate::driver::memory::{LEAST, Memory};

/// An upload of 30,000 bytes, but for its end.
fn half_a_body() -> Vec<u8> {
    let mut sent = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n".to_vec();
    sent.resize(29_000, b'b');
    sent
}

/// How many connections wait for memory.
fn waiting(run: &Run) -> usize {
    let all = run.worker.residents.values();
    let notes = all.map(|resident| &resident.connection.notes);
    let waiting = notes.filter(|notes| notes.queue == Some(Queue::HeldBack));
    let told = waiting.inspect(|notes| assert_eq!(notes.registered, Some(Wait::Elsewhere)));
    told.count()
}

#[test]
fn a_connection_that_waits_for_memory_is_not_read_from_because_its_timer_has_fired() {
    let mut run = run();
    run.network.borrow_mut().connect();
    run.worker.accept_one(0);
    let key = run.worker.residents.keys().next().expect("a connection");
    run.worker.hold_back(key);
    let resident = run.worker.residents.get_mut(key).expect("it is there");
    // As after an edge that came meanwhile.
    resident.connection.notes.registered = None;
    let early = run.worker.kit.lent.now;
    run.worker.look_at(key, early);
    let resident = run.worker.residents.get_mut(key).expect("it is there");
    assert_eq!(
        resident.connection.notes.queue,
        Some(Queue::HeldBack),
        "it still waits"
    );
}

#[test]
fn a_connection_that_waits_for_memory_closes_unread_when_its_peer_is_gone() {
    let mut run = run();
    let number = run.network.borrow_mut().connect().expect("somebody listens");
    run.worker.accept_one(0);
    let key = run.worker.residents.keys().next().expect("a connection");
    run.worker.hold_back(key);
    {
        let wire = &mut run.network.borrow_mut().wires[number];
        wire.send(REQUEST);
        wire.reset = true;
    }
    let gone = Ready {
        readable: true,
        read_closed: true,
        gone: true,
    };
    run.worker.turn(key, gone, true);
    assert!(run.worker.residents.is_empty(), "it keeps its memory");
    let unread = run.network.borrow().wires[number].inbound.len();
    assert_eq!(unread, REQUEST.len(), "it has taken more");
}

#[test]
fn a_connection_that_has_come_to_wait_for_memory_in_this_round_has_its_next_turn_in_another_one() {
    for (before, expected) in [
        (2, [None, None]),
        (0, [Some(Queue::Yielded), Some(Queue::HeldBack)]),
    ] {
        let mut run = visited(2, b"");
        let keys: Vec<Key> = run.worker.residents.keys().collect();
        keys.iter().for_each(|&key| run.worker.hold_back(key));
        run.worker.held_before = before;
        run.worker.let_some_go_on();
        let queue = |key| {
            run.worker
                .residents
                .get_mut(key)
                .expect("it is there")
                .connection
                .notes
                .queue
        };
        assert_eq!(keys.into_iter().map(queue).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn the_others_go_on_also_when_the_connection_has_closed_whose_turn_was_to_bring_them_theirs() {
    let mut run = visited(2, b"");
    let keys: Vec<Key> = run.worker.residents.keys().collect();
    keys.iter().for_each(|&key| run.worker.hold_back(key));
    run.worker.let_some_go_on();
    drop(run.worker.residents.remove(keys[0]));
    run.worker.run_yielded();
    assert_eq!(run.worker.yielded, [keys[1]]);
}

/// Takes bytes, and says that it keeps as much as makes memory tight.
struct Keeps;

impl BodySink for Keeps {
    fn data(&mut self, _: &[u8], _: &mut Context<'_>) -> Took {
        Took::More
    }

    fn end(self: Box<Self>, _: &mut Context<'_>) -> Reply {
        "taken".into()
    }

    fn memory(&self) -> usize {
        3 * LEAST
    }
}

#[test]
fn what_a_late_client_gives_back_lets_others_go_on_at_once() {
    let handler = |head: &Head<'_>, _: &mut Context<'_>| match head.target().path() {
        "/sink" => Decision::Stream(Box::new(Keeps)),
        _ => Decision::buffer(30_000, |_, _| "taken".into()),
    };
    let mut run = run_with(handler, &Watching::default());
    run.worker.kit.memory = Memory::new(4 * LEAST);
    visit(
        &mut run,
        1,
        b"POST /sink HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n",
    );
    let (sink, _) = notes(&mut run);
    // The network pretends now and then that less has come.
    for _ in 0..100 {
        run.worker.end_rest(sink, true);
    }
    assert!(run.worker.kit.memory.is_tight());
    visit(&mut run, 60, &half_a_body());
    assert!(waiting(&run) > 0, "none of {}", run.worker.residents.len());
    // They have waited since before the next round.
    run.worker.held_before = run.worker.held_back.len();
    run.worker.kit.lent.now += Duration::from_secs(200_000_000);
    let now = run.worker.kit.lent.now;
    run.worker.ring(now, now);
    assert_eq!(waiting(&run), 0);
}

#[test]
fn many_connections_are_given_up_in_parts() {
    /// Takes 100 µs to be dropped.
    struct Slow(Arc<Mutex<Clock>>);
    impl Drop for Slow {
        fn drop(&mut self) {
            self.0.lock().unwrap().pass(Duration::from_micros(100));
        }
    }
    let place = Arc::new(Mutex::new(run().network.borrow().clock.clone()));
    let slow = Arc::clone(&place);
    let handler = move |_: &Head<'_>, _: &mut Context<'_>| {
        let slow = Slow(Arc::clone(&slow));
        Decision::buffer(30_000, move |_, _| {
            drop(slow);
            "taken".into()
        })
    };
    let mut run = run_with(handler, &Watching::default());
    let clock = run.network.borrow().clock.clone();
    *place.lock().unwrap() = clock.clone();
    visit(&mut run, 200, &half_a_body());
    run.worker.kit.lent.now = clock.now();
    let all = run.worker.residents.values();
    let all = all
        .filter(|resident| resident.connection.stands_still().is_some())
        .count();
    assert!(all > 50, "{all}");
    let began = clock.now();
    let most = run.worker.kit.memory.most();
    // More than those can give back.
    run.worker.kit.memory.change(0, most);
    run.worker.see_to_memory();
    assert!(clock.now() - began <= PART, "{:?}", clock.now() - began);
    let first = run.worker.counted.given_up;
    assert!((1..all as u64).contains(&first), "{first} of {all}");
    let longest = go_on_with_many(&mut run);
    assert!(longest <= PART, "{longest:?}");
    assert!(run.worker.counted.given_up >= all as u64);
}

#[test]
fn a_connection_whose_time_passes_while_it_waits_for_memory_is_not_called_late() {
    let handler = |_: &Head<'_>, _: &mut Context<'_>| Decision::buffer(30_000, |_, _| "taken".into());
    let mut run = run_with(handler, &Watching::default());
    let tight = run.worker.kit.memory.most() / 4 * 3;
    run.worker.kit.memory.change(0, tight);
    visit(&mut run, 60, &half_a_body());
    let before = waiting(&run);
    assert!(before > 0, "none of {}", run.worker.residents.len());
    run.worker.kit.lent.now += Duration::from_secs(200_000_000);
    let now = run.worker.kit.lent.now;
    run.worker.ring(now, now);
    assert_eq!(waiting(&run), before, "some were called late");
    // Its timer does not ring again and again meanwhile.
    run.worker.deadlines.ask(now);
    assert!(run.worker.deadlines.timeout() >= Duration::from_millis(900));
}

#[test]
fn a_connection_that_has_closed_does_not_stand_before_those_that_wait_for_memory() {
    let mut run = run();
    for _ in 0..2 {
        run.network.borrow_mut().connect();
    }
    run.worker.accept_one(0);
    run.worker.accept_one(0);
    let keys: Vec<Key> = run.worker.residents.keys().collect();
    keys.iter().for_each(|&key| run.worker.hold_back(key));
    drop(run.worker.residents.remove(keys[0]));
    assert_eq!(run.worker.next_held_back(false), Some(keys[1]));
    assert_eq!(run.worker.next_held_back(false), None);
}

#[test]
fn a_connection_that_waits_for_memory_anew_comes_back_to_its_one_place() {
    let mut run = visited(20, b"");
    let keys: Vec<Key> = run.worker.residents.keys().take(3).collect();
    keys.iter().for_each(|&key| run.worker.hold_back(key));
    run.worker.stop_holding_back(keys[0]);
    run.worker.stop_holding_back(keys[1]);
    run.worker.hold_back(keys[0]);
    let gone_on: Vec<Key> = std::iter::from_fn(|| run.worker.next_held_back(false)).collect();
    assert_eq!(gone_on, [keys[0], keys[2]]);
    // Its place is free, so that it can have another one.
    run.worker.hold_back(keys[1]);
    assert_eq!(run.worker.next_held_back(false), Some(keys[1]));
}

#[test]
fn the_places_of_those_that_have_closed_are_forgotten_also_while_memory_is_short() {
    let mut run = visited(5, b"");
    let tight = run.worker.kit.memory.most() / 4 * 3;
    run.worker.kit.memory.change(0, tight);
    for _ in 0..100 {
        visit(&mut run, 1, b"");
        let keys: Vec<Key> = run.worker.residents.keys().collect();
        keys.iter().for_each(|&key| run.worker.hold_back(key));
        // The network pretends now and then that nobody has come.
        if let Some(last) = keys.into_iter().nth(5) {
            drop(run.worker.residents.remove(last));
        }
    }
    let places = run.worker.held_back.len();
    assert!(places <= 2 * (run.worker.residents.len() + 1), "{places}");
}

#[test]
fn a_newcomer_that_there_is_no_memory_for_is_registered_once_and_goes_on_when_there_is_some() {
    let upload = |_: &Head<'_>, _: &mut Context<'_>| Decision::buffer(30_000, |_, _| "taken".into());
    let mut run = run_with(upload, &Watching::default());
    let tight = run.worker.kit.memory.most() / 4 * 3;
    run.worker.kit.memory.change(0, tight);
    visit(&mut run, 60, &half_a_body());
    assert!(waiting(&run) > 0, "none of {}", run.worker.residents.len());
    let most = run
        .network
        .borrow()
        .wires
        .iter()
        .map(|wire| wire.registered)
        .max();
    assert_eq!(most, Some(1));
    run.worker.kit.memory.change(tight, 0);
    // They have waited since before the next round.
    run.worker.held_before = run.worker.held_back.len();
    run.worker.see_to_memory();
    assert_eq!(waiting(&run), 0);
}
