//! What a worker does with its listeners: it takes connections from them, rests when there is no place, and takes those that
//! still wait when the server drains.

use std::io;
use std::time::Instant;

use super::Worker;
use super::accept::{ACCEPTS_PER_EVENT, PAUSE, Reaction, wants_descriptor};
use super::room::Place;
use super::system::System;
use crate::driver::handler::Notice;

impl<S: System> Worker<S> {
    /// Takes connections that an event tells of, for the time of a turn: with a round's, everybody would wait for as long as a
    /// crowd comes. The others wait in the backlog, where another worker may find them; the next wait tells of them again,
    /// beside those who have become ready meanwhile.
    pub(super) fn accept(&mut self, listener: usize) {
        let began = self.system.now();
        for _ in 0..ACCEPTS_PER_EVENT {
            if !self.accept_one(listener) || self.is_turn_over(began) {
                break;
            }
        }
        // Even if the last one was answered, to find that there are no more came behind that.
        self.last_turn = None;
    }

    /// Whether accepting has taken the time of a turn. The first turn of the next newcomer begins with this look, if the one before
    /// it was a long one. Apart, since in the round's own code it costs each request 5 instructions.
    #[inline(never)]
    fn is_turn_over(&mut self, began: Instant) -> bool {
        let now = self.system.now();
        if self.kit.pace.has_looked {
            self.kit.pace.go_on(now - self.kit.lent.now);
        }
        now - began >= self.kit.settings.turn_time
    }

    /// Takes a connection. Returns whether there may be another one for this worker.
    pub(super) fn accept_one(&mut self, listener: usize) -> bool {
        if self.acceptor.left(listener) == 0 {
            return false;
        }
        match self.take_place(listener) {
            Place::Taken => {}
            Place::NotWanted => {
                self.acceptor.is_drained(listener);
                return false;
            }
            Place::None { again } => {
                // A place of all is of no use to a worker that can have no more: it would be called at once, again and again.
                if !self.residents.is_full() {
                    self.admission.wait(&self.door);
                }
                self.pause_accepting(again);
                return false;
            }
        }
        match self.acceptor.accept(listener, &self.system) {
            Ok((socket, peer)) => {
                self.open(socket, peer);
                true
            }
            Err(error) => {
                self.admission.leave();
                self.cannot_accept(listener, error)
            }
        }
    }

    /// Does what an error of accept(2) asks for. Returns whether to try again at once.
    #[cold]
    pub(super) fn cannot_accept(&mut self, listener: usize, error: io::Error) -> bool {
        match self.acceptor.failed(&error) {
            Reaction::Wait => {
                self.wants_no_place();
                self.acceptor.is_drained(listener);
                false
            }
            Reaction::Next => true,
            Reaction::Pause => {
                let again = match wants_descriptor(&error).then(|| self.make_room(true)) {
                    Some(Ok(true)) => return true,
                    // One will have been idle for long enough, or may be found, by then.
                    Some(Err(again)) => again,
                    Some(Ok(false)) => self.room.again(self.kit.lent.now),
                    None => self.kit.lent.now + PAUSE,
                };
                self.tell_of_pause(error);
                self.pause_accepting(again);
                false
            }
        }
    }

    /// Does what the other workers' connections made of the places: one may be free, or one of its own is asked for.
    pub(super) fn heed_admission(&mut self) {
        if self.door.is_called() {
            self.resume_accepting();
            if !self.acceptor.has_any_waiting(&self.system) {
                // Its client has gone, or has come in by a place of this worker's own.
                self.admission.pass_on();
            }
        }
        if self.door.is_asked() {
            self.make_room_for_others();
        }
    }

    /// Says that accepting rests, once for all failures in a row.
    fn tell_of_pause(&mut self, error: io::Error) {
        if !self.acceptor.is_paused() {
            self.kit.notify(&Notice::AcceptPaused(error));
        }
    }

    fn pause_accepting(&mut self, until: Instant) {
        self.acceptor.pause(&self.system);
        self.acceptor.set_alarm(until, &mut self.deadlines);
    }

    pub(super) fn resume_accepting(&mut self) {
        if self.acceptor.is_paused() && self.acceptor.resume(&self.system).is_err() {
            self.pause_accepting(self.kit.lent.now + PAUSE);
        }
    }

    /// Lets accepting end, since the server drains.
    pub(super) fn end_accepting(&mut self) {
        let handed_over = self.server_stage.is_handed_over();
        self.acceptor
            .end_from(self.kit.lent.now, &self.system, handed_over);
        self.accept_last();
    }

    /// Takes from all listeners what they may still give, a turn's time from each; events bring the rest. Other workers take from
    /// them, too, without a word: so it is looked again now and then whether anybody waits.
    pub(super) fn accept_last(&mut self) {
        if let Some(until) = self.acceptor.waits_until(self.kit.lent.now) {
            return self.acceptor.set_alarm(until, &mut self.deadlines);
        }
        self.acceptor.begin_last(&self.system);
        for listener in 0..self.acceptor.len() {
            self.accept(listener);
        }
        self.acceptor.close_if_drained(&self.system);
        if !self.acceptor.is_closed() {
            let again = self.kit.lent.now + PAUSE;
            self.acceptor.set_alarm(again, &mut self.deadlines);
        }
    }
}
