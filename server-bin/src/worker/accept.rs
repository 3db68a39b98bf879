//! Taking connections from the listeners, and what to do when that fails.
//!
//! Accepting stops while there is no room, for want of descriptors or by `--max-connections`, and no idle connection
//! whose place could be had (`room`): the listeners leave the poller, so that a full backlog cannot keep the worker awake,
//! and come back when a connection closes or a moment later.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use multiplex::Fanout;
use nix::errno::Errno;

use super::deadlines::{Alarm, Deadlines, Single};
use super::system::System;
use crate::sys::net::{BACKLOG, longest_deferral};

/// Connections that one event takes at most; a listener is level-triggered and reports the rest again.
pub(crate) const ACCEPTS_PER_EVENT: usize = 32;
/// After so many accepts an exclusive listener is registered anew, which puts this worker behind the others in the
/// kernel's list: it wakes the first idle one, and that would always be the same. nginx does it every 16 accepts.
const ACCEPTS_PER_REGISTRATION: u32 = 16;
/// After so many failures in a row, of whatever kind, accepting rests too: a listener that always says that somebody waits must
/// not keep the worker busy. Workers that share a listener come too late one after the other, but hardly as often.
const MOST_FAILURES: u32 = 256;
/// How long accepting rests at most after a lack of something.
pub(crate) const PAUSE: Duration = Duration::from_millis(200);

/// How long a client that was held back may take to acknowledge the kernel's SYN-ACK, there and back. Timers of the kernel are
/// late by some hundredths of their time, too.
const ON_THEIR_WAY: Duration = Duration::from_millis(500);

/// What follows an error of accept(2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reaction {
    /// The backlog is empty.
    Wait,
    /// It was about one connection; take the next.
    Next,
    /// Something is missing, or the error is unknown: rest, so that it cannot become a busy loop.
    Pause,
}

/// What accept(2), section "Error handling", wants to be taken as "try again": errors of the new connection's network.
const OF_ONE_CONNECTION: &[Errno] = &[
    Errno::ENETDOWN,
    Errno::EPROTO,
    Errno::ENOPROTOOPT,
    Errno::EHOSTDOWN,
    #[cfg(any(target_os = "linux", target_os = "android"))]
    Errno::ENONET,
    Errno::EHOSTUNREACH,
    Errno::EOPNOTSUPP,
    Errno::ENETUNREACH,
];

/// Sorts the errors of accept(2), section ERRORS: those of the new connection come back from accept.
fn reaction(error: &io::Error) -> Reaction {
    match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
        Errno::EAGAIN => Reaction::Wait,
        Errno::EINTR | Errno::ECONNABORTED | Errno::ECONNRESET | Errno::EPERM | Errno::ETIMEDOUT => {
            Reaction::Next
        }
        of_one if OF_ONE_CONNECTION.contains(&of_one) => Reaction::Next,
        _ => Reaction::Pause,
    }
}

/// Whether accept(2) has failed for want of a descriptor, which a connection that closes gives back.
pub(crate) fn wants_descriptor(error: &io::Error) -> bool {
    matches!(
        Errno::from_raw(error.raw_os_error().unwrap_or(0)),
        Errno::EMFILE | Errno::ENFILE
    )
}

/// Whether the listeners are in the poller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Listening {
    Registered,
    Paused,
    Closed,
}

/// The listeners of one worker.
pub(crate) struct Acceptor<S: System> {
    listeners: Vec<S::Listener>,
    fanout: Fanout,
    listening: Listening,
    /// Ends the pause.
    alarm: Single,
    /// For how long the kernel holds connections back on which nothing was sent.
    deferral: Duration,
    /// When the end of accepting begins, once the server drains and until then.
    end_from: Option<Instant>,
    /// How many connections each listener may still give, at the end of accepting.
    left: Vec<usize>,
    since_registration: u32,
    /// Failures since the last connection that was taken.
    failures: u32,
}

impl<S: System> Acceptor<S> {
    pub(crate) fn new(listeners: Vec<S::Listener>, fanout: Fanout, deferral: Duration) -> Self {
        Self {
            listeners,
            fanout,
            listening: Listening::Paused,
            alarm: Single::new(Alarm::Accept),
            deferral,
            end_from: None,
            left: Vec::new(),
            since_registration: 0,
            failures: 0,
        }
    }

    /// Counts a failure of accept(2). Returns what follows.
    pub(crate) fn failed(&mut self, error: &io::Error) -> Reaction {
        self.failures += 1;
        if self.failures >= MOST_FAILURES {
            self.failures = 0;
            return Reaction::Pause;
        }
        reaction(error)
    }

    /// Lets the listeners be reported, unless they are or are closed.
    pub(crate) fn resume(&mut self, system: &S) -> io::Result<()> {
        if self.listening == Listening::Paused {
            self.listening = Listening::Registered;
            for (index, listener) in self.listeners.iter().enumerate() {
                if self.left.get(index) == Some(&0) {
                    continue;
                }
                // Where the kernel knows no other way, the answer is `Shared`, and from then on so it is here.
                self.fanout = system.listen(listener, index, self.fanout)?;
            }
        }
        Ok(())
    }

    /// Takes the listeners out of the poller.
    pub(crate) fn pause(&mut self, system: &S) {
        if self.listening == Listening::Registered {
            self.listening = Listening::Paused;
            for listener in &self.listeners {
                // An error says that it was not registered.
                let _ = system.ignore(listener);
            }
        }
    }

    /// Sets the alarm that ends the pause, unless one rings before.
    pub(crate) fn set_alarm(&mut self, at: Instant, deadlines: &mut Deadlines) {
        self.alarm.set(at, deadlines);
    }

    /// The alarm has rung.
    pub(crate) fn alarm_rang(&mut self) {
        self.alarm.rang();
    }

    /// Whether accepting rests and may be tried again.
    pub(crate) fn is_paused(&self) -> bool {
        self.listening == Listening::Paused
    }

    /// How the listeners are shared with other workers: as was asked, or as the kernel can.
    pub(crate) fn fanout(&self) -> Fanout {
        self.fanout
    }

    /// How many listeners there are.
    pub(crate) fn len(&self) -> usize {
        self.listeners.len()
    }

    /// Whether a connection waits to be taken from the listener with this index.
    pub(crate) fn has_waiting(&self, index: usize, system: &S) -> bool {
        let listener = self.listeners.get(index);
        listener.is_some_and(|listener| system.has_waiting(listener))
    }

    /// Whether a connection waits at any listener.
    pub(crate) fn has_any_waiting(&self, system: &S) -> bool {
        self.listeners.iter().any(|listener| system.has_waiting(listener))
    }

    /// Takes a connection from the listener with this index.
    pub(crate) fn accept(&mut self, index: usize, system: &S) -> io::Result<(S::Socket, Option<SocketAddr>)> {
        if self.fanout == Fanout::Exclusive && self.since_registration >= ACCEPTS_PER_REGISTRATION {
            self.since_registration = 0;
            // Before a connection is taken, since this may fail: then it still waits, the caller pauses, and the alarm of the
            // pause tries again.
            self.pause(system);
            self.resume(system)?;
        }
        // An event may be left of a listener that is closed.
        let listener = self.listeners.get(index).ok_or(Errno::EAGAIN)?;
        let accepted = system.accept(listener)?;
        self.failures = 0;
        if let Some(left) = self.left.get_mut(index) {
            *left = left.saturating_sub(1);
        }
        self.since_registration += 1;
        Ok(accepted)
    }

    /// Lets accepting end, at once or when the connections have come that the kernel holds back.
    pub(crate) fn end_from(&mut self, now: Instant, system: &S, handed_over: bool) {
        // They come to a server that goes on with the listeners.
        let wait = match handed_over {
            true => Duration::ZERO,
            false => self.end_deferral(system),
        };
        self.end_from = Some(now + wait);
    }

    /// Returns how long the end of accepting has still to wait.
    pub(crate) fn waits_until(&self, now: Instant) -> Option<Instant> {
        self.end_from.filter(|&from| from > now)
    }

    /// Lets the kernel hold no connections back any longer. Returns how long it takes at most until the last of them has come.
    fn end_deferral(&mut self, system: &S) -> Duration {
        let deferral = std::mem::take(&mut self.deferral);
        if deferral.is_zero() {
            return Duration::ZERO;
        }
        for listener in &self.listeners {
            system.end_deferral(listener);
        }
        longest_deferral(deferral) + ON_THEIR_WAY
    }

    /// Begins the end of accepting, unless it has begun: each listener gives as many connections as wait now, and no more, since
    /// the kernel has accepted them as far as their clients can tell. Where it does not say how many those are, until none
    /// waits, but no more than fit into a backlog.
    pub(crate) fn begin_last(&mut self, system: &S) {
        if self.end_from.take().is_some() {
            let all = |listener| system.waiting(listener).unwrap_or(BACKLOG as usize);
            self.left = self.listeners.iter().map(all).collect();
        }
    }

    /// How many connections the listener with this index may give at most.
    pub(crate) fn left(&self, index: usize) -> usize {
        self.left.get(index).copied().unwrap_or(usize::MAX)
    }

    /// No connection waits at the listener with this index.
    pub(crate) fn is_drained(&mut self, index: usize) {
        if let Some(left) = self.left.get_mut(index) {
            *left = 0;
        }
    }

    /// Takes those listeners out of the poller that have given their last connections, and closes all when all have.
    pub(crate) fn close_if_drained(&mut self, system: &S) {
        if self.left.is_empty() {
            return;
        }
        if self.left.iter().all(|&left| left == 0) {
            return self.close(system);
        }
        for (listener, &left) in self.listeners.iter().zip(&self.left) {
            if left == 0 {
                // An error says that it was not registered.
                let _ = system.ignore(listener);
            }
        }
    }

    /// Whether the listeners are closed for good.
    pub(crate) fn is_closed(&self) -> bool {
        self.listening == Listening::Closed
    }

    fn close(&mut self, system: &S) {
        self.pause(system);
        self.listening = Listening::Closed;
        self.listeners.clear();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::time::SystemTime;

    use multiplex::{Interest, Trigger};

    use super::*;
    use crate::driver::handler::mailbox::Wake;
    use crate::driver::pace::Clock;
    use crate::sys::net::{Families, Listener, Sharing, Stream};
    use crate::worker::kernel::Kernel;
    use crate::worker::slab::Key;
    use crate::worker::system::Event;

    #[test]
    fn want_of_descriptors_or_memory_pauses_and_a_lost_connection_does_not() {
        let after = |errno: Errno| reaction(&io::Error::from(errno));
        for errno in [
            Errno::EMFILE,
            Errno::ENFILE,
            Errno::ENOBUFS,
            Errno::ENOMEM,
            Errno::EBADF,
        ] {
            assert_eq!(after(errno), Reaction::Pause, "{errno}");
        }
        for errno in [
            Errno::ECONNABORTED,
            Errno::EINTR,
            Errno::EPROTO,
            Errno::EOPNOTSUPP,
        ] {
            assert_eq!(after(errno), Reaction::Next, "{errno}");
        }
        assert_eq!(after(Errno::EAGAIN), Reaction::Wait);
    }

    fn acceptor() -> Acceptor<Kernel> {
        let listener =
            Listener::bind_tcp("127.0.0.1:0".parse().unwrap(), Sharing::Alone, Families::Own).unwrap();
        Acceptor::new(vec![listener], Fanout::Shared, Duration::ZERO)
    }

    /// A system that registers no listener, and counts the connections that were taken from one.
    struct Refusing(Cell<u32>);

    impl System for Refusing {
        type Socket = Stream;
        type Listener = ();
        const EVENTS: usize = 1;

        fn forget(&self, _: &Self::Socket) -> io::Result<()> {
            unreachable!("nothing is accepted")
        }

        fn listen(&self, (): &(), _: usize, _: Fanout) -> io::Result<Fanout> {
            Err(Errno::ENOMEM.into())
        }
        fn ignore(&self, (): &()) -> io::Result<()> {
            Ok(())
        }
        fn accept(&self, (): &()) -> io::Result<(Stream, Option<SocketAddr>)> {
            self.0.set(self.0.get() + 1);
            Err(Errno::EAGAIN.into())
        }
        fn waker(&self) -> io::Result<Box<dyn Wake>> {
            unreachable!()
        }
        fn wait(&mut self, _: Option<Duration>) -> io::Result<()> {
            unreachable!()
        }
        fn event(&self, _: usize) -> Option<Event> {
            unreachable!()
        }
        fn add(&self, _: &Stream, _: Key, _: Interest, _: Trigger) -> io::Result<()> {
            unreachable!()
        }
        fn modify(&self, _: &Stream, _: Key, _: Interest, _: Trigger) -> io::Result<()> {
            unreachable!()
        }
        fn now(&self) -> Instant {
            unreachable!()
        }
        fn clock(&self) -> Clock {
            unreachable!()
        }
        fn wall(&self) -> SystemTime {
            unreachable!()
        }
    }

    #[test]
    fn no_connection_is_taken_and_lost_when_its_listener_cannot_be_registered_anew() {
        let system = Refusing(Cell::new(0));
        let mut acceptor = Acceptor::new(vec![()], Fanout::Exclusive, Duration::ZERO);
        acceptor.listening = Listening::Registered;
        acceptor.since_registration = ACCEPTS_PER_REGISTRATION;
        let error = acceptor.accept(0, &system).expect_err("it is out of the poller");
        assert_eq!(reaction(&error), Reaction::Pause);
        assert_eq!(system.0.get(), 0, "it still waits");
    }

    #[test]
    fn a_listener_that_drains_closes_when_it_has_given_those_that_waited() {
        let kernel = Kernel::new().unwrap();
        let mut acceptor = acceptor();
        acceptor.resume(&kernel).unwrap();
        let address = acceptor.listeners[0].address().unwrap().unwrap();
        let connect = || std::net::TcpStream::connect(address).unwrap();
        assert!(!acceptor.has_waiting(0, &kernel));
        let _waiting = [connect(), connect()];
        assert!(acceptor.has_waiting(0, &kernel));
        acceptor.end_from(Instant::now(), &kernel, false);
        acceptor.begin_last(&kernel);
        let _late = connect();
        for _ in 0..2 {
            acceptor.close_if_drained(&kernel);
            assert!(!acceptor.is_closed() && acceptor.left(0) > 0);
            acceptor.accept(0, &kernel).unwrap();
        }
        let all_given = acceptor.left(0) == 0;
        assert!(all_given || cfg!(not(target_os = "linux")), "two have waited");
        if !all_given {
            // Where the kernel does not say how many wait, it gives all.
            acceptor.accept(0, &kernel).unwrap();
            acceptor.is_drained(0);
        }
        acceptor.close_if_drained(&kernel);
        assert!(acceptor.is_closed());
    }
}
