//! The phase that a connection is in, and the one way to another one.
//!
//! Nobody outside of this module can write a phase down: the field is private here, and a connection's own is private
//! there. So every change goes through the table in `phase`.

use super::phase::{Happening, Phase};

/// The present phase of a connection.
#[derive(Debug)]
pub(super) struct Current(Phase);

impl Current {
    /// The phase of a connection that begins. Called in one place, where a connection is made.
    pub(super) const fn first(phase: Phase) -> Self {
        Self(phase)
    }

    /// Returns the phase.
    #[inline(always)]
    pub(super) const fn get(&self) -> Phase {
        self.0
    }

    /// Changes the phase to the one that follows after `happening`: the only place that does.
    #[inline(always)]
    pub(super) fn step(&mut self, happening: Happening) {
        #[cfg(test)]
        super::tests::edges::take(self.0, happening);
        let next = self.0.next(happening);
        debug_assert!(next.is_some(), "{happening:?} has no place in {:?}", self.0);
        #[cfg(test)]
        let next = next.map(|next| super::tests::planted::instead(self.0, happening, next));
        // To go on with what has no place might go on for ever.
        self.0 = next.unwrap_or(Phase::Closed);
    }
}
