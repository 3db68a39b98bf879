//! What a worker does for many connections at once: a part of it in each round, so that who is served meanwhile does not wait for all
//! of it.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use super::Worker;
use super::deadlines::{Alarm, Single};
use super::slab::Key;
use super::system::System;
use crate::driver::handler::Notice;
use crate::driver::memory::LITTLE;

/// Connections from one look at the clock to the next.
const PER_LOOK: usize = 16;
/// From one part to the next others have so long.
const PAUSE: Duration = Duration::from_millis(1);

/// A connection that stands still: whether it holds little, since when it does, and its key. The order is that in which they are
/// given up.
type Still = Reverse<(bool, Instant, usize)>;

/// What is left to be done for many connections.
pub(super) struct Many {
    /// Those that were not told yet that the server drains.
    untold: Vec<Key>,
    /// Those that may be given up while memory is freed.
    still: BinaryHeap<Still>,
    /// How many were, since that began.
    given_up: usize,
    /// When it goes on.
    alarm: Single,
}

impl Many {
    pub(super) fn new() -> Self {
        Self {
            untold: Vec::new(),
            still: BinaryHeap::new(),
            given_up: 0,
            alarm: Single::new(Alarm::Many),
        }
    }
}

impl<S: System> Worker<S> {
    /// Goes on with what is left.
    #[cold]
    pub(super) fn go_on_with_many(&mut self) {
        self.many.alarm.rang();
        self.tell_some_of_drain();
        if !self.many.still.is_empty() {
            self.give_some_up();
        }
    }

    fn go_on_later(&mut self) {
        self.many
            .alarm
            .set(self.kit.lent.now + PAUSE, &mut self.deadlines);
    }

    /// Tells all connections that the server drains.
    pub(super) fn tell_all_of_drain(&mut self) {
        self.many.untold = self.residents.keys().collect();
        self.tell_some_of_drain();
    }

    fn tell_some_of_drain(&mut self) {
        let (began, mut told) = (self.system.now(), 0_usize);
        while let Some(key) = self.many.untold.pop() {
            self.tell_of_drain(key);
            told += 1;
            if told.is_multiple_of(PER_LOOK) && self.has_taken_its_time(self.system.now(), began) {
                return self.go_on_later();
            }
        }
        self.many.untold = Vec::new();
    }

    fn tell_of_drain(&mut self, key: Key) {
        self.drive(key, |connection, inlet, kit| {
            connection.drain(key.value(), inlet, kit)
        });
    }

    /// Tells a connection whose timer has fired of the drain, if it was not told: its time for one more request begins with that.
    pub(super) fn tell_of_drain_before_its_end(&mut self, key: Key) {
        if let Some(place) = self.many.untold.iter().position(|&untold| untold == key) {
            self.many.untold.swap_remove(place);
            self.tell_of_drain(key);
        }
    }

    /// Gives up what the worker can do without, then the connections that stand still longest, until half of the memory is
    /// free. Those that hold little are the last, since they are many and free little.
    pub(super) fn free_memory(&mut self) {
        let is_at_it = !self.many.still.is_empty();
        if is_at_it || !self.kit.memory.can_be_freed(self.kit.lent.now) {
            return;
        }
        self.kit.give_up_memory();
        let residents = self.residents.iter();
        let still = residents.filter_map(|(key, resident)| {
            let (since, held) = resident.connection.stands_still()?;
            Some(Reverse((held <= LITTLE, since, key.value())))
        });
        // Mostly a few are enough, so they are not sorted.
        self.many.still = still.collect();
        self.give_some_up();
    }

    fn give_some_up(&mut self) {
        let began = self.system.now();
        while !self.kit.memory.is_eased()
            && let Some(Reverse((_, since, key))) = self.many.still.pop()
        {
            let key = Key::from_value(key);
            let resident = self.residents.get_mut(key);
            let stands_still = resident.and_then(|resident| resident.connection.stands_still());
            // It may have gone on meanwhile.
            if stands_still.is_none_or(|(now_since, _)| now_since != since) {
                continue;
            }
            self.drive(key, |connection, inlet, kit| {
                connection.give_up(key.value(), inlet, kit)
            });
            self.counted.given_up += 1;
            self.many.given_up += 1;
            if self.many.given_up.is_multiple_of(PER_LOOK)
                && self.has_taken_its_time(self.system.now(), began)
            {
                return self.go_on_later();
            }
        }
        self.end_freeing();
    }

    fn end_freeing(&mut self) {
        self.many.still = BinaryHeap::new();
        if !self.kit.memory.is_eased() {
            let now = self.kit.lent.now;
            self.kit.memory.cannot_free(self.residents.len(), now);
        }
        match std::mem::take(&mut self.many.given_up) {
            0 => {}
            given_up => self.kit.notify(&Notice::MemoryReached {
                most: self.kit.memory.most(),
                given_up,
            }),
        }
    }
}
