//! Taking connections from the listeners, and what to do when that fails.
//!
//! Accepting stops while there is no room, for want of descriptors or by `--max-connections`: the listeners leave
//! the poller, so that a full backlog cannot keep the worker awake, and come back when a connection closes or a
//! moment later.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use multiplex::{Fanout, Poller, Token};
use nix::errno::Errno;

use crate::sys::net::{Listener, Stream};

/// Connections that one event takes at most; a listener is level-triggered and reports the rest again.
pub(crate) const ACCEPTS_PER_EVENT: usize = 32;
/// After so many accepts an exclusive listener is registered anew, which puts this worker behind the others in the
/// kernel's list: it wakes the first idle one, and that would always be the same. nginx does it every 16 accepts.
const ACCEPTS_PER_REGISTRATION: u32 = 16;
/// How long accepting rests at most after a lack of something.
pub(crate) const PAUSE: Duration = Duration::from_millis(200);

/// How many connections all workers together hold.
#[derive(Debug)]
pub(crate) struct Admission {
    present: AtomicUsize,
    most: usize,
}

impl Admission {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            present: AtomicUsize::new(0),
            most,
        })
    }

    /// Takes a place, if there is one.
    pub(crate) fn enter(&self) -> bool {
        let entered = self.present.fetch_add(1, Ordering::Relaxed) < self.most;
        if !entered {
            self.leave();
        }
        entered
    }

    /// How many places are taken.
    pub(crate) fn present(&self) -> usize {
        self.present.load(Ordering::Relaxed).min(self.most)
    }

    /// Gives a place back.
    pub(crate) fn leave(&self) {
        self.present.fetch_sub(1, Ordering::Relaxed);
    }
}

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

/// Sorts the errors of accept(2), section ERRORS: those of the new connection's network come back from accept.
pub(crate) fn reaction(error: &io::Error) -> Reaction {
    match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
        Errno::EAGAIN => Reaction::Wait,
        Errno::EINTR
        | Errno::ECONNABORTED
        | Errno::ECONNRESET
        | Errno::EPROTO
        | Errno::EPERM
        | Errno::ENETDOWN
        | Errno::ENETUNREACH
        | Errno::EHOSTDOWN
        | Errno::EHOSTUNREACH
        | Errno::ENOPROTOOPT
        | Errno::ETIMEDOUT => Reaction::Next,
        _ => Reaction::Pause,
    }
}

/// Whether the listeners are in the poller.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Listening {
    Registered,
    Paused,
    Closed,
}

/// The listeners of one worker.
#[derive(Debug)]
pub(crate) struct Acceptor {
    listeners: Vec<Listener>,
    fanout: Fanout,
    listening: Listening,
    /// True while an alarm that ends the pause is in the wheel. There is at most one: else every failed retry would add another.
    alarmed: bool,
    since_registration: u32,
}

impl Acceptor {
    pub(crate) fn new(listeners: Vec<Listener>, fanout: Fanout) -> Self {
        Self {
            listeners,
            fanout,
            listening: Listening::Paused,
            alarmed: false,
            since_registration: 0,
        }
    }

    /// Puts the listeners into the poller, unless they are there or closed.
    pub(crate) fn resume(&mut self, poller: &Poller) -> io::Result<()> {
        if self.listening == Listening::Paused {
            self.listening = Listening::Registered;
            for (index, listener) in self.listeners.iter().enumerate() {
                // Where the kernel knows no other way, the answer is `Shared`, and from then on so it is here.
                self.fanout = poller.add_listener(listener, Token::new(index), self.fanout)?;
            }
        }
        Ok(())
    }

    /// Takes the listeners out of the poller.
    pub(crate) fn pause(&mut self, poller: &Poller) {
        if self.listening == Listening::Registered {
            self.listening = Listening::Paused;
            for listener in &self.listeners {
                // What is not registered need not be removed.
                let _ = poller.remove(listener);
            }
        }
    }

    /// Whether an alarm has to be set so that the pause ends; it is taken as set then.
    pub(crate) fn wants_alarm(&mut self) -> bool {
        self.is_paused() && !std::mem::replace(&mut self.alarmed, true)
    }

    /// The alarm has rung.
    pub(crate) fn alarm_rang(&mut self) {
        self.alarmed = false;
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

    /// Takes a connection from the listener with this index.
    pub(crate) fn accept(
        &mut self,
        index: usize,
        poller: &Poller,
    ) -> io::Result<(Stream, Option<SocketAddr>)> {
        let listener = self.listeners.get(index).ok_or(io::ErrorKind::WouldBlock)?;
        let accepted = listener.accept()?;
        self.since_registration += 1;
        if self.fanout == Fanout::Exclusive && self.since_registration >= ACCEPTS_PER_REGISTRATION {
            self.since_registration = 0;
            // If registering fails, the listener is out of the poller: the caller pauses, and the alarm of the pause tries again.
            self.pause(poller);
            self.resume(poller)?;
        }
        Ok(accepted)
    }

    /// Closes the listeners for good.
    pub(crate) fn close(&mut self, poller: &Poller) {
        self.pause(poller);
        self.listening = Listening::Closed;
        self.listeners.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::net::{Families, Sharing};

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
        for errno in [Errno::ECONNABORTED, Errno::EINTR, Errno::EPROTO] {
            assert_eq!(after(errno), Reaction::Next, "{errno}");
        }
        assert_eq!(after(Errno::EAGAIN), Reaction::Wait);
    }

    #[test]
    fn a_pause_sets_one_alarm_however_often_accepting_is_tried_meanwhile() {
        let poller = Poller::new().unwrap();
        let listener =
            Listener::bind_tcp("127.0.0.1:0".parse().unwrap(), Sharing::Alone, Families::Own).unwrap();
        let mut acceptor = Acceptor::new(vec![listener], Fanout::Shared);
        acceptor.resume(&poller).unwrap();
        assert!(!acceptor.wants_alarm(), "it accepts");
        acceptor.pause(&poller);
        assert!(acceptor.wants_alarm());
        for _ in 0..3 {
            // A connection closed, and another one took its place.
            acceptor.resume(&poller).unwrap();
            acceptor.pause(&poller);
            assert!(!acceptor.wants_alarm());
        }
        acceptor.alarm_rang();
        assert!(acceptor.wants_alarm());
    }

    #[test]
    fn a_place_is_given_out_once_until_it_comes_back() {
        let admission = Admission::new(2);
        assert!(admission.enter() && admission.enter() && !admission.enter());
        admission.leave();
        assert!(admission.enter() && !admission.enter());
    }
}
