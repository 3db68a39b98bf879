//! `multiplex` beside bare system calls, mio and polling, in one run; and its timers.
//!
//!     cargo bench -p bench --bench multiplex
//!
//! Times differ from machine to machine and from run to run: what they tell is the ratio between contestants of the same
//! run. What is held to a number are the instructions; see `benches/count`.

use bench::deadlines::{deadlines, live_timers, scattered};
#[cfg(target_os = "linux")]
use bench::readiness::Bare;
use bench::readiness::{Contestant, FIRST_SOURCE, Mio, Ours, OursByEdge, Polling, Sources, expected};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// How many sources are registered while some are waited for.
const REGISTERED: usize = 10_000;

criterion_group!(benches, contestants, timers);
criterion_main!(benches);

/// Operation by operation, so that those who are compared run one right after the other.
fn contestants(criterion: &mut Criterion) {
    let mut sources = Sources::new(1024, REGISTERED);
    CONTESTANTS
        .iter()
        .for_each(|of| (of.register)(criterion, &sources));
    for ready in [1, 64, 1024] {
        CONTESTANTS
            .iter()
            .for_each(|of| (of.wait)(criterion, &mut sources, ready));
    }
    CONTESTANTS.iter().for_each(|of| (of.wake)(criterion));
    CONTESTANTS.iter().for_each(|of| (of.ping_pong)(criterion));
}

const CONTESTANTS: &[Operations] = &[
    #[cfg(target_os = "linux")]
    Operations::of::<Bare>(),
    Operations::of::<Ours>(),
    Operations::of::<OursByEdge>(),
    Operations::of::<Mio>(),
    Operations::of::<Polling>(),
];

/// The timed operations of one contestant.
struct Operations {
    register: fn(&mut Criterion, &Sources),
    wait: fn(&mut Criterion, &mut Sources, usize),
    wake: fn(&mut Criterion),
    ping_pong: fn(&mut Criterion),
}

impl Operations {
    const fn of<C: Contestant>() -> Self {
        Self {
            register: register::<C>,
            wait: wait::<C>,
            wake: wake::<C>,
            ping_pong: ping_pong::<C>,
        }
    }
}

fn register<C: Contestant>(criterion: &mut Criterion, sources: &Sources) {
    let (contestant, fd) = (C::new(), sources.idle());
    criterion
        .benchmark_group("register and deregister")
        .bench_function(C::NAME, |bencher| {
            bencher.iter(|| {
                contestant.add(fd, FIRST_SOURCE);
                contestant.remove(fd);
            });
        });
}

/// Only the wait is timed, not what makes sources ready before it and drains them after.
fn wait<C: Contestant>(criterion: &mut Criterion, sources: &mut Sources, ready: usize) {
    let (mut contestant, mut events) = (C::new(), C::events(1024));
    sources.register(&contestant);
    let mut group = criterion.benchmark_group(format!("wait, {ready} ready of {REGISTERED}"));
    group.throughput(Throughput::Elements(ready as u64));
    group.bench_function(C::NAME, |bencher| {
        bencher.iter_custom(|times| {
            let mut elapsed = Duration::ZERO;
            for _ in 0..times {
                sources.make_ready(ready);
                let start = Instant::now();
                let seen = contestant.wait(&mut events, None);
                elapsed += start.elapsed();
                assert_eq!(seen, expected(ready));
                sources.drain(ready);
            }
            elapsed
        });
    });
}

/// Wakes another thread, which wakes this one: two wakes, one after the other.
fn wake<C: Contestant>(criterion: &mut Criterion) {
    let (mut here, mut events) = (C::new(), C::events(64));
    let (send_waker, waker) = mpsc::channel();
    let (back, over) = (here.waker(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut there, mut events) = (C::new(), C::events(64));
            send_waker.send(there.waker()).expect("it is waited for");
            while !over.load(Ordering::Relaxed) {
                while !there.wait(&mut events, None).woken {}
                C::wake(&back);
            }
        });
        let there = waker.recv().expect("the thread sends it first");
        criterion
            .benchmark_group("wake, there and back")
            .bench_function(C::NAME, |bencher| {
                bencher.iter(|| {
                    C::wake(&there);
                    while !here.wait(&mut events, None).woken {}
                });
            });
        over.store(true, Ordering::Relaxed);
        C::wake(&there);
    });
}

/// Sends a byte to another thread, which sends it back; each waits before it reads.
fn ping_pong<C: Contestant>(criterion: &mut Criterion) {
    let (here, there) = UnixStream::pair().expect("a pair of sockets");
    let (mut here, mut there): (&UnixStream, &UnixStream) =
        (Box::leak(Box::new(here)), Box::leak(Box::new(there)));
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut contestant, mut events) = (C::new(), C::events(64));
            contestant.add(there.as_fd(), FIRST_SOURCE);
            let mut byte = [0];
            loop {
                contestant.wait(&mut events, None);
                match there.read(&mut byte).expect("it is readable") {
                    0 => return,
                    _ => there.write_all(&byte).expect("one byte fits"),
                }
            }
        });
        let (mut contestant, mut events) = (C::new(), C::events(64));
        contestant.add(here.as_fd(), FIRST_SOURCE);
        criterion
            .benchmark_group("ping-pong between two threads")
            .bench_function(C::NAME, |bencher| {
                bencher.iter(|| {
                    here.write_all(b"!").expect("one byte fits");
                    contestant.wait(&mut events, None);
                    here.read_exact(&mut [0]).expect("it is readable");
                });
            });
        here.shutdown(Shutdown::Both).expect("it is connected");
    });
}

fn timers(criterion: &mut Criterion) {
    let start = Instant::now();
    for live in [1_000, 10_000, 100_000, 1_000_000] {
        let (mut timers, mut ids) = live_timers(live, start);
        let (mut soon, mut which) = (deadlines(start), scattered(live as u64).map(|n| n as usize));
        let mut next = || {
            (
                soon.next().expect("they are many"),
                which.next().expect("they are many"),
            )
        };
        // A request that is answered at once: its timer comes and goes, among many others.
        criterion
            .benchmark_group("timers: insert and cancel")
            .bench_function(BenchmarkId::from_parameter(live), |bencher| {
                bencher.iter(|| {
                    let id = timers.insert(next().0, 0);
                    assert_eq!(timers.cancel(id), Some(0));
                });
            });
        // Any of them: with many, this is the time that memory takes to answer.
        criterion
            .benchmark_group("timers: cancel any, insert anew")
            .bench_function(BenchmarkId::from_parameter(live), |bencher| {
                bencher.iter(|| {
                    let (deadline, which) = next();
                    assert_eq!(timers.cancel(ids[which]), Some(0));
                    ids[which] = timers.insert(deadline, 0);
                });
            });
        criterion.benchmark_group("timers: re-arm any").bench_function(
            BenchmarkId::from_parameter(live),
            |bencher| {
                bencher.iter(|| {
                    let (deadline, which) = next();
                    assert!(timers.rearm(ids[which], deadline));
                });
            },
        );
    }
}
