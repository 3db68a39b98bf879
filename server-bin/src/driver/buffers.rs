//! The buffers of a worker, and what it lends to a connection for one turn.
//!
//! A connection reads into its worker's [`Inlet`] and writes into its [`Kit`]'s `out`. What remains at the end of a
//! turn moves into a pooled [`Work`](super::work::Work), so an idle connection owns no buffer at all.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http_core::{DateLine, Fields, Head};

use super::handler::mailbox::Mailbox;
use super::handler::notice::{Notice, NoticeHook};
use super::handler::outcomes::records::Records;
use super::handler::{AnyHandler, Context, Decision, End, Lent, Methods, Watch};
use super::held;
use super::memory::Memory;
use super::pace::{Clock, Pace};
use super::peer::Peer;
use super::preamble::Preamble;
use super::settings::{Settings, TURN_BYTES};
use super::tally::Tally;
use super::work::Pool;
use crate::date;

/// What one read takes at most.
pub(crate) const READ_SIZE: usize = 64 * 1024;
/// Field lines that a request may have, unless its limits say less.
pub(crate) const MAX_FIELDS: usize = http_core::limits::FIELDS as usize;

/// Where requests come in.
pub(crate) struct Inlet {
    pub(crate) bytes: Box<[u8]>,
    pub(crate) fields: Fields<MAX_FIELDS>,
}

impl Default for Inlet {
    fn default() -> Self {
        Self {
            bytes: vec![0; READ_SIZE].into_boxed_slice(),
            fields: Fields::new(),
        }
    }
}

/// The hooks beside a server's handler, for notices and for prefaces, and whether answers are counted.
#[derive(Clone)]
pub(crate) struct Watching {
    pub(crate) notices: NoticeHook,
    pub(crate) preamble: Option<Arc<dyn Preamble>>,
    pub(crate) counts: bool,
}

impl Default for Watching {
    /// Nobody hears of anything.
    fn default() -> Self {
        Self {
            notices: Arc::new(|_| {}),
            preamble: None,
            counts: false,
        }
    }
}

/// What a worker lends to a connection for one turn.
pub(crate) struct Kit {
    pub(crate) lent: Lent,
    pub(crate) settings: Arc<Settings>,
    handler: Box<dyn AnyHandler>,
    /// An untouched one, for the case that the other panics.
    original: Box<dyn AnyHandler>,
    /// Whether the handler wants to hear what becomes of requests.
    pub(crate) watched: bool,
    /// Whether answers are to be noted: for a handler that watches, or to be counted.
    pub(crate) observed: bool,
    /// Whether anybody wants to know what is counted.
    counts: bool,
    pub(crate) tally: Tally,
    notices: NoticeHook,
    /// What reads the bytes before the first request, where there are some.
    pub(crate) preamble: Option<Arc<dyn Preamble>>,
    /// Bytes that the present connection has read and written in its turn.
    pub(crate) moved: usize,
    /// Responses of this turn, not yet written to the socket.
    pub(crate) out: Vec<u8>,
    /// What a [`BodySource`](super::handler::BodySource) appends to.
    pub(crate) scratch: Vec<u8>,
    /// How the present connection's requests end whose answers have not left, if it closes in this turn.
    pub(crate) end: End,
    /// Whether the connection's protocol is to be called in this turn.
    pub(crate) calls_protocol: bool,
    pub(crate) date: Date,
    pub(crate) pool: Pool,
    pub(crate) memory: Memory,
    pub(crate) pace: Pace,
}

/// What the buffers of a worker may keep between two turns: a turn's answers, and what made the turn end.
const KEPT_CAPACITY: usize = 2 * TURN_BYTES;

impl Kit {
    /// A kit for one worker, or for a test that drives connections itself.
    pub(crate) fn new(
        handler: Box<dyn AnyHandler>,
        settings: Arc<Settings>,
        watching: &Watching,
        mailbox: Arc<Mailbox>,
        clock: Clock,
        wall: SystemTime,
    ) -> Self {
        let now = clock();
        Self {
            lent: Lent::new(mailbox, now),
            memory: Memory::new(settings.worker_memory),
            pace: Pace::new(clock, &settings),
            settings,
            original: handler.fresh(),
            handler,
            watched: true,
            observed: true,
            counts: watching.counts,
            tally: Tally::default(),
            notices: Arc::clone(&watching.notices),
            preamble: watching.preamble.clone(),
            moved: 0,
            out: Vec::new(),
            scratch: Vec::new(),
            calls_protocol: false,
            end: End::PeerGone,
            date: Date::new(now, wall),
            pool: Pool::default(),
        }
    }

    /// Begins a round of the worker, with the one clock reading that all its connections share. The wall clock is asked
    /// once a second.
    #[inline]
    pub(crate) fn begin(&mut self, now: Instant, wall: impl FnOnce() -> SystemTime) {
        self.lent.now = now;
        if now >= self.date.until {
            self.date = Date::new(now, wall());
        }
    }

    /// Ends a round of the worker, which has taken so long, or else until now, as `clock` says.
    #[inline(always)]
    pub(crate) fn end_round(&mut self, time: Option<Duration>, clock: impl FnOnce() -> Instant) {
        let now = self.lent.now;
        if self.counts {
            let time = time.unwrap_or_else(|| clock() - now);
            return self.end_counted_round(time);
        }
        if !self.lent.outcomes.can_wait(clock) {
            return self.end_watched_round();
        }
        self.tell_of_round();
    }

    #[inline(never)]
    fn end_counted_round(&mut self, time: Duration) {
        let now = self.lent.now;
        self.tally.round(time);
        if !self.lent.outcomes.can_wait(|| now + time) {
            return self.end_watched_round();
        }
        self.tell_of_round();
    }

    /// Lets the handler hear that the round has ended.
    #[inline(always)]
    fn tell_of_round(&mut self) {
        let handler = &mut self.handler;
        if held::run(|| handler.round_ended()).is_none() {
            self.renew_handler();
        }
    }

    /// Ends a round in which requests may have ended, of which the handler hears.
    #[inline(never)]
    fn end_watched_round(&mut self) {
        let told = self.lent.outcomes.told();
        let (handler, outcomes, now) = (&mut self.handler, &mut self.lent.outcomes, self.lent.now);
        let watch = held::run(|| handler.end_round(outcomes, now));
        if watch != Some(Watch::GoOn) {
            self.heed(watch, told);
        }
    }

    /// Ends the last round.
    pub(crate) fn end_last_round(&mut self, end: Instant) {
        self.lent.outcomes.begin_last_round();
        self.end_round(None, || end);
    }

    /// Lets a handler's code run, with a context that leads to the request of `connection`. Nothing comes back when it
    /// panics. The worker's state has to be whole at that moment.
    #[inline]
    pub(crate) fn call<T>(
        &mut self,
        connection: usize,
        peer: &Peer,
        code: impl FnOnce(&mut Context<'_>, &mut dyn AnyHandler) -> T,
    ) -> Option<T> {
        let mut cx = Context {
            lent: &mut self.lent,
            peer,
            connection: Some(connection),
        };
        let handler = &mut *self.handler;
        held::run(|| code(&mut cx, handler))
    }

    /// Asks the handler about a head.
    #[inline]
    pub(crate) fn decide(
        &mut self,
        connection: usize,
        peer: &Peer,
        head: &Head<'_>,
    ) -> Option<Result<Decision, Methods>> {
        let decision = self.call(connection, peer, |cx, handler| handler.decide(head, cx));
        if decision.is_none() {
            self.renew_handler();
        }
        decision
    }

    /// Notes that so many bytes of the present answer's body were handed on.
    #[inline]
    pub(crate) fn note_body(&mut self, bytes: u64) {
        if self.watched {
            self.lent.outcomes.add_body(bytes);
        }
        if self.counts {
            self.tally.body_bytes += bytes;
        }
    }

    /// Takes a connection's requests back for its next turn, if anybody still wants to hear of them.
    #[cold]
    pub(crate) fn take_back(&mut self, records: &mut Records) {
        match self.watched {
            true => self.lent.outcomes.take_back(records),
            false => records.clear(),
        }
    }

    /// Counts what a connection holds, at the end of a turn in which it owned something.
    pub(crate) fn count_memory(&mut self, before: usize, now: usize) {
        self.memory.change(before, now);
        let kept = held::run(|| self.handler.memory());
        self.memory.set_kept(kept.unwrap_or(0));
        // One answer may have been larger than all others.
        if self.out.capacity() > KEPT_CAPACITY {
            self.memory.was_taken(self.out.capacity());
            self.out.shrink_to(TURN_BYTES);
        }
        if self.scratch.capacity() > KEPT_CAPACITY {
            self.drop_scratch();
        }
    }

    /// Frees what a source has made, because it was much.
    #[cold]
    pub(crate) fn drop_scratch(&mut self) {
        self.memory.was_taken(self.scratch.capacity());
        self.scratch = Vec::new();
    }

    /// Gives up what the worker could do without.
    pub(crate) fn give_up_memory(&mut self) {
        self.pool.clear();
        let handler = &mut self.handler;
        if held::run(|| handler.give_up_memory()).is_none() {
            self.renew_handler();
        }
        self.count_memory(0, 0);
    }

    /// Lets the handler hear of the requests that have ended.
    pub(crate) fn tell_of_outcomes(&mut self) {
        let told = self.lent.outcomes.told();
        let (handler, outcomes, now) = (&mut self.handler, &mut self.lent.outcomes, self.lent.now);
        let watch = held::run(|| handler.all_done(outcomes, now));
        if watch != Some(Watch::GoOn) {
            self.heed(watch, told);
        }
    }

    /// The handler wants to hear no more, or has panicked: then its successor hears of the other requests.
    #[cold]
    fn heed(&mut self, watch: Option<Watch>, told: usize) {
        if watch == Some(Watch::Stop) {
            return self.stop_watching();
        }
        self.renew_handler();
        if self.lent.outcomes.skip_one(told) {
            self.tell_of_outcomes();
        }
    }

    /// Puts an untouched handler in the place of one that has panicked.
    #[cold]
    pub(crate) fn renew_handler(&mut self) {
        self.notify(&Notice::HandlerPanicked);
        let Some(fresh) = held::run(|| self.original.fresh()) else {
            return;
        };
        held::discard(std::mem::replace(&mut self.handler, fresh));
    }

    /// Sends a notice to its listener. The listener is an embedder's code, and may panic.
    pub(crate) fn notify(&self, notice: &Notice) {
        held::run(|| (self.notices)(notice));
    }

    /// The handler does not want to hear of requests.
    pub(crate) fn stop_watching(&mut self) {
        self.watched = false;
        self.observed = self.counts;
        self.lent.outcomes.give_up();
    }

    /// Whether anybody wants to know what is counted.
    #[inline(always)]
    pub(crate) fn counts(&self) -> bool {
        self.counts
    }
}

/// The `Date` field, formatted once a second.
pub(crate) struct Date {
    pub(crate) line: DateLine,
    until: Instant,
}

impl Date {
    fn new(now: Instant, wall: SystemTime) -> Self {
        let since_epoch = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let rest = Duration::from_secs(1) - Duration::from_nanos(since_epoch.subsec_nanos().into());
        Self {
            line: DateLine::new(date::Date::of(since_epoch.as_secs()).bytes()),
            until: now + rest,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_wrong_by_ages_costs_the_date_and_not_the_worker() {
        let last = Duration::from_secs(date::LAST);
        for late in [last, last + Duration::from_secs(1), 2 * last] {
            let _ = Date::new(Instant::now(), SystemTime::UNIX_EPOCH + late);
        }
        let _ = Date::new(Instant::now(), SystemTime::UNIX_EPOCH - Duration::from_secs(1));
    }
}
