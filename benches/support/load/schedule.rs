//! When requests are to be sent, at a fixed rate.

use std::time::Duration;

/// The times of `rate` requests a second, evenly spaced, as offsets from the start.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    rate: f64,
    count: usize,
}

impl Schedule {
    /// Makes the schedule of all requests within `duration`: at least one.
    pub fn new(rate: f64, duration: Duration) -> Self {
        Self {
            rate,
            count: ((rate * duration.as_secs_f64()) as usize).max(1),
        }
    }

    /// How many requests there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// When request `number` is to be sent; `None` behind the last.
    pub fn at(&self, number: usize) -> Option<Duration> {
        (number < self.count).then(|| Duration::from_secs_f64(number as f64 / self.rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schedule_is_even_and_does_not_drift() {
        let schedule = Schedule::new(30_000.0, Duration::from_secs(2));
        assert_eq!(schedule.count(), 60_000);
        assert_eq!(schedule.at(0), Some(Duration::ZERO));
        assert_eq!(schedule.at(45_000), Some(Duration::from_millis(1500)));
        assert_eq!(schedule.at(60_000), None);
    }
}
