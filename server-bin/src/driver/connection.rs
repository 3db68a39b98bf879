//! One connection, from its first byte to its close.
//!
//! The driver knows neither the poller nor the clock: its worker tells it what the socket is [`Ready`] for and lends
//! it a [`Kit`] that says what time it is; the driver reads, answers and writes as far as it goes without blocking,
//! and its [`Phase`] says what it waits for and which timeout runs. It is generic over its [`Socket`], so a test can
//! drive it through any schedule of partial reads and writes.
//!
//! A worker calls [`turn`](Connection::turn) when the socket is ready and when the connection has yielded,
//! [`expire`](Connection::expire) when its [`deadline`](Connection::deadline) is over, [`deliver`](Connection::deliver)
//! and [`notify`](Connection::notify) with letters from elsewhere, [`drain`](Connection::drain) once, and
//! [`cut`](Connection::cut) before it drops a connection that is not [closed](Phase::Closed).
//!
//! The parts (`receive`, `take`, `answer`, `send`, `switch`) do the work and return what happened;
//! [`step`](Connection::step) alone changes the phase.

use std::net::SocketAddr;
use std::ops::Range;
use std::time::Instant;

use http_core::Fields;

use super::buffers::{Inlet, Kit, MAX_FIELDS};
use super::handler::{Answer, End, Happened, Serial, Watch};
use super::peer::Peer;
use super::phase::{Happening, Phase, Wait};
use super::preface::Opening;
use super::settings::{TURN_BYTES, TURN_REQUESTS};
use super::socket::{Ready, Socket};
use super::work::Work;

/// The outcome of a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Turn {
    /// What the connection waits for.
    pub(crate) wait: Wait,
    /// Whether its deadline is nearer than the one before.
    pub(crate) nearer: bool,
}

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

/// What a turn may still do before it is another connection's turn.
pub(super) struct Budget {
    pub(super) requests: u32,
    pub(super) bytes: usize,
}

impl Budget {
    const fn whole() -> Self {
        Self {
            requests: TURN_REQUESTS,
            bytes: TURN_BYTES,
        }
    }
}

/// One connection.
pub(crate) struct Connection<S> {
    pub(super) socket: S,
    pub(super) http: http_core::Connection,
    /// What an idle connection does not own.
    pub(super) work: Option<Box<Work>>,
    /// Since when the present timeout runs.
    pub(super) since: Instant,
    pub(super) peer: Peer,
    /// Requests so far.
    pub(super) requests: u32,
    /// Milliseconds that the present lingering close has taken until `since`.
    pub(super) lingered: u32,
    pub(super) phase: Phase,
    /// The peer may still be sending when the last answer has left.
    pub(super) lingers: bool,
    /// What its worker remembers of it. The driver does not look at it; it stands here because it costs nothing here.
    pub(crate) notes: Notes,
}

/// What a worker remembers of a connection.
pub(crate) struct Notes {
    /// What the poller was asked to report.
    pub(crate) registered: Wait,
    /// It is among those that have yielded.
    pub(crate) has_yielded: bool,
}

impl<S: Socket> Connection<S> {
    /// A connection that was just accepted and waits for its first byte.
    pub(crate) fn new(socket: S, peer: Option<SocketAddr>, opening: Opening, kit: &Kit) -> Self {
        Self {
            socket,
            http: http_core::Connection::server(kit.settings.limits),
            work: None,
            since: kit.lent.now,
            peer: Peer::new(peer),
            requests: 0,
            lingered: 0,
            phase: match opening {
                Opening::Request => Phase::Fresh,
                Opening::Preface => Phase::Preface,
                Opening::Refused => Phase::Closed,
            },
            lingers: false,
            notes: Notes {
                registered: Wait::Read,
                has_yielded: false,
            },
        }
    }

    /// The socket.
    pub(crate) fn socket(&self) -> &S {
        &self.socket
    }

    /// What the connection is doing.
    pub(crate) fn phase(&self) -> Phase {
        self.phase
    }

    /// Goes on as far as the socket allows. `key` is the number under which its worker finds this connection.
    pub(crate) fn turn(&mut self, key: usize, ready: Ready, inlet: &mut Inlet, kit: &mut Kit) -> Turn {
        let begin = self.begin(kit);
        kit.calls_protocol = true;
        // Bytes that the socket was not asked for stay in it until the phase is one that reads.
        let readable = match self.phase.wait() {
            _ if self.phase == Phase::Idle => ready.readable,
            Wait::Read => ready.readable,
            Wait::Elsewhere => {
                // A protocol that waits for nothing hears of the end, and not of bytes.
                kit.calls_protocol = ready.read_closed;
                self.look_after_peer(ready, kit.lent.now);
                false
            }
            Wait::Write | Wait::ReadOrWrite | Wait::Yield | Wait::Nothing => false,
        };
        self.run(key, readable, inlet, kit);
        self.end(begin, kit)
    }

    /// While a connection waits for somebody else, its socket tells only of a peer that goes away.
    fn look_after_peer(&mut self, ready: Ready, now: Instant) {
        if ready.gone {
            self.step(Happening::PeerGone);
        } else if ready.read_closed {
            if let Some(work) = &mut self.work {
                work.peer_shut.get_or_insert(now);
            }
            self.step(Happening::PeerShut);
        }
    }

    /// Takes an answer that was promised for later. An answer to another request is dropped.
    pub(crate) fn deliver(&mut self, key: usize, answer: Answer, inlet: &mut Inlet, kit: &mut Kit) -> Turn {
        let begin = self.begin(kit);
        match self.elsewhere(answer.serial) {
            Some(elsewhere) => elsewhere.early.push(answer),
            None => super::held::discard(answer),
        }
        self.resume(key, inlet, kit);
        self.end(begin, kit)
    }

    /// Hears that there is news for the request with this number. News for another request is ignored.
    pub(crate) fn notify(&mut self, key: usize, serial: Serial, inlet: &mut Inlet, kit: &mut Kit) -> Turn {
        let begin = self.begin(kit);
        if let Some(elsewhere) = self.elsewhere(serial) {
            elsewhere.take_news();
            self.news(Happened::Notified, kit);
            self.resume(key, inlet, kit);
        }
        self.end(begin, kit)
    }

    /// Reacts to its deadline being over.
    pub(crate) fn expire(&mut self, key: usize, inlet: &mut Inlet, kit: &mut Kit) -> Turn {
        let begin = self.begin(kit);
        if self.protocol_deadline_is_over(kit) {
            self.news(Happened::Deadline, kit);
        } else {
            kit.end = End::TimedOut;
            self.refuse_the_late(kit);
            self.step(Happening::TimedOut);
        }
        self.resume(key, inlet, kit);
        self.end(begin, kit)
    }

    /// Hears that the server drains: an idle connection gets a moment for one more request, and whoever waits for news is
    /// told, so that it can end.
    pub(crate) fn drain(&mut self, key: usize, inlet: &mut Inlet, kit: &mut Kit) -> Turn {
        if matches!(self.phase, Phase::Fresh | Phase::Idle) {
            self.since = kit.lent.now;
            return Turn {
                wait: self.phase.wait(),
                nearer: true,
            };
        }
        let begin = self.begin(kit);
        self.tell_of_drain();
        self.news(Happened::Draining, kit);
        self.resume(key, inlet, kit);
        self.end(begin, kit)
    }

    /// Lets the requests that were not finished be counted as such, before the connection is dropped.
    pub(crate) fn cut(&mut self, end: End, kit: &mut Kit) {
        if let Some(work) = &mut self.work {
            std::mem::swap(&mut work.records, &mut kit.records);
        }
        self.report_all(end, kit);
    }

    /// Does what the phase asks for when no bytes are known to have come. Apart, so that [`turn`](Self::turn) is one
    /// function with what it usually runs through.
    #[inline(never)]
    fn resume(&mut self, key: usize, inlet: &mut Inlet, kit: &mut Kit) {
        self.run(key, false, inlet, kit);
    }

    /// Does what the phase asks for, until nothing more can be done in this turn.
    #[inline(always)]
    fn run(&mut self, key: usize, mut readable: bool, inlet: &mut Inlet, kit: &mut Kit) {
        let mut budget = Budget::whole();
        loop {
            let part = match self.phase {
                Phase::Fresh
                | Phase::Idle
                | Phase::Head
                | Phase::Backlog
                | Phase::Body
                | Phase::Discarding => match self.receive(key, &mut readable, inlet, kit, &mut budget) {
                    true => continue,
                    false => break,
                },
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
        self.flush_turn(kit);
    }

    /// Reads, and steps through what has come. Returns whether the turn goes on.
    #[inline(always)]
    fn receive(
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
        if self.phase == Phase::Body && !saved && arrived == 0 {
            self.tell_to_continue(kit);
        }
        if !saved {
            // The usual way: nothing was saved, and nothing will be.
            let (used, goes_on) = self.digest(key, &inlet.bytes[..arrived], &mut inlet.fields, kit, budget);
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
        self.digest(key, input, fields, kit, budget)
    }

    /// Steps through `input` for as long as the phase is one that receives. Returns how many bytes were used, and whether
    /// the turn goes on.
    #[inline(always)]
    fn digest(
        &mut self,
        key: usize,
        input: &[u8],
        fields: &mut Fields<MAX_FIELDS>,
        kit: &mut Kit,
        budget: &mut Budget,
    ) -> (usize, bool) {
        let mut at = 0;
        while self.phase.receives() {
            let (used, part) = self.understand(key, &input[at..], fields, kit, budget);
            at += used;
            if !self.take_step(part) {
                return (at, false);
            }
        }
        (at, true)
    }

    /// Takes the step that a part of the driver has returned. Returns whether the turn goes on.
    #[inline(always)]
    fn take_step(&mut self, part: Part) -> bool {
        match part {
            // The usual way: it is idle again, which is no step.
            Part::Go(Happening::Answered) if self.phase == Phase::Idle && !cfg!(test) => true,
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

    /// Changes the phase: the only place that does.
    #[inline(always)]
    pub(super) fn step(&mut self, happening: Happening) {
        #[cfg(test)]
        super::simulator::edges::take(self.phase, happening);
        let next = self.phase.next(happening);
        debug_assert!(next.is_some(), "{happening:?} has no place in {:?}", self.phase);
        // To go on with what has no place might go on for ever.
        self.phase = next.unwrap_or(Phase::Closed);
    }

    /// Ends a waiting for somebody else, if there is one.
    fn news(&mut self, happened: Happened, kit: &mut Kit) {
        if let Some(work) = &mut self.work
            && work.has_protocol()
            && !matches!(self.phase, Phase::Upgraded(_))
        {
            // It cannot be called now, and hears of it in its next turn.
            work.untold.notified |= happened == Happened::Notified;
            work.untold.draining |= happened == Happened::Draining;
        }
        match self.phase {
            Phase::Upgraded(_) => {
                let part = self.call_protocol(happened, kit);
                self.take_step(part);
            }
            Phase::Paused
            | Phase::Body
            | Phase::Starved
            | Phase::HalfClosed
            | Phase::Sending
            | Phase::Later
            | Phase::Switching
            | Phase::Unsent(_) => self.step(Happening::Notified),
            Phase::Preface
            | Phase::Fresh
            | Phase::Idle
            | Phase::Head
            | Phase::Backlog
            | Phase::Discarding
            | Phase::Closing
            | Phase::Lingering
            | Phase::Closed => {}
        }
    }

    /// What the connection remembers at the beginning of its turn.
    #[inline(always)]
    fn begin(&mut self, kit: &mut Kit) -> Begin {
        kit.moved = 0;
        kit.end = End::PeerGone;
        kit.calls_protocol = false;
        if let Some(work) = &mut self.work {
            if !work.records.is_empty() {
                std::mem::swap(&mut work.records, &mut kit.records);
            }
            if let Some(kept) = work.kept.take() {
                kit.lent.give_kept(kept);
            }
        }
        Begin {
            phase: self.phase,
            requests: self.requests,
        }
    }

    /// Puts away what the turn has left, and begins the timeout that fits.
    #[inline(always)]
    fn end(&mut self, begin: Begin, kit: &mut Kit) -> Turn {
        if !kit.records.is_empty() {
            self.put_records_away(kit);
        }
        if kit.lent.has_kept() {
            self.put_kept_away(kit);
        }
        if self.phase == Phase::Closed {
            kit.out.clear();
        }
        if self.work.as_ref().is_some_and(|work| work.is_done())
            && let Some(work) = self.work.take()
        {
            kit.pool.give(work);
        }
        Turn {
            wait: self.phase.wait(),
            nearer: self.settle(begin.phase, self.requests != begin.requests, kit),
        }
    }

    /// What a request keeps for its answer waits with the request; it must not reach another client's.
    #[cold]
    fn put_kept_away(&mut self, kit: &mut Kit) {
        let kept = kit.lent.take_kept();
        if self.http.response_due()
            && let Some(work) = &mut self.work
        {
            work.kept = Some(kept);
        }
    }

    /// Keeps the requests whose answers have not left for the next turn, or reports them when there is none.
    #[cold]
    fn put_records_away(&mut self, kit: &mut Kit) {
        if !kit.watched {
            return kit.records.forget(kit.records.len());
        }
        // Answers without a byte in the output have left with their bodies.
        self.report(0, kit);
        if self.phase == Phase::Closed {
            self.report_all(kit.end, kit);
        } else if !kit.records.is_empty() {
            let work = self.work(kit);
            std::mem::swap(&mut work.records, &mut kit.records);
        }
    }

    /// Reports the answers that have left with the output up to this place.
    #[inline(always)]
    pub(super) fn report(&mut self, place: usize, kit: &mut Kit) {
        if !kit.records.is_empty() {
            self.report_first(kit.records.complete(place), End::Complete, place..place, kit);
        }
    }

    /// Reports all requests: those that are answered and have left, and those that are cut off.
    pub(super) fn report_all(&mut self, end: End, kit: &mut Kit) {
        let kept = self
            .work
            .as_ref()
            .map_or(0..0, |work| work.sent..work.output.len());
        let unsent = kept.start..kept.end + kit.out.len();
        self.report_first(kit.records.len(), end, unsent, kit);
    }

    #[cold]
    fn report_first(&mut self, count: usize, end: End, unsent: Range<usize>, kit: &mut Kit) {
        let (peer, now) = (self.peer, kit.lent.now);
        for number in 0..count {
            if !kit.watched {
                break;
            }
            let (handler, records) = kit.watcher();
            let Some(outcome) = records.outcome(number, peer, now, end, &unsent) else {
                break;
            };
            match Kit::tell(handler, &outcome) {
                Some(Watch::GoOn) => {}
                Some(Watch::Stop) => kit.stop_watching(),
                None => kit.renew_handler(),
            }
        }
        kit.records.forget(count);
    }

    /// What this connection owns while it has something unfinished.
    pub(super) fn work(&mut self, kit: &mut Kit) -> &mut Work {
        self.work.get_or_insert_with(|| kit.pool.take())
    }
}

/// What a connection was at the beginning of its turn.
struct Begin {
    phase: Phase,
    requests: u32,
}
