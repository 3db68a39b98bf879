//! After HTTP: calling the protocol that a connection was handed to.

use super::buffers::Kit;
use super::connection::{Connection, Part};
use super::handler::{End, Happened, Io, Wants};
use super::phase::{Happening, Phase};
use super::settings::TURN_BYTES;
use super::socket::Socket;

impl<S: Socket> Connection<S> {
    /// Calls the protocol once in a turn; the first time when the answer that announces it has left.
    pub(super) fn switch(&mut self, kit: &mut Kit) -> Part {
        if !std::mem::take(&mut kit.calls_protocol) {
            return Part::Wait;
        }
        match self.flush(kit, false) {
            Ok(true) => {}
            Ok(false) => return Part::Rest(Happening::Blocked),
            Err(_) => return Part::Go(Happening::PeerGone),
        }
        let is_new = self
            .work
            .as_mut()
            .is_some_and(|work| std::mem::take(&mut work.is_new_protocol));
        let happened = if is_new {
            Happened::Upgraded
        } else {
            Happened::Ready
        };
        self.call_protocol(happened, kit)
    }

    /// Calls the protocol, and returns what it wants. A protocol that panics costs its own connection.
    pub(super) fn call_protocol(&mut self, happened: Happened, kit: &mut Kit) -> Part {
        kit.calls_protocol = false;
        let Some(work) = &mut self.work else {
            return Part::Go(Happening::Finished);
        };
        let Some(protocol) = &mut work.protocol else {
            return Part::Go(Happening::Finished);
        };
        let mut io = Io {
            socket: &mut self.socket,
            behind: &work.input,
            used: 0,
            budget: TURN_BYTES,
            moved: 0,
            peer: &self.peer,
        };
        let now = kit.lent.now;
        let called = protocol.with(|protocol| {
            let wants = protocol.ready(&mut io, happened, now);
            (wants, protocol.deadline(), protocol.idle_timeout())
        });
        let (used, moved) = (io.used, io.moved);
        work.input.drain(..used);
        kit.moved += moved;
        if kit.watched {
            kit.records.add_body(moved as u64);
        }
        let Some((wants, deadline, idle_timeout)) = called else {
            kit.end = End::Failed;
            return Part::Go(Happening::Finished);
        };
        (work.own_deadline, work.own_timeout) = (deadline, idle_timeout);
        if wants == Wants::Close {
            self.leave_protocol(kit);
            return Part::Go(Happening::Wanted(Wants::Close));
        }
        let reads = matches!(wants, Wants::Read | Wants::ReadOrWrite);
        if reads && (used > 0 || happened == Happened::Upgraded) && !work.input.is_empty() {
            // Nobody else knows of the bytes that are left here.
            return Part::Rest(Happening::TurnSpent);
        }
        Part::Rest(Happening::Wanted(wants))
    }

    /// The protocol has said its last word.
    fn leave_protocol(&mut self, kit: &mut Kit) {
        self.report_all(End::Complete, kit);
    }

    /// Whether the deadline that is over is one of the protocol's own, which it hears of.
    pub(super) fn protocol_deadline_is_over(&self, kit: &Kit) -> bool {
        let Phase::Upgraded(_) = self.phase else {
            return false;
        };
        let deadline = self.work.as_ref().and_then(|work| work.own_deadline);
        deadline.is_some_and(|deadline| deadline <= kit.lent.now)
    }
}
