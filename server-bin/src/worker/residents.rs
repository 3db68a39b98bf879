//! The connections of a worker: letting each have its turns, and doing for it what it waits for.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use multiplex::timers::TimerId;
use multiplex::{Interest, Trigger};

use super::Worker;
use super::counters::place;
use super::deadlines::{Alarm, Deadlines};
use super::slab::{Key, Slot};
use super::system::System;
use crate::driver::buffers::{Inlet, Kit};
use crate::driver::connection::{Connection, Queue, Turn};
use crate::driver::handler::mailbox::Letter;
use crate::driver::handler::{End, Notice};
use crate::driver::held;
use crate::driver::idle::Idle;
use crate::driver::phase::{Phase, Wait};
use crate::driver::socket::{Ready, Socket};
use crate::sys::net::Stream;

/// A connection, and what its worker knows of it.
pub(super) struct Resident<S> {
    pub(super) connection: Connection<S>,
    /// Its timer, never later than its deadline.
    pub(super) timer: Option<TimerId>,
}

/// How long a connection rests whose socket is said to be ready and is not.
const REST: Duration = Duration::from_millis(10);
/// When a connection is looked at again whose time has passed while it waits for memory: memory that stays short is freed within two
/// looks, a second each.
const MEMORY_PATIENCE: Duration = Duration::from_secs(1);

/// User memory of an idle connection: its slot and its timer. The socket's buffers are the kernel's.
const _: () = assert!(IDLE_BYTES <= 192);
const IDLE_BYTES: usize = size_of::<Slot<Resident<Stream>>>() + TIMER_BYTES;
/// What `multiplex::timers` documents for a timer, and the value beside it.
const TIMER_BYTES: usize = 24 + size_of::<usize>();

impl<S: Socket> Resident<S> {
    pub(super) fn new(connection: Connection<S>) -> Self {
        Self {
            connection,
            timer: None,
        }
    }

    /// Whether nobody is served by it.
    pub(super) fn idle(&self) -> Option<Idle> {
        self.connection.idle()
    }

    /// When it is late: at its deadline, or later if it waits for others who have stood still.
    fn last_moment(&self, deadlines: &Deadlines, kit: &Kit) -> Instant {
        let deadline = self.connection.deadline(kit);
        match self.connection.time_of_others(kit) {
            Some(timeout) => deadlines.after_standstill(deadline, timeout),
            None => deadline,
        }
    }

    /// Whether the poller does not report its socket for a moment. One in a queue is registered when it has its turn from there.
    fn rests(&self) -> bool {
        let notes = &self.connection.notes;
        notes.registered.is_none() && notes.queue.is_none()
    }

    /// Whether it is not read from because its worker is short of memory. What it has sent lies with the kernel, so it is not late:
    /// it is read from when there is memory, or is given up for want of it. A protocol hears of its deadlines all the same.
    fn waits_for_memory(&self) -> bool {
        let is_held_back = self.connection.notes.queue == Some(Queue::HeldBack);
        is_held_back && !matches!(self.connection.phase(), Phase::Upgraded(_))
    }

    /// Goes on as far as its socket allows.
    #[inline(always)]
    pub(super) fn turn(&mut self, key: Key, ready: Ready, inlet: &mut Inlet, kit: &mut Kit) -> Turn {
        #[cfg(test)]
        super::simulator::turns::begin(key);
        self.connection.turn(key.value(), ready, inlet, kit)
    }

    /// Returns the address of the other end.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.connection.peer()
    }
}

impl<S: System> Worker<S> {
    /// Lets a connection have its turn. `reported`: the poller has just said that its socket is ready.
    #[inline(always)]
    pub(super) fn turn(&mut self, key: Key, ready: Ready, reported: bool) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        if resident.connection.notes.queue.is_some() {
            return self.hear_in_queue(key, ready);
        }
        let turn = resident.turn(key, ready, &mut self.inlet, &mut self.kit);
        let is_fruitless = reported && self.kit.moved == 0;
        let notes = &resident.connection.notes;
        // Who was doubted and has moved is doubted no more, which is noted there.
        let is_odd = is_fruitless || notes.is_doubted;
        if turn.needs.are_any() || Some(turn.wait) != notes.registered || is_odd {
            self.look_after(key, turn, ready.readable, is_fruitless);
        }
        if self.kit.counts() {
            self.count_turn();
        }
    }

    /// A connection in a queue has its turn from there. One that waits for memory and whose peer is gone ends at once, so that it
    /// gives back what it holds.
    #[cold]
    fn hear_in_queue(&mut self, key: Key, ready: Ready) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        let notes = &mut resident.connection.notes;
        if notes.queue == Some(Queue::HeldBack) && ready.gone {
            self.stop_holding_back(key);
            // Without a read: what has come would be kept, and it would be held back again.
            self.drive(key, |connection, inlet, kit| {
                connection.peer_gone(key.value(), ready, inlet, kit)
            });
            return self.see_to_memory();
        }
        // An edge is told once: what is registered next has to tell of it again.
        if notes.registered == Some(Wait::Elsewhere) {
            notes.registered = None;
        }
    }

    /// Does what a turn asks for that is not the usual one. Apart, so that the usual way is short.
    #[inline(never)]
    fn look_after(&mut self, key: Key, turn: Turn, readable: bool, is_fruitless: bool) {
        self.follow_up(key, turn, readable);
        if is_fruitless {
            self.doubt(key);
        }
        self.see_to_memory();
    }

    /// The socket was said to be ready, and nothing has moved. That may happen once; a kernel that says so again and again, as one
    /// short of memory may, would keep the worker busy for nothing. So the connection rests for a moment.
    #[cold]
    fn doubt(&mut self, key: Key) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        let notes = &mut resident.connection.notes;
        let is_fooled = notes.queue.is_none()
            && matches!(
                notes.registered,
                Some(Wait::Read | Wait::Write | Wait::ReadOrWrite)
            );
        let was_fooled = std::mem::replace(&mut notes.is_doubted, is_fooled);
        if was_fooled && is_fooled && self.system.forget(resident.connection.socket()).is_ok() {
            // The poller does not know it any more, so it has to be registered anew.
            resident.connection.notes.registered = None;
            resident.connection.notes.is_watched = false;
            if let Some(timer) = resident.timer {
                self.deadlines.advance(timer, self.kit.lent.now + REST);
            }
        }
    }

    /// Lets the first of the connections go on that have yielded.
    #[inline(never)]
    pub(super) fn run_yielded(&mut self) {
        let Some(key) = self.yielded.pop_front() else {
            return;
        };
        match self.residents.get_mut(key) {
            Some(resident) => {
                #[cfg(test)]
                super::simulator::turns::begin_yielded(key);
                resident.connection.notes.queue = None;
                self.turn(key, Ready::NOTHING, false);
            }
            // It may have been the one that was to let those go on that wait for memory.
            None => self.see_to_memory(),
        }
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
    pub(super) fn drive(
        &mut self,
        key: Key,
        act: impl FnOnce(&mut Connection<S::Socket>, &mut Inlet, &mut Kit) -> Turn,
    ) {
        self.last_turn = None;
        if let Some(resident) = self.residents.get_mut(key) {
            #[cfg(test)]
            let had_yielded = resident.connection.notes.queue == Some(Queue::Yielded);
            let turn = act(&mut resident.connection, &mut self.inlet, &mut self.kit);
            #[cfg(test)]
            if had_yielded && self.kit.moved > 0 {
                super::simulator::turns::moved_in_queue(key);
            }
            self.follow_up(key, turn, false);
        }
    }

    /// Does what a turn asks for. `readable`: the poller has just reported bytes.
    fn follow_up(&mut self, key: Key, turn: Turn, readable: bool) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        if self.kit.moved > 0 {
            resident.connection.notes.is_doubted = false;
        }
        if turn.needs.has_nearer_deadline()
            && let Some(timer) = resident.timer
        {
            self.deadlines
                .advance(timer, resident.connection.deadline(&self.kit));
        }
        if Some(turn.wait) != resident.connection.notes.registered {
            self.arrange(key, turn.wait, readable);
        }
    }

    /// Arranges that the connection hears of what it waits for. `readable`: the poller has just reported bytes.
    pub(super) fn arrange(&mut self, key: Key, wait: Wait, readable: bool) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        match wait {
            Wait::Nothing => return self.close(key),
            Wait::Yield => return self.let_yield(key),
            // Most such waits are over before the peer sends anything, and then the registration fits again.
            Wait::Elsewhere if resident.connection.notes.registered == Some(Wait::Read) && !readable => {
                return;
            }
            Wait::Elsewhere | Wait::Memory | Wait::Read | Wait::Write | Wait::ReadOrWrite => {}
        }
        let (interest, trigger) = watched(wait);
        let socket = resident.connection.socket();
        if let Err(error) = self.system.modify(socket, key, interest, trigger) {
            return self.close_unwatched(key, error);
        }
        self.note_registered(key, wait);
    }

    /// Notes that the poller reports what the connection waits for.
    pub(super) fn note_registered(&mut self, key: Key, wait: Wait) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        resident.connection.notes.is_watched = true;
        if wait == Wait::Memory {
            resident.connection.notes.registered = Some(Wait::Elsewhere);
            self.hold_back(key);
        } else {
            resident.connection.notes.registered = Some(wait);
            // One that has yielded stays where it is, whatever came meanwhile: else it would have two turns in the next round.
            self.stop_holding_back(key);
        }
    }

    /// Lets a connection have its next turn in the next round.
    pub(super) fn let_yield(&mut self, key: Key) {
        self.stop_holding_back(key);
        if let Some(resident) = self.residents.get_mut(key)
            && resident.connection.notes.queue.is_none()
        {
            resident.connection.notes.queue = Some(Queue::Yielded);
            self.yielded.push_back(key);
        }
    }

    /// The kernel is short of memory or of registrations (ENOMEM, ENOSPC): one connection less.
    #[cold]
    pub(super) fn close_unwatched(&mut self, key: Key, error: io::Error) {
        self.kit.notify(&Notice::Unwatched(error));
        self.close(key);
    }

    /// A connection's timer has fired, perhaps earlier than its deadline. It is late if that was over at this time.
    pub(super) fn look_at(&mut self, key: Key, at: Instant) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        resident.timer = None;
        self.tell_of_drain_before_its_end(key);
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        let is_late = resident.last_moment(&self.deadlines, &self.kit) <= at;
        if is_late && resident.waits_for_memory() {
            let later = self.kit.lent.now + MEMORY_PATIENCE;
            resident.timer = Some(self.deadlines.ring(later, Alarm::Connection(key)));
            return;
        }
        if resident.rests() {
            self.end_rest(key, is_late);
        }
        if let Some(resident) = self.residents.get_mut(key)
            && resident.last_moment(&self.deadlines, &self.kit) <= at
        {
            self.drive(key, |connection, inlet, kit| {
                connection.expire(key.value(), inlet, kit)
            });
        }
        // A connection that is still there has more to do until a later deadline.
        if let Some(resident) = self.residents.get_mut(key) {
            // A connection is looked at once a round, whatever deadline its protocol sets itself.
            let next_round = self.kit.lent.now + Duration::from_millis(1);
            let deadline = resident.last_moment(&self.deadlines, &self.kit).max(next_round);
            resident.timer = Some(self.deadlines.ring(deadline, Alarm::Connection(key)));
        }
    }

    /// A connection has rested, and the poller is to tell of it again. It has told nothing meanwhile: so one that is late by now tries
    /// its socket itself, before anybody calls it that.
    #[cold]
    pub(super) fn end_rest(&mut self, key: Key, is_late: bool) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        if !is_late {
            let wait = resident.connection.phase().wait();
            return self.arrange(key, wait, true);
        }
        #[cfg(test)]
        super::simulator::turns::begin(key);
        self.drive(key, |connection, inlet, kit| {
            connection.turn(key.value(), Ready::BYTES, inlet, kit)
        });
    }

    /// Counts how long after the wait's return a turn was over that has answered.
    #[inline(never)]
    pub(super) fn count_turn(&mut self) {
        self.last_turn = None;
        if self.kit.tally.has_answered() {
            let time = self.system.now() - self.kit.lent.now;
            self.kit.tally.latency(time);
            self.last_turn = Some(time);
        }
    }

    /// Looks through the connections, and hands over what was counted.
    #[cold]
    pub(super) fn hold_census(&mut self) {
        let mut counted = self.counted.clone();
        for resident in self.residents.values() {
            counted.phases[place(resident.connection.phase())] += 1;
        }
        counted.memory = self.kit.memory.held() as u64;
        counted.tally = self.kit.tally.clone();
        self.census.hand_over(counted);
    }

    /// Closes a connection if it has been idle all the while since it was found to be.
    pub(super) fn close_if_idle(&mut self, key: Key, idle: Idle) -> bool {
        match self.residents.get_mut(key) {
            Some(resident) if resident.connection.is_still_idle(idle) => {
                let end = resident.connection.end_for_others();
                self.close_as(key, end);
                true
            }
            _ => false,
        }
    }

    pub(super) fn close(&mut self, key: Key) {
        self.close_as(key, End::Failed);
    }

    /// Drops a connection. `end`: how its requests end, if there are any.
    fn close_as(&mut self, key: Key, end: End) {
        let Some(mut resident) = self.residents.remove(key) else {
            return;
        };
        #[cfg(test)]
        super::simulator::turns::forget(key);
        if let Some(timer) = resident.timer {
            self.deadlines.dismiss(timer);
        }
        if resident.connection.phase() != Phase::Closed {
            resident.connection.cut(end, &mut self.kit);
        }
        self.let_go(resident);
        self.resume_accepting();
    }

    /// Takes a connection's socket out of the poller, and closes it. The close alone is not enough: while a child that was forked and
    /// has started no program has the socket, too, the poller would report it for ever, by a key that nobody has any more.
    fn let_go(&self, resident: Resident<S::Socket>) {
        if resident.connection.notes.is_watched {
            // Where it fails, the close does it, as a rule.
            let _ = self.system.forget(resident.connection.socket());
        }
        held::discard(resident);
        self.admission.leave();
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
                self.let_go(resident);
            }
        }
        count
    }
}

/// What the poller is asked to report of a connection that waits for this.
pub(super) fn watched(wait: Wait) -> (Interest, Trigger) {
    match wait {
        // By edge: bytes that nobody reads yet are told of once for each arrival, so they cannot storm.
        Wait::Elsewhere | Wait::Memory => (Interest::READABLE, Trigger::Edge),
        Wait::Write => (Interest::WRITABLE, Trigger::Level),
        Wait::ReadOrWrite => (Interest::READABLE | Interest::WRITABLE, Trigger::Level),
        Wait::Read | Wait::Yield | Wait::Nothing => (Interest::READABLE, Trigger::Level),
    }
}
