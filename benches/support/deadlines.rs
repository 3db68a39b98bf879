//! Deadlines as a server sets them, and timers that have them.

use multiplex::timers::{TimerId, Timers};
use std::time::{Duration, Instant};

/// 2³² / φ: its multiples, taken modulo 2³², spread evenly and look like chance.
const GOLDEN: u32 = 2_654_435_769;

/// Deadlines over the minute after `start`, in no order.
pub fn deadlines(start: Instant) -> impl Iterator<Item = Instant> {
    scattered(60_000_000).map(move |micros| start + Duration::from_micros(micros))
}

/// Numbers below `end`, which is at most 2³², in no order.
pub fn scattered(end: u64) -> impl Iterator<Item = u64> {
    (0_u32..).map(move |n| (u64::from(n.wrapping_mul(GOLDEN)) * end) >> 32)
}

/// A wheel with so many timers, and their ids.
pub fn live_timers(live: usize, start: Instant) -> (Timers<u64>, Vec<TimerId>) {
    let mut timers = Timers::new(start);
    let ids = deadlines(start)
        .take(live)
        .map(|deadline| timers.insert(deadline, 0))
        .collect();
    (timers, ids)
}
