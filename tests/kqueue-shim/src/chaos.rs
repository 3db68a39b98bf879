//! Chaos mode: does everything that a kernel may do, decided by a seed.
//!
//! What it does is allowed by the man pages, or was recorded from some kernel. It never holds back the only event
//! there is, and a level-triggered event is never invented: every kernel looks again before it reports one.

use std::{
    cell::Cell,
    hash::{DefaultHasher, Hash, Hasher},
    thread,
};

use crate::{
    abi::*,
    ffi::{self, Record},
    knote::Knote,
    mode::mode,
    queue::{Errno, State},
};

/// The dice of one kqueue.
pub(crate) struct Chaos {
    state: u64,
    refuses_user: bool,
    interrupted: bool,
}

impl Chaos {
    /// The dice for a queue that this thread makes now; None when the mode is off. The seed is mixed with the thread's
    /// name, which is the test's, and with a count per thread: so a test replays whatever runs beside it.
    pub(crate) fn for_a_new_queue() -> Option<Self> {
        thread_local!(static MADE: Cell<u64> = const { Cell::new(0) });
        let seed = mode().chaos?;
        let mut hasher = DefaultHasher::new();
        (seed, thread::current().name(), MADE.replace(MADE.get() + 1)).hash(&mut hasher);
        Some(Self {
            state: hasher.finish(),
            refuses_user: seed % 2 == 1,
            interrupted: false,
        })
    }

    /// Whether this kernel lacks EVFILT_USER: a property of the kernel, hence the same for all queues of a process.
    pub(crate) fn refuses_user(&self) -> bool {
        self.refuses_user
    }

    /// The flags of an error entry or receipt: EV_ERROR alone (NetBSD, FreeBSD) or added to the change's (Darwin).
    pub(crate) fn answer_flags(&mut self, flags: u16) -> u16 {
        if self.flip() { flags | EV_ERROR } else { EV_ERROR }
    }

    /// Whether a signal comes now. Not twice in a row, so that who tries again gets on.
    pub(crate) fn interrupts(&mut self) -> bool {
        self.interrupted = !self.interrupted && self.one_in(8);
        self.interrupted
    }

    pub(crate) fn flip(&mut self) -> bool {
        self.one_in(2)
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn below(&mut self, n: usize) -> usize {
        usize::try_from(self.next() % n as u64).expect("below a usize")
    }

    /// SplitMix64: any state is good, and each of the 2^64 comes once.
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl State {
    /// A one-shot knote that is ready when it is armed may be reported even if it is drained before the wait: FreeBSD
    /// and NetBSD do not look again.
    pub(crate) fn arm(&mut self, generation: u64) -> Result<(), Errno> {
        let Some(knote) = self.knotes.get(generation).cloned() else {
            return Ok(());
        };
        let Some(chaos) = &mut self.chaos else {
            return Ok(());
        };
        if knote.flags & EV_ONESHOT == 0 || knote.disabled || !chaos.flip() {
            return Ok(());
        }
        let bits = knote.filter.bits();
        let ready = ffi::state(knote.fd, bits as libc::c_short) as u32;
        if ready == 0 {
            return Ok(());
        }
        let off = Knote {
            disabled: true,
            ..knote.clone()
        };
        self.inner(knote.filter)
            .modify(knote.fd, off.bits(), generation)?;
        self.deferred.push(Record {
            generation,
            bits: ready,
        });
        self.raise_or_lower()
    }

    /// Disturbs a harvest in every way that is allowed.
    pub(crate) fn disturb(&mut self, room: usize, events: &mut Vec<(u64, Kevent)>) -> Result<(), Errno> {
        let Some(mut chaos) = self.chaos.take() else {
            return Ok(());
        };
        if events.len() < room && chaos.one_in(8) {
            self.invent_edge(&mut chaos, events);
        }
        for place in (1..events.len()).rev() {
            events.swap(place, chaos.below(place + 1));
        }
        if events.len() > 1 && chaos.one_in(4) {
            let kept = 1 + chaos.below(events.len() - 1);
            for (generation, event) in events.split_off(kept) {
                if !self.put_off(generation, &event)? {
                    events.push((generation, event));
                }
            }
        }
        for (_, event) in events.iter_mut() {
            distort(&mut chaos, event);
        }
        self.chaos = Some(chaos);
        Ok(())
    }

    /// Adds a spurious edge of some knote with EV_CLEAR.
    fn invent_edge(&self, chaos: &mut Chaos, events: &mut Vec<(u64, Kevent)>) {
        let edges: Vec<_> = (self.knotes.iter())
            .filter(|(_, knote)| knote.flags & MODE_OF_EDGES == EV_CLEAR && !knote.disabled)
            .filter(|(_, knote)| self.inner(knote.filter).holds(knote.fd))
            .filter(|(generation, _)| events.iter().all(|(other, _)| other != generation))
            .collect();
        if let Some((generation, knote)) = edges.get(chaos.below(edges.len().max(1))) {
            events.push((
                *generation,
                knote.event(knote.filter.bits() & !(libc::EPOLLRDHUP as u32)),
            ));
        }
    }

    /// Lets an event come with a later call, the way its mode allows: it must not be lost. False: it has to come now.
    fn put_off(&mut self, generation: u64, event: &Kevent) -> Result<bool, Errno> {
        let Some(knote) = self.knotes.get(generation) else {
            return Ok(self.users.put_off(event));
        };
        if knote.flags & (EV_CLEAR | EV_ONESHOT) != 0 {
            // Reported without another look, so it may be stale by then.
            let gone = if event.flags & EV_EOF != 0 {
                libc::EPOLLHUP as u32
            } else {
                0
            };
            let bits = knote.filter.bits() & !(libc::EPOLLRDHUP as u32) | gone;
            self.deferred.push(Record { generation, bits });
        } else if knote.flags & EV_DISPATCH != 0 {
            self.inner(knote.filter)
                .modify(knote.fd, knote.bits(), generation)?;
        }
        // A level-triggered one comes by itself.
        Ok(true)
    }
}

const MODE_OF_EDGES: u16 = EV_CLEAR | EV_ONESHOT | EV_DISPATCH;

/// Changes what a program must not rely on: the echo of EV_ADD, and `data` but for a listener's backlog.
fn distort(chaos: &mut Chaos, event: &mut Kevent) {
    if chaos.flip() {
        event.flags &= !EV_ADD;
    }
    let descriptor = event.filter == EVFILT_READ || event.filter == EVFILT_WRITE;
    let listens = i32::try_from(event.ident).is_ok_and(ffi::listens);
    if descriptor && !listens && chaos.flip() {
        event.data = chaos.next() as isize;
    }
}
