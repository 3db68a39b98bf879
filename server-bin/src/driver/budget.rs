//! What a connection may do before it is another one's turn.
//!
//! Requests and bytes are bounded by number, because that costs nothing; and time, because requests and sources are not
//! alike. A look at the clock costs some 75 instructions, so a turn begins without one, and looks between two requests as
//! often as the last look says is needed: before each one where they take long, and each eighth time at least.

use super::buffers::Kit;
use super::tally::nanoseconds;

/// Requests from one look at the clock to the next, at most.
const LONGEST_STRIDE: u32 = 8;

/// A limit of a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Limit {
    Requests,
    Bytes,
    Time,
}

/// What a turn has done of what it may do.
pub(super) struct Budget {
    /// Requests until the next look at the clock.
    pub(super) requests: u32,
    /// Requests until then, from the beginning of the turn on.
    allowed: u32,
    /// Bytes of bodies that were sent, or made by a source.
    sent: usize,
}

impl Budget {
    #[inline(always)]
    pub(super) fn whole(kit: &Kit) -> Self {
        Self {
            requests: kit.pace.stride,
            allowed: kit.pace.stride,
            sent: 0,
        }
    }

    /// Whether the turn may take one more request, which has come.
    #[inline(always)]
    pub(super) fn allows_request(&mut self, kit: &mut Kit) -> bool {
        if kit.out.len() >= kit.pace.turn_bytes {
            return end_turn(Limit::Bytes, kit);
        }
        self.requests > 0 || self.allows_after_look(kit)
    }

    #[cold]
    #[inline(never)]
    fn allows_after_look(&mut self, kit: &mut Kit) -> bool {
        let most = kit.pace.turn_requests;
        if self.allowed == most {
            return end_turn(Limit::Requests, kit);
        }
        let (passed, turn) = (look(kit), nanoseconds(kit.settings.turn_time));
        let each = passed / u64::from(self.allowed);
        // A quarter of a turn from look to look leaves room for requests that take longer than those before.
        let fit = (turn / 4).checked_div(each).unwrap_or(u64::MAX);
        kit.pace.stride = fit.clamp(1, LONGEST_STRIDE.min(most).into()) as u32;
        self.requests = kit.pace.stride.min(most - self.allowed);
        self.allowed += self.requests;
        passed < turn || end_turn(Limit::Time, kit)
    }

    /// Whether the turn may send, or pull from a source, once more. The first time costs no look.
    pub(super) fn allows_send(&mut self, kit: &mut Kit) -> bool {
        if self.sent == 0 {
            true
        } else if self.sent >= kit.pace.turn_bytes {
            end_turn(Limit::Bytes, kit)
        } else {
            look(kit) < nanoseconds(kit.settings.turn_time) || end_turn(Limit::Time, kit)
        }
    }

    /// Bytes that the turn may still send.
    pub(super) fn bytes(&self, kit: &Kit) -> usize {
        kit.pace.turn_bytes.saturating_sub(self.sent)
    }

    /// Notes that so many bytes were sent, or made by a source. None count as one: only the first time costs no look.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.sent = self.sent.saturating_add(bytes.max(1));
    }
}

/// A limit ends the turn, and the connection has more to do in its next one. Returns `false`: nothing more is allowed.
#[cold]
#[inline(never)]
fn end_turn(limit: Limit, kit: &mut Kit) -> bool {
    if kit.counts() {
        kit.tally.turns_ended[limit as usize] += 1;
    }
    false
}

/// How long ago this turn began, in nanoseconds: dividing durations takes longer than looking at the clock.
fn look(kit: &mut Kit) -> u64 {
    kit.pace.look(kit.lent.now)
}
