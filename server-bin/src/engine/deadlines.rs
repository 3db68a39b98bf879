//! When each connection has to be looked at although nothing happens on its socket.
//!
//! A connection knows its own deadline and moves it with each request, without a word to the wheel. The wheel's entry
//! stays where it is for as long as it is not later than the deadline; when it fires early it is put where the deadline
//! is now. So a busy keep-alive connection touches the wheel once per idle timeout, not once per request.

use std::time::{Duration, Instant};

use multiplex::timers::{TimerId, Timers};

use super::slab::Key;

/// What a timer is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Alarm {
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

/// How much later than its deadline an alarm may ring, so that a busy worker asks the wheel once in this time and not
/// in every turn. Deadlines of connections are a thousand times longer.
const SLACK: Duration = Duration::from_millis(4);
/// When nothing is in the wheel.
const NEVER: Duration = Duration::from_secs(1 << 30);

/// The deadlines of one worker.
#[derive(Debug)]
pub struct Deadlines {
    wheel: Timers<usize>,
    /// What the wheel said, how long that is good enough, and when the wheel has to be asked for what is due.
    timeout: Option<Duration>,
    good_until: Instant,
    due: Instant,
    /// What the wheel said is longer than what it would say now.
    stale: bool,
}

impl Deadlines {
    /// No deadlines as yet.
    pub fn new(now: Instant) -> Self {
        Self {
            wheel: Timers::new(now),
            timeout: None,
            good_until: now,
            due: now + NEVER,
            stale: true,
        }
    }

    /// Rings once for something that is not a connection.
    pub fn ring(&mut self, at: Instant, alarm: Alarm) {
        let value = match alarm {
            Alarm::Connection(key) => key.value(),
            Alarm::Accept => ACCEPT,
            Alarm::Stop => STOP,
        };
        self.wheel.insert(at, value);
        self.expect(at);
    }

    /// Takes a connection's deadline into the wheel.
    pub fn admit(&mut self, key: Key, at: Instant) -> TimerId {
        self.expect(at);
        self.wheel.insert(at, key.value())
    }

    /// Moves a connection's entry, because its deadline has come nearer.
    pub fn advance(&mut self, entry: TimerId, at: Instant) {
        self.expect(at);
        self.wheel.rearm(entry, at);
    }

    /// Forgets a connection that closes.
    pub fn dismiss(&mut self, entry: TimerId) {
        self.wheel.cancel(entry);
    }

    fn expect(&mut self, at: Instant) {
        if at < self.due {
            self.due = at;
            self.stale = true;
        }
    }

    /// How long the worker may sleep.
    pub fn next_timeout(&mut self, now: Instant) -> Option<Duration> {
        if self.stale || now >= self.good_until {
            self.stale = false;
            // In whole milliseconds a wait is the plain system call everywhere.
            self.timeout = self.wheel.next_timeout(now).map(|rest| {
                Duration::from_millis(rest.as_micros().div_ceil(1000).try_into().unwrap_or(u64::MAX))
            });
            self.due = now + self.timeout.unwrap_or(NEVER);
            self.good_until = now + SLACK;
        }
        self.timeout
    }

    /// The next alarm that is due.
    pub fn due(&mut self, now: Instant) -> Option<Alarm> {
        if now < self.due {
            return None;
        }
        self.stale = true;
        let (_, value) = self.wheel.expire(now)?;
        Some(match value {
            ACCEPT => Alarm::Accept,
            STOP => Alarm::Stop,
            key => Alarm::Connection(Key::from_value(key)),
        })
    }
}
