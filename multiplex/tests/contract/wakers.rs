//! Wakers.

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use multiplex::{Event, Events, Poller, Token, Trigger, Waker};

use super::support::*;

fn says_nothing_but_wake(event: &Event) -> bool {
    event.is_wake()
        && event.backlog().is_none()
        && !event.is_acceptable()
        && !event.is_readable()
        && !event.is_writable()
        && !event.is_read_closed()
        && !event.is_write_closed()
        && !event.is_error()
}

#[test]
fn a_wake_before_the_wait_is_reported_by_it() {
    let mut watch = Watch::new();
    let waker = Waker::new(&watch.poller, Token::new(1)).unwrap();
    waker.wake().unwrap();
    watch.expect(1, says_nothing_but_wake);
    watch.expect_calm(1, any);
}

#[test]
fn a_waker_that_was_not_used_says_nothing() {
    let mut watch = Watch::new();
    let _waker = Waker::new(&watch.poller, Token::new(1)).unwrap();
    assert!(watch.count(10, 1, any) <= 5);
}

#[test]
fn a_wake_during_the_wait_ends_it() {
    let mut watch = Watch::new();
    let waker = Waker::new(&watch.poller, Token::new(1)).unwrap();
    for _ in 0..10 {
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(MOMENT / 5);
                waker.wake().unwrap();
            });
            watch.expect(1, says_nothing_but_wake);
        });
    }
}

#[test]
fn each_wake_after_a_report_is_reported_again() {
    let mut watch = Watch::new();
    let waker = Waker::new(&watch.poller, Token::new(1)).unwrap();
    for _ in 0..1_000 {
        waker.wake().unwrap();
        watch.expect(1, says_nothing_but_wake);
    }
}

#[test]
fn many_wakes_become_few_reports() {
    let mut watch = Watch::new();
    let waker = Waker::new(&watch.poller, Token::new(1)).unwrap();
    for _ in 0..1_000 {
        waker.wake().unwrap();
    }
    watch.expect(1, says_nothing_but_wake);
    watch.expect_calm(1, any);
    waker.wake().unwrap();
    watch.expect(1, says_nothing_but_wake);
}

#[test]
fn a_waker_that_nobody_listens_to_never_blocks_and_still_wakes() {
    let mut watch = Watch::new();
    let waker = Waker::new(&watch.poller, Token::new(1)).unwrap();
    // More than a pipe holds, twice.
    for _ in 0..150_000 {
        waker.wake().unwrap();
    }
    watch.expect(1, says_nothing_but_wake);
    waker.wake().unwrap();
    watch.expect(1, says_nothing_but_wake);
}

#[test]
fn wakers_of_one_poller_are_told_apart() {
    let mut watch = Watch::new();
    let wakers: Vec<_> = (0..5)
        .map(|token| Waker::new(&watch.poller, Token::new(token)).unwrap())
        .collect();
    for token in [3, 0, 4, 1, 2] {
        wakers[token].wake().unwrap();
        watch.expect(token, says_nothing_but_wake);
    }
    let (mut seen, end) = ([false; 5], Instant::now() + PATIENCE);
    wakers.iter().for_each(|waker| waker.wake().unwrap());
    while seen != [true; 5] {
        assert!(Instant::now() < end, "{seen:?}");
        watch
            .wait(MOMENT)
            .iter()
            .for_each(|event| seen[event.token().value()] = true);
    }
}

#[test]
fn a_dropped_waker_leaves_the_others_alone() {
    let mut watch = Watch::new();
    let first = Waker::new(&watch.poller, Token::new(1)).unwrap();
    let second = Waker::new(&watch.poller, Token::new(2)).unwrap();
    first.wake().unwrap();
    drop(first);
    let third = Waker::new(&watch.poller, Token::new(3)).unwrap();
    watch.expect_not(1, any);
    second.wake().unwrap();
    watch.expect(2, says_nothing_but_wake);
    third.wake().unwrap();
    watch.expect(3, says_nothing_but_wake);
    watch.expect_not(1, any);
}

#[test]
fn a_waker_may_outlive_its_poller() {
    let poller = Poller::new().unwrap();
    let waker = Waker::new(&poller, Token::new(1)).unwrap();
    drop(poller);
    waker.wake().unwrap();
}

#[test]
fn a_waker_does_not_keep_the_queue_of_its_poller_open() {
    let mut outer = Watch::new();
    let inner = Poller::new().unwrap();
    let wakers = [1, 2].map(|token| Waker::new(&inner, Token::new(token)).unwrap());
    outer
        .poller
        .add(&inner, Token::new(1), READABLE, Trigger::Level)
        .unwrap();
    wakers[0].wake().unwrap();
    outer.expect(1, Event::is_readable);
    drop(inner);
    outer.expect_silence();
    for waker in wakers {
        waker.wake().unwrap();
    }
    outer.expect_silence();
}

#[test]
fn a_wake_from_any_thread_ends_a_wait_for_ever() {
    let watch = Watch::new();
    let wakers: Vec<_> = (0..4)
        .map(|token| Waker::new(&watch.poller, Token::new(token)).unwrap())
        .collect();
    let start = Barrier::new(wakers.len());
    let mut seen = [0; 4];
    thread::scope(|scope| {
        for waker in &wakers {
            scope.spawn(|| {
                start.wait();
                (0..200).for_each(|_| waker.wake().unwrap());
            });
        }
        let mut events = Events::with_capacity(2);
        while seen.contains(&0) {
            watch.poller.wait(&mut events, None).unwrap();
            events.iter().for_each(|event| seen[event.token().value()] += 1);
        }
    });
}

#[test]
fn pollers_wakers_and_events_go_to_other_threads() {
    fn is_sent_and_shared<T: Send + Sync>() {}
    is_sent_and_shared::<Poller>();
    is_sent_and_shared::<Waker>();
    is_sent_and_shared::<Events>();
    is_sent_and_shared::<Event>();
}
