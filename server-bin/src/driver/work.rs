//! What a connection owns only while it has something unfinished, and the pool that it comes from.

use std::time::{Duration, Instant};

use http_core::{FieldBlock, ResponseHead};

use super::handler::outcomes::records::Records;
use super::handler::{BodySink, BodySource, Collected, Content, Elsewhere, FileSlice, Happened, Protocol};
use super::held::Held;
use super::memory::LITTLE;

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
    /// The taker of the request body.
    pub(crate) taking: Option<Taking>,
    /// The protocol that the connection was handed to.
    pub(crate) protocol: Option<Held<Box<dyn Protocol>>>,
    /// The tickets and notifiers of the present request, if there are any.
    pub(crate) elsewhere: Option<Box<Elsewhere>>,
    /// The timeout that a source or a sink has named for its present wait.
    pub(crate) own_timeout: Option<Duration>,
    /// The deadline that a protocol has set itself.
    pub(crate) own_deadline: Option<Instant>,
    /// One of the two above was set anew in this turn, so that the deadline may be nearer than it was.
    pub(crate) has_new_deadline: bool,
    /// What the protocol has not been told yet.
    pub(crate) untold: Untold,
    /// Calls of the protocol in a row that moved nothing.
    pub(crate) idle_calls: u16,
    /// The peer has shut its side, as was told while this connection did not read.
    pub(crate) peer_shut: Option<Instant>,
    /// Fields that the present request's answer keeps, while the request waits for its next turn.
    pub(crate) kept: Option<FieldBlock>,
    /// Requests whose answers have not left, for a handler that watches.
    pub(crate) records: Records,
    /// Bytes of all this that are counted in the worker's memory.
    pub(crate) counted: usize,
}

impl Work {
    /// Whether nothing is left in it, so that it can go back to the pool.
    pub(crate) fn is_done(&self) -> bool {
        self.input.is_empty()
            && self.output.is_empty()
            && self.body.is_none()
            && self.taking.is_none()
            && self.protocol.is_none()
            && self.elsewhere.is_none()
            && self.records.is_empty()
    }

    /// Lets go of memory that it does not need: a buffer that was large once is none for ever.
    pub(crate) fn trim(&mut self) {
        if self.sent > self.output.len() / 2 {
            self.output.drain(..self.sent);
            self.records.shift(self.sent);
            self.sent = 0;
        }
        trim(&mut self.input);
        trim(&mut self.output);
    }

    /// Bytes that it holds.
    pub(crate) fn size(&mut self) -> usize {
        let body = match &mut self.body {
            Some(Outgoing::Content {
                content: Content::Owned(bytes),
                ..
            }) => bytes.capacity(),
            Some(Outgoing::Pull { source, .. }) => source.with(|source| source.memory()).unwrap_or(0),
            Some(Outgoing::Content { .. } | Outgoing::File(_)) | None => 0,
        };
        let taken = match self.taking.as_mut().map(|taking| &mut taking.taker) {
            Some(Taker::Collector { bytes, .. }) => bytes.capacity(),
            Some(Taker::Sink(sink)) => sink.with(|sink| sink.memory()).unwrap_or(0),
            Some(Taker::Upgrade { .. }) | None => 0,
        };
        let own = size_of::<Self>() + self.input.capacity() + self.output.capacity() + self.records.size();
        own.saturating_add(body).saturating_add(taken)
    }

    /// Whether reading makes it hold more: what is read is kept until there is enough of it.
    pub(crate) fn grows_by_reading(&self) -> bool {
        match self.taking.as_ref().map(|taking| &taking.taker) {
            Some(Taker::Collector { .. }) => true,
            Some(Taker::Sink(_) | Taker::Upgrade { .. }) => false,
            None => !self.input.is_empty(),
        }
    }

    /// Whether anybody has a notifier of the present request.
    pub(crate) fn can_be_notified(&self) -> bool {
        self.elsewhere
            .as_ref()
            .is_some_and(|elsewhere| elsewhere.can_be_notified())
    }

    /// Whether there is a protocol that will be called, now or when the request's body has ended.
    pub(crate) fn has_protocol(&self) -> bool {
        let taker = self.taking.as_ref().map(|taking| &taking.taker);
        self.protocol.is_some() || matches!(taker, Some(Taker::Upgrade { .. }))
    }
}

/// What a protocol is told as soon as it can be called: one in each of its turns, in this order.
#[derive(Default)]
pub(crate) struct Untold {
    pub(crate) upgraded: bool,
    pub(crate) draining: bool,
    pub(crate) notified: bool,
}

impl Untold {
    pub(crate) fn take(&mut self) -> Option<Happened> {
        if std::mem::take(&mut self.upgraded) {
            Some(Happened::Upgraded)
        } else if std::mem::take(&mut self.draining) {
            Some(Happened::Draining)
        } else if std::mem::take(&mut self.notified) {
            Some(Happened::Notified)
        } else {
            None
        }
    }

    pub(crate) fn is_anything(&self) -> bool {
        self.upgraded || self.draining || self.notified
    }
}

/// Where the rest of a response body comes from.
pub(crate) enum Outgoing {
    Content {
        content: Content,
        at: usize,
    },
    File(FileSlice),
    /// A source, and whether it was pulled already.
    Pull {
        source: Held<Box<dyn BodySource>>,
        begun: bool,
    },
}

/// A request body on its way to its handler.
pub(crate) struct Taking {
    pub(crate) taker: Taker,
    /// The client waits for 100 Continue, and the body is not yet wanted.
    pub(crate) owes_continue: bool,
    /// Bytes of the body that have to arrive a second.
    pub(crate) min_rate: u32,
}

/// What takes a request body.
pub(crate) enum Taker {
    /// The whole body is collected, then handed over.
    Collector {
        bytes: Vec<u8>,
        /// As many as there will be, if the client has said so.
        length: Option<usize>,
        then: Held<Collected>,
    },
    /// The body is handed over piece by piece.
    Sink(Held<Box<dyn BodySink>>),
    /// The body is dropped, and then the connection is upgraded with this head.
    Upgrade {
        protocol: Held<Box<dyn Protocol>>,
        head: ResponseHead,
    },
}

/// What a buffer may have beside its bytes: no more than they are, unless it is small.
fn trim(bytes: &mut Vec<u8>) {
    if bytes.capacity() > LITTLE && bytes.capacity() / 2 > bytes.len() {
        bytes.shrink_to(bytes.len().next_multiple_of(1024));
    }
}

/// Keeps buffers for the next connection that needs some.
#[derive(Default)]
pub(crate) struct Pool {
    #[expect(clippy::vec_box, reason = "connections hold the box, so that they stay small")]
    spare: Vec<Box<Work>>,
}

/// Spare buffers that a worker keeps, and how large each may be: together half a megabyte.
const MAX_SPARE: usize = 32;
const MAX_SPARE_CAPACITY: usize = LITTLE;

impl Pool {
    pub(crate) fn take(&mut self) -> Box<Work> {
        self.spare.pop().unwrap_or_default()
    }

    /// Takes back what a connection has finished with.
    pub(crate) fn give(&mut self, mut work: Box<Work>) {
        debug_assert!(work.is_done(), "unfinished work was given back");
        let small =
            work.input.capacity() + work.output.capacity() + work.records.size() <= MAX_SPARE_CAPACITY;
        if small && self.spare.len() < MAX_SPARE {
            // All but the buffers' memory is forgotten, whatever else there may be one day: the next client is another one.
            *work = Work {
                input: std::mem::take(&mut work.input),
                output: std::mem::take(&mut work.output),
                records: std::mem::take(&mut work.records),
                ..Work::default()
            };
            self.spare.push(work);
        }
    }

    /// Forgets what it keeps.
    pub(crate) fn clear(&mut self) {
        self.spare = Vec::new();
    }
}
