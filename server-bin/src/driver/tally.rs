//! What a worker counts of its requests, in plain numbers of its own: nobody else touches them, so counting costs next to
//! nothing, and not even that where nobody wants to know.

use std::time::Duration;

use http_core::Rule;

/// Upper bounds of the latency histogram's buckets, in microseconds; a last bucket holds the rest.
pub const LATENCY_BOUNDS: [u64; 15] = [
    10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 1_000_000,
];

/// The same in nanoseconds.
const NANOSECONDS: [u64; LATENCY_BOUNDS.len()] = {
    let mut bounds = LATENCY_BOUNDS;
    let mut place = 0;
    while place < bounds.len() {
        bounds[place] *= 1000;
        place += 1;
    }
    bounds
};

/// A time in nanoseconds; of one beyond 584 years, the most that fit.
#[inline(always)]
pub(super) fn nanoseconds(time: Duration) -> u64 {
    time.as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(time.subsec_nanos().into())
}

/// The numbers of one worker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Tally {
    /// Final responses by the first digit of their status, from 1 to 5; at 0 those of another one.
    pub responses: [u64; 6],
    /// Requests that broke a rule, by the rule's place in [`Rule::ALL`].
    pub rejections: [u64; Rule::ALL.len()],
    /// Bytes of response bodies that were handed to sockets or to their connection's output.
    pub body_bytes: u64,
    /// Turns with a final response by how long after the wait's return the last send was over; bounds are
    /// [`LATENCY_BOUNDS`].
    pub latencies: [u64; LATENCY_BOUNDS.len() + 1],
    /// The sum of those times, in nanoseconds.
    pub latency_sum: u64,
    /// Turns that a limit has ended while their connection had more to do: by the limit of requests, of bytes, of time.
    pub turns_ended: [u64; 3],
    /// Rounds: waits with what followed them, and each time that a worker went on with what had no time in the round before.
    pub rounds: u64,
    /// The longest round, in nanoseconds, up to the end of what connections had to do in it. A connection may wait for several.
    pub longest_round: u64,
    /// There was a response since this was asked last.
    has_answered: bool,
}

impl Default for Tally {
    fn default() -> Self {
        Self {
            responses: [0; 6],
            rejections: [0; Rule::ALL.len()],
            body_bytes: 0,
            latencies: [0; LATENCY_BOUNDS.len() + 1],
            latency_sum: 0,
            turns_ended: [0; 3],
            rounds: 0,
            longest_round: 0,
            has_answered: false,
        }
    }
}

impl Tally {
    #[inline]
    pub(crate) fn response(&mut self, status: u16, rule: Option<Rule>) {
        let class = usize::from(status / 100);
        self.responses[if class < 6 { class } else { 0 }] += 1;
        self.has_answered = true;
        if let Some(rule) = rule {
            self.rejections[rule as usize] += 1;
        }
    }

    /// Whether there was a response since this was asked last.
    #[inline]
    pub(crate) fn has_answered(&mut self) -> bool {
        std::mem::take(&mut self.has_answered)
    }

    #[inline]
    pub(crate) fn latency(&mut self, time: Duration) {
        let nanoseconds = nanoseconds(time);
        // Most are in one of the first.
        let bucket = NANOSECONDS.iter().position(|bound| nanoseconds <= *bound);
        self.latencies[bucket.unwrap_or(LATENCY_BOUNDS.len())] += 1;
        self.latency_sum = self.latency_sum.saturating_add(nanoseconds);
    }

    #[inline]
    pub(crate) fn round(&mut self, time: Duration) {
        self.rounds += 1;
        self.longest_round = self.longest_round.max(nanoseconds(time));
    }

    /// Returns how many final responses there were.
    pub fn all_responses(&self) -> u64 {
        self.responses.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_time_falls_into_the_first_bucket_that_holds_it() {
        let mut tally = Tally::default();
        for microseconds in [1, 10, 11, 1_000_000, 2_000_000] {
            tally.latency(Duration::from_micros(microseconds));
        }
        assert_eq!(tally.latencies[..3], [2, 1, 0]);
        assert_eq!(tally.latencies[LATENCY_BOUNDS.len() - 1..], [1, 1]);
        assert_eq!(tally.latency_sum, 3_000_022_000);
    }

    #[test]
    fn rounds_are_counted_and_the_longest_is_kept() {
        let mut tally = Tally::default();
        for milliseconds in [2, 1500, 3] {
            tally.round(Duration::from_millis(milliseconds));
        }
        assert_eq!((tally.rounds, tally.longest_round), (3, 1_500_000_000));
    }

    #[test]
    fn whether_there_was_a_response_is_said_once() {
        let mut tally = Tally::default();
        assert!(!tally.has_answered());
        tally.response(204, None);
        assert!(tally.has_answered() && !tally.has_answered());
    }

    #[test]
    fn a_response_is_counted_by_its_class_and_its_rule() {
        let mut tally = Tally::default();
        tally.response(200, None);
        tally.response(413, Some(Rule::BodyTooLong));
        tally.response(999, None);
        assert_eq!(tally.responses, [1, 0, 1, 0, 1, 0]);
        assert_eq!(
            (
                tally.rejections[Rule::BodyTooLong as usize],
                tally.all_responses()
            ),
            (1, 3)
        );
    }
}
