//! After HTTP: calling the protocol that a connection was handed to.

use std::time::{Duration, Instant};

use super::buffers::Kit;
use super::connection::Connection;
use super::handler::{End, Happened, Io, Wants};
use super::phase::{Happening, Phase};
use super::run::Part;
use super::socket::Socket;

/// How soon a protocol is told again of a deadline that it has not moved on.
const DEADLINE_PAUSE: Duration = Duration::from_millis(1);

const fn reads(wants: Wants) -> bool {
    matches!(wants, Wants::Read | Wants::ReadOrWrite)
}

/// How often in a row a protocol may be called because its socket is ready, and move nothing: it waits for what it does
/// not do, and its worker would call it for ever. Now and then a call in vain is the kernel's.
const MAX_IDLE_CALLS: u16 = 200;

/// What a protocol has said in a call.
struct Called {
    wants: Wants,
    deadline: Option<Instant>,
    idle_timeout: Option<Duration>,
    /// Bytes behind the head that it has taken.
    used: usize,
}

impl<S: Socket> Connection<S> {
    /// Calls the protocol once in a turn; the first time when the answer that announces it has left.
    pub(super) fn switch(&mut self, kit: &mut Kit) -> Part {
        if !std::mem::take(&mut kit.calls_protocol) {
            return Part::Wait;
        }
        match self.flush::<true>(kit, false) {
            Ok(true) => {}
            Ok(false) => return Part::Rest(Happening::Blocked),
            Err(_) => return Part::Go(Happening::PeerGone),
        }
        let untold = self.work.as_mut().and_then(|work| work.untold.take());
        self.call_protocol(untold.unwrap_or(Happened::Ready), kit)
    }

    /// Calls the protocol, and returns what it wants. A protocol that panics, or does nothing again and again, costs its own
    /// connection: that ends as when the protocol closes it, so that the peer can read what was sent before.
    pub(super) fn call_protocol(&mut self, happened: Happened, kit: &mut Kit) -> Part {
        kit.calls_protocol = false;
        let knows_of_input = self.was_told_of_input(happened);
        let called = self.lend_socket(happened, kit);
        let (Some(called), Some(work)) = (called, &mut self.work) else {
            return self.end_protocol(End::Failed, kit);
        };
        // One that is over and was not moved on would be over again at once, for ever.
        let deadline = match happened {
            Happened::Deadline => called
                .deadline
                .map(|deadline| deadline.max(kit.lent.now + DEADLINE_PAUSE)),
            _ => called.deadline,
        };
        let idle_timeout = called.idle_timeout;
        work.has_new_deadline |= (work.own_deadline, work.own_timeout) != (deadline, idle_timeout);
        (work.own_deadline, work.own_timeout) = (deadline, idle_timeout);
        if called.wants == Wants::Close {
            return self.end_protocol(End::Complete, kit);
        }
        // Nobody else knows of the bytes that are left here, so it is told of them once more.
        let has_input = !work.input.is_empty() && (called.used > 0 || !knows_of_input);
        if (has_input && reads(called.wants)) || work.untold.is_anything() {
            return Part::Rest(Happening::TurnSpent);
        }
        Part::Rest(Happening::Wanted(called.wants))
    }

    /// Calls the protocol with its connection's socket. Returns `None` when it panics, or has moved nothing too often.
    fn lend_socket(&mut self, happened: Happened, kit: &mut Kit) -> Option<Called> {
        let work = self.work.as_mut()?;
        let protocol = work.protocol.as_mut()?;
        let mut io = Io {
            socket: &mut self.socket,
            behind: &work.input,
            used: 0,
            budget: kit.pace.turn_bytes,
            moved: 0,
            written: 0,
            peer: &self.peer,
        };
        let now = kit.lent.now;
        let called = protocol.with(|protocol| {
            let wants = protocol.ready(&mut io, happened, now);
            (wants, protocol.deadline(), protocol.idle_timeout())
        });
        let (used, moved, written) = (io.used, io.moved, io.written);
        work.input.drain(..used);
        kit.moved += moved;
        if kit.watched {
            kit.lent.outcomes.add_body(written as u64);
        }
        work.idle_calls = match happened {
            Happened::Ready if moved == 0 => work.idle_calls.saturating_add(1),
            _ => 0,
        };
        let is_spinning = work.idle_calls > MAX_IDLE_CALLS;
        let (wants, deadline, idle_timeout) = called.filter(|_| !is_spinning)?;
        Some(Called {
            wants,
            deadline,
            idle_timeout,
            used,
        })
    }

    /// The protocol is called no more.
    fn end_protocol(&mut self, end: End, kit: &mut Kit) -> Part {
        self.report_all(end, kit);
        Part::Go(Happening::Wanted(Wants::Close))
    }

    /// Whether the protocol is called because of bytes that came behind the head, or was before and has left them.
    fn was_told_of_input(&self, happened: Happened) -> bool {
        match self.phase() {
            Phase::Upgraded(wants) => reads(wants),
            _ => happened == Happened::Ready,
        }
    }

    /// Whether the deadline that is over is one of the protocol's own, which it hears of, and not its idle timeout.
    pub(super) fn protocol_deadline_is_over(&self, kit: &Kit) -> bool {
        let Phase::Upgraded(_) = self.phase() else {
            return false;
        };
        let deadline = self.work.as_ref().and_then(|work| work.own_deadline);
        deadline.is_some_and(|deadline| deadline <= kit.lent.now) && self.idle_end() > kit.lent.now
    }
}
