//! When each connection has to be looked at although nothing happens on its socket.
//!
//! A connection knows its own deadline and moves it with each request, without a word to the wheel. The wheel's entry
//! stays where it is for as long as it is not later than the deadline; when it fires early it is put where the deadline
//! is now. So a busy keep-alive connection touches the wheel once per idle timeout, not once per request.

use std::time::{Duration, Instant};

use multiplex::timers::{TimerId, Timers};

use super::slab::Key;
use crate::driver::settings::NEVER;

/// What a timer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alarm {
    /// A connection's deadline may be over.
    Connection(Key),
    /// Accepting was paused and is to be tried again.
    Accept,
    /// The drain has taken too long.
    Stop,
}

/// The alarm as a number, so that the wheel's entry stays small. Keys are smaller than both of the others.
const ACCEPT: usize = usize::MAX;
const STOP: usize = usize::MAX - 1;

/// The deadlines of one worker.
#[derive(Debug)]
pub(crate) struct Deadlines {
    wheel: Timers<usize>,
    /// When the wheel was asked last how long there is nothing to do, and what it said.
    asked: Instant,
    timeout: Option<Duration>,
    /// When it has to be asked again.
    nearest: Instant,
}

impl Deadlines {
    /// No deadlines as yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            wheel: Timers::new(now),
            asked: now,
            timeout: None,
            nearest: now + NEVER,
        }
    }

    /// Rings once at this time.
    pub(crate) fn ring(&mut self, at: Instant, alarm: Alarm) -> TimerId {
        let value = match alarm {
            Alarm::Connection(key) => key.value(),
            Alarm::Accept => ACCEPT,
            Alarm::Stop => STOP,
        };
        self.expect(at);
        self.wheel.insert(at, value)
    }

    /// Moves a connection's entry, because its deadline has come nearer.
    pub(crate) fn advance(&mut self, entry: TimerId, at: Instant) {
        self.expect(at);
        self.wheel.rearm(entry, at);
    }

    /// Forgets a connection that closes.
    pub(crate) fn dismiss(&mut self, entry: TimerId) {
        self.wheel.cancel(entry);
    }

    /// A deadline earlier than `nearest` makes the cached timeout too long: the wheel is asked again in this round.
    fn expect(&mut self, at: Instant) {
        if at < self.nearest {
            self.nearest = self.asked;
        }
    }

    /// How long the worker may sleep.
    pub(crate) fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Whether the wheel is to be asked: [`due`](Self::due) until nothing is, then [`ask`](Self::ask).
    pub(crate) fn want(&self, now: Instant) -> bool {
        now >= self.nearest
    }

    /// The next alarm that is due.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Alarm> {
        let (_, value) = self.wheel.expire(now)?;
        Some(match value {
            ACCEPT => Alarm::Accept,
            STOP => Alarm::Stop,
            key => Alarm::Connection(Key::from_value(key)),
        })
    }

    /// Asks the wheel how long there is nothing to do.
    pub(crate) fn ask(&mut self, now: Instant) {
        self.asked = now;
        // In whole milliseconds a wait is the plain system call everywhere.
        self.timeout = self.wheel.next_timeout(now).map(|rest| {
            Duration::from_millis(rest.as_micros().div_ceil(1000).try_into().unwrap_or(u64::MAX))
        });
        self.nearest = now + self.timeout.unwrap_or(NEVER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::worker::slab::Slab;

    const SECOND: Duration = Duration::from_secs(1);

    fn rings(deadlines: &mut Deadlines, now: Instant) -> Vec<Alarm> {
        if !deadlines.want(now) {
            return Vec::new();
        }
        let due = std::iter::from_fn(|| deadlines.due(now)).collect();
        deadlines.ask(now);
        due
    }

    #[test]
    fn an_alarm_rings_after_its_time_and_not_much_later() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(start);
        deadlines.ring(start + SECOND, Alarm::Stop);
        let key = Slab::default().insert(()).unwrap();
        deadlines.ring(start + 2 * SECOND, Alarm::Connection(key));
        let (mut now, mut heard) = (start, Vec::new());
        while heard.len() < 2 {
            // A busy worker: each turn takes 50 µs.
            now += Duration::from_micros(50);
            heard.extend(
                rings(&mut deadlines, now)
                    .into_iter()
                    .map(|alarm| (alarm, now - start)),
            );
        }
        for (n, (alarm, want)) in [(Alarm::Stop, SECOND), (Alarm::Connection(key), 2 * SECOND)]
            .into_iter()
            .enumerate()
        {
            let (heard, at) = heard[n];
            assert!(
                heard == alarm && at >= want && at < want + Duration::from_millis(2),
                "{heard:?} at {at:?}"
            );
        }
    }

    #[test]
    fn a_sleeping_worker_is_woken_for_the_nearest_deadline() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(start);
        assert_eq!(deadlines.timeout(), None);
        let key = Slab::default().insert(()).unwrap();
        let timer = deadlines.ring(start + 60 * SECOND, Alarm::Connection(key));
        assert!(deadlines.want(start), "something new is in the wheel");
        deadlines.ask(start);
        assert!(deadlines.timeout().is_some_and(|timeout| timeout <= 60 * SECOND));
        deadlines.advance(timer, start + SECOND);
        assert!(deadlines.want(start), "it came nearer");
        deadlines.ask(start);
        assert!(
            deadlines
                .timeout()
                .is_some_and(|timeout| timeout <= SECOND + Duration::from_millis(1))
        );
        deadlines.dismiss(timer);
        assert_eq!(rings(&mut deadlines, start + SECOND), []);
        assert_eq!(deadlines.timeout(), None);
    }
}
