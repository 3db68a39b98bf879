//! What a handler knows beside the head, and where it writes its answer's status and fields.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use http_core::{FieldBlock, FieldLine, FieldName, Misuse, ResponseHead};

use super::mailbox::Mailbox;
use super::{Completer, Desk, Elsewhere, Notifier, Outcomes, Ticket};
use crate::driver::peer::Peer;

/// What the handler knows beside the head, and where it writes status and fields of its answer.
///
/// They go into the one response head that a worker owns, so that an answer costs no allocation. It starts as
/// 200 without fields; `Date` and everything about framing are added by the driver.
pub struct Context<'a> {
    pub(crate) lent: &'a mut Lent,
    pub(crate) peer: &'a Peer,
    /// The number of the connection; none in a test.
    pub(crate) connection: Option<usize>,
}

/// What a worker lends to its handlers for one call.
pub(crate) struct Lent {
    /// When this round began.
    pub(crate) now: Instant,
    /// Whether the server drains: each response is the last of its connection.
    pub(crate) draining: bool,
    /// The response head that handlers write into.
    pub(crate) head: ResponseHead,
    /// Fields that an answer keeps when it starts over.
    pub(crate) kept: FieldBlock,
    /// The first mistake that the present request's handler made with its answer.
    pub(crate) misuse: Option<Misuse>,
    /// The client's address, where the handler knows it better than the socket does.
    pub(crate) client: Option<SocketAddr>,
    pub(crate) mailbox: Arc<Mailbox>,
    /// The last serial that was given to a request.
    pub(crate) serials: u64,
    /// The tickets and notifiers of the present request, if there are any. The connection takes this after the handler's call.
    pub(crate) elsewhere: Option<Box<Elsewhere>>,
    /// The requests of this round that have ended, and those of the present connection that have not.
    pub(crate) outcomes: Outcomes,
}

impl Lent {
    pub(crate) fn new(mailbox: Arc<Mailbox>, now: Instant) -> Self {
        Self {
            now,
            draining: false,
            head: ResponseHead::new(200),
            kept: FieldBlock::new(),
            misuse: None,
            client: None,
            outcomes: Outcomes::new(Arc::clone(&mailbox)),
            mailbox,
            serials: 0,
            elsewhere: None,
        }
    }

    /// Prepares for a request.
    #[inline(always)]
    pub(crate) fn begin(&mut self) {
        self.begin_call();
        if self.has_kept() {
            self.forget_kept();
        }
    }

    /// Prepares for another call about the same request.
    #[inline(always)]
    pub(crate) fn begin_call(&mut self) {
        self.head.reset(200);
        self.misuse = None;
    }

    /// Whether nothing was done to the answer through the context.
    #[inline(always)]
    pub(crate) fn is_untouched(&self) -> bool {
        self.misuse.is_none() && self.head.fields().as_bytes().is_empty()
    }

    /// Whether the present request keeps any fields.
    #[inline(always)]
    pub(crate) fn has_kept(&self) -> bool {
        !self.kept.as_bytes().is_empty()
    }

    /// Forgets the value that one request keeps: it is not for the next one, which may be another client's.
    #[cold]
    pub(crate) fn forget_kept(&mut self) {
        self.kept.clear();
    }

    /// Takes what the present request keeps, for as long as its connection has no turn.
    #[cold]
    pub(crate) fn take_kept(&mut self) -> FieldBlock {
        std::mem::replace(&mut self.kept, FieldBlock::new())
    }

    /// Gives it back in the connection's next turn.
    #[cold]
    pub(crate) fn give_kept(&mut self, kept: FieldBlock) {
        self.kept = kept;
    }
}

/// What a [`Context`] needs where there is no worker: to call a handler in a test.
pub struct Detached(Lent);

impl Detached {
    /// A context without a connection behind it. A [`Completer`] or a [`Notifier`] made from it leads nowhere.
    pub fn new(now: Instant) -> Self {
        Self(Lent::new(Arc::new(Mailbox::new(None)), now))
    }

    /// The context, to be handed to a handler.
    pub fn context(&mut self) -> Context<'_> {
        Context {
            lent: &mut self.0,
            peer: &Peer::None,
            connection: None,
        }
    }

    /// Returns the head that the handler has made.
    pub fn head(&self) -> &ResponseHead {
        &self.0.head
    }
}

impl Context<'_> {
    /// Sets the status of the answer.
    pub fn set_status(&mut self, status: u16) -> &mut Self {
        self.lent.head.set_status(status);
        self
    }

    /// Returns the status of the answer as it stands now.
    pub fn status(&self) -> u16 {
        self.lent.head.status()
    }

    /// Adds a field to the answer.
    ///
    /// A name or value that no response may have is remembered, and the driver answers 500 instead; see
    /// [`Context::misuse`].
    pub fn field(&mut self, name: impl FieldName, value: impl AsRef<[u8]>) -> &mut Self {
        if let Err(misuse) = self.lent.head.push(name, value) {
            self.lent.misuse.get_or_insert(misuse);
        }
        self
    }

    /// Adds a field line that was checked when it was compiled: the cheapest way.
    #[inline]
    pub fn line(&mut self, line: FieldLine) -> &mut Self {
        self.lent.head.push_line(line);
        self
    }

    /// Adds the fields of a block, which were checked when it was made: one copy, however many they are.
    #[inline]
    pub fn add(&mut self, block: &FieldBlock) -> &mut Self {
        self.lent.head.push_all(block);
        self
    }

    /// Returns the fields of the answer as they stand now.
    pub fn fields(&self) -> &FieldBlock {
        self.lent.head.fields()
    }

    /// Keeps the fields that were set so far on whatever is answered: also on an error that the handler which this one
    /// delegates to makes with [`plain::reply`](super::plain::reply), and on the driver's own.
    pub fn keep(&mut self) -> &mut Self {
        self.lent.kept = self.lent.head.fields().clone();
        self
    }

    /// Begins the answer anew with this status: without fields, but for those that are [kept](Self::keep).
    pub fn start_over(&mut self, status: u16) -> &mut Self {
        self.lent.head.reset(status);
        self.lent.head.push_all(&self.lent.kept);
        self
    }

    /// Returns the first mistake made with [`Context::field`], if any.
    pub fn misuse(&self) -> Option<Misuse> {
        self.lent.misuse
    }

    /// Returns when this round of the worker began; a handler that asks the system again pays for it.
    pub fn now(&self) -> Instant {
        self.lent.now
    }

    /// Returns the address of the client; none for a Unix socket.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer.address()
    }

    /// Returns whether the server drains, so that this answer is the last one of its connection.
    pub fn is_draining(&self) -> bool {
        self.lent.draining
    }

    /// Promises an answer from elsewhere: return [`Reply::Later`](super::Reply::Later) with the ticket, and give the
    /// completer to the thread that will make the answer.
    pub fn later(&mut self) -> (Ticket, Completer) {
        match self.desk() {
            Some(mut desk) => desk.ticket(),
            None => Desk::nowhere(),
        }
    }

    /// Returns a notifier of this request: for a source that waits, a sink that pauses, or a protocol.
    ///
    /// All notifiers of a request are one: clones of each other.
    pub fn notifier(&mut self) -> Notifier {
        match self.desk() {
            Some(mut desk) => desk.notifier(),
            None => Notifier::nowhere(),
        }
    }

    /// Names the client of this request, where it is not the socket's peer: behind a proxy, for example. It is what
    /// [`Outcome::peer`](super::Outcome::peer) will say.
    pub fn set_client(&mut self, client: SocketAddr) -> &mut Self {
        self.lent.client = Some(client);
        self
    }

    fn desk(&mut self) -> Option<Desk<'_>> {
        Some(Desk {
            connection: self.connection?,
            mailbox: &self.lent.mailbox,
            serials: &mut self.lent.serials,
            elsewhere: &mut self.lent.elsewhere,
        })
    }
}
