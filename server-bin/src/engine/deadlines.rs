//! When each connection has to be looked at although nothing happens on its socket.
//!
//! A connection stores its own deadline and moves it with each request. The wheel's entry stays where it is for as
//! long as it is not later than the deadline; when it fires early it is put where the deadline is now. So a busy
//! keep-alive connection touches the wheel once per idle timeout, not once per request.

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

/// A connection's deadline, and its entry in the wheel.
#[derive(Debug)]
pub struct Deadline {
    at: Instant,
    entry: Option<TimerId>,
}

impl Deadline {
    /// A deadline that is in no wheel yet.
    pub fn new(at: Instant) -> Self {
        Self { at, entry: None }
    }

    /// When it is.
    pub fn at(&self) -> Instant {
        self.at
    }
}

/// The deadlines of one worker.
#[derive(Debug)]
pub struct Deadlines {
    wheel: Timers<usize>,
}

impl Deadlines {
    /// No deadlines as yet.
    pub fn new(now: Instant) -> Self {
        Self {
            wheel: Timers::new(now),
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
    }

    /// Takes a new connection's deadline into the wheel.
    pub fn admit(&mut self, key: Key, deadline: &mut Deadline) {
        deadline.entry = Some(self.wheel.insert(deadline.at, key.value()));
    }

    /// Moves a connection's deadline.
    pub fn set(&mut self, deadline: &mut Deadline, at: Instant) {
        // The entry is never later than the deadline that was in force, so only a nearer one may need it moved.
        if at < deadline.at
            && let Some(entry) = deadline.entry
        {
            self.wheel.rearm(entry, at);
        }
        deadline.at = at;
    }

    /// After the entry has fired: whether the deadline is really over. Otherwise the entry moves to where it is now.
    pub fn is_over(&mut self, key: Key, deadline: &mut Deadline, now: Instant) -> bool {
        deadline.entry = None;
        if deadline.at <= now {
            return true;
        }
        self.admit(key, deadline);
        false
    }

    /// Forgets a connection that closes.
    pub fn dismiss(&mut self, deadline: &Deadline) {
        if let Some(entry) = deadline.entry {
            self.wheel.cancel(entry);
        }
    }

    /// How long the worker may sleep.
    pub fn next_timeout(&self, now: Instant) -> Option<Duration> {
        self.wheel.next_timeout(now)
    }

    /// The next alarm that is due.
    pub fn due(&mut self, now: Instant) -> Option<Alarm> {
        let (_, value) = self.wheel.expire(now)?;
        Some(match value {
            ACCEPT => Alarm::Accept,
            STOP => Alarm::Stop,
            key => Alarm::Connection(Key::from_value(key)),
        })
    }
}
