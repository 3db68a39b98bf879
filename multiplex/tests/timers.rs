//! What `timers` promises.

#[path = "timers/model.rs"]
mod model;

use multiplex::timers::Timers;
use std::time::{Duration, Instant};

const MILLISECOND: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn drain<T>(timers: &mut Timers<T>, now: Instant) -> Vec<T> {
    std::iter::from_fn(|| timers.expire(now))
        .map(|(_, value)| value)
        .collect()
}

#[test]
fn an_empty_wheel_has_no_timeout_and_nothing_due() {
    let now = Instant::now();
    let mut timers = Timers::<()>::new(now);
    assert!(timers.is_empty());
    assert_eq!(timers.next_timeout(now), None);
    assert_eq!(timers.expire(now + 400 * DAY), None);
}

#[test]
fn a_timer_never_fires_before_its_deadline_and_fires_within_the_millisecond_after() {
    let start = Instant::now();
    for micros in [
        1, 999, 1000, 1001, 63_999, 64_000, 64_001, 4_095_999, 4_096_000, 60_000_001,
    ] {
        let mut timers = Timers::new(start);
        let deadline = start + Duration::from_micros(micros);
        timers.insert(deadline, ());
        assert_eq!(
            timers.expire(deadline - Duration::from_nanos(1)),
            None,
            "{micros} µs: early"
        );
        assert!(
            timers.expire(deadline + MILLISECOND).is_some(),
            "{micros} µs: late"
        );
    }
}

#[test]
fn a_deadline_in_the_past_is_due_at_once() {
    let start = Instant::now();
    let now = start + DAY;
    let mut timers = Timers::new(start);
    assert_eq!(timers.expire(now), None);
    timers.insert(start, "at the start");
    timers.insert(now - MILLISECOND, "just missed");
    timers.insert(now, "now");
    assert_eq!(timers.next_timeout(now), Some(Duration::ZERO));
    assert_eq!(drain(&mut timers, now).len(), 3);
}

#[test]
fn a_deadline_years_ahead_fires_then_and_a_jump_past_it_is_one_call() {
    let start = Instant::now();
    let mut timers = Timers::new(start);
    let deadline = start + 36_500 * DAY;
    timers.insert(deadline, ());
    assert_eq!(timers.next_timeout(start), Some(36_500 * DAY));
    assert_eq!(timers.expire(deadline - MILLISECOND), None);
    assert_eq!(timers.next_timeout(deadline - MILLISECOND), Some(MILLISECOND));
    assert!(timers.expire(deadline + 365 * DAY).is_some());
}

#[test]
fn earlier_milliseconds_fire_first_also_after_a_jump() {
    let start = Instant::now();
    let mut timers = Timers::new(start);
    for millis in [70_000, 3, 5_000, 64, 63, 1_000_000, 4_096] {
        timers.insert(start + Duration::from_millis(millis), millis);
    }
    assert_eq!(
        drain(&mut timers, start + DAY),
        [3, 63, 64, 4_096, 5_000, 70_000, 1_000_000]
    );
}

#[test]
fn a_lone_timer_wakes_an_event_loop_once() {
    let start = Instant::now();
    let mut timers = Timers::new(start);
    timers.insert(start + Duration::from_micros(61_234_567), ());
    let timeout = timers.next_timeout(start).expect("one timer");
    assert_eq!(timeout, Duration::from_millis(61_235));
    assert!(timers.expire(start + timeout).is_some());
}

#[test]
fn a_clock_that_runs_backwards_is_taken_to_stand_still() {
    let start = Instant::now();
    let mut timers = Timers::new(start);
    let late = start + Duration::from_secs(10);
    assert_eq!(timers.expire(late), None);
    let ids = [1, 2, 3].map(|millis| timers.insert(late + millis * MILLISECOND, millis));
    assert_eq!(timers.expire(start), None);
    assert_eq!(
        timers.next_timeout(start),
        Some(MILLISECOND),
        "as `expire` takes it"
    );
    assert_eq!(timers.cancel(ids[1]), Some(2));
    timers.insert(start, 0);
    assert_eq!(drain(&mut timers, late + 3 * MILLISECOND), [0, 1, 3]);
}

/// A loop may read its clock before a long turn and after it.
#[test]
fn the_timeout_of_an_earlier_time_agrees_with_what_expires_then() {
    let start = Instant::now();
    let late = start + Duration::from_secs(10);
    for after in [0, 1, 63, 64, 5_000] {
        let mut timers = Timers::new(start);
        assert_eq!(timers.expire(late), None);
        timers.insert(late + after * MILLISECOND, ());
        let timeout = timers.next_timeout(start + MILLISECOND).expect("one timer");
        assert_eq!(timeout, after * MILLISECOND);
        let due = timers.expire(start + MILLISECOND).is_some();
        assert_eq!(timeout.is_zero(), due, "due {after} ms after the latest time");
    }
}

#[test]
fn an_id_goes_stale_when_its_timer_fires_or_is_cancelled() {
    let now = Instant::now();
    let mut timers = Timers::new(now);
    let fired = timers.insert(now, 1);
    assert_eq!(timers.expire(now), Some((fired, 1)));
    let cancelled = timers.insert(now, 2);
    assert_eq!(timers.cancel(cancelled), Some(2));
    let live = timers.insert(now, 3);
    for stale in [fired, cancelled] {
        assert_ne!(stale, live);
        assert_eq!(timers.cancel(stale), None);
        assert!(!timers.rearm(stale, now + DAY));
    }
    assert_eq!(timers.len(), 1);
    assert_eq!(timers.expire(now), Some((live, 3)));
}

#[test]
fn values_are_dropped_once() {
    let value = std::rc::Rc::new(());
    let now = Instant::now();
    let mut timers = Timers::new(now);
    let ids = [0; 4].map(|_| timers.insert(now + MILLISECOND, value.clone()));
    drop(timers.cancel(ids[0]));
    drop(timers.expire(now + MILLISECOND));
    assert_eq!(std::rc::Rc::strong_count(&value), 3);
    drop(timers);
    assert_eq!(std::rc::Rc::strong_count(&value), 1);
}
