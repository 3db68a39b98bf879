//! What a turn leaves behind, by the last thing that happened in it. It holds for every turn of every test, the simulator's
//! included, and knows nothing of the phase before: so an edge of the table that leads elsewhere is found where it is taken.

use std::cell::Cell;
use std::time::Instant;

use crate::driver::phase::{Happening, Phase, Then, Timeout, Wait};
use crate::handler::Wants;

thread_local! {
    static LAST: Cell<Option<Happening>> = const { Cell::new(None) };
    static WAS_LATE: Cell<bool> = const { Cell::new(false) };
    static HAS_ENDED: Cell<bool> = const { Cell::new(false) };
}

/// This happens in the present turn.
pub(crate) fn note(happening: Happening) {
    LAST.set(Some(happening));
    match happening {
        Happening::TimedOut => WAS_LATE.set(true),
        Happening::PeerGone | Happening::Finished => HAS_ENDED.set(true),
        _ => {}
    }
}

/// The turn is over, and leaves the connection in this phase. The deadline is that of the phase. `takes_body`: a handler
/// waits for more of a request's body.
pub(crate) fn hold(phase: Phase, takes_body: bool, now: Instant, deadline: impl FnOnce() -> Instant) {
    let Some(last) = LAST.take() else { return };
    let is_over = phase == Phase::Closed;
    assert!(!HAS_ENDED.take() || is_over, "the end leaves {phase:?}");
    assert!(
        !WAS_LATE.take() || is_over || deadline() > now,
        "a deadline leaves {phase:?}, and is over"
    );
    let fits = match last {
        // What is to be done next is done in the same turn, or waits for bytes.
        Happening::PrefaceRead => phase == Phase::Fresh,
        Happening::HeadBegun => phase == Phase::Head && !takes_body,
        Happening::InputUsed => matches!(phase, Phase::Fresh | Phase::Idle) && !takes_body,
        Happening::Answered => matches!(phase, Phase::Idle | Phase::Backlog),
        Happening::BodyDropped => phase == Phase::Idle,
        Happening::BodyWanted => phase.timeout() == Timeout::Body && phase.wait() == Wait::Read,
        Happening::AnsweredEarly => phase == Phase::Discarding,
        // The connection waits for somebody else.
        Happening::SinkPaused => phase == Phase::Paused,
        Happening::Promised => phase == Phase::Later,
        Happening::SourceWaits => phase == Phase::Starved,
        Happening::PeerShut => phase.wait() == Wait::Elsewhere,
        // It goes on in its next turn.
        Happening::TurnSpent => phase.wait() == Wait::Yield,
        Happening::AnswerBegun => phase == Phase::Sending,
        Happening::Switched => phase == Phase::Switching,
        // It waits for room.
        Happening::Blocked => phase.timeout() == Timeout::Write,
        Happening::Flushed => !matches!(phase, Phase::Unsent(_) | Phase::Closed),
        // News never ends a connection by itself.
        Happening::Notified => phase != Phase::Closed && phase != Phase::Unsent(Then::Starved),
        Happening::Wanted(Wants::Close) => phase == Phase::Closing,
        Happening::Wanted(wants) => phase == Phase::Upgraded(wants),
        // It comes to its end: by steps, or at once.
        Happening::AnsweredLast | Happening::Unreadable => phase == Phase::Closing,
        Happening::Shut => phase == Phase::Lingering,
        // Held above, whatever follows it.
        Happening::TimedOut | Happening::PeerGone | Happening::Finished => true,
    };
    assert!(fits, "behind {last:?} a turn leaves {phase:?}");
}
