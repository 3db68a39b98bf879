//! What a connection does in its turn: what its phase asks for, step by step, until nothing more can be done.
//!
//! The parts (`receive`, `take`, `answer`, `send`, `switch`) do the work and return what happened;
//! [`step`](Connection::step), which follows the table, alone changes the phase.

use http_core::Fields;

use super::budget::Budget;
use super::buffers::{Inlet, Kit, MAX_FIELDS};
use super::connection::Connection;
use super::phase::{Happening, Phase};
use super::socket::Socket;

/// What a part of the driver did, for [`Connection::step`].
pub(super) enum Part {
    /// This happened; the turn goes on.
    Go(Happening),
    /// This happened; the turn goes on when something else happens.
    Rest(Happening),
    /// Something was done that changes no phase; the turn goes on.
    On,
    /// Nothing can be done before something else happens.
    Wait,
}

impl<S: Socket> Connection<S> {
    /// Does what the phase asks for when no bytes are known to have come. Apart, so that [`turn`](Self::turn) is one
    /// function with what it usually runs through.
    #[inline(never)]
    pub(super) fn resume(&mut self, key: usize, inlet: &mut Inlet, kit: &mut Kit) {
        self.run::<true>(key, false, inlet, kit);
    }

    /// Does what the phase asks for, until nothing more can be done in this turn.
    #[inline(always)]
    pub(super) fn run<const OBSERVED: bool>(
        &mut self,
        key: usize,
        mut readable: bool,
        inlet: &mut Inlet,
        kit: &mut Kit,
    ) {
        let mut budget = Budget::whole(kit);
        loop {
            let part = match self.phase() {
                Phase::Fresh
                | Phase::Idle
                | Phase::Head
                | Phase::Backlog
                | Phase::Body
                | Phase::Discarding => {
                    match self.receive::<OBSERVED>(key, &mut readable, inlet, kit, &mut budget) {
                        true => continue,
                        false => break,
                    }
                }
                Phase::Preface => self.read_preface(&mut readable, inlet, kit),
                Phase::Later => self.answer_from_elsewhere(kit),
                Phase::Sending => self.send(inlet, kit, &mut budget),
                Phase::Unsent(_) => self.send_rest(kit),
                Phase::Closing => self.close(kit),
                Phase::Lingering => self.linger(&mut readable, inlet, kit),
                Phase::Switching | Phase::Upgraded(_) => self.switch(kit),
                Phase::Starved => self.starved(),
                Phase::Paused | Phase::HalfClosed | Phase::Closed => Part::Wait,
            };
            if !self.take_step(part) {
                break;
            }
        }
        self.flush_turn::<OBSERVED>(kit);
    }

    /// Reads, and steps through what has come. Returns whether the turn goes on.
    #[inline(always)]
    fn receive<const OBSERVED: bool>(
        &mut self,
        key: usize,
        readable: &mut bool,
        inlet: &mut Inlet,
        kit: &mut Kit,
        budget: &mut Budget,
    ) -> bool {
        let saved = self.work.as_ref().is_some_and(|work| !work.input.is_empty());
        let mut arrived = 0;
        if std::mem::take(readable) {
            match self.read(inlet, kit) {
                Ok(n) => arrived = n,
                Err(part) => return self.take_step(part),
            }
        }
        // After a pause the client may still have to be told to go on, unless it has sent some of the body already.
        if self.phase() == Phase::Body && !saved && arrived == 0 {
            self.tell_to_continue(kit);
        }
        if !saved {
            // The usual way: nothing was saved, and nothing will be.
            let (used, goes_on) =
                self.digest::<OBSERVED>(key, &inlet.bytes[..arrived], &mut inlet.fields, kit, budget);
            if used < arrived {
                self.work(kit)
                    .input
                    .extend_from_slice(&inlet.bytes[used..arrived]);
            }
            return goes_on;
        }
        self.receive_saved(key, arrived, inlet, kit, budget)
    }

    /// Steps through what was saved and what has come behind it. Returns whether the turn goes on.
    #[inline(never)]
    fn receive_saved(
        &mut self,
        key: usize,
        arrived: usize,
        inlet: &mut Inlet,
        kit: &mut Kit,
        budget: &mut Budget,
    ) -> bool {
        let mut input = std::mem::take(&mut self.work(kit).input);
        input.extend_from_slice(&inlet.bytes[..arrived]);
        let (used, goes_on) = self.digest_saved(key, &input, &mut inlet.fields, kit, budget);
        input.drain(..used);
        self.work(kit).input = input;
        goes_on
    }

    /// As [`digest`](Self::digest), which is inlined into its usual caller: a copy in a second one costs that caller
    /// 20 instructions a request.
    #[inline(never)]
    fn digest_saved(
        &mut self,
        key: usize,
        input: &[u8],
        fields: &mut Fields<MAX_FIELDS>,
        kit: &mut Kit,
        budget: &mut Budget,
    ) -> (usize, bool) {
        self.digest::<true>(key, input, fields, kit, budget)
    }

    /// Steps through `input` for as long as the phase is one that receives. Returns how many bytes were used, and whether
    /// the turn goes on.
    #[inline(always)]
    fn digest<const OBSERVED: bool>(
        &mut self,
        key: usize,
        input: &[u8],
        fields: &mut Fields<MAX_FIELDS>,
        kit: &mut Kit,
        budget: &mut Budget,
    ) -> (usize, bool) {
        let mut at = 0;
        while self.phase().receives() {
            let (used, part) = self.understand::<OBSERVED>(key, &input[at..], fields, kit, budget);
            at += used;
            if !self.take_step(part) {
                return (at, false);
            }
        }
        (at, true)
    }

    /// Takes the step that a part of the driver has returned. Returns whether the turn goes on.
    #[inline(always)]
    pub(super) fn take_step(&mut self, part: Part) -> bool {
        match part {
            // The usual way: it is idle again, which is no step.
            Part::Go(Happening::Answered) if self.phase() == Phase::Idle && !cfg!(test) => true,
            Part::Go(happening) => {
                self.step(happening);
                true
            }
            Part::Rest(happening) => {
                self.step(happening);
                false
            }
            Part::On => true,
            Part::Wait => false,
        }
    }
}
