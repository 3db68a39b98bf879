//! add, modify and remove.

use std::io::{self, Write};
use std::os::unix::net::UnixStream;

use multiplex::{Event, Fanout, Interest, Poller, Token, Trigger};

use super::support::*;

type Registration = (Interest, Trigger);
type Verb = fn(&Poller, &UnixStream, Token, Interest, Trigger) -> io::Result<()>;

const ADD: Verb = |poller, source, token, interest, trigger| poller.add(source, token, interest, trigger);
const MODIFY: Verb =
    |poller, source, token, interest, trigger| poller.modify(source, token, interest, trigger);

fn registrations() -> impl Iterator<Item = Registration> {
    [READABLE, WRITABLE, BOTH]
        .into_iter()
        .flat_map(|interest| TRIGGERS.map(|trigger| (interest, trigger)))
}

#[test]
fn add_and_modify_leave_what_was_asked_whatever_was_before() {
    for verb in [ADD, MODIFY] {
        for wanted in registrations() {
            is_exactly(verb, wanted, |_, _| {});
            for before in registrations() {
                is_exactly(verb, wanted, |watch, source| {
                    ADD(&watch.poller, source, Token::new(9), before.0, before.1).unwrap();
                });
                is_exactly(verb, wanted, |watch, source| {
                    ADD(&watch.poller, source, Token::new(9), before.0, before.1).unwrap();
                    // A one-shot source has fired by now, and an edge has been told.
                    watch.expect(9, any);
                    watch.look();
                });
            }
            for fanout in [Fanout::Shared, Fanout::Exclusive] {
                is_exactly(verb, wanted, |watch, source| {
                    watch.poller.add_listener(source, Token::new(9), fanout).unwrap();
                });
            }
        }
    }
}

/// Registers a source that is ready in both directions, and checks each property of the registration.
#[track_caller]
fn is_exactly(verb: Verb, (interest, trigger): Registration, before: impl FnOnce(&mut Watch, &UnixStream)) {
    let mut watch = Watch::new();
    let (a, mut b) = pair();
    b.write_all(b"abc").unwrap();
    before(&mut watch, &a);
    verb(&watch.poller, &a, Token::new(1), interest, trigger).unwrap();

    let mut reports = [0, 0];
    for _ in 0..30 {
        for event in watch.look() {
            assert_eq!(event.token(), Token::new(1), "{event:?}");
            assert!(!event.is_acceptable(), "{event:?}");
            assert!(interest.is_readable() || !event.is_readable(), "{event:?}");
            assert!(interest.is_writable() || !event.is_writable(), "{event:?}");
            reports[0] += usize::from(event.is_readable());
            reports[1] += usize::from(event.is_writable());
        }
    }
    let asked = [interest.is_readable(), interest.is_writable()]
        .into_iter()
        .zip(reports)
        .filter(|(asked, _)| *asked);
    let reports: Vec<usize> = asked.map(|(_, reports)| reports).collect();
    match trigger {
        Trigger::Level => assert!(reports.iter().all(|n| *n >= 5), "level: {reports:?} of 30"),
        Trigger::Edge => assert!(
            reports.iter().all(|n| (1..=15).contains(n)),
            "edge: {reports:?} of 30"
        ),
        Trigger::OneShot => {
            assert!(
                reports.iter().all(|n| *n <= 1) && reports.iter().sum::<usize>() >= 1,
                "one-shot: {reports:?}"
            );
        }
    }
    watch.poller.remove(&a).unwrap();
    watch.expect_silence();
}

#[test]
fn a_removed_source_is_silent() {
    for (interest, trigger) in registrations() {
        let mut watch = Watch::new();
        let (a, mut b) = pair();
        watch.poller.add(&a, Token::new(1), interest, trigger).unwrap();
        b.write_all(b"abc").unwrap();
        watch.poller.remove(&a).unwrap();
        watch.expect_silence();
        b.write_all(b"abc").unwrap();
        drop(b);
        watch.expect_silence();
    }
}

#[test]
fn removing_what_is_not_registered_is_not_found() {
    let watch = Watch::new();
    let (a, b) = pair();
    expect_not_registered(&watch.poller, &a);
    watch.poller.add(&a, Token::new(1), BOTH, Trigger::Level).unwrap();
    expect_not_registered(&watch.poller, &b);
    watch.poller.remove(&a).unwrap();
    expect_not_registered(&watch.poller, &a);
}

#[test]
fn a_removed_source_can_be_added_again() {
    let mut watch = Watch::new();
    let (a, mut b) = pair();
    b.write_all(b"abc").unwrap();
    for token in 0..5 {
        watch
            .poller
            .add(&a, Token::new(token), READABLE, Trigger::Edge)
            .unwrap();
        watch.expect(token, Event::is_readable);
        watch.poller.remove(&a).unwrap();
    }
}

#[test]
fn one_source_in_two_pollers_reports_to_both() {
    for trigger in TRIGGERS {
        let (mut one, mut two) = (Watch::new(), Watch::new());
        let (a, mut b) = pair();
        one.poller.add(&a, Token::new(1), READABLE, trigger).unwrap();
        two.poller.add(&a, Token::new(2), READABLE, trigger).unwrap();
        b.write_all(b"abc").unwrap();
        one.expect(1, Event::is_readable);
        two.expect(2, Event::is_readable);
        one.poller.remove(&a).unwrap();
        b.write_all(b"abc").unwrap();
        two.poller.modify(&a, Token::new(2), READABLE, trigger).unwrap();
        two.expect(2, Event::is_readable);
    }
}

#[test]
fn every_token_up_to_the_largest_comes_back() {
    let mut watch = Watch::new();
    let (a, _b) = pair();
    for token in [0, 1, usize::MAX >> 3, Token::MAX.value() - 1, Token::MAX.value()] {
        watch
            .poller
            .modify(&a, Token::new(token), WRITABLE, Trigger::Level)
            .unwrap();
        assert_eq!(watch.expect(token, Event::is_writable).token().value(), token);
    }
}

#[test]
fn a_poller_in_a_poller_is_readable_while_it_has_events() {
    let (mut outer, mut inner) = (Watch::new(), Watch::new());
    outer
        .poller
        .add(&inner.poller, Token::new(7), READABLE, Trigger::Level)
        .unwrap();
    outer.expect_silence();
    let (a, mut b) = pair();
    inner
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::Level)
        .unwrap();
    b.write_all(b"abc").unwrap();
    for _ in 0..3 {
        outer.expect(7, Event::is_readable);
    }
    inner.expect(1, Event::is_readable);
    drain(&a);
    inner.expect_silence();
    outer.expect_silence();
}
