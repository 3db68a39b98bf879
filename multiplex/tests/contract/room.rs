//! More ready sources than the buffer holds.

use std::collections::BTreeSet;
use std::io::Write;
use std::os::unix::net::UnixStream;

use multiplex::{Events, Token, Trigger};

use super::support::*;

fn ready_sources(watch: &Watch, count: usize, trigger: Trigger) -> Vec<(UnixStream, UnixStream)> {
    let pairs: Vec<_> = (0..count).map(|_| pair()).collect();
    for (token, (a, b)) in pairs.iter().enumerate() {
        (&*b).write_all(b"abc").unwrap();
        watch.poller.add(a, Token::new(token), READABLE, trigger).unwrap();
    }
    pairs
}

#[test]
fn events_beyond_the_room_come_with_the_next_waits() {
    for trigger in TRIGGERS {
        for room in [1, 2, 3] {
            let mut watch = Watch::with_capacity(room);
            let _pairs = ready_sources(&watch, 8, trigger);
            let mut seen = BTreeSet::new();
            while seen.len() < 8 {
                let events = watch.wait(PATIENCE);
                assert!(
                    (1..=room).contains(&events.len()),
                    "only {seen:?} came, then {events:?}"
                );
                seen.extend(events.iter().map(|event| event.token().value()));
            }
        }
    }
}

#[test]
fn no_level_source_starves_beside_others_that_stay_ready() {
    let mut watch = Watch::with_capacity(2);
    let _pairs = ready_sources(&watch, 9, Trigger::Level);
    for _ in 0..5 {
        let mut seen = BTreeSet::new();
        for _ in 0..200 {
            seen.extend(watch.wait(PATIENCE).iter().map(|event| event.token().value()));
        }
        assert_eq!(seen.len(), 9, "200 waits of 2 events reported only {seen:?}");
    }
}

#[test]
fn a_source_that_is_removed_after_the_wait_takes_no_other_event_along() {
    let mut watch = Watch::new();
    let pairs = ready_sources(&watch, 5, Trigger::OneShot);
    let mut seen = BTreeSet::new();
    while seen.len() < 5 {
        for event in watch.wait(PATIENCE) {
            assert!(seen.insert(event.token().value()), "{event:?} came twice");
            watch.poller.remove(&pairs[event.token().value()].0).unwrap();
        }
    }
}

#[test]
fn room_for_nothing_is_taken_as_room_for_one() {
    let mut watch = Watch::with_capacity(0);
    assert_eq!(Events::with_capacity(0).capacity(), 1);
    let _pairs = ready_sources(&watch, 2, Trigger::Level);
    assert_eq!(watch.wait(PATIENCE).len(), 1);
}

#[test]
fn a_wait_forgets_the_events_of_the_one_before() {
    let poller = multiplex::Poller::new().unwrap();
    let mut events = Events::with_capacity(4);
    let (a, _b) = pair();
    poller.add(&a, Token::new(1), WRITABLE, Trigger::OneShot).unwrap();
    poller.wait(&mut events, Some(PATIENCE)).unwrap();
    assert_eq!(
        (events.len(), events.is_empty(), events.iter().len()),
        (1, false, 1)
    );
    poller.wait(&mut events, Some(MOMENT)).unwrap();
    assert_eq!(
        (events.len(), events.is_empty(), events.iter().len()),
        (0, true, 0)
    );
}
