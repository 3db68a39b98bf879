//! What the calls may cost, counted: system calls by strace, allocations by the allocator, user instructions over the bare
//! libc calls by callgrind. Wall time is not measured here, because it differs from run to run.
//!
//! The counts come from this program itself: `work` does what `MULTIPLEX_WORK` names so many times, once under a tool with
//! N rounds and once with 2 N, and the difference is what N rounds cost.
#![cfg(any(target_os = "linux", target_os = "android"))]

#[path = "budgets/ffi.rs"]
mod ffi;
#[path = "budgets/tools.rs"]
mod tools;
#[path = "budgets/work.rs"]
mod work;

use std::time::{Duration, Instant};

use multiplex::timers::Timers;
use multiplex::{Events, Interest, Poller, Token, Trigger, Waker};

/// Does nothing in a usual run; under a tool it is the program that is counted.
#[test]
fn work() {
    if let Ok(text) = std::env::var(tools::WORK) {
        let (name, rounds) = text.split_once(':').expect("NAME:ROUNDS");
        work::run(name, rounds.parse().expect("a number of rounds"));
    }
}

#[track_caller]
fn is_system_calls(name: &str, wanted: f64) {
    if let Some(calls) = tools::system_calls(name, &[]) {
        println!("{name}: {calls:.3} system calls");
        // A line more or less of the test's own threads.
        assert!(
            (wanted - 0.02..=wanted + 0.02).contains(&calls),
            "{name}: {calls} system calls, not {wanted}"
        );
    }
}

#[test]
fn each_operation_is_one_system_call() {
    // The names of pairs hold two operations.
    for (name, wanted) in [
        ("modify", 1.0),
        ("modify_existing", 1.0),
        ("remove", 1.0),
        ("add_and_remove", 2.0),
        ("add_new_and_remove", 2.0),
        ("wait_for_ever", 1.0),
        ("wait_no_time", 1.0),
        ("wait_a_second", 1.0),
        ("wait_with_a_fraction", 1.0),
        ("wait_until_timeout", 1.0),
        ("wake_and_wait", 2.0),
    ] {
        is_system_calls(name, wanted);
    }
}

#[track_caller]
fn is_within_instructions(name: &str, bare: &str, most: f64) {
    let (Some(ours), Some(bare)) = (tools::instructions(name), tools::instructions(bare)) else {
        return;
    };
    let over = ours - bare;
    println!("{name}: {ours:.1} user instructions, {over:.1} over the bare call, at most {most}");
    assert!(
        over <= most,
        "{name}: {over:.1} user instructions over the bare {bare:.1}, at most {most}"
    );
}

#[test]
fn a_change_is_25_user_instructions_over_the_bare_call() {
    is_within_instructions("modify", "bare_modify", 25.0);
    is_within_instructions("modify_existing", "bare_modify", 25.0);
    is_within_instructions("remove", "bare_remove", 25.0);
    is_within_instructions("add_and_remove", "bare_add_and_remove", 50.0);
    is_within_instructions("add_new_and_remove", "bare_add_and_remove", 50.0);
}

#[test]
fn a_wait_is_40_user_instructions_and_8_per_event_over_the_bare_call() {
    is_within_instructions("wait_for_ever", "bare_wait", 40.0 + 8.0);
    is_within_instructions("wait_no_time", "bare_wait", 40.0 + 8.0);
    is_within_instructions("wait_64_events", "bare_wait_64_events", 40.0 + 64.0 * 8.0);
}

/// The price of waiting on after a signal for the time that is left: the clock is read before, and compared with after.
#[test]
fn a_wait_with_a_timeout_is_the_same_and_one_reading_of_the_clock() {
    is_within_instructions("wait_a_second", "bare_wait_and_clock", 40.0 + 8.0);
    is_within_instructions("wait_with_a_fraction", "bare_wait_and_clock", 40.0 + 8.0);
}

#[test]
fn nothing_is_allocated_after_the_buffer_was_made() {
    let poller = Poller::new().unwrap();
    let mut events = Events::with_capacity(16);
    let waker = Waker::new(&poller, Token::new(1)).unwrap();
    let (a, _b) = std::os::unix::net::UnixStream::pair().unwrap();
    let before = ffi::allocations_of_this_thread();
    for trigger in [Trigger::Level, Trigger::Edge, Trigger::OneShot] {
        poller
            .add(&a, Token::new(2), Interest::WRITABLE, trigger)
            .unwrap();
        for timeout in [
            Duration::ZERO,
            Duration::from_micros(50),
            Duration::from_millis(1),
        ] {
            waker.wake().unwrap();
            poller.wait(&mut events, Some(timeout)).unwrap();
            assert!(events.iter().any(|event| event.is_wake() || event.is_writable()));
            poller
                .modify(&a, Token::new(2), Interest::READABLE, trigger)
                .unwrap();
            poller.wait(&mut events, Some(timeout)).unwrap();
            poller
                .modify(&a, Token::new(2), Interest::WRITABLE, trigger)
                .unwrap();
        }
        poller.remove(&a).unwrap();
    }
    assert_eq!(ffi::allocations_of_this_thread() - before, 0);
    assert!(
        ffi::allocations_of_this_thread() > 0,
        "the allocator does not count"
    );
}

/// Timers of a full wheel that has no room left, each with a value of eight bytes.
const TIMERS: usize = 256 * 1024;

#[test]
fn a_wheel_that_grows_copies_no_timer() {
    let now = Instant::now();
    let before = ffi::memory_of_this_thread();
    let mut timers = Timers::new(now);
    for n in 0..TIMERS {
        timers.insert(now + Duration::from_micros(n as u64), n as u64);
    }
    let after = ffi::memory_of_this_thread();
    let (each, grown) = ((after.held - before.held) / TIMERS as isize, after.largest_grown);
    println!("{each} bytes a timer, the largest block that grew had {grown} bytes");
    assert!(grown < TIMERS / 8, "a block of {grown} bytes was copied");
    assert!((32..=33).contains(&each), "{each} bytes a timer");
    assert_eq!(timers.len(), TIMERS);
}

#[test]
fn an_insert_into_room_that_was_reserved_allocates_nothing() {
    let now = Instant::now();
    let mut timers = Timers::with_capacity(now, 1000);
    for round in 0..3 {
        let before = ffi::allocations_of_this_thread();
        let ids = [(); 1000].map(|()| timers.insert(now, round));
        assert_eq!(ffi::allocations_of_this_thread() - before, 0, "round {round}");
        if round < 2 {
            assert!(ids.iter().all(|id| timers.cancel(*id).is_some()));
        }
    }
    timers.reserve(5_000);
    let before = ffi::allocations_of_this_thread();
    for n in 0..5_000 {
        timers.insert(now, n);
    }
    assert_eq!(ffi::allocations_of_this_thread() - before, 0);
}
