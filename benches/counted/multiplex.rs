//! Does one operation many times, to be counted from outside: `count-multiplex CONTESTANT OPERATION TIMES`.

use bench::deadlines::{deadlines, live_timers};
use bench::readiness::{Contestant, FIRST_SOURCE, Mio, Ours, Polling, Sources, expected};
use std::hint::black_box;
use std::time::Instant;

/// How many sources are registered while some are waited for.
const REGISTERED: usize = 10_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [contestant, operation, times] = &arguments[..] else {
        panic!("usage: count-multiplex CONTESTANT OPERATION TIMES");
    };
    let times = times.parse().expect("TIMES is a number");
    match contestant.as_str() {
        #[cfg(target_os = "linux")]
        "bare" => run::<bench::readiness::Bare>(operation, times),
        "multiplex" => run::<Ours>(operation, times),
        "mio" => run::<Mio>(operation, times),
        "polling" => run::<Polling>(operation, times),
        "timers" => timers(
            operation.parse().expect("OPERATION is the number of live timers"),
            times,
        ),
        "nothing" => make_ready(operation, times),
        other => panic!("no contestant is called {other}"),
    }
}

fn run<C: Contestant>(operation: &str, times: usize) {
    match operation {
        "add and remove" => {
            let (contestant, fd) = (C::new(), Sources::new(0, 1).idle());
            for token in FIRST_SOURCE..times + FIRST_SOURCE {
                contestant.add(fd, token);
                contestant.remove(fd);
            }
        }
        "modify" => {
            let (contestant, fd) = (C::new(), Sources::new(0, 1).idle());
            contestant.add(fd, FIRST_SOURCE);
            (FIRST_SOURCE..times + FIRST_SOURCE).for_each(|token| contestant.modify(fd, token));
        }
        "wake and wait" => {
            let mut contestant = C::new();
            let (waker, mut events) = (contestant.waker(), C::events(64));
            for _ in 0..times {
                C::wake(&waker);
                assert!(contestant.wait(&mut events, None).woken);
            }
        }
        wait => {
            let mut contestant = C::new();
            let (ready, expected) = (ready(wait), expected(ready(wait)));
            let (mut sources, mut events) = (Sources::new(ready, REGISTERED), C::events(1024));
            sources.register(&contestant);
            for _ in 0..times {
                sources.make_ready(ready);
                assert_eq!(contestant.wait(&mut events, None), expected);
                sources.drain(ready);
            }
        }
    }
}

/// What the waits above do beside waiting, to be subtracted.
fn make_ready(operation: &str, times: usize) {
    let (ready, expected) = (ready(operation), expected(ready(operation)));
    let mut sources = Sources::new(ready, REGISTERED);
    for _ in 0..times {
        sources.make_ready(ready);
        assert_eq!(black_box(expected), expected);
        sources.drain(ready);
    }
}

/// The number in "wait, 64 ready".
fn ready(operation: &str) -> usize {
    let number = operation
        .strip_prefix("wait, ")
        .and_then(|rest| rest.strip_suffix(" ready"));
    number
        .and_then(|n| n.parse().ok())
        .unwrap_or_else(|| panic!("no operation is called {operation}"))
}

/// Cancels one of `live` timers and inserts another, so that there are always as many.
fn timers(live: usize, times: usize) {
    let start = Instant::now();
    let (mut timers, mut ids) = live_timers(live, start);
    for (which, deadline) in (0..live).cycle().zip(deadlines(start)).take(times) {
        assert_eq!(timers.cancel(ids[which]), Some(0));
        ids[which] = timers.insert(deadline, 0);
    }
}
