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
//! The steps within a turn stand in `run`.

use std::net::SocketAddr;
use std::time::Instant;

use super::buffers::{Inlet, Kit};
use super::current::Current;
use super::handler::{Answer, End, Happened, Serial};
use super::peer::Peer;
use super::phase::{Happening, Phase, Wait};
use super::preamble::Opening;
use super::socket::{Ready, Socket};
use super::work::Work;

/// The outcome of a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Turn {
    /// What the connection waits for.
    pub(crate) wait: Wait,
    /// What else its worker has to see to.
    pub(crate) needs: Needs,
}

/// What a worker has to see to behind a turn: in one byte, for the usual turn asks once whether there is anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Needs(u8);

impl Needs {
    const DEADLINE: u8 = 1;
    const MEMORY: u8 = 2;

    #[inline(always)]
    const fn new(has_nearer_deadline: bool, wants_memory: bool) -> Self {
        Self((has_nearer_deadline as u8 * Self::DEADLINE) | (wants_memory as u8 * Self::MEMORY))
    }

    /// Whether it is anything.
    #[inline(always)]
    pub(crate) const fn are_any(self) -> bool {
        self.0 != 0
    }

    /// The connection's deadline is nearer than the one before.
    #[inline(always)]
    pub(crate) const fn has_nearer_deadline(self) -> bool {
        self.0 & Self::DEADLINE != 0
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
    current: Current,
    /// The peer may still be sending when the last answer has left.
    pub(super) lingers: bool,
    /// What its worker remembers of it. The driver does not look at it; it stands here because it costs nothing here.
    pub(crate) notes: Notes,
}

/// What a worker remembers of a connection.
pub(crate) struct Notes {
    /// What the poller was asked to report; nothing, when it has to be asked anew whatever the connection waits for.
    pub(crate) registered: Option<Wait>,
    /// The poller knows its socket. It has to be taken out before it is closed.
    pub(crate) is_watched: bool,
    /// The queue of its worker in which it stands. What its socket tells of gives it no turn meanwhile.
    pub(crate) queue: Option<Queue>,
    /// Its key is among those that wait for memory: also after it has left that queue, until the others before it have.
    pub(crate) keeps_place: bool,
    /// Its socket was said to be ready, and nothing moved.
    pub(crate) is_doubted: bool,
}

/// A queue of a worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Queue {
    /// It gets its turn in the next round.
    Yielded,
    /// It waits for memory.
    HeldBack,
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
            current: Current::first(match opening {
                Opening::Request => Phase::Fresh,
                Opening::Preface => Phase::Preface,
                Opening::Refused => Phase::Closed,
            }),
            lingers: false,
            notes: Notes {
                registered: Some(Wait::Read),
                queue: None,
                keeps_place: false,
                is_watched: false,
                is_doubted: false,
            },
        }
    }

    /// The socket.
    pub(crate) fn socket(&self) -> &S {
        &self.socket
    }

    /// What the connection is doing.
    #[inline(always)]
    pub(crate) fn phase(&self) -> Phase {
        self.current.get()
    }

    /// Changes the phase to the one that follows after `happening`.
    #[inline(always)]
    pub(super) fn step(&mut self, happening: Happening) {
        self.current.step(happening);
    }

    /// Goes on as far as the socket allows. `key` is the number under which its worker finds this connection.
    #[inline(always)]
    pub(crate) fn turn(&mut self, key: usize, ready: Ready, inlet: &mut Inlet, kit: &mut Kit) -> Turn {
        match kit.observed {
            true => self.turn_as::<true>(key, ready, inlet, kit),
            false => self.turn_as::<false>(key, ready, inlet, kit),
        }
    }

    /// A turn is compiled twice, with its usual parts: where nobody wants to know of requests, it has no trace of that. One for
    /// both costs a keep-alive request 15 instructions more, a pipelined one 20.
    #[inline(never)]
    fn turn_as<const OBSERVED: bool>(
        &mut self,
        key: usize,
        ready: Ready,
        inlet: &mut Inlet,
        kit: &mut Kit,
    ) -> Turn {
        let begin = self.begin(kit);
        kit.calls_protocol = true;
        // Bytes that the socket was not asked for stay in it until the phase is one that reads.
        let readable = match self.phase().wait() {
            Wait::Read => ready.readable,
            Wait::Elsewhere => {
                // A protocol that waits for nothing hears of the end, and not of bytes.
                kit.calls_protocol = ready.read_closed;
                self.look_after_peer(ready, kit.lent.now);
                false
            }
            Wait::Write | Wait::ReadOrWrite | Wait::Yield | Wait::Memory | Wait::Nothing => false,
        };
        self.run::<OBSERVED>(key, readable, inlet, kit);
        self.end::<OBSERVED>(begin, kit)
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

    /// Hears that its peer is gone, while it waits to be read from: it ends, and leaves what has come before that where it is.
    pub(crate) fn peer_gone(&mut self, key: usize, ready: Ready, inlet: &mut Inlet, kit: &mut Kit) -> Turn {
        if matches!(self.phase(), Phase::Upgraded(_)) {
            // A protocol finds that out itself.
            return self.turn(key, ready, inlet, kit);
        }
        let begin = self.begin(kit);
        self.step(Happening::PeerGone);
        self.resume(key, inlet, kit);
        self.end::<true>(begin, kit)
    }

    /// Takes an answer that was promised for later. An answer to another request is dropped.
    pub(crate) fn deliver(&mut self, key: usize, answer: Answer, inlet: &mut Inlet, kit: &mut Kit) -> Turn {
        let begin = self.begin(kit);
        match self.elsewhere(answer.serial) {
            Some(elsewhere) => elsewhere.early.push(answer),
            None => super::held::discard(answer),
        }
        if !self.awaits_turn() {
            self.resume(key, inlet, kit);
        }
        self.end::<true>(begin, kit)
    }

    /// Hears that there is news for the request with this number. News for another request is ignored.
    pub(crate) fn notify(&mut self, key: usize, serial: Serial, inlet: &mut Inlet, kit: &mut Kit) -> Turn {
        let begin = self.begin(kit);
        let awaits_turn = self.awaits_turn();
        if let Some(elsewhere) = self.elsewhere(serial) {
            elsewhere.take_news();
            self.news(Happened::Notified, kit);
            if !awaits_turn {
                self.resume(key, inlet, kit);
            }
        }
        self.end::<true>(begin, kit)
    }

    /// Reacts to its deadline being over.
    pub(crate) fn expire(&mut self, key: usize, inlet: &mut Inlet, kit: &mut Kit) -> Turn {
        let begin = self.begin(kit);
        if self.protocol_deadline_is_over(kit) {
            self.news(Happened::Deadline, kit);
        } else {
            kit.end = End::TimedOut;
            self.refuse_the_late(kit);
            self.end_patience();
        }
        self.resume(key, inlet, kit);
        self.end::<true>(begin, kit)
    }

    /// The peer is waited for no longer, because its time is over or its worker has no memory for it. Where nothing is left to be
    /// said, the kernel does not wait for it, either.
    pub(super) fn end_patience(&mut self) {
        self.step(Happening::TimedOut);
        if self.phase() == Phase::Closed {
            self.socket.reset_on_close();
        }
    }

    /// Hears that the server drains: an idle connection gets a moment for one more request, and whoever waits for news is
    /// told, so that it can end.
    pub(crate) fn drain(&mut self, key: usize, inlet: &mut Inlet, kit: &mut Kit) -> Turn {
        if matches!(self.phase(), Phase::Fresh | Phase::Idle) {
            self.since = kit.lent.now;
            return Turn {
                wait: self.phase().wait(),
                needs: Needs::new(true, false),
            };
        }
        let begin = self.begin(kit);
        let awaits_turn = self.awaits_turn();
        self.tell_of_drain();
        self.news(Happened::Draining, kit);
        if !awaits_turn {
            self.resume(key, inlet, kit);
        }
        self.end::<true>(begin, kit)
    }

    /// Lets the requests that were not finished be counted as such, before the connection is dropped.
    pub(crate) fn cut(&mut self, end: End, kit: &mut Kit) {
        if let Some(work) = &mut self.work {
            kit.take_back(&mut work.records);
        }
        self.report_all(end, kit);
        self.release(kit);
    }

    /// Whether it has yielded, so that its next turn is coming. What it hears meanwhile it finds there: a turn for that, too,
    /// would be a second one in the same round.
    fn awaits_turn(&self) -> bool {
        self.phase().wait() == Wait::Yield
    }

    /// Ends a waiting for somebody else, if there is one.
    fn news(&mut self, happened: Happened, kit: &mut Kit) {
        let phase = self.phase();
        if let Some(work) = &mut self.work
            && work.has_protocol()
            && !matches!(phase, Phase::Upgraded(_))
        {
            // It cannot be called now, and hears of it in its next turn.
            work.untold.notified |= happened == Happened::Notified;
            work.untold.draining |= happened == Happened::Draining;
        }
        match phase {
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
    pub(super) fn begin(&mut self, kit: &mut Kit) -> Begin {
        kit.moved = 0;
        kit.end = End::PeerGone;
        kit.calls_protocol = false;
        // It may be that of a request on another connection, and this one may be answered without having had a head.
        kit.lent.client = None;
        if let Some(work) = &mut self.work {
            if !work.records.is_empty() {
                kit.take_back(&mut work.records);
            }
            if let Some(kept) = work.kept.take() {
                kit.lent.give_kept(kept);
            }
        }
        Begin {
            phase: self.phase(),
            requests: self.requests,
        }
    }

    /// Puts away what the turn has left, and begins the timeout that fits.
    #[inline(always)]
    pub(super) fn end<const OBSERVED: bool>(&mut self, begin: Begin, kit: &mut Kit) -> Turn {
        if OBSERVED && kit.lent.outcomes.has_open() {
            self.put_records_away(kit);
        }
        if kit.lent.has_kept() {
            self.put_kept_away(kit);
        }
        if self.phase() == Phase::Closed {
            kit.out.clear();
        }
        if self.work.is_some() {
            return self.end_with_work(begin, kit);
        }
        let turn = Turn {
            wait: self.phase().wait(),
            needs: Needs::new(
                self.settle(begin.phase, self.requests != begin.requests, kit),
                false,
            ),
        };
        #[cfg(test)]
        self.hold_meaning(kit);
        turn
    }

    /// The same for a connection that owns something, apart, so that the usual way is short.
    #[inline(never)]
    fn end_with_work(&mut self, begin: Begin, kit: &mut Kit) -> Turn {
        let (wait, wants_memory) = self.put_work_away(kit);
        let is_nearer = self.settle(begin.phase, self.requests != begin.requests, kit);
        #[cfg(test)]
        self.hold_meaning(kit);
        Turn {
            wait,
            needs: Needs::new(is_nearer, wants_memory),
        }
    }

    /// Holds what the last happening means, for every test.
    #[cfg(test)]
    fn hold_meaning(&self, kit: &Kit) {
        let takes_body = self.work.as_ref().is_some_and(|work| work.taking.is_some());
        super::tests::meaning::hold(self.phase(), takes_body, kit.lent.now, || self.deadline(kit));
    }

    /// Puts the value that a request keeps for its answer away with the request: it must not reach another client's.
    #[cold]
    fn put_kept_away(&mut self, kit: &mut Kit) {
        let kept = kit.lent.take_kept();
        if self.http.response_due()
            && let Some(work) = &mut self.work
        {
            work.kept = Some(kept);
        }
    }

    /// What this connection owns while it has something unfinished.
    pub(super) fn work(&mut self, kit: &mut Kit) -> &mut Work {
        self.work.get_or_insert_with(|| kit.pool.take())
    }
}

/// What a connection was at the beginning of its turn.
pub(super) struct Begin {
    phase: Phase,
    requests: u32,
}
