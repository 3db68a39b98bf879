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
pub(crate) enum Alarm {
    /// A connection's deadline may be over.
    Connection(Key),
    /// Accepting was paused and is to be tried again.
    Accept,
    /// The drain has taken too long.
    Stop,
    /// What is held in memory is to be looked at again.
    Memory,
    /// A connection may be idle for long enough to be closed for another worker.
    Room,
    /// What is done for many connections goes on.
    Many,
}

/// How long a worker sleeps at most. When it could not be woken, nobody tells it, so it looks by itself: also without a
/// connection, because it may have been woken for the drain, which would wait for this worker for ever.
const LONGEST: Duration = Duration::from_secs(1);

/// The part of a timeout by which a worker may be late: one in so many.
const PART: u32 = 8;

/// A worker that looks on so much later than it wanted to has stood still: the process was stopped, or the machine, or a
/// handler did not return. It is more than [`PART`] makes it late.
const STOOD_STILL: Duration = Duration::from_millis(250);
/// What those get then who have stood still with it.
const CATCH_UP: Duration = Duration::from_millis(500);

/// The alarm as a number, so that the wheel's entry stays small. Keys are smaller than all of the others.
const ACCEPT: usize = usize::MAX;
const STOP: usize = usize::MAX - 1;
const MEMORY: usize = usize::MAX - 2;
const ROOM: usize = usize::MAX - 3;
const MANY: usize = usize::MAX - 4;

/// The deadlines of one worker.
#[derive(Debug)]
pub(crate) struct Deadlines {
    wheel: Timers<usize>,
    /// When the wheel was asked last how long there is nothing to do, and what it said.
    asked: Instant,
    timeout: Duration,
    /// When it is to be asked again. To compute what is left before each wait would cost each request some 60 instructions, so
    /// the timeout serves until a part of it is over: a worker that is woken then, and sleeps, is late by that part at most.
    ask_again: Instant,
    /// When something is due.
    nearest: Instant,
    /// From when to when the worker has not looked at what is due, when it stood still last.
    stood: Option<(Instant, Instant)>,
}

impl Deadlines {
    /// No deadlines as yet.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            wheel: Timers::new(now),
            asked: now,
            timeout: LONGEST,
            ask_again: now + LONGEST / PART,
            nearest: now + LONGEST,
            stood: None,
        }
    }

    /// Rings once at this time.
    pub(crate) fn ring(&mut self, at: Instant, alarm: Alarm) -> TimerId {
        let value = match alarm {
            Alarm::Connection(key) => key.value(),
            Alarm::Accept => ACCEPT,
            Alarm::Stop => STOP,
            Alarm::Memory => MEMORY,
            Alarm::Room => ROOM,
            Alarm::Many => MANY,
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
            self.nearest = at;
            self.ask_again = self.asked;
        }
    }

    /// How many alarms are set.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.wheel.len()
    }

    /// How long the worker may sleep.
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether the wheel is to be asked: if something [is due](Self::is_due), for [that](Self::due) until nothing is any more;
    /// then how long the worker [may sleep](Self::ask).
    pub(crate) fn want(&self, now: Instant) -> bool {
        now >= self.ask_again
    }

    /// Whether something may be due.
    pub(crate) fn is_due(&self, now: Instant) -> bool {
        now >= self.nearest
    }

    /// Notes whether the worker has stood still until now, before it calls anybody late. It goes by the time at which it meant to
    /// look on, and not by the nearest deadline: that may have been over when it was set.
    pub(crate) fn note_standstill(&mut self, now: Instant) {
        if now.saturating_duration_since(self.asked + self.timeout) >= STOOD_STILL {
            self.stood = Some((self.asked, now));
        }
    }

    /// Returns until when to wait for others in this process, who had so long and until this deadline. If the worker stood
    /// still when that passed, so did they: they get a moment to catch up, once.
    pub(crate) fn after_standstill(&self, deadline: Instant, timeout: Duration) -> Instant {
        match self.stood {
            Some((from, until)) if from < deadline && deadline <= until => until + timeout.min(CATCH_UP),
            _ => deadline,
        }
    }

    /// The next alarm that is due.
    pub(crate) fn due(&mut self, now: Instant) -> Option<Alarm> {
        let (_, value) = self.wheel.expire(now)?;
        Some(match value {
            ACCEPT => Alarm::Accept,
            STOP => Alarm::Stop,
            MEMORY => Alarm::Memory,
            ROOM => Alarm::Room,
            MANY => Alarm::Many,
            key => Alarm::Connection(Key::from_value(key)),
        })
    }

    /// Asks the wheel how long there is nothing to do.
    pub(crate) fn ask(&mut self, now: Instant) {
        self.asked = now;
        let rest = self
            .wheel
            .next_timeout(now)
            .map_or(LONGEST, |rest| rest.min(LONGEST));
        // In whole milliseconds a wait is the plain system call everywhere.
        self.timeout = Duration::from_millis(rest.as_micros().div_ceil(1000) as u64);
        self.nearest = now + self.timeout;
        self.ask_again = now + self.timeout / PART;
    }
}

/// An alarm of which at most one is in the wheel: else every retry that fails would add another.
#[derive(Debug)]
pub(crate) struct Single {
    alarm: Alarm,
    set: Option<(TimerId, Instant)>,
}

impl Single {
    pub(crate) fn new(alarm: Alarm) -> Self {
        Self { alarm, set: None }
    }

    /// Sets the alarm, unless it rings before.
    pub(crate) fn set(&mut self, at: Instant, deadlines: &mut Deadlines) {
        match self.set {
            Some((_, before)) if before <= at => {}
            Some((entry, _)) => {
                deadlines.advance(entry, at);
                self.set = Some((entry, at));
            }
            None => self.set = Some((deadlines.ring(at, self.alarm), at)),
        }
    }

    /// It has rung.
    pub(crate) fn rang(&mut self) {
        self.set = None;
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
    fn who_stood_still_with_the_worker_gets_a_moment_to_catch_up_once() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut deadlines = Deadlines::new(start);
        deadlines.ring(at(1000), Alarm::Stop);
        deadlines.ask(start);
        deadlines.note_standstill(at(1200));
        assert_eq!(deadlines.after_standstill(at(1000), SECOND), at(1000), "busy");
        deadlines.note_standstill(at(3000));
        assert_eq!(deadlines.after_standstill(at(1000), SECOND), at(3500));
        assert_eq!(deadlines.after_standstill(at(3000), SECOND / 10), at(3100));
        assert_eq!(
            deadlines.after_standstill(at(3001), SECOND),
            at(3001),
            "still to come"
        );
        // It stands still again while they catch up.
        deadlines.ask(at(3000));
        deadlines.note_standstill(at(9000));
        assert_eq!(deadlines.after_standstill(at(1000), SECOND), at(1000));
    }

    #[test]
    fn a_deadline_that_was_over_when_it_was_set_is_no_standstill() {
        let start = Instant::now();
        let at = |milliseconds| start + Duration::from_millis(milliseconds);
        let mut deadlines = Deadlines::new(start);
        deadlines.ask(start);
        // The worker was woken for something else, and is not late.
        deadlines.ring(start, Alarm::Stop);
        deadlines.note_standstill(at(900));
        assert_eq!(deadlines.after_standstill(at(800), SECOND), at(800));
    }

    #[test]
    fn an_alarm_of_which_there_is_one_rings_once_however_often_it_is_set() {
        let start = Instant::now();
        let (mut alarm, mut deadlines) = (Single::new(Alarm::Accept), Deadlines::new(start));
        for n in 3..6 {
            alarm.set(start + n * SECOND, &mut deadlines);
        }
        alarm.set(start + SECOND, &mut deadlines);
        assert_eq!(deadlines.due(start + SECOND), Some(Alarm::Accept), "the earliest");
        alarm.rang();
        assert_eq!(deadlines.due(start + 9 * SECOND), None, "and no other");
        alarm.set(start + 2 * SECOND, &mut deadlines);
        assert_eq!(deadlines.due(start + 9 * SECOND), Some(Alarm::Accept));
    }

    #[test]
    fn a_sleeping_worker_is_woken_for_the_nearest_deadline() {
        let start = Instant::now();
        let mut deadlines = Deadlines::new(start);
        assert_eq!(
            deadlines.timeout(),
            LONGEST,
            "it looks at its mailbox now and then"
        );
        let key = Slab::default().insert(()).unwrap();
        let timer = deadlines.ring(start + SECOND * 3 / 4, Alarm::Connection(key));
        assert!(deadlines.want(start), "something new is in the wheel");
        deadlines.ask(start);
        assert!(deadlines.timeout() < LONGEST);
        deadlines.advance(timer, start + SECOND / 2);
        assert!(deadlines.want(start), "it came nearer");
        deadlines.ask(start);
        assert!(deadlines.timeout() <= SECOND / 2 + Duration::from_millis(1));
        assert!(!deadlines.is_due(start + SECOND / 4));
        deadlines.dismiss(timer);
        assert_eq!(rings(&mut deadlines, start + SECOND), []);
        assert_eq!(deadlines.timeout(), LONGEST);
    }

    #[test]
    fn a_worker_that_is_woken_and_sleeps_again_is_hardly_late() {
        for woken in [1, 100, 200, 500, 900, 990] {
            let start = Instant::now();
            let mut deadlines = Deadlines::new(start);
            deadlines.ring(start + SECOND, Alarm::Stop);
            deadlines.ask(start);
            let woken = start + Duration::from_millis(woken);
            assert_eq!(rings(&mut deadlines, woken), []);
            let late = (woken + deadlines.timeout()).saturating_duration_since(start + SECOND);
            assert!(
                late <= SECOND / PART,
                "{late:?} late, woken after {:?}",
                woken - start
            );
        }
    }
}
