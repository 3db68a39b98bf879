//! The buffers of a worker, and what it lends to a connection for one turn.
//!
//! A connection reads into its worker's [`Inlet`] and writes into its [`Kit`]'s `out`. What remains at the end of a
//! turn moves into a pooled [`Work`](super::work::Work), so an idle connection owns no buffer at all.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http_core::{DateLine, Fields, Head};

use super::handler::mailbox::Mailbox;
use super::handler::notice::{Notice, NoticeHook};
use super::handler::{AnyHandler, Context, Decision, End, Lent, Methods, Outcome, Watch};
use super::held;
use super::peer::Peer;
use super::preface::Preamble;
use super::records::Records;
use super::settings::Settings;
use super::tally::Tally;
use super::work::Pool;

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

/// What stands around a server's handler: what hears of notices, what reads prefaces, and whether answers are counted.
#[derive(Clone)]
pub(crate) struct Watching {
    pub(crate) notices: NoticeHook,
    pub(crate) preamble: Option<Arc<dyn Preamble>>,
    pub(crate) counts: bool,
}

impl Default for Watching {
    /// Notices go to standard error. It may be gone, and `eprintln!` would panic for that.
    fn default() -> Self {
        Self {
            notices: Arc::new(|notice| {
                let _ = writeln!(std::io::stderr(), "server-bin: {notice}");
            }),
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
    /// The present connection's requests whose answers have not left.
    pub(crate) records: Records,
    /// How those requests end, if the connection closes in this turn.
    pub(crate) end: End,
    /// Whether the connection's protocol is to be called in this turn.
    pub(crate) calls_protocol: bool,
    pub(crate) date: Date,
    pub(crate) pool: Pool,
}

impl Kit {
    /// A kit for one worker, or for a test that drives connections itself.
    pub(crate) fn new(
        handler: Box<dyn AnyHandler>,
        settings: Arc<Settings>,
        watching: &Watching,
        mailbox: Arc<Mailbox>,
        now: Instant,
        wall: SystemTime,
    ) -> Self {
        Self {
            lent: Lent::new(mailbox, now),
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
            records: Records::default(),
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

    /// Ends a round of the worker.
    #[inline]
    pub(crate) fn end_round(&mut self) {
        let handler = &mut self.handler;
        if held::run(|| handler.round_ended()).is_none() {
            self.renew_handler();
        }
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
        if self.observed {
            self.records.add_body(bytes);
            self.tally.body_bytes += bytes;
        }
    }

    /// Lets the handler hear of a finished request.
    pub(crate) fn tell(handler: &mut dyn AnyHandler, outcome: &Outcome<'_>) -> Option<Watch> {
        held::run(|| handler.done(outcome))
    }

    /// The handler and the records, apart from each other.
    pub(crate) fn watcher(&mut self) -> (&mut dyn AnyHandler, &Records) {
        (&mut *self.handler, &self.records)
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
        let mut text = [b' '; 29];
        // An IMF-fixdate has 29 bytes, so all of it fits.
        let _ = write!(
            &mut text[..],
            "{}",
            httpdate::HttpDate::from(wall.max(SystemTime::UNIX_EPOCH))
        );
        Self {
            line: DateLine::new(&text),
            until: now + rest,
        }
    }
}
