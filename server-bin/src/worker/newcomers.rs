//! What becomes of a connection that was just accepted: it gets a slot, mostly its first turn, and is registered if it stays.
//!
//! A client that makes a connection for each request has sent the request by the time a busy server accepts. So a newcomer reads
//! at once where there is likely something to read. If it is answered and closes, the poller never hears of it, and the
//! connection is four system calls: accept, read, send, close.

use std::net::SocketAddr;

use super::Worker;
use super::deadlines::Alarm;
use super::residents::{Resident, watched};
use super::slab::Key;
use super::system::System;
use crate::driver::connection::Connection;
use crate::driver::held;
use crate::driver::phase::Wait;
use crate::driver::preamble::Opening;
use crate::driver::socket::Ready;

/// Whether newcomers read before the poller watches them: as long as that finds something. Where the last ones had sent nothing
/// yet, a read is one system call more, so the next ones wait for the poller, but for one now and then that tries.
#[derive(Debug)]
pub(super) struct Eagerness {
    /// Grows by two when a read found bytes, sinks by one when it did not; at 0 newcomers wait for the poller.
    luck: u8,
    /// Counts newcomers from 0 to [`NEWCOMERS_PER_TRY`]` - 1`; the one at 0 reads whatever the luck is.
    since_try: u8,
}

/// The most luck that is remembered: so many reads in vain in a row end it.
const MOST_LUCK: u8 = 8;
/// Of so many newcomers that wait for the poller one tries.
const NEWCOMERS_PER_TRY: u8 = 16;

impl Eagerness {
    pub(super) fn new() -> Self {
        Self {
            luck: MOST_LUCK / 2,
            since_try: 0,
        }
    }

    /// Returns whether the next newcomer reads at once.
    fn reads_at_once(&mut self) -> bool {
        self.since_try = (self.since_try + 1) % NEWCOMERS_PER_TRY;
        self.luck > 0 || self.since_try == 0
    }

    /// Notes whether one that has read found something.
    fn note(&mut self, has_found: bool) {
        self.luck = match has_found {
            true => (self.luck + 2).min(MOST_LUCK),
            false => self.luck.saturating_sub(1),
        };
    }
}

impl<S: System> Worker<S> {
    /// Takes a connection in, unless its peer is none that may speak here.
    pub(super) fn open(&mut self, socket: S::Socket, peer: Option<SocketAddr>) {
        self.counted.accepted += 1;
        let opening = match &self.kit.preamble {
            None => Opening::Request,
            Some(preamble) => held::run(|| preamble.opening(peer)).unwrap_or(Opening::Refused),
        };
        match opening {
            Opening::Refused => self.admission.leave(),
            opening => self.admit(Connection::new(socket, peer, opening, &self.kit)),
        }
    }

    fn admit(&mut self, connection: Connection<S::Socket>) {
        let inserted = self.residents.insert(Resident::new(connection));
        debug_assert!(inserted.is_ok(), "accept looked for room");
        let Ok(key) = inserted else {
            return self.admission.leave();
        };
        // During a drain newcomers wait for the poller: those of `accept_last` are told of the drain before their first turn.
        let reads = !self.kit.lent.draining && self.eagerness.reads_at_once();
        match if reads { self.first_turn(key) } else { Wait::Read } {
            Wait::Nothing => self.close(key),
            wait => self.watch(key, wait),
        }
        if reads {
            self.see_to_memory();
            if self.kit.counts() {
                self.count_turn();
            }
        }
    }

    /// Lets a newcomer read what is there, before the poller watches it. Returns what it waits for then.
    fn first_turn(&mut self, key: Key) -> Wait {
        let Some(resident) = self.residents.get_mut(key) else {
            return Wait::Nothing;
        };
        let turn = resident.turn(key, Ready::BYTES, &mut self.inlet, &mut self.kit);
        self.eagerness.note(self.kit.moved > 0);
        turn.wait
    }

    /// Arms the first deadline of a newcomer, and registers it for what it waits for. One that waits for its next turn, or for
    /// somebody else, is registered as one that reads, since it will read soon.
    fn watch(&mut self, key: Key, wait: Wait) {
        let Some(resident) = self.residents.get_mut(key) else {
            return;
        };
        let deadline = resident.connection.deadline(&self.kit);
        resident.timer = Some(self.deadlines.ring(deadline, Alarm::Connection(key)));
        let first = match wait {
            Wait::Yield | Wait::Elsewhere => Wait::Read,
            wait => wait,
        };
        let (interest, trigger) = watched(first);
        let socket = resident.connection.socket();
        if let Err(error) = self.system.add(socket, key, interest, trigger) {
            return self.close_unwatched(key, error);
        }
        self.note_registered(key, first);
        if wait == Wait::Yield {
            self.let_yield(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many of so many newcomers read at once, when all of them find something, or none.
    fn readers(eagerness: &mut Eagerness, newcomers: usize, finds: bool) -> usize {
        let reads = (0..newcomers).filter(|_| {
            let reads = eagerness.reads_at_once();
            if reads {
                eagerness.note(finds);
            }
            reads
        });
        reads.count()
    }

    #[test]
    fn newcomers_read_at_once_as_long_as_that_finds_something() {
        let mut eagerness = Eagerness::new();
        assert_eq!(readers(&mut eagerness, 160, true), 160);
        let in_vain = readers(&mut eagerness, 160, false);
        assert!((10..=20).contains(&in_vain), "{in_vain}");
        let again = readers(&mut eagerness, 160, true);
        assert!(again >= 144, "{again}");
    }
}
