//! What is remembered of requests, for a handler that watches.
//!
//! The bytes of a head are gone when its answer has left, so they are copied, once and as they came: the texts of an
//! [`Outcome`] are found in them when somebody reads it ([`texts`]).

use std::time::Instant;

use http_core::{Rule, response_has_body};

use super::outcome::{End, Outcome};
use super::texts;
use crate::driver::handler::Prepared;
use crate::driver::peer::Peer;

/// The end of an answer that has none yet.
pub(super) const OPEN: usize = usize::MAX;
/// Bytes of heads that a batch has room for from the beginning. The system gives memory as it is used.
pub(crate) const ROOM: usize = 512 * 1024;
/// Bytes of heads in a batch that is to be taken soon, even before the round has ended.
pub(super) const MANY_BYTES: usize = ROOM / 2;
/// The same for requests, which may have no head.
pub(crate) const MANY: usize = MANY_BYTES / 64;

/// One request.
#[derive(Clone, Copy)]
pub(crate) struct Record {
    pub(super) client: Peer,
    pub(super) began: Instant,
    /// When the round ended in which it did. Of the requests that ended in a round the last one has it, and only where somebody
    /// wants to know.
    pub(super) until: Option<Instant>,
    pub(super) body: u64,
    /// Where in the unsent output its answer ends; [`OPEN`] before it has an end.
    pub(super) answer_end: usize,
    /// Where its head ends among those of its list. It begins where the one before it ends.
    pub(super) head_end: u32,
    pub(super) status: u16,
    pub(super) rule: Option<Rule>,
    pub(super) end: End,
}

impl Record {
    #[inline(always)]
    fn new(client: Peer, began: Instant, answer: Answered, head_end: usize) -> Self {
        Self {
            client,
            began,
            until: None,
            body: answer.body,
            answer_end: answer.end,
            head_end: head_end as u32,
            status: answer.status,
            rule: answer.rule,
            end: End::Complete,
        }
    }

    /// Its answer has begun.
    pub(crate) fn answer(&mut self, status: u16, rule: Option<Rule>) {
        self.status = status;
        self.rule = rule;
    }
}

/// An answer that was made whole.
#[derive(Clone, Copy)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) rule: Option<Rule>,
    /// Bytes of its body.
    pub(crate) body: u64,
    /// Where in the unsent output it ends.
    pub(crate) end: usize,
}

impl Answered {
    /// Returns the record's share for a prepared response whose last byte stands at this place of the output.
    #[inline(always)]
    pub(crate) fn prepared(prepared: &Prepared, end: usize) -> Self {
        Self {
            status: prepared.head.status(),
            rule: None,
            body: prepared.body.len() as u64,
            end,
        }
    }

    pub(super) const NOT_YET: Self = Self {
        status: 0,
        rule: None,
        body: 0,
        end: OPEN,
    };
}

/// The bytes of heads, one behind the other.
#[derive(Default)]
pub(super) struct Heads {
    /// Of these bytes the first `length` are in use. The others stay as they are, so that to add a head is to copy it.
    bytes: Vec<u8>,
    length: usize,
}

impl Heads {
    fn with_room(bytes: usize) -> Self {
        Self {
            bytes: vec![0; bytes],
            length: 0,
        }
    }

    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        self.length
    }

    /// Adds these bytes, and makes room if there is too little.
    pub(super) fn add(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if end > self.bytes.len() {
            self.bytes.resize(end, 0);
        }
        self.bytes[self.length..end].copy_from_slice(bytes);
        self.length = end;
    }

    fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }
}

/// Requests in their order, with the bytes of their heads.
#[derive(Default)]
pub(crate) struct Records {
    pub(super) list: Vec<Record>,
    pub(super) heads: Heads,
}

impl Records {
    pub(crate) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Where the heads end of the first so many.
    fn heads_end(&self, count: usize) -> usize {
        let last = count.checked_sub(1).map(|last| &self.list[last]);
        last.map_or(0, |last| last.head_end as usize)
    }

    fn head(&self, number: usize) -> &[u8] {
        &self.heads.bytes[self.heads_end(number)..self.heads_end(number + 1)]
    }

    /// Whether there is no room for a further one.
    pub(super) fn are_full(&self) -> bool {
        self.heads.len() >= MANY_BYTES || (self.list.len() == self.list.capacity() && !self.is_empty())
    }

    /// Whether there is the head of a request that has no record.
    pub(super) fn has_pending(&self) -> bool {
        self.heads_end(self.list.len()) < self.heads.len()
    }

    /// Adds a request with a head of so many bytes, if there is room for both as they are, and returns where its head belongs.
    /// Without a call or a loop, it costs little more than its copies.
    #[inline(always)]
    pub(super) fn add(
        &mut self,
        head: usize,
        client: &Peer,
        began: &Instant,
        answer: Answered,
    ) -> Option<&mut [u8]> {
        debug_assert!(!self.has_pending(), "an answer comes before the next head");
        let Self { list, heads } = self;
        let end = heads.length + head;
        let room = heads.bytes.get_mut(heads.length..end)?;
        if head > texts::MOST_RAW || list.len() == list.capacity() {
            return None;
        }
        heads.length = end;
        list.push(Record::new(*client, *began, answer, end));
        Some(room)
    }

    /// Moves those from `first` on behind the ones of `to`.
    pub(super) fn move_to(&mut self, first: usize, to: &mut Self) {
        for number in first..self.list.len() {
            to.heads.add(self.head(number));
            to.list.push(Record {
                head_end: to.heads.len() as u32,
                ..self.list[number]
            });
        }
        self.list.truncate(first);
        let length = self.heads_end(first);
        self.heads.truncate(length);
    }

    /// The first so many bytes of the output have been taken out of it.
    pub(crate) fn shift(&mut self, bytes: usize) {
        shift(&mut self.list, bytes);
    }

    /// Bytes of memory that it holds.
    pub(crate) fn size(&self) -> usize {
        self.list.capacity() * size_of::<Record>() + self.heads.bytes.capacity()
    }

    pub(crate) fn clear(&mut self) {
        self.list.clear();
        self.heads.truncate(0);
    }
}

/// The first so many bytes of the output, in which these answers end, have been taken out of it.
pub(super) fn shift(records: &mut [Record], bytes: usize) {
    for record in records {
        if record.answer_end != OPEN {
            record.answer_end = record.answer_end.saturating_sub(bytes);
        }
    }
}

/// The requests of a worker's connections, in the order in which they ended, in memory of their own.
#[derive(Default)]
pub(crate) struct Batch {
    /// Those that have not ended are the last ones, and of the connection whose turn it is.
    pub(super) records: Records,
    /// Of so many the handler has heard.
    pub(super) told: usize,
    /// When the round began in which the handler hears of them.
    pub(super) now: Option<Instant>,
}

impl std::fmt::Debug for Batch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Batch")
            .field("records", &self.records.list.len())
            .finish_non_exhaustive()
    }
}

impl Batch {
    /// An empty one with room, so that it does not grow while requests wait.
    pub(crate) fn with_room() -> Self {
        let records = Records {
            list: Vec::with_capacity(MANY),
            heads: Heads::with_room(ROOM),
        };
        Self {
            records,
            ..Self::default()
        }
    }

    pub(crate) fn has_room(&self) -> bool {
        self.records.list.capacity() > 0
    }

    /// Makes that room, if there is none.
    pub(super) fn make_room(&mut self) {
        if !self.has_room() {
            *self = Self::with_room();
        }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.records.list.len()
    }

    pub(super) fn outcome(&self, number: usize) -> Option<Outcome<'_>> {
        let record = self.records.list.get(number)?;
        let until = record.until.or(self.now)?;
        let texts = texts::find(self.records.head(number));
        // A prepared response is recorded with the length of its body; a response to HEAD carries none of it.
        let has_body = response_has_body(record.status, texts.method == b"HEAD");
        Some(Outcome {
            peer: record.client.address(),
            method: texts.method,
            target: texts.target,
            version: texts.version,
            referer: texts.referer,
            user_agent: texts.user_agent,
            status: record.status,
            bytes: if has_body { record.body } else { 0 },
            time: until.saturating_duration_since(record.began),
            rule: record.rule,
            end: record.end,
        })
    }

    /// All of its outcomes, for the access log. The end of a round is that of all who ended in it.
    #[cfg_attr(
        not(feature = "cli"),
        expect(dead_code, reason = "the log comes with the command line")
    )]
    pub(crate) fn outcomes(&mut self) -> impl Iterator<Item = Outcome<'_>> {
        let mut until = None;
        for record in self.records.list.iter_mut().rev() {
            until = record.until.or(until);
            record.until = until;
        }
        (0..).map_while(|number| self.outcome(number))
    }

    /// Forgets everything and keeps the memory.
    pub(crate) fn clear(&mut self) {
        self.records.clear();
        self.told = 0;
    }

    /// Notes what time it is, if requests have ended since it was noted last.
    #[inline(always)]
    pub(super) fn note_time(&mut self, clock: impl FnOnce() -> Instant) {
        if let Some(last) = self.records.list.last_mut()
            && last.until.is_none()
        {
            last.until = Some(clock());
        }
    }

    /// Records the request whose head is pending; one without a head could not be read.
    #[inline(always)]
    pub(super) fn record(&mut self, client: Peer, now: Instant, answer: Answered) {
        let Records { list, heads } = &mut self.records;
        list.push(Record::new(client, now, answer, heads.len()));
    }
}
