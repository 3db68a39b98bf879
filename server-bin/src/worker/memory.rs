//! What a worker does when its connections hold much memory: it lets them wait before they read more, gives up those that
//! stand still longest (in `many`), and gives back to the system what was freed.

use std::time::Duration;

use super::Worker;
use super::deadlines::Alarm;
use super::slab::Key;
use super::system::System;
use crate::driver::connection::Queue;
use crate::driver::socket::Ready;

/// How often memory is looked at. When it was tight twice, those that wait for memory have waited long enough.
const PATIENCE: Duration = Duration::from_secs(1);
/// Connections that go on in one round when there is memory again.
const GO_ON: usize = 32;

impl<S: System> Worker<S> {
    /// Sees to what turns have made of the memory.
    #[inline]
    pub(super) fn see_to_memory(&mut self) {
        if self.kit.memory.wants_attention() {
            self.attend_to_memory();
        }
    }

    #[cold]
    fn attend_to_memory(&mut self) {
        if self.kit.memory.is_over() {
            self.free_memory();
        }
        if self.kit.memory.can_go_on() {
            self.let_some_go_on();
        }
        if self.kit.memory.wants_look() {
            self.kit.memory.look_is_set();
            self.deadlines.ring(self.kit.lent.now + PATIENCE, Alarm::Memory);
        }
    }

    /// Looks at what is held, a while after something was.
    #[cold]
    pub(super) fn look_at_memory(&mut self) {
        let look = self.kit.memory.look();
        if look.stays_tight {
            self.free_memory();
        }
        if look.has_fallen || look.stays_tight {
            self.system.give_memory_back();
        }
        self.see_to_memory();
    }

    /// Lets a connection wait until there is memory for it. Until then nothing that its socket tells of gives it a turn.
    pub(super) fn hold_back(&mut self, key: Key) {
        if let Some(resident) = self.residents.get_mut(key)
            && resident.connection.notes.queue.is_none()
        {
            #[cfg(test)]
            super::simulator::turns::hold_back();
            resident.connection.notes.queue = Some(Queue::HeldBack);
            // One that has left comes back to its place: it must not stand twice.
            if !std::mem::replace(&mut resident.connection.notes.keeps_place, true) {
                self.held_back.push_back(key);
                self.forget_places();
            }
            self.kit.memory.waiting = self.held_back.len();
        }
    }

    /// Lets a connection wait for memory no more, if it does: it has something else to do.
    #[inline]
    pub(super) fn stop_holding_back(&mut self, key: Key) {
        if let Some(resident) = self.residents.get_mut(key)
            && resident.connection.notes.queue == Some(Queue::HeldBack)
        {
            // Its key stays until it stands first: to look for it among many would take long.
            resident.connection.notes.queue = None;
        }
    }

    /// Forgets the places of those that have closed or wait no more, when they may be most of all. While memory stays short none
    /// would come to stand first.
    fn forget_places(&mut self) {
        if self.held_back.len() <= 2 * self.residents.len() {
            return;
        }
        // How many of them came in this round is not known then.
        self.held_before = 0;
        let residents = &mut self.residents;
        self.held_back.retain(|&key| {
            residents.get_mut(key).is_some_and(|resident| {
                let notes = &mut resident.connection.notes;
                notes.keeps_place = notes.queue == Some(Queue::HeldBack);
                notes.keeps_place
            })
        });
    }

    /// Lets connections go on that wait for memory, for as long as there is some; those first that wait longest. One that has come
    /// to wait in this round may have had its turn, and the next one is due when all have had theirs.
    pub(super) fn let_some_go_on(&mut self) {
        for _ in 0..GO_ON {
            let Some(key) = self.next_held_back(true) else {
                break;
            };
            if let Some(resident) = self.residents.get_mut(key) {
                resident.connection.notes.queue = None;
                #[cfg(test)]
                super::simulator::turns::begin(key);
                // It reads at once, so that what it holds then is counted before the next one goes on.
                self.drive(key, |connection, inlet, kit| {
                    connection.turn(key.value(), Ready::BYTES, inlet, kit)
                });
            }
        }
        // Its turn in the next round brings the others theirs.
        if let Some(key) = self.next_held_back(false)
            && let Some(resident) = self.residents.get_mut(key)
        {
            resident.connection.notes.queue = Some(Queue::Yielded);
            self.yielded.push_back(key);
        }
    }

    /// Takes the connection that waits longest, if there is memory for it. One that has closed or left meanwhile would bring the
    /// others no turn. `of_before`: only if it has waited since before this round.
    pub(super) fn next_held_back(&mut self, of_before: bool) -> Option<Key> {
        while self.kit.memory.can_go_on() && !(of_before && self.held_before == 0) {
            let key = self.held_back.pop_front()?;
            self.held_before = self.held_before.saturating_sub(1);
            self.kit.memory.waiting = self.held_back.len();
            if let Some(resident) = self.residents.get_mut(key) {
                let notes = &mut resident.connection.notes;
                notes.keeps_place = false;
                if notes.queue == Some(Queue::HeldBack) {
                    return Some(key);
                }
            }
        }
        None
    }
}
