//! How long a wait lasts.

use std::io::ErrorKind;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

use multiplex::{Event, Token, Trigger, Waker};

use super::support::*;

#[test]
fn a_wait_of_no_time_only_looks() {
    let mut watch = Watch::new();
    let start = Instant::now();
    for _ in 0..100 {
        assert!(watch.look().is_empty());
    }
    assert!(start.elapsed() < PATIENCE / 2);
}

#[test]
fn a_wait_never_returns_early() {
    let mut watch = Watch::new();
    for nanos in [
        1, 999, 1_000, 300_000, 999_999, 1_000_000, 1_000_001, 1_500_000, 20_000_000, 20_300_000,
    ] {
        for _ in 0..3 {
            let (timeout, start) = (Duration::from_nanos(nanos), Instant::now());
            assert!(watch.wait(timeout).is_empty());
            let took = start.elapsed();
            assert!(took >= timeout, "{took:?} of {timeout:?}");
        }
    }
}

#[test]
fn a_wait_until_a_deadline_ends_then_and_not_before() {
    let mut watch = Watch::new();
    for nanos in [1, 300_000, 1_000_000, 1_500_000, 20_300_000] {
        let deadline = Instant::now() + Duration::from_nanos(nanos);
        watch.poller.wait_until(&mut watch.events, deadline).unwrap();
        assert!(
            watch.events.is_empty() && Instant::now() >= deadline,
            "{nanos} ns"
        );
    }
    // Past, now or far ahead, it reports what is ready.
    let (a, _b) = pair();
    watch
        .poller
        .add(&a, Token::new(1), WRITABLE, Trigger::Level)
        .unwrap();
    let now = Instant::now();
    for deadline in [now - MOMENT, now, now + 400 * Duration::from_secs(24 * 60 * 60)] {
        watch.poller.wait_until(&mut watch.events, deadline).unwrap();
        assert_eq!(watch.events.len(), 1);
    }
}

#[test]
fn a_signal_makes_a_wait_until_a_deadline_go_on() {
    ffi::catch_signals();
    let mut watch = Watch::new();
    let (thread, over) = (ffi::this_thread(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(SeqCst) {
                ffi::interrupt(thread);
                thread::sleep(MOMENT / 10);
            }
        });
        let deadline = Instant::now() + 5 * MOMENT;
        watch.poller.wait_until(&mut watch.events, deadline).unwrap();
        over.store(true, SeqCst);
        assert!(watch.events.is_empty() && Instant::now() >= deadline);
    });
}

#[test]
fn the_longest_timeouts_are_waited_for_and_ended_by_an_event() {
    let day = Duration::from_secs(24 * 60 * 60);
    for timeout in [
        Some(day - MOMENT),
        Some(day),
        Some(60 * day),
        Some(Duration::MAX),
        None,
    ] {
        let mut watch = Watch::new();
        let waker = Waker::new(&watch.poller, Token::new(1)).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(MOMENT);
                waker.wake().unwrap();
            });
            assert!(
                !watch.wait(timeout).is_empty(),
                "{timeout:?} ended without an event"
            );
        });
    }
}

#[test]
fn a_signal_neither_ends_a_wait_nor_makes_it_longer() {
    ffi::catch_signals();
    for timeout in [60_000, 60_500].map(Duration::from_micros) {
        let mut watch = Watch::new();
        let (took, signals) = under_signals(|| assert!(watch.wait(timeout).is_empty()));
        assert!(
            took >= timeout && took < timeout + PATIENCE / 2,
            "{took:?} with {signals} signals"
        );
    }
}

#[test]
fn a_signal_does_not_end_a_wait_for_ever() {
    ffi::catch_signals();
    let mut watch = Watch::new();
    let waker = Waker::new(&watch.poller, Token::new(1)).unwrap();
    thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(MOMENT * 6);
            waker.wake().unwrap();
        });
        under_signals(|| assert!(!watch.wait(None).is_empty()));
    });
}

#[test]
fn a_signal_disturbs_neither_changes_nor_looks() {
    ffi::catch_signals();
    under_signals(|| {
        let mut watch = Watch::new();
        let (a, _b) = pair();
        for token in 0..2_000 {
            watch
                .poller
                .add(&a, Token::new(token), WRITABLE, Trigger::Level)
                .unwrap();
            watch.expect(token, Event::is_writable);
            watch
                .poller
                .modify(&a, Token::new(token), READABLE, Trigger::Level)
                .unwrap();
            assert!(watch.look().is_empty());
            watch.poller.remove(&a).unwrap();
        }
    });
}

#[test]
fn a_signal_ends_a_wait_that_may_be_interrupted() {
    ffi::catch_signals();
    let mut watch = Watch::new();
    under_signals(|| {
        let (a, _b) = pair();
        let token = Token::new(7);
        watch.poller.add(&a, token, WRITABLE, Trigger::Level).unwrap();
        watch.expect(7, Event::is_writable);
        watch.poller.remove(&a).unwrap();
        let start = Instant::now();
        let error = watch
            .poller
            .wait_interruptible(&mut watch.events, Some(PATIENCE))
            .expect_err("a signal comes every 200 microseconds");
        assert_eq!(error.kind(), ErrorKind::Interrupted);
        assert!(watch.events.is_empty(), "those of the wait before are kept");
        assert!(start.elapsed() < PATIENCE);
    });
}

#[test]
fn a_wait_that_may_be_interrupted_is_a_wait_otherwise() {
    let mut watch = Watch::new();
    let (timeout, start) = (Duration::from_millis(20), Instant::now());
    while watch
        .poller
        .wait_interruptible(&mut watch.events, Some(timeout))
        .is_err_and(|error| error.kind() == ErrorKind::Interrupted)
    {
        assert!(start.elapsed() < PATIENCE, "interrupted for ever");
    }
    assert!(watch.events.is_empty() && start.elapsed() >= timeout);

    let (a, _b) = pair();
    watch
        .poller
        .add(&a, Token::new(7), WRITABLE, Trigger::Level)
        .unwrap();
    let end = Instant::now() + PATIENCE;
    loop {
        let result = watch.poller.wait_interruptible(&mut watch.events, Some(PATIENCE));
        match result {
            Ok(()) if !watch.events.is_empty() => break,
            Ok(()) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::Interrupted),
        }
        assert!(Instant::now() < end);
    }
    assert!(
        watch
            .events
            .iter()
            .any(|event| event.token() == Token::new(7) && event.is_writable())
    );
}

/// Runs `work` while signals come about every 200 microseconds, and says how long it took and how many came.
fn under_signals(work: impl FnOnce()) -> (Duration, usize) {
    let (done, me) = (AtomicBool::new(false), ffi::this_thread());
    thread::scope(|scope| {
        let signals = scope.spawn(|| {
            let mut count = 0;
            while !done.load(SeqCst) {
                ffi::interrupt(me);
                count += 1;
                thread::sleep(Duration::from_micros(200));
            }
            count
        });
        let start = Instant::now();
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
        let took = start.elapsed();
        done.store(true, SeqCst);
        let count = signals.join().unwrap();
        result.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (took, count)
    })
}

#[test]
fn a_wait_sleeps() {
    let mut watch = Watch::new();
    let waker = Waker::new(&watch.poller, Token::new(1)).unwrap();
    let half_a_millisecond = Duration::from_micros(500);
    for timeout in [None, Some(MOMENT * 20), Some(MOMENT * 20 + half_a_millisecond)] {
        let used = thread::scope(|scope| {
            scope.spawn(|| {
                thread::sleep(MOMENT * 15);
                waker.wake().unwrap();
            });
            let before = ffi::thread_time();
            watch.wait(timeout);
            ffi::thread_time() - before
        });
        // The wake comes after 150 ms, of which a loop on a busy machine may get a few. Chaos may end the wait sooner.
        assert!(
            used < MOMENT,
            "{used:?} of processor time for a wait of {timeout:?}"
        );
        watch.look();
    }
}
