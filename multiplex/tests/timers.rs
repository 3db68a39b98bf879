//! What `timers` promises, beside a model: a map from each live timer to its deadline.

use multiplex::timers::{TimerId, Timers};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

const MILLISECOND: Duration = Duration::from_millis(1);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// More expirations without a fired timer in a row would be more than one per level.
const LEVELS: usize = 11;

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
    assert_eq!(timers.expire(deadline - MILLISECOND), None);
    assert_eq!(timers.next_timeout(start), Some(36_500 * DAY));
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
    assert_eq!(timers.next_timeout(start), Some(Duration::from_millis(10_001)));
    assert_eq!(timers.cancel(ids[1]), Some(2));
    timers.insert(start, 0);
    assert_eq!(drain(&mut timers, late + 3 * MILLISECOND), [0, 1, 3]);
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

/// One step of a random run. Durations are in nanoseconds, and signed where the past is meant too.
#[derive(Clone, Debug)]
enum Step {
    Insert(i64),
    Cancel(prop::sample::Index),
    Rearm(prop::sample::Index, i64),
    CancelStale(prop::sample::Index),
    /// Lets time pass, then takes what is due.
    Advance(i64),
    /// Lets time pass until the wheel itself wants to be looked at.
    Sleep,
}

/// Each order of magnitude equally often, from nanoseconds to a year, so that every level is visited.
fn span() -> impl Strategy<Value = i64> {
    (0u32..55, any::<i64>()).prop_map(|(bits, random)| random & ((1 << bits) - 1))
}

fn step() -> impl Strategy<Value = Step> {
    let deadline = prop_oneof![4 => span(), 1 => span().prop_map(|past| -past), 1 => Just(0)];
    prop_oneof![
        4 => deadline.clone().prop_map(Step::Insert),
        2 => any::<prop::sample::Index>().prop_map(Step::Cancel),
        2 => (any::<prop::sample::Index>(), deadline).prop_map(|(which, to)| Step::Rearm(which, to)),
        1 => any::<prop::sample::Index>().prop_map(Step::CancelStale),
        2 => span().prop_map(Step::Advance),
        2 => Just(Step::Sleep),
    ]
}

/// The wheel, and what it should hold.
struct Pair {
    now: Instant,
    /// When the wheel was last looked at.
    expired: Instant,
    timers: Timers<u32>,
    live: BTreeMap<TimerId, (Instant, u32)>,
    stale: Vec<TimerId>,
    inserted: u32,
}

impl Pair {
    fn new() -> Self {
        let now = Instant::now() + 400 * DAY; // so that deadlines may lie before the wheel's beginning
        Self {
            now,
            expired: now,
            timers: Timers::new(now),
            live: BTreeMap::new(),
            stale: Vec::new(),
            inserted: 0,
        }
    }

    fn at(&self, offset: i64) -> Instant {
        let distance = Duration::from_nanos(offset.unsigned_abs());
        if offset < 0 {
            self.now - distance
        } else {
            self.now + distance
        }
    }

    fn pick(&self, which: &prop::sample::Index) -> Option<TimerId> {
        (!self.live.is_empty()).then(|| {
            *self
                .live
                .keys()
                .nth(which.index(self.live.len()))
                .expect("in range")
        })
    }

    fn run(&mut self, step: &Step) {
        match step {
            Step::Insert(offset) => {
                let id = self.timers.insert(self.at(*offset), self.inserted);
                assert!(
                    self.live.insert(id, (self.at(*offset), self.inserted)).is_none(),
                    "{id:?} came twice"
                );
                assert!(!self.stale.contains(&id), "{id:?} came back");
                self.inserted += 1;
            }
            Step::Cancel(which) => {
                let Some(id) = self.pick(which) else { return };
                let expected = self.live.remove(&id).map(|(_, value)| value);
                assert_eq!(self.timers.cancel(id), expected);
                self.stale.push(id);
            }
            Step::Rearm(which, offset) => {
                let Some(id) = self.pick(which) else { return };
                let deadline = self.at(*offset);
                assert!(self.timers.rearm(id, deadline));
                self.live.get_mut(&id).expect("it was picked from there").0 = deadline;
            }
            Step::CancelStale(which) if !self.stale.is_empty() => {
                let id = *which.get(&self.stale);
                assert_eq!(self.timers.cancel(id), None);
                assert!(!self.timers.rearm(id, self.now));
            }
            Step::CancelStale(_) => {}
            Step::Advance(by) => {
                self.now = self.at(*by);
                self.expire();
            }
            Step::Sleep => self.sleep(),
        }
    }

    /// Takes what is due: nothing early, nothing late, in order, each with its value.
    fn expire(&mut self) {
        let mut previous = None;
        while let Some((id, value)) = self.timers.expire(self.now) {
            let (deadline, expected) = self.live.remove(&id).expect("only a live timer fires");
            assert_eq!(value, expected);
            assert!(deadline <= self.now, "{:?} early", deadline - self.now);
            // Deadlines that were past already when they were set are due together.
            let due = deadline.max(self.expired);
            assert!(
                previous.is_none_or(|previous| previous < due + MILLISECOND),
                "out of order"
            );
            previous = Some(due);
            self.stale.push(id);
        }
        for (deadline, _) in self.live.values() {
            assert!(
                *deadline + MILLISECOND > self.now,
                "{:?} late",
                self.now - *deadline
            );
        }
        assert_ne!(
            self.timers.next_timeout(self.now),
            Some(Duration::ZERO),
            "a busy loop"
        );
        self.expired = self.now;
    }

    /// Sleeps as an event loop would, until something fires.
    fn sleep(&mut self) {
        let before = self.live.len();
        for _ in 0..=LEVELS {
            let Some(timeout) = self.timers.next_timeout(self.now) else {
                return;
            };
            let nearest = self
                .live
                .values()
                .map(|(deadline, _)| *deadline)
                .min()
                .expect("not empty");
            self.now += timeout;
            assert!(
                timeout.is_zero() || self.now < nearest + MILLISECOND,
                "slept too long"
            );
            self.expire();
            if self.live.len() < before {
                return;
            }
        }
        panic!("woke more than once per level for one timer");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_wheel_does_what_a_sorted_map_would_do(steps in prop::collection::vec(step(), 1..120)) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.run(step);
            prop_assert_eq!(pair.timers.len(), pair.live.len());
            prop_assert_eq!(pair.timers.next_timeout(pair.now).is_none(), pair.live.is_empty());
        }
        // Whatever is left fires at last, once each.
        while !pair.live.is_empty() {
            pair.sleep();
        }
        prop_assert_eq!(pair.timers.next_timeout(pair.now), None);
    }
}
