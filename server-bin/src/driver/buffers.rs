//! The buffers of a worker, and what it lends to a connection for one turn.
//!
//! A connection reads into its worker's [`Inlet`] and writes into its [`Kit`]'s `out`. What remains at the end of a
//! turn moves into a pooled `Work`, so an idle connection owns no buffer at all.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http_core::{DateLine, Fields, ResponseHead};

use super::settings::Settings;
use crate::handler::{Collected, Handler, Mailbox};

use super::held::Held;
use super::send::Outgoing;

/// What one read takes at most.
pub const READ_SIZE: usize = 64 * 1024;
/// Field lines that a request may have, unless its limits say less.
pub const MAX_FIELDS: usize = http_core::limits::FIELDS as usize;

/// Where requests come in.
pub struct Inlet {
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

/// What a worker lends to a connection for one turn.
pub struct Kit {
    /// When this turn began.
    pub now: Instant,
    /// Whether the server drains: each response is the last of its connection.
    pub draining: bool,
    pub(crate) settings: Arc<Settings>,
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) mailbox: Arc<Mailbox>,
    /// The response head that handlers write into.
    pub(crate) head: ResponseHead,
    /// Bytes that the present connection has read and written in its turn.
    pub(crate) moved: usize,
    /// Responses of this turn, not yet written to the socket.
    pub(crate) out: Vec<u8>,
    /// What a [`BodySource`](crate::handler::BodySource) appends to.
    pub(crate) scratch: Vec<u8>,
    pub(crate) date: Date,
    pub(crate) pool: Pool,
}

impl Kit {
    /// A kit for one worker, or for a test that drives connections itself.
    pub fn new(handler: Arc<dyn Handler>, settings: Arc<Settings>, now: Instant) -> Self {
        Self::with_mailbox(handler, settings, now, Arc::new(Mailbox::new(None)))
    }

    pub(crate) fn with_mailbox(
        handler: Arc<dyn Handler>,
        settings: Arc<Settings>,
        now: Instant,
        mailbox: Arc<Mailbox>,
    ) -> Self {
        Self {
            now,
            draining: false,
            settings,
            handler,
            mailbox,
            head: ResponseHead::new(200),
            moved: 0,
            out: Vec::new(),
            scratch: Vec::new(),
            date: Date::new(now),
            pool: Pool::default(),
        }
    }

    /// Begins a turn of the worker: the one clock reading that all its connections share.
    pub fn begin(&mut self, now: Instant) {
        self.now = now;
        if now >= self.date.until {
            self.date = Date::new(now);
        }
    }
}

/// The `Date` field, formatted once a second.
pub(crate) struct Date {
    pub(crate) line: DateLine,
    until: Instant,
}

impl Date {
    fn new(now: Instant) -> Self {
        let wall = SystemTime::now().max(SystemTime::UNIX_EPOCH);
        let since_epoch = wall.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let rest = Duration::from_secs(1) - Duration::from_nanos(since_epoch.subsec_nanos().into());
        let mut text = [b' '; 29];
        // An IMF-fixdate has 29 octets, so all of it fits.
        let _ = write!(&mut text[..], "{}", httpdate::HttpDate::from(wall));
        Self {
            line: DateLine::new(&text),
            until: now + rest,
        }
    }
}

/// What a connection owns only while it has something unfinished.
#[derive(Default)]
pub(crate) struct Work {
    /// Bytes received and not yet understood.
    pub(crate) input: Vec<u8>,
    /// Bytes that the socket has not taken yet, from `sent` on.
    pub(crate) output: Vec<u8>,
    pub(crate) sent: usize,
    /// Where the rest of the response body comes from.
    pub(crate) body: Option<Outgoing>,
    /// The request body that is being collected.
    pub(crate) collecting: Option<Collecting>,
}

impl Work {
    /// Whether nothing is left in it, so that it can go back to the pool.
    pub(crate) fn is_done(&self) -> bool {
        self.input.is_empty() && self.output.is_empty() && self.body.is_none() && self.collecting.is_none()
    }
}

/// A request body on its way to [`Accept::Buffer`](crate::handler::Accept::Buffer)'s `then`.
pub(crate) struct Collecting {
    pub(crate) limit: usize,
    pub(crate) bytes: Vec<u8>,
    pub(crate) then: Held<Collected>,
}

/// Keeps buffers for the next connection that needs some.
#[derive(Default)]
pub(crate) struct Pool {
    #[expect(clippy::vec_box, reason = "connections hold the box, so that they stay small")]
    spare: Vec<Box<Work>>,
}

/// Spare buffers that a worker keeps, and how large each may be.
const MAX_SPARE: usize = 64;
const MAX_SPARE_CAPACITY: usize = 128 * 1024;

impl Pool {
    pub(crate) fn take(&mut self) -> Box<Work> {
        self.spare.pop().unwrap_or_default()
    }

    pub(crate) fn give(&mut self, mut work: Box<Work>) {
        let small = work.input.capacity() + work.output.capacity() <= MAX_SPARE_CAPACITY;
        if small && self.spare.len() < MAX_SPARE {
            work.input.clear();
            work.output.clear();
            work.sent = 0;
            work.body = None;
            work.collecting = None;
            self.spare.push(work);
        }
    }
}
