//! Keeps records of a connection's requests until the handler hears how each of them has ended.

use http_core::Head;

use super::buffers::Kit;
use super::connection::Connection;
use super::handler::outcomes::records::{Answered, Records};
use super::handler::{End, Prepared};
use super::peer::Peer;
use super::phase::Phase;
use super::socket::Socket;

impl<S: Socket> Connection<S> {
    /// Records a request that was answered with what was prepared. The usual one is recorded in one step, with its head, and as a
    /// part of its turn: as a function of its own it would take 12 instructions more.
    #[inline(always)]
    pub(super) fn record_prepared(&self, prepared: &Prepared, head: &Head<'_>, raw: &[u8], kit: &mut Kit) {
        let answer = Answered::prepared(prepared, kit.out.len());
        if kit.lent.client.is_some()
            || !kit
                .lent
                .outcomes
                .add_whole(raw, &self.peer, &kit.lent.now, answer)
        {
            self.record_slowly(prepared, head, raw, kit);
        }
    }

    /// The same where the handler has named the client, where there may be too little room, or where the head is long.
    #[cold]
    #[inline(never)]
    fn record_slowly(&self, prepared: &Prepared, head: &Head<'_>, raw: &[u8], kit: &mut Kit) {
        self.begin_record(head, raw, kit);
        let answer = Answered::prepared(prepared, kit.out.len());
        let client = self.client(kit);
        kit.lent.outcomes.answer_whole(client, kit.lent.now, answer);
    }

    /// Copies what is remembered of a head.
    #[inline(never)]
    pub(super) fn begin_record(&self, head: &Head<'_>, raw: &[u8], kit: &mut Kit) {
        if kit.lent.outcomes.are_full() {
            self.make_room_for_record(kit);
        }
        kit.lent.outcomes.begin(head, raw);
    }

    /// Lets the handler hear of what has ended before the round ends, since so much has.
    #[cold]
    fn make_room_for_record(&self, kit: &mut Kit) {
        let mut open = Records::default();
        kit.lent.outcomes.put_away(&mut open);
        kit.tell_of_outcomes();
        kit.lent.outcomes.take_back(&mut open);
    }

    /// Records the request that has come last, if it has no answer yet.
    fn record_pending(&self, kit: &mut Kit) {
        if kit.lent.outcomes.has_pending() {
            let client = self.client(kit);
            kit.lent.outcomes.open(client, kit.lent.now);
        }
    }

    /// The client of the present request: its handler may know it better than the socket does.
    #[inline(always)]
    pub(super) fn client(&self, kit: &Kit) -> Peer {
        match kit.lent.client {
            None => self.peer,
            client => Peer::new(client),
        }
    }

    /// Keeps the requests whose answers have not left for the next turn. If there is none, they end with the connection.
    #[cold]
    pub(super) fn put_records_away(&mut self, kit: &mut Kit) {
        self.record_pending(kit);
        if self.phase() == Phase::Closed {
            self.report_all(kit.end, kit);
        } else if kit.lent.outcomes.has_open() {
            let work = self.work.get_or_insert_with(|| kit.pool.take());
            kit.lent.outcomes.put_away(&mut work.records);
        }
    }

    /// All requests end: those that are answered and have left, and those that are cut off.
    pub(super) fn report_all(&mut self, end: End, kit: &mut Kit) {
        self.record_pending(kit);
        let kept = self
            .work
            .as_ref()
            .map_or(0..0, |work| work.sent..work.output.len());
        let unsent = kept.start..kept.end + kit.out.len();
        kit.lent.outcomes.end_all(end, &unsent);
    }
}
