//! What became of requests, on the way to [`Handler::all_done`](super::Handler::all_done).
//!
//! A worker has one batch. While a connection has its turn, its requests whose answers have not left stand at the batch's
//! end; what is left of them after the turn moves to the connection. The others have ended, and the handler hears of them
//! at the end of the round, or when it wants to.

mod outcome;
pub(crate) mod records;
mod texts;

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use http_core::Head;

use super::mailbox::Mailbox;
use crate::driver::peer::Peer;
pub use outcome::{End, MAX_TEXT, Outcome, Watch};
use records::{Answered, Batch, MANY, MANY_BYTES, OPEN, Record, Records, shift};

/// The requests that ended in a round, in the order in which they did.
///
/// A handler hears of them in [`Handler::all_done`](super::Handler::all_done).
pub struct Outcomes {
    /// Without room before the first one comes.
    batch: Batch,
    /// So many of the last ones have not ended.
    open: usize,
    /// Where in the unsent output the last one of these ends: [`OPEN`] before it has an end, or while its head is all that there
    /// is of it. 0 when all have ended.
    open_end: usize,
    at_round_end: AtRoundEnd,
    mailbox: Arc<Mailbox>,
    /// Whether they stay here when their handler has heard of them.
    stay: bool,
    keep: Option<Keep>,
    /// The worker ends with this round.
    is_last: bool,
}

/// Until when outcomes lie where they were collected.
pub(crate) struct Keep {
    /// The handler wants to hear of them.
    pub(crate) wanted: Arc<AtomicBool>,
    /// Whether the end of each round is noted.
    pub(crate) timed: bool,
}

/// What is done at the end of a round.
#[derive(Clone, Copy, PartialEq, Eq)]
enum AtRoundEnd {
    Nothing,
    /// The time is noted, if requests have ended.
    NoteTime,
    /// The handler hears of those that have ended.
    Tell,
}

impl std::fmt::Debug for Outcomes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// What a handler sees.
impl Outcomes {
    /// Returns those that were not taken by [`next_outcome`](Self::next_outcome), and takes none.
    pub fn iter(&self) -> impl Iterator<Item = Outcome<'_>> {
        (self.batch.told..).map_while(|number| self.batch.outcome(number))
    }

    /// Takes the next one.
    pub fn next_outcome(&mut self) -> Option<Outcome<'_>> {
        let number = self.batch.told;
        self.batch.told += usize::from(number < self.batch.count());
        self.batch.outcome(number)
    }
}

/// What the access log does with them.
impl Outcomes {
    /// Lets them stay here when the handler has heard of them. With `keep` it hears of them only when it wants to, when they are
    /// many, and at the end.
    pub(crate) fn keep(&mut self, keep: Option<Keep>) {
        self.stay = true;
        self.keep = keep.filter(|_| !self.is_last);
        self.at_round_end = match &self.keep {
            None => AtRoundEnd::Tell,
            Some(Keep { timed: true, .. }) => AtRoundEnd::NoteTime,
            Some(Keep { timed: false, .. }) => AtRoundEnd::Nothing,
        };
    }

    /// Notes the time, if requests have ended since it was noted last: where the handler hears of them, that is left to it.
    pub(crate) fn note_time(&mut self, clock: impl FnOnce() -> Instant) {
        self.batch.note_time(clock);
    }

    /// Somebody has alerted the worker: it may be that the handler wants to hear. So no other round has to look.
    pub(crate) fn heed_alert(&mut self) {
        let keep = self.keep.as_ref();
        if keep.is_some_and(|keep| keep.wanted.load(Ordering::Relaxed)) {
            self.at_round_end = AtRoundEnd::Tell;
        }
    }

    /// Whether so many have come in that they should be taken soon, or, `times` as many, that they must be.
    pub(crate) fn are_many(&self, times: usize) -> bool {
        self.batch.records.heads.len() >= times * MANY_BYTES || self.batch.count() >= times * MANY
    }

    /// Takes them all, and leaves another batch in their place.
    pub(crate) fn take(&mut self, other: Batch) -> Batch {
        debug_assert!(!self.has_open(), "a connection has its turn");
        std::mem::replace(&mut self.batch, other)
    }

    /// Forgets them. Returns how many they were.
    pub(crate) fn forget(&mut self) -> usize {
        let count = self.batch.count();
        self.batch.clear();
        count
    }

    /// An alert here makes the worker end a round, and its handler look.
    pub(crate) fn mailbox(&self) -> &Arc<Mailbox> {
        &self.mailbox
    }

    /// Whether the worker ends with this round.
    pub(crate) fn are_last(&self) -> bool {
        self.is_last
    }
}

/// What a connection does in its turn.
impl Outcomes {
    /// A head has come, in these bytes. Its request is recorded with its answer, or at the end of the turn.
    pub(crate) fn begin(&mut self, head: &Head<'_>, raw: &[u8]) {
        self.batch.make_room();
        let heads = &mut self.batch.records.heads;
        if raw.len() <= texts::MOST_RAW {
            heads.add(raw);
        } else {
            texts::put(head, &mut |piece| heads.add(piece));
        }
        self.open_end = OPEN;
    }

    /// Whether there are so many that the handler should hear before the round has ended.
    pub(crate) fn are_full(&self) -> bool {
        self.batch.records.are_full()
    }

    /// A request with a head of these bytes is answered whole. Returns whether it was recorded: not where that needs more than
    /// the usual steps, which are [`begin`](Self::begin) and [`answer_whole`](Self::answer_whole) then.
    #[inline(always)]
    pub(crate) fn add_whole(&mut self, raw: &[u8], client: &Peer, now: &Instant, answer: Answered) -> bool {
        let Some(room) = self.batch.records.add(raw.len(), client, now, answer) else {
            return false;
        };
        self.open += 1;
        self.open_end = answer.end;
        room.copy_from_slice(raw);
        true
    }

    /// A request is answered whole.
    #[inline(never)]
    pub(crate) fn answer_whole(&mut self, client: Peer, now: Instant, answer: Answered) {
        if self.has_pending() {
            self.record(client, now, answer);
        } else {
            let record = self.open(client, now);
            record.answer(answer.status, answer.rule);
            record.body = answer.body;
            record.answer_end = answer.end;
        }
        debug_assert!(answer.end > 0, "a whole answer has a head");
        self.open_end = answer.end;
    }

    /// The request that waits for its answer. If there is none, a head is answered that could not be read.
    #[inline(never)]
    pub(crate) fn open(&mut self, client: Peer, now: Instant) -> &mut Record {
        if self.has_pending() || self.last_open().is_none_or(|last| last.answer_end != OPEN) {
            self.record(client, now, Answered::NOT_YET);
            self.open_end = OPEN;
        }
        let list = &mut self.batch.records.list;
        let last = list.len() - 1;
        &mut list[last]
    }

    fn record(&mut self, client: Peer, now: Instant, answer: Answered) {
        self.batch.make_room();
        self.batch.record(client, now, answer);
        self.open += 1;
        if self.batch.count() >= MANY {
            self.at_round_end = AtRoundEnd::Tell;
        }
    }

    /// So many bytes of the last answer's body were handed on.
    pub(crate) fn add_body(&mut self, bytes: u64) {
        if let Some(last) = self.last_open() {
            last.body += bytes;
        }
    }

    /// The last answer is whole, and ends at this place of the unsent output.
    pub(crate) fn end(&mut self, place: usize) {
        if let Some(last) = self.last_open() {
            last.answer_end = place;
            self.open_end = place;
        }
        if place == 0 {
            // No byte of it is left in the output: the socket has taken it whole.
            self.all_have_ended();
        }
    }

    fn open_ones(&mut self) -> &mut [Record] {
        let list = &mut self.batch.records.list;
        let first = list.len() - self.open;
        &mut list[first..]
    }

    fn last_open(&mut self) -> Option<&mut Record> {
        self.open_ones().last_mut()
    }

    /// The first so many bytes of the output have been taken out of it.
    pub(crate) fn shift(&mut self, bytes: usize) {
        shift(self.open_ones(), bytes);
        if self.open_end != OPEN {
            self.open_end = self.open_end.saturating_sub(bytes);
        }
    }

    /// Whether a request of the present connection has not ended.
    #[inline(always)]
    pub(crate) fn has_open(&self) -> bool {
        debug_assert_eq!(self.open_end > 0, self.open > 0 || self.has_pending());
        self.open_end > 0
    }

    /// Whether the head of a request has come that is not recorded.
    pub(crate) fn has_pending(&self) -> bool {
        self.batch.records.has_pending()
    }

    /// The output has left up to this place: the answers before it have ended.
    #[inline(always)]
    pub(crate) fn settle(&mut self, place: usize) {
        if self.open_end <= place {
            // The usual way. Answers end in their order, so that the others have left, too.
            debug_assert!(
                self.open_ones().iter().all(|record| record.answer_end <= place),
                "the last one has left, and another one has not"
            );
            self.all_have_ended();
        } else {
            self.settle_some(place);
        }
    }

    #[cold]
    fn settle_some(&mut self, place: usize) {
        let open = self.open_ones().iter();
        self.open -= open.take_while(|record| record.answer_end <= place).count();
    }

    #[inline(always)]
    fn all_have_ended(&mut self) {
        debug_assert!(!self.has_pending(), "a head has come, and waits for its answer");
        (self.open, self.open_end) = (0, 0);
    }

    /// All end in this way. The socket has not taken this part of the output.
    pub(crate) fn end_all(&mut self, end: End, unsent: &Range<usize>) {
        for record in self.open_ones() {
            // An answer's body is what comes last of it.
            let behind = record.answer_end.min(unsent.end).saturating_sub(unsent.start);
            record.body = record.body.saturating_sub(behind as u64);
            record.end = end;
        }
        self.all_have_ended();
    }

    /// Moves the requests that have not ended to their connection.
    pub(crate) fn put_away(&mut self, to: &mut Records) {
        let ended = self.batch.count() - self.open;
        self.batch.records.move_to(ended, to);
        self.all_have_ended();
    }

    /// Takes them back for their connection's next turn.
    pub(crate) fn take_back(&mut self, from: &mut Records) {
        self.batch.make_room();
        self.open = from.list.len();
        self.open_end = from.list.last().map_or(0, |last| last.answer_end);
        from.move_to(0, &mut self.batch.records);
    }
}

/// What a worker does at the end of a round.
impl Outcomes {
    pub(crate) fn new(mailbox: Arc<Mailbox>) -> Self {
        Self {
            batch: Batch::default(),
            open: 0,
            open_end: 0,
            at_round_end: AtRoundEnd::Tell,
            mailbox,
            stay: false,
            keep: None,
            is_last: false,
        }
    }

    /// Whether there is nothing that the handler has to hear of at the end of this round.
    /// `clock` says when the round has ended.
    #[inline(always)]
    pub(crate) fn can_wait(&mut self, clock: impl FnOnce() -> Instant) -> bool {
        match self.at_round_end {
            AtRoundEnd::Nothing => true,
            AtRoundEnd::NoteTime => {
                self.batch.note_time(clock);
                true
            }
            AtRoundEnd::Tell => self.batch.count() == 0,
        }
    }

    /// Lets `handler` hear of those that have ended.
    #[inline]
    pub(crate) fn tell(&mut self, now: Instant, handler: impl FnOnce(&mut Self) -> Watch) -> Watch {
        if self.batch.count() == 0 {
            return Watch::GoOn;
        }
        self.batch.now = Some(now);
        let watch = handler(self);
        match self.stay {
            true => self.batch.told = self.batch.count(),
            false => self.batch.clear(),
        }
        watch
    }

    /// Of how many the handler has heard.
    pub(crate) fn told(&self) -> usize {
        self.batch.told
    }

    /// A handler has panicked that had heard of so many before: what it had in hands is told of no more. Returns whether there
    /// are others.
    pub(crate) fn skip_one(&mut self, told: usize) -> bool {
        let count = self.batch.count();
        self.batch.told = self.batch.told.max(told + 1).min(count);
        self.batch.told < count
    }

    /// Nobody wants to hear of them.
    pub(crate) fn give_up(&mut self) {
        self.batch = Batch::default();
        (self.open, self.open_end) = (0, 0);
        self.at_round_end = AtRoundEnd::Nothing;
    }

    /// The worker ends: after this the handler hears of nothing more.
    pub(crate) fn begin_last_round(&mut self) {
        self.is_last = true;
        self.keep = None;
        self.at_round_end = AtRoundEnd::Tell;
    }
}

#[cfg(test)]
impl Outcomes {
    /// A request for `target` that was answered.
    pub(crate) fn add(&mut self, target: &str) {
        let raw = format!("GET {target} HTTP/1.1\r\nHost: a\r\nUser-Agent: test\r\n\r\n");
        let mut connection = http_core::Connection::server(http_core::Limits::default());
        let mut fields = http_core::Fields::<4>::new();
        let received = connection.receive(raw.as_bytes(), &mut fields).expect("a head");
        let http_core::Event::Request(head) = received.event else {
            panic!("it is whole");
        };
        let answer = Answered {
            status: 200,
            end: 1,
            ..Answered::NOT_YET
        };
        self.begin(&head, raw.as_bytes());
        self.answer_whole(Peer::None, Instant::now(), answer);
        self.settle(1);
    }
}
