//! Many threads on one poller: waiters, changes while others wait, wakers, and every order of dropping.

mod support;

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use multiplex::{Event, Events, Poller, Token, Trigger, Waker};

use support::*;

/// Long enough for the threads to meet, short enough for every commit.
const RUN: Duration = Duration::from_millis(400);

/// Chapter `threads`: each waiter that is told tells the next one.
#[test]
fn a_wake_that_is_handed_on_stops_every_waiter() {
    for _ in 0..20 {
        let poller = Poller::new().unwrap();
        let waker = Waker::new(&poller, Token::new(1)).unwrap();
        let stop = AtomicBool::new(false);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut events = Events::with_capacity(4);
                    while !stop.load(SeqCst) {
                        poller.wait(&mut events, None).unwrap();
                    }
                    waker.wake().unwrap();
                });
            }
            thread::sleep(MOMENT / 5);
            stop.store(true, SeqCst);
            waker.wake().unwrap();
        });
    }
}

/// Chapter `threads`: the end of a stream, which nobody reads, is reported by level to each wait.
#[test]
fn a_level_source_that_stays_ready_stops_every_waiter() {
    for _ in 0..20 {
        let poller = Poller::new().unwrap();
        let (over, keeper) = pair();
        poller
            .add(&over, Token::new(1), READABLE, Trigger::Level)
            .unwrap();
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut events = Events::with_capacity(4);
                    loop {
                        poller.wait(&mut events, None).unwrap();
                        if events.iter().any(|event| event.token() == Token::new(1)) {
                            break;
                        }
                    }
                });
            }
            thread::sleep(MOMENT / 5);
            drop(keeper);
        });
    }
}

/// An outer poller is told of a queue for as long as it is open; after the drop it hears nothing more.
#[test]
fn a_wake_that_races_the_drop_of_its_poller_neither_fails_nor_keeps_the_queue_open() {
    let mut outer = Watch::new();
    let end = Instant::now() + RUN;
    while Instant::now() < end {
        let inner = Poller::new().unwrap();
        outer
            .poller
            .add(&inner, Token::new(1), READABLE, Trigger::Level)
            .unwrap();
        let waker = Waker::new(&inner, Token::new(2)).unwrap();
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                (0..50).for_each(|_| waker.wake().unwrap());
            });
            start.wait();
            drop(inner);
        });
        outer.expect_silence();
    }
}

/// Each source is read by whichever thread is told, while another thread changes its registration all the time.
#[test]
fn no_byte_is_lost_while_registrations_change_under_the_waiters() {
    for trigger in TRIGGERS {
        let poller = Poller::new().unwrap();
        let pairs: Vec<_> = (0..4).map(|_| pair()).collect();
        for (token, (a, _)) in pairs.iter().enumerate() {
            poller.add(a, Token::new(token), READABLE, trigger).unwrap();
        }
        let (written, read, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| read_until_done(&poller, &pairs, trigger, &read, &done));
            }
            scope.spawn(|| {
                while !done.load(SeqCst) {
                    for (token, (a, _)) in pairs.iter().enumerate() {
                        poller.modify(a, Token::new(token), READABLE, trigger).unwrap();
                        poller.remove(a).unwrap_or_default();
                        poller.add(a, Token::new(token), READABLE, trigger).unwrap();
                    }
                }
            });
            let start = Instant::now();
            while start.elapsed() < RUN {
                for (_, b) in &pairs {
                    if let Ok(n) = (&*b).write(&[7; 100]) {
                        written.fetch_add(n, SeqCst);
                    }
                }
            }
            let end = Instant::now() + PATIENCE;
            while read.load(SeqCst) < written.load(SeqCst) && Instant::now() < end {
                thread::sleep(Duration::from_millis(1));
            }
            done.store(true, SeqCst);
        });
        assert_eq!(
            read.into_inner(),
            written.into_inner(),
            "bytes read and written, {trigger:?}"
        );
    }
}

fn read_until_done(
    poller: &Poller,
    pairs: &[(UnixStream, UnixStream)],
    trigger: Trigger,
    read: &AtomicUsize,
    done: &AtomicBool,
) {
    let mut events = Events::with_capacity(2);
    while !done.load(SeqCst) {
        poller.wait(&mut events, Some(MOMENT)).unwrap();
        for event in &events {
            let source = &pairs[event.token().value()].0;
            while let Ok(n @ 1..) = (&*source).read(&mut [0; 256]) {
                read.fetch_add(n, SeqCst);
            }
            if trigger == Trigger::OneShot {
                poller.modify(source, event.token(), READABLE, trigger).unwrap();
            }
        }
    }
}

/// Each direction's event may go to another thread, and each of them arms both directions again, beside the other.
#[test]
fn a_source_that_two_threads_arm_again_at_the_same_time_stays_alive() {
    const BYTES: usize = 200;
    let poller = Poller::new().unwrap();
    let pairs: Vec<_> = (0..2).map(|_| pair()).collect();
    for (token, (a, b)) in pairs.iter().enumerate() {
        poller.add(a, Token::new(token), BOTH, Trigger::OneShot).unwrap();
        // There is always more to read and room to write, so both directions report as soon as they are armed.
        (&*b).write_all(&[7; BYTES]).unwrap();
    }
    let (left, end) = (AtomicUsize::new(BYTES * pairs.len()), Instant::now() + PATIENCE);
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut events = Events::with_capacity(1);
                while left.load(SeqCst) > 0 && Instant::now() < end {
                    poller.wait(&mut events, Some(MOMENT)).unwrap();
                    for event in &events {
                        let source = &pairs[event.token().value()].0;
                        if event.is_readable() && (&*source).read(&mut [0]).is_ok_and(|n| n > 0) {
                            left.fetch_sub(1, SeqCst);
                        }
                        poller
                            .modify(source, event.token(), BOTH, Trigger::OneShot)
                            .unwrap();
                    }
                }
            });
        }
    });
    assert_eq!(left.into_inner(), 0, "bytes that nobody was told of");
    // And it is armed for good: each source reports each direction once more. An event that comes first disarms its source, so all have to be
    // readable before the first wait.
    for (_, b) in &pairs {
        (&*b).write_all(b"more").unwrap();
    }
    let (mut events, mut silent) = (Events::with_capacity(1), vec![[true; 2]; pairs.len()]);
    while silent.concat().contains(&true) {
        assert!(Instant::now() < end + PATIENCE, "silent: {silent:?}");
        poller.wait(&mut events, Some(MOMENT)).unwrap();
        for event in &events {
            let [readable, writable] = &mut silent[event.token().value()];
            *readable &= !event.is_readable();
            *writable &= !event.is_writable();
        }
    }
}

#[test]
fn every_wake_is_followed_by_a_report_to_one_of_the_waiters() {
    const WAKERS: usize = 4;
    const ROUNDS: usize = 300;
    let poller = Poller::new().unwrap();
    let wakers: Vec<_> = (0..WAKERS)
        .map(|token| Waker::new(&poller, Token::new(token)).unwrap())
        .collect();
    let reports: Vec<_> = (0..WAKERS).map(|_| AtomicUsize::new(0)).collect();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut events = Events::with_capacity(2);
                while !done.load(SeqCst) {
                    poller.wait(&mut events, Some(MOMENT)).unwrap();
                    for event in &events {
                        assert!(event.is_wake(), "{event:?}");
                        reports[event.token().value()].fetch_add(1, SeqCst);
                    }
                }
            });
        }
        let threads: Vec<_> = wakers
            .iter()
            .zip(&reports)
            .map(|(waker, reports)| {
                scope.spawn(|| {
                    let end = Instant::now() + PATIENCE;
                    for round in 0..ROUNDS {
                        let before = reports.load(SeqCst);
                        waker.wake().unwrap();
                        while reports.load(SeqCst) == before {
                            assert!(Instant::now() < end, "wake {round} was lost");
                            thread::yield_now();
                        }
                    }
                })
            })
            .collect();
        let results: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
        done.store(true, SeqCst);
        results.into_iter().for_each(|result| result.unwrap());
    });
}

#[test]
fn wakers_come_and_go_while_others_wait() {
    let poller = Poller::new().unwrap();
    let (done, reports) = (AtomicBool::new(false), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut events = Events::with_capacity(4);
                while !done.load(SeqCst) {
                    poller.wait(&mut events, Some(MOMENT)).unwrap();
                    assert!(events.iter().all(|event| event.is_wake()));
                    reports.fetch_add(events.len(), SeqCst);
                }
            });
        }
        let makers: Vec<_> = (0..3)
            .map(|maker| {
                let poller = &poller;
                scope.spawn(move || {
                    for round in 0..300 {
                        let waker = Waker::new(poller, Token::new(maker * 1_000 + round)).unwrap();
                        waker.wake().unwrap();
                    }
                })
            })
            .collect();
        makers.into_iter().for_each(|maker| maker.join().unwrap());
        // The last one is not dropped before it was heard.
        let (last, before) = (Waker::new(&poller, Token::new(9)).unwrap(), reports.load(SeqCst));
        last.wake().unwrap();
        let end = Instant::now() + PATIENCE;
        while reports.load(SeqCst) == before && Instant::now() < end {
            thread::yield_now();
        }
        done.store(true, SeqCst);
        assert!(reports.load(SeqCst) > before);
    });
}

/// Work goes from thread to thread: who takes an item wakes the next waiter if there are more.
#[test]
fn a_queue_with_one_waker_is_emptied_by_many_waiters() {
    const ITEMS: usize = 2_000;
    let poller = Poller::new().unwrap();
    let waker = Waker::new(&poller, Token::new(0)).unwrap();
    let (queue, taken) = (Mutex::new(Vec::new()), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let (mut events, end) = (Events::with_capacity(1), Instant::now() + PATIENCE);
                while taken.load(SeqCst) < ITEMS && Instant::now() < end {
                    poller.wait(&mut events, Some(MOMENT)).unwrap();
                    while queue.lock().unwrap().pop().is_some() {
                        taken.fetch_add(1, SeqCst);
                    }
                }
            });
        }
        for item in 0..ITEMS {
            let mut queue = queue.lock().unwrap();
            queue.push(item);
            if queue.len() == 1 {
                waker.wake().unwrap();
            }
        }
    });
    assert_eq!(taken.into_inner(), ITEMS);
}

#[test]
fn poller_wakers_and_sources_are_dropped_in_any_order() {
    for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
        let poller = Poller::new().unwrap();
        let waker = Waker::new(&poller, Token::new(1)).unwrap();
        let (a, mut b) = pair();
        poller.add(&a, Token::new(2), READABLE, Trigger::Level).unwrap();
        b.write_all(b"pending").unwrap();
        waker.wake().unwrap();
        let (mut poller, mut waker, mut source) = (Some(poller), Some(waker), Some(a));
        for what in order {
            match what {
                0 => drop(poller.take()),
                1 => drop(waker.take()),
                _ => drop(source.take()),
            }
            if let Some(waker) = &waker {
                waker.wake().unwrap();
            }
            if let Some(poller) = &poller {
                let mut events = Events::with_capacity(4);
                poller.wait(&mut events, Some(Duration::ZERO)).unwrap();
                let left = |event: Event| match event.token().value() {
                    1 => waker.is_some(),
                    _ => source.is_some(),
                };
                assert!(events.iter().all(left), "{events:?} after {order:?}");
            }
        }
    }
}

#[test]
fn the_last_of_a_poller_and_its_wakers_may_go_in_any_thread() {
    for _ in 0..50 {
        let poller = Arc::new(Poller::new().unwrap());
        let start = Barrier::new(4);
        thread::scope(|scope| {
            for token in 0..3 {
                let (waker, start) = (Waker::new(&poller, Token::new(token)).unwrap(), &start);
                scope.spawn(move || {
                    start.wait();
                    waker.wake().unwrap();
                });
            }
            let start = &start;
            scope.spawn(move || {
                start.wait();
                let mut events = Events::with_capacity(4);
                poller.wait(&mut events, Some(Duration::ZERO)).unwrap();
            });
        });
    }
}
