//! What a connection does about its worker's memory: it counts what it holds at the end of a turn, waits for memory before it
//! reads more, and is given up when there is none.

use std::time::Instant;

use super::buffers::{Inlet, Kit};
use super::connection::{Connection, Turn};
use super::handler::{End, status};
use super::memory::LITTLE;
use super::phase::{Phase, Timeout, Wait};
use super::socket::Socket;

impl<S: Socket> Connection<S> {
    /// Gives back to the pool what has nothing left in it, else counts what is held. Returns what the connection waits for,
    /// and whether its worker has to see to its memory.
    pub(super) fn put_work_away(&mut self, kit: &mut Kit) -> (Wait, bool) {
        let phase = self.phase();
        let wait = phase.wait();
        if let Some(work) = self.work.take_if(|work| work.is_done()) {
            kit.count_memory(work.counted, 0);
            kit.pool.give(work);
        }
        let Some(work) = &mut self.work else {
            return (wait, kit.memory.wants_attention());
        };
        let before = work.counted;
        if phase == Phase::Closed {
            work.counted = 0;
        } else {
            work.trim();
            work.counted = work.size();
        }
        let (now, grows) = (work.counted, work.grows_by_reading());
        kit.count_memory(before, now);
        let needs_memory = wait == Wait::Read && grows && now > LITTLE && kit.memory.is_tight();
        let wait = if needs_memory { Wait::Memory } else { wait };
        (wait, kit.memory.wants_attention())
    }

    /// Counts no more what is held: the connection is about to be dropped.
    pub(super) fn release(&mut self, kit: &mut Kit) {
        if let Some(work) = &mut self.work {
            kit.count_memory(std::mem::take(&mut work.counted), 0);
        }
    }

    /// Returns since when it stands still, and how many bytes it holds, if it can be given up: not while it waits for
    /// nothing but its turn.
    pub(crate) fn stands_still(&self) -> Option<(Instant, usize)> {
        let held = self.work.as_ref().map_or(0, |work| work.counted);
        (held > 0 && self.phase().timeout() != Timeout::None).then_some((self.since, held))
    }

    /// Gives up what it holds, because its worker is short of memory: a request that was not answered is answered with 503,
    /// and any other connection ends.
    pub(crate) fn give_up(&mut self, key: usize, inlet: &mut Inlet, kit: &mut Kit) -> Turn {
        let begin = self.begin(kit);
        kit.end = End::Failed;
        if self.phase().timeout() == Timeout::Protocol {
            self.report_all(End::Failed, kit);
        } else if self.owes_an_answer() {
            let text = status::text(503).as_bytes();
            self.refuse_with(503, text, None, Some(status::RETRY), kit);
        }
        self.end_patience();
        // It is not called late.
        #[cfg(test)]
        super::tests::edges::late();
        self.resume(key, inlet, kit);
        self.end::<true>(begin, kit)
    }
}
