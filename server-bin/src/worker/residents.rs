//! The connections of a worker: letting each have its turns, and doing for it what it waits for.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use multiplex::timers::TimerId;
use multiplex::{Interest, Token, Trigger};

use super::Worker;
use super::counters::place;
use super::deadlines::Alarm;
use super::slab::{Key, Slot};
use crate::driver::buffers::{Inlet, Kit};
use crate::driver::connection::{Connection, Turn};
use crate::driver::handler::End;
use crate::driver::handler::mailbox::Letter;
use crate::driver::held;
use crate::driver::phase::{Phase, Wait};
use crate::driver::preface::Opening;
use crate::driver::socket::Ready;
use crate::sys::net::Stream;

/// A connection, and what its worker knows of it.
pub(super) struct Resident {
    connection: Connection<Stream>,
    /// Its timer, never later than its deadline.
    timer: Option<TimerId>,
}

/// User memory of an idle connection: its slot and its timer. The socket's buffers are the kernel's.
const _: () = assert!(IDLE_BYTES <= 192);
const IDLE_BYTES: usize = size_of::<Slot<Resident>>() + TIMER_BYTES;
/// What `multiplex::timers` documents for a timer, and the value beside it.
const TIMER_BYTES: usize = 24 + size_of::<usize>();

impl Worker {
    /// Takes a connection in, unless its peer is none that may speak here.
    pub(super) fn open(&mut self, stream: Stream, peer: Option<SocketAddr>) {
        self.counted.accepted += 1;
        let opening = match &self.kit.preamble {
            None => Opening::Request,
            Some(preamble) => held::run(|| preamble.opening(peer)).unwrap_or(Opening::Refused),
        };
        match opening {
            Opening::Refused => self.admission.leave(),
            opening => self.admit(Connection::new(stream, peer, opening, &self.kit)),
        }
    }

    fn admit(&mut self, connection: Connection<Stream>) {
        let deadline = connection.deadline(&self.kit);
        let inserted = self.residents.insert(Resident {
            connection,
            timer: None,
        });
        debug_assert!(inserted.is_ok(), "accept looked for room");
        let Ok(key) = inserted else {
            return self.admission.leave();
        };
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        resident.timer = Some(self.deadlines.ring(deadline, Alarm::Connection(key)));
        let token = Token::new(key.value());
        let socket = resident.connection.socket();
        if self
            .poller
            .add(socket, token, Interest::READABLE, Trigger::Level)
            .is_err()
        {
            // The kernel is short of memory or of registrations (ENOMEM, ENOSPC): one connection less.
            self.close(key);
        }
    }

    /// Lets a connection have its turn, because its socket is ready.
    #[inline(always)]
    pub(super) fn turn(&mut self, key: Key, ready: Ready) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        // A connection that has yielded has its turn with the others that have.
        if resident.connection.notes.has_yielded {
            // An edge is told once: what is registered next has to tell of it again.
            if resident.connection.notes.registered == Wait::Elsewhere {
                resident.connection.notes.registered = Wait::Yield;
            }
            return;
        }
        let turn = resident
            .connection
            .turn(key.value(), ready, &mut self.inlet, &mut self.kit);
        if turn.nearer || turn.wait != resident.connection.notes.registered {
            self.follow_up(key, turn, ready.readable);
        }
        if self.kit.counts() {
            self.count_latency();
        }
    }

    /// Lets the first `count` of the connections go on that have yielded: those of the round before.
    #[inline(never)]
    pub(super) fn run_yielded(&mut self, count: usize) {
        for place in 0..count {
            let key = self.yielded[place];
            if let Some(resident) = self.residents.get_mut(key) {
                resident.connection.notes.has_yielded = false;
                self.turn(key, Ready::NOTHING);
            }
        }
        self.yielded.drain(..count);
    }

    /// Gives a letter to its connection.
    pub(super) fn read_letter(&mut self, letter: Letter) {
        match letter {
            Letter::Answer(answer) => {
                let key = Key::from_value(answer.connection);
                if self.residents.get_mut(key).is_none() {
                    return held::discard(answer);
                }
                self.drive(key, |connection, inlet, kit| {
                    connection.deliver(key.value(), answer, inlet, kit)
                });
            }
            Letter::News { connection, serial } => {
                let key = Key::from_value(connection);
                self.drive(key, |connection, inlet, kit| {
                    connection.notify(key.value(), serial, inlet, kit)
                });
            }
        }
    }

    /// Runs `act` on the connection and does what its [`Turn`] asks for. A stale key (an event or a letter for a
    /// connection that is closed) is ignored.
    fn drive(&mut self, key: Key, act: impl FnOnce(&mut Connection<Stream>, &mut Inlet, &mut Kit) -> Turn) {
        if let Some(resident) = self.residents.get_mut(key) {
            let turn = act(&mut resident.connection, &mut self.inlet, &mut self.kit);
            self.follow_up(key, turn, false);
        }
    }

    /// Does what a turn asks for. `readable`: the poller has just reported bytes.
    fn follow_up(&mut self, key: Key, turn: Turn, readable: bool) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        if turn.nearer
            && let Some(timer) = resident.timer
        {
            self.deadlines
                .advance(timer, resident.connection.deadline(&self.kit));
        }
        if turn.wait != resident.connection.notes.registered {
            self.arrange(key, turn.wait, readable);
        }
    }

    /// Arranges that the connection hears of what it waits for. `readable`: the poller has just reported bytes.
    fn arrange(&mut self, key: Key, wait: Wait, readable: bool) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        let (interest, trigger) = match wait {
            Wait::Nothing => return self.close(key),
            Wait::Yield => {
                if !std::mem::replace(&mut resident.connection.notes.has_yielded, true) {
                    self.yielded.push(key);
                }
                return;
            }
            // Most such waits are over before the peer sends anything, and then the registration fits again.
            Wait::Elsewhere if resident.connection.notes.registered == Wait::Read && !readable => return,
            // By edge: bytes that nobody reads yet are told of once for each arrival, so they cannot storm.
            Wait::Elsewhere => (Interest::READABLE, Trigger::Edge),
            Wait::Read => (Interest::READABLE, Trigger::Level),
            Wait::Write => (Interest::WRITABLE, Trigger::Level),
            Wait::ReadOrWrite => (Interest::READABLE | Interest::WRITABLE, Trigger::Level),
        };
        let token = Token::new(key.value());
        let socket = resident.connection.socket();
        match self.poller.modify(socket, token, interest, trigger) {
            Ok(()) => resident.connection.notes.registered = wait,
            Err(_) => self.close(key),
        }
    }

    /// A connection's timer has fired, perhaps earlier than its deadline.
    pub(super) fn look_at(&mut self, key: Key) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        resident.timer = None;
        if resident.connection.deadline(&self.kit) <= self.kit.lent.now {
            self.drive(key, |connection, inlet, kit| {
                connection.expire(key.value(), inlet, kit)
            });
        }
        // A connection that is still there has more to do until a later deadline.
        if let Some(resident) = self.residents.get_mut(key) {
            // A connection is looked at once a round, whatever deadline its protocol sets itself.
            let next_round = self.kit.lent.now + Duration::from_millis(1);
            let deadline = resident.connection.deadline(&self.kit).max(next_round);
            resident.timer = Some(self.deadlines.ring(deadline, Alarm::Connection(key)));
        }
    }

    /// Tells all connections that the server drains.
    pub(super) fn tell_all_of_drain(&mut self) {
        let keys: Vec<Key> = self.residents.keys().collect();
        for key in keys {
            self.drive(key, |connection, inlet, kit| {
                connection.drain(key.value(), inlet, kit)
            });
        }
    }

    /// Counts how long after the wait's return a turn was over that has answered.
    #[cold]
    fn count_latency(&mut self) {
        let responses = self.kit.tally.all_responses();
        if self.responses != responses {
            self.responses = responses;
            self.kit.tally.latency(Instant::now() - self.kit.lent.now);
        }
    }

    /// Looks through the connections, and hands over what was counted.
    #[cold]
    pub(super) fn hold_census(&mut self) {
        let mut counted = self.counted.clone();
        for resident in self.residents.values() {
            counted.phases[place(resident.connection.phase())] += 1;
        }
        counted.tally = self.kit.tally.clone();
        self.census.hand_over(counted);
    }

    /// Drops a connection. Dropping the socket closes it, and closing takes it out of the poller.
    fn close(&mut self, key: Key) {
        let Some(mut resident) = self.residents.remove(key) else {
            return;
        };
        if let Some(timer) = resident.timer {
            self.deadlines.dismiss(timer);
        }
        if resident.connection.phase() != Phase::Closed {
            resident.connection.cut(End::Failed, &mut self.kit);
        }
        held::discard(resident);
        self.admission.leave();
        self.resume_accepting();
    }

    /// Reports the requests that the end of the server cuts off. Returns how many connections were there.
    pub(super) fn cut_all(&mut self) -> usize {
        let mut count = 0;
        let keys: Vec<Key> = self.residents.keys().collect();
        for key in keys {
            if let Some(mut resident) = self.residents.remove(key) {
                // One between two requests loses nothing.
                count += usize::from(!matches!(
                    resident.connection.phase(),
                    Phase::Preface | Phase::Fresh | Phase::Idle | Phase::Lingering
                ));
                resident.connection.cut(End::Stopped, &mut self.kit);
                held::discard(resident);
                self.admission.leave();
            }
        }
        count
    }
}
