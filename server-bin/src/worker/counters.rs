//! The numbers of each worker, and the way to ask for them.
//!
//! A worker counts in plain numbers of its own. A reader asks for a census: the worker then looks through
//! its connections and copies its numbers, once; between two questions nothing is shared and nothing is written.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::driver::handler::mailbox::Mailbox;
use crate::driver::phase::Phase;
use crate::driver::settings::NEVER;
use crate::driver::tally::Tally;

/// What one worker has counted.
#[derive(Clone, Default, Debug)]
#[non_exhaustive]
pub struct Counted {
    /// Connections that were accepted.
    pub accepted: u64,
    /// Idle connections that were closed so that others got their place.
    pub closed_for_others: u64,
    /// Connections that are there now, by what they are doing: in the order of [`PHASES`].
    pub phases: [u64; PHASES.len()],
    /// Wakes from elsewhere: rounds that began with letters, a census, a call for a place, a request of the log's, or the way to the
    /// end.
    pub wakes: u64,
    /// Letters: answers and news from elsewhere.
    pub letters: u64,
    /// Bytes of memory that its connections hold, and its handler keeps.
    pub memory: u64,
    /// Connections that were given up for want of memory.
    pub given_up: u64,
    /// What was counted of requests; zero unless [`Server::count`](crate::Server::count) was called.
    pub tally: Tally,
}

impl Counted {
    /// Returns how many connections are there now.
    pub fn connections(&self) -> u64 {
        self.phases.iter().sum()
    }
}

/// What a connection can be doing, in the words of metrics.
pub const PHASES: [&str; 17] = [
    "preface",
    "fresh",
    "idle",
    "head",
    "backlog",
    "body",
    "paused",
    "later",
    "sending",
    "starved",
    "half_closed",
    "discarding",
    "unsent",
    "closing",
    "lingering",
    "upgraded",
    "closed",
];

/// The place of a phase in [`PHASES`].
pub(super) const fn place(phase: Phase) -> usize {
    match phase {
        Phase::Preface => 0,
        Phase::Fresh => 1,
        Phase::Idle => 2,
        Phase::Head => 3,
        Phase::Backlog => 4,
        Phase::Body => 5,
        Phase::Paused => 6,
        Phase::Later => 7,
        Phase::Sending => 8,
        Phase::Starved => 9,
        Phase::HalfClosed => 10,
        Phase::Discarding => 11,
        Phase::Unsent(_) => 12,
        Phase::Closing => 13,
        Phase::Lingering => 14,
        Phase::Switching | Phase::Upgraded(_) => 15,
        Phase::Closed => 16,
    }
}

/// Where a worker's census is asked for and handed over.
#[derive(Default, Debug)]
pub(crate) struct Census {
    wanted: AtomicBool,
    taken: Mutex<Taken>,
    ready: Condvar,
}

#[derive(Default, Debug)]
struct Taken {
    number: u64,
    counted: Counted,
}

impl Census {
    /// Whether somebody waits for a census. The worker asks when it was alerted.
    pub(super) fn is_wanted(&self) -> bool {
        self.wanted.swap(false, Ordering::AcqRel)
    }

    /// Hands a census over.
    pub(super) fn hand_over(&self, counted: Counted) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.number += 1;
        taken.counted = counted;
        self.ready.notify_all();
    }
}

/// Reads what the workers of a running server have counted, from any thread.
#[derive(Clone)]
pub struct Counters {
    workers: Arc<[(Arc<Census>, Arc<Mailbox>)]>,
}

impl Counters {
    pub(crate) fn new(workers: Vec<(Arc<Census>, Arc<Mailbox>)>) -> Self {
        Self {
            workers: workers.into(),
        }
    }

    /// Returns what each worker has counted by now. A worker that does not answer within `patience`, because it is busy
    /// or has ended, is told of as it was when it was asked last.
    pub fn read(&self, patience: Duration) -> Vec<Counted> {
        let before: Vec<u64> = self.workers.iter().map(|(census, _)| ask(census)).collect();
        for (_, mailbox) in self.workers.iter() {
            mailbox.alert();
        }
        let until = Instant::now() + patience.min(NEVER);
        let both = self.workers.iter().zip(before);
        both.map(|((census, _), before)| wait(census, before, until))
            .collect()
    }
}

impl std::fmt::Debug for Counters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counters")
            .field("workers", &self.workers.len())
            .finish_non_exhaustive()
    }
}

/// Asks for a census. Returns the number of the last one.
fn ask(census: &Census) -> u64 {
    let number = census.taken.lock().unwrap_or_else(PoisonError::into_inner).number;
    census.wanted.store(true, Ordering::Release);
    number
}

/// Waits for a census after the one with this number.
fn wait(census: &Census, before: u64, until: Instant) -> Counted {
    let mut taken = census.taken.lock().unwrap_or_else(PoisonError::into_inner);
    while taken.number == before {
        let rest = until.saturating_duration_since(Instant::now());
        if rest.is_zero() {
            break;
        }
        taken = census
            .ready
            .wait_timeout(taken, rest)
            .unwrap_or_else(PoisonError::into_inner)
            .0;
    }
    taken.counted.clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_without_an_end_is_some() {
        let (census, mailbox) = (Arc::<Census>::default(), Arc::new(Mailbox::new(None)));
        let counters = Counters::new(vec![(Arc::clone(&census), mailbox)]);
        std::thread::scope(|scope| {
            let reader = scope.spawn(|| counters.read(Duration::MAX).len());
            while !census.is_wanted() && !reader.is_finished() {
                std::thread::yield_now();
            }
            census.hand_over(Counted::default());
            assert_eq!(reader.join().ok(), Some(1));
        });
    }
}
