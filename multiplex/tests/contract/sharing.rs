//! One poller and several threads.

use std::io::{Read, Write};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::Instant;

use multiplex::{Event, Events, Token, Trigger, Waker};

use super::support::*;

/// Lets `change` run while a thread waits for ever, and gives what that thread saw first.
fn while_waiting(watch: &Watch, change: impl FnOnce()) -> Event {
    thread::scope(|scope| {
        let waiter = scope.spawn(|| {
            let mut events = Events::with_capacity(8);
            watch.poller.wait(&mut events, Some(PATIENCE)).unwrap();
            events.iter().next()
        });
        thread::sleep(MOMENT);
        change();
        waiter.join().unwrap().expect("no event came")
    })
}

#[test]
fn a_ready_source_that_is_added_ends_a_wait() {
    for trigger in TRIGGERS {
        let watch = Watch::new();
        let (a, mut b) = pair();
        b.write_all(b"abc").unwrap();
        let event = while_waiting(&watch, || {
            watch.poller.add(&a, Token::new(1), READABLE, trigger).unwrap()
        });
        assert!(event.is_readable(), "{event:?}");
    }
}

#[test]
fn a_ready_source_that_is_armed_again_ends_a_wait() {
    let mut watch = Watch::new();
    let (a, mut b) = pair();
    b.write_all(b"abc").unwrap();
    watch
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::OneShot)
        .unwrap();
    watch.expect(1, Event::is_readable);
    let event = while_waiting(&watch, || {
        watch
            .poller
            .modify(&a, Token::new(2), READABLE, Trigger::OneShot)
            .unwrap()
    });
    assert!(event.is_readable() && event.token() == Token::new(2), "{event:?}");
}

#[test]
fn an_interest_that_grows_ends_a_wait() {
    for trigger in TRIGGERS {
        let watch = Watch::new();
        let (a, _b) = pair();
        watch.poller.add(&a, Token::new(1), READABLE, trigger).unwrap();
        let event = while_waiting(&watch, || {
            watch.poller.modify(&a, Token::new(1), BOTH, trigger).unwrap()
        });
        assert!(event.is_writable() || trigger == Trigger::Edge, "{event:?}");
    }
}

#[test]
fn an_interest_that_shrinks_is_silent_for_a_thread_that_waits() {
    let watch = Watch::new();
    let (a, b) = pair();
    fill(&a);
    watch.poller.add(&a, Token::new(1), BOTH, Trigger::Level).unwrap();
    let waker = Waker::new(&watch.poller, Token::new(2)).unwrap();
    let event = while_waiting(&watch, || {
        watch
            .poller
            .modify(&a, Token::new(1), READABLE, Trigger::Level)
            .unwrap();
        drain(&b);
        thread::sleep(MOMENT);
        waker.wake().unwrap();
    });
    assert!(event.is_wake(), "{event:?}");
}

#[test]
fn a_source_that_is_removed_is_silent_for_a_thread_that_waits() {
    let watch = Watch::new();
    let (a, mut b) = pair();
    watch
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::Level)
        .unwrap();
    let waker = Waker::new(&watch.poller, Token::new(2)).unwrap();
    let event = while_waiting(&watch, || {
        watch.poller.remove(&a).unwrap();
        b.write_all(b"abc").unwrap();
        thread::sleep(MOMENT);
        waker.wake().unwrap();
    });
    assert!(event.is_wake(), "{event:?}");
}

/// Four threads wait while one byte comes: how many of them are told, each counted once.
fn told_of_four(trigger: Trigger) -> usize {
    let watch = Watch::new();
    let (a, mut b) = pair();
    watch.poller.add(&a, Token::new(1), READABLE, trigger).unwrap();
    let (told, done) = (AtomicUsize::new(0), AtomicBool::new(false));
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut events = Events::with_capacity(8);
                while events.is_empty() && !done.load(SeqCst) {
                    watch.poller.wait(&mut events, Some(MOMENT * 5)).unwrap();
                }
                told.fetch_add(usize::from(!events.is_empty()), SeqCst);
            });
        }
        thread::sleep(MOMENT * 3);
        b.write_all(b"x").unwrap();
        let end = Instant::now() + PATIENCE;
        while told.load(SeqCst) == 0 && Instant::now() < end {
            thread::yield_now();
        }
        thread::sleep(MOMENT * 3);
        done.store(true, SeqCst);
    });
    told.into_inner()
}

#[test]
fn one_of_many_waiters_gets_a_one_shot_event() {
    for _ in 0..5 {
        assert_eq!(told_of_four(Trigger::OneShot), 1);
    }
}

#[test]
fn one_of_many_waiters_gets_an_edge() {
    // A spurious edge may come beside it.
    let told: usize = (0..5).map(|_| told_of_four(Trigger::Edge)).sum();
    assert!((5..=15).contains(&told), "{told} reports of 5 edges");
}

#[test]
fn some_of_many_waiters_get_a_level_event() {
    assert!((1..=4).contains(&told_of_four(Trigger::Level)));
}

#[test]
fn one_waker_wakes_all_waiters_one_after_the_other() {
    let watch = Watch::new();
    let waker = Waker::new(&watch.poller, Token::new(1)).unwrap();
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                let mut events = Events::with_capacity(8);
                watch.poller.wait(&mut events, Some(PATIENCE)).unwrap();
                assert!(events.iter().any(|event| event.is_wake()));
                // The thread that was told tells the next one.
                waker.wake().unwrap();
            });
        }
        waker.wake().unwrap();
    });
}

#[test]
fn one_shot_sources_are_served_by_many_threads_without_a_lost_byte() {
    const BYTES: usize = 2_000;
    let watch = Watch::new();
    let pairs: Vec<_> = (0..4).map(|_| pair()).collect();
    for (token, (a, _)) in pairs.iter().enumerate() {
        watch
            .poller
            .add(a, Token::new(token), READABLE, Trigger::OneShot)
            .unwrap();
    }
    pairs.iter().for_each(|(_, b)| b.set_nonblocking(false).unwrap());
    let (got, end) = (AtomicUsize::new(0), Instant::now() + PATIENCE);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut events = Events::with_capacity(2);
                while got.load(SeqCst) < BYTES * pairs.len() && Instant::now() < end {
                    watch.poller.wait(&mut events, Some(MOMENT)).unwrap();
                    for event in &events {
                        let source = &pairs[event.token().value()].0;
                        if let Ok(n) = (&*source).read(&mut [0; 64]) {
                            got.fetch_add(n, SeqCst);
                        }
                        watch
                            .poller
                            .modify(source, event.token(), READABLE, Trigger::OneShot)
                            .unwrap();
                    }
                }
            });
        }
        for _ in 0..BYTES {
            pairs.iter().for_each(|(_, b)| (&*b).write_all(b"x").unwrap());
        }
    });
    assert_eq!(got.into_inner(), BYTES * pairs.len());
}
