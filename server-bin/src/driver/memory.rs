//! How much memory the connections of a worker hold, and what follows when that is as much as they may.
//!
//! Counted is what a connection owns between two turns (its [`Work`](super::work::Work)), and what the worker's handler
//! says that it keeps. An idle connection owns nothing, so a request that is answered at once is never counted. Two marks
//! lie below what is allowed:
//!
//! - From three quarters on ([`is_tight`](Memory::is_tight)) what holds much is not read from, so that TCP makes its client
//!   wait; requests that need none are served as ever.
//! - When that has not helped for a moment, or all is taken ([`is_over`](Memory::is_over)), those that stand still longest
//!   are given up, until half is free ([`is_eased`](Memory::is_eased)): their clients are answered with 503.

use std::time::{Duration, Instant};

/// What a worker may hold at least, whatever it was told: a few requests of the usual size.
pub(crate) const LEAST: usize = 1024 * 1024;
/// A connection that holds less goes on reading also when memory is tight, and is given up after all others: a head of
/// the usual size.
pub(crate) const LITTLE: usize = 16 * 1024;
/// After a look that freed too little, the pause before the next, for each connection: a look costs some 10 ns each, so at most a
/// hundredth of the time.
const FRUITLESS_LOOK: Duration = Duration::from_micros(1);
/// Less than this is not worth giving back to the system.
const SLACK: usize = 512 * 1024;

/// The memory of one worker.
#[derive(Debug)]
pub(crate) struct Memory {
    most: usize,
    /// What connections hold.
    held: usize,
    /// What the handler keeps, when it was asked last.
    kept: usize,
    /// The most that was held since the last [`look`](Self::look).
    high: usize,
    /// The most that was held since free memory was given back to the system.
    peak: usize,
    /// Whether its worker has a look coming.
    looked_after: bool,
    /// Whether it was tight at the last look.
    was_tight: bool,
    /// Connections that wait for memory.
    pub(crate) waiting: usize,
    /// All were looked through, and too little could be freed: until then they are not looked through again.
    nothing_to_free_until: Option<Instant>,
}

impl Memory {
    /// Memory of so many bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most: most.max(LEAST),
            held: 0,
            kept: 0,
            high: 0,
            peak: 0,
            looked_after: false,
            was_tight: false,
            waiting: 0,
            nothing_to_free_until: None,
        }
    }

    /// Bytes that may be held.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Bytes that are held, by connections and by the handler.
    pub(crate) fn held(&self) -> usize {
        self.held.saturating_add(self.kept)
    }

    /// Bytes that connections hold.
    #[cfg(test)]
    pub(crate) fn of_connections(&self) -> usize {
        self.held
    }

    /// Whether a look is set.
    #[cfg(test)]
    pub(crate) fn is_looked_after(&self) -> bool {
        self.looked_after
    }

    /// The most that one connection may collect: one that needs all would push out all others, for nothing.
    pub(crate) fn share(&self) -> usize {
        self.most / 2
    }

    /// Counts that a connection holds so many bytes now, instead of so many before. A handler's source may say any number.
    pub(crate) fn change(&mut self, before: usize, now: usize) {
        self.held = self.held.saturating_sub(before).saturating_add(now);
        self.high = self.high.max(self.held);
        self.peak = self.peak.max(self.held);
    }

    /// So many bytes were taken for a turn, beside what connections hold. The allocator keeps them until they are given back to
    /// the system.
    pub(crate) fn was_taken(&mut self, bytes: usize) {
        self.peak = self.peak.max(self.held.saturating_add(bytes));
    }

    /// The handler keeps so many bytes.
    pub(crate) fn set_kept(&mut self, kept: usize) {
        self.kept = kept;
    }

    /// Whether it is time to read no more from those that hold much.
    pub(crate) fn is_tight(&self) -> bool {
        self.held() >= self.most / 4 * 3
    }

    /// Whether all that may be held is held.
    pub(crate) fn is_over(&self) -> bool {
        self.held() >= self.most
    }

    /// Whether it is of use to look through so many connections for some to give up.
    pub(crate) fn can_be_freed(&self, now: Instant) -> bool {
        self.nothing_to_free_until.is_none_or(|until| now >= until)
    }

    /// So many connections were looked through at this time, and still too much is held.
    pub(crate) fn cannot_free(&mut self, connections: usize, now: Instant) {
        let pause = FRUITLESS_LOOK * u32::try_from(connections).unwrap_or(u32::MAX);
        self.nothing_to_free_until = Some(now + pause);
    }

    /// Whether enough is free again after too much was held.
    pub(crate) fn is_eased(&self) -> bool {
        self.held() <= self.most / 2
    }

    /// Whether so many bytes more may be held.
    pub(crate) fn allows(&self, bytes: usize) -> bool {
        self.held().saturating_add(bytes) <= self.most
    }

    /// Whether the worker has something to do about it: to free some, to let those go on that wait for memory, or to look
    /// again later.
    pub(crate) fn wants_attention(&self) -> bool {
        self.is_over() || self.can_go_on() || self.wants_look()
    }

    /// Whether connections wait for memory, and there is some.
    pub(crate) fn can_go_on(&self) -> bool {
        self.waiting > 0 && !self.is_tight()
    }

    /// Whether a look has to be set, as none is.
    pub(crate) fn wants_look(&self) -> bool {
        !self.looked_after && (self.peak >= SLACK || self.waiting > 0)
    }

    /// A look is set.
    pub(crate) fn look_is_set(&mut self) {
        self.looked_after = true;
    }

    /// The look that was set: ends a period.
    pub(crate) fn look(&mut self) -> Look {
        self.looked_after = false;
        let is_tight = self.is_tight();
        let was_tight = std::mem::replace(&mut self.was_tight, is_tight);
        let has_fallen = self.peak >= SLACK && self.high <= self.peak / 2;
        if has_fallen {
            self.peak = self.high;
        }
        self.high = self.held;
        Look {
            has_fallen,
            stays_tight: was_tight && is_tight,
        }
    }
}

/// What a look at the memory has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Look {
    /// Much less was held all the time than once before: what was freed since can be given back to the system.
    pub(crate) has_fallen: bool,
    /// It was tight the last time, and is again.
    pub(crate) stays_tight: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1024 * 1024;

    #[test]
    fn the_marks_lie_at_three_quarters_at_all_and_at_a_half() {
        let mut memory = Memory::new(8 * MIB);
        let mut before = 0;
        for (held, marks) in [
            (0, [false, false, true]),
            (4 * MIB, [false, false, true]),
            (4 * MIB + 1, [false, false, false]),
            (6 * MIB - 1, [false, false, false]),
            (6 * MIB, [true, false, false]),
            (8 * MIB - 1, [true, false, false]),
            (8 * MIB, [true, true, false]),
        ] {
            memory.change(before, held);
            before = held;
            let now = [memory.is_tight(), memory.is_over(), memory.is_eased()];
            assert_eq!(now, marks, "{held}");
        }
        memory.change(before, 0);
        memory.set_kept(6 * MIB);
        assert!(memory.is_tight(), "what the handler keeps counts, too");
    }

    #[test]
    fn whatever_a_handler_says_that_it_holds_memory_is_over_and_not_empty() {
        let mut memory = Memory::new(8 * MIB);
        memory.change(0, MIB);
        memory.change(0, usize::MAX);
        memory.set_kept(usize::MAX);
        assert!(memory.is_over() && !memory.allows(1));
        memory.change(usize::MAX, 0);
        memory.set_kept(0);
        assert!(memory.is_eased());
    }

    #[test]
    fn connections_are_not_looked_through_in_each_round_where_that_frees_too_little() {
        let (mut memory, now) = (Memory::new(8 * MIB), Instant::now());
        assert!(memory.can_be_freed(now));
        memory.cannot_free(10_000, now);
        assert!(!memory.can_be_freed(now), "in the same round");
        assert!(!memory.can_be_freed(now + Duration::from_millis(9)));
        assert!(memory.can_be_freed(now + Duration::from_millis(10)));
        memory.cannot_free(0, now);
        assert!(memory.can_be_freed(now), "nothing was spent");
    }

    #[test]
    fn what_was_taken_is_given_back_once_when_little_was_held_for_a_period() {
        let mut memory = Memory::new(64 * MIB);
        memory.change(0, SLACK - 1);
        assert!(!memory.wants_look(), "that is not worth it");
        memory.change(0, 9 * MIB);
        assert!(memory.wants_look());
        memory.look_is_set();
        assert!(!memory.wants_look());
        memory.change(10 * MIB, 0);
        assert!(!memory.look().has_fallen, "it was held in this period");
        assert!(memory.wants_look(), "it may be given back after the next one");
        assert!(memory.look().has_fallen && !memory.look().has_fallen);
        assert!(!memory.wants_look());
    }
}
