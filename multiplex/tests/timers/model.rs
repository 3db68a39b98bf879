//! The wheel beside a model: a map from each live timer to its deadline.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use multiplex::timers::{TimerId, Timers};
use proptest::prelude::*;

use super::{DAY, MILLISECOND};

/// More expirations without a fired timer in a row would be more than one per level.
const LEVELS: usize = 11;
/// Timers that one turn may move.
const MOVES: usize = 1024;

/// One step of a random run. Durations are in nanoseconds, and signed where the past is meant too.
#[derive(Clone, Debug)]
enum Step {
    Insert(i64),
    /// So many, each so much after the one before it.
    InsertMany(i64, i64, u16),
    /// Each so-manieth of those that live.
    CancelMany(usize),
    RearmMany(usize, i64),
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

/// Enough timers for splits that take several turns, and what may happen while one is half done.
fn step_of_many() -> impl Strategy<Value = Step> {
    let deadline = prop_oneof![4 => span(), 1 => span().prop_map(|past| -past), 1 => Just(0)];
    let spacing = (0u32..30, any::<i64>()).prop_map(|(bits, random)| random & ((1 << bits) - 1));
    prop_oneof![
        3 => (deadline.clone(), spacing, 500..3_000_u16).prop_map(|(at, by, n)| Step::InsertMany(at, by, n)),
        2 => (2..8_usize).prop_map(Step::CancelMany),
        2 => (2..8_usize, deadline).prop_map(|(nth, to)| Step::RearmMany(nth, to)),
        2 => span().prop_map(Step::Advance),
        4 => Just(Step::Advance(0)),
        4 => Just(Step::Sleep),
        4 => step(),
    ]
}

/// A timer that lives: its deadline, its value, and whether the deadline was past when it was set.
#[derive(Clone, Copy)]
struct Live {
    deadline: Instant,
    value: u32,
    past: bool,
}

/// The wheel, and what it should hold.
struct Pair {
    now: Instant,
    /// When the wheel was last looked at.
    expired: Instant,
    timers: Timers<u32>,
    live: BTreeMap<TimerId, Live>,
    stale: Vec<TimerId>,
    inserted: u32,
    /// How many turns in a row have ended with something left to do.
    unfinished: usize,
    /// How many timers there were since then, each of which may move once per level.
    movable: usize,
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
            unfinished: 0,
            movable: 0,
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
            Step::Insert(offset) => self.insert(*offset),
            Step::InsertMany(offset, spacing, n) => {
                (0..i64::from(*n)).for_each(|n| self.insert(offset.saturating_add(n * spacing)));
            }
            Step::CancelMany(nth) => self.each(*nth).into_iter().for_each(|id| self.cancel(id)),
            Step::RearmMany(nth, offset) => {
                let spread = |n: usize| offset.saturating_add(n as i64 * 100_000);
                let which = self.each(*nth).into_iter().enumerate();
                which.for_each(|(n, id)| self.rearm(id, spread(n)));
            }
            Step::Cancel(which) => {
                let Some(id) = self.pick(which) else { return };
                self.cancel(id);
            }
            Step::Rearm(which, offset) => {
                let Some(id) = self.pick(which) else { return };
                self.rearm(id, *offset);
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

    fn each(&self, nth: usize) -> Vec<TimerId> {
        self.live.keys().copied().step_by(nth).collect()
    }

    fn insert(&mut self, offset: i64) {
        let (deadline, value) = (self.at(offset), self.inserted);
        let id = self.timers.insert(deadline, value);
        let past = deadline < self.expired;
        let live = Live {
            deadline,
            value,
            past,
        };
        assert!(self.live.insert(id, live).is_none(), "{id:?} came twice");
        // All would take too long where there are many.
        assert!(
            !self.stale.iter().rev().take(500).any(|stale| *stale == id),
            "{id:?} came back"
        );
        self.inserted += 1;
        self.movable += 1;
    }

    fn cancel(&mut self, id: TimerId) {
        let expected = self.live.remove(&id).map(|live| live.value);
        assert_eq!(self.timers.cancel(id), expected);
        self.stale.push(id);
    }

    fn rearm(&mut self, id: TimerId, offset: i64) {
        let deadline = self.at(offset);
        assert!(self.timers.rearm(id, deadline));
        let past = deadline < self.expired;
        let live = self.live.get_mut(&id).expect("it was picked from there");
        (live.deadline, live.past) = (deadline, past);
        self.movable += 1;
    }

    /// A turn of an event loop. Takes what is due: nothing early, in order, each with its value; and nothing late, unless the wheel
    /// says that it goes on in the next turn.
    fn expire(&mut self) {
        let most = self.movable * LEVELS / MOVES + 1;
        let mut previous = None;
        while let Some((id, value)) = self.timers.expire(self.now) {
            let live = self.live.remove(&id).expect("only a live timer fires");
            assert_eq!(value, live.value);
            let deadline = live.deadline;
            assert!(deadline <= self.now, "{:?} early", deadline - self.now);
            // A deadline that was past already when it was set has no place among the others.
            if !live.past {
                assert!(
                    previous.is_none_or(|previous| previous < deadline + MILLISECOND),
                    "out of order"
                );
                previous = Some(deadline);
            }
            self.stale.push(id);
        }
        self.expired = self.now;
        if self.timers.next_timeout(self.now) == Some(Duration::ZERO) {
            self.unfinished += 1;
            assert!(
                self.unfinished <= most,
                "a busy loop of {} turns",
                self.unfinished
            );
            return;
        }
        (self.unfinished, self.movable) = (0, self.live.len());
        for live in self.live.values() {
            let late = self.now.saturating_duration_since(live.deadline);
            assert!(late < MILLISECOND, "{late:?} late");
        }
    }

    /// Sleeps as an event loop would, until something fires.
    fn sleep(&mut self) {
        let (before, mut slept) = (self.live.len(), 0);
        while slept <= LEVELS {
            let Some(timeout) = self.timers.next_timeout(self.now) else {
                return;
            };
            let deadlines = self.live.values().map(|live| live.deadline);
            let nearest = deadlines.min().expect("not empty");
            self.now += timeout;
            assert!(
                timeout.is_zero() || self.now < nearest + MILLISECOND,
                "slept too long"
            );
            self.expire();
            if self.live.len() < before {
                return;
            }
            slept += usize::from(self.unfinished == 0);
        }
        panic!("woke more than once per level for one timer");
    }

    /// Whatever is left fires at last, once each.
    fn end(&mut self) {
        let last = self.live.values().map(|live| live.deadline).max();
        self.now = self.now.max(last.unwrap_or(self.now)) + MILLISECOND;
        self.expire();
        while self.unfinished > 0 {
            self.expire();
        }
        assert_eq!((self.live.len(), self.timers.len()), (0, 0));
        assert_eq!(self.timers.next_timeout(self.now), None);
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
        while !pair.live.is_empty() {
            pair.sleep();
        }
        prop_assert_eq!(pair.timers.next_timeout(pair.now), None);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases / 8, max_shrink_iters: 500, ..ProptestConfig::default() })]

    /// Timers that are cancelled, set anew or inserted while a split is half done.
    #[test]
    fn the_wheel_does_so_too_with_thousands_of_timers(steps in prop::collection::vec(step_of_many(), 1..25)) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.run(step);
            prop_assert_eq!(pair.timers.len(), pair.live.len());
            prop_assert_eq!(pair.timers.next_timeout(pair.now).is_none(), pair.live.is_empty());
        }
        pair.end();
    }
}
