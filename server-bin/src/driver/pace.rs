//! The limits of a worker's turns, and the clock that they look at.

use std::time::{Duration, Instant};

use super::settings::Settings;
use super::tally::nanoseconds;

/// Looks at the clock.
pub(crate) type Clock = Box<dyn Fn() -> Instant + Send>;

/// What a worker's turns may do, and how often they look at the clock.
pub(crate) struct Pace {
    clock: Clock,
    /// Requests and bytes of a turn, as its settings say: here they are at hand.
    pub(super) turn_requests: u32,
    pub(super) turn_bytes: usize,
    /// Requests from one look to the next, never more than a turn has.
    pub(super) stride: u32,
    /// A turn of this round has looked: it was a long one.
    pub(crate) has_looked: bool,
    /// When this turn began, or a few short ones before it: so long after the round's own reading of the clock.
    begun_after: Duration,
}

impl Pace {
    pub(crate) fn new(clock: Clock, settings: &Settings) -> Self {
        Self {
            clock,
            turn_requests: settings.turn_requests.max(1),
            turn_bytes: settings.turn_bytes.max(1),
            stride: 1,
            has_looked: false,
            begun_after: Duration::ZERO,
        }
    }

    /// A round begins with the clock reading that its connections share.
    #[inline(always)]
    pub(crate) fn begin_round(&mut self) {
        if self.has_looked {
            self.go_on(Duration::ZERO);
            self.has_looked = false;
        }
    }

    /// A turn begins so long after that reading.
    pub(crate) fn go_on(&mut self, begun_after: Duration) {
        self.begun_after = begun_after;
        self.has_looked = true;
    }

    /// Looks at the clock. Returns how long ago this turn began, in nanoseconds; its round began at `round`.
    pub(super) fn look(&mut self, round: Instant) -> u64 {
        self.has_looked = true;
        let since_round = (self.clock)().saturating_duration_since(round);
        nanoseconds(since_round.saturating_sub(self.begun_after))
    }
}
