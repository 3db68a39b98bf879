//! What a handler knows beside the head, and where it writes its answer's status and fields.

use std::net::SocketAddr;
use std::time::Instant;

use http_core::{FieldBlock, FieldLine, FieldName, Misuse, ResponseHead};

use super::{Completer, Desk, Notifier, Ticket};
use crate::driver::peer::Peer;

/// What the handler knows beside the head, and where it writes status and fields of its answer.
///
/// They go into the one response head that a worker owns, so that an answer costs no allocation. It starts as
/// 200 without fields; `Date` and everything about framing are added by the driver.
pub struct Context<'a> {
    pub(crate) head: &'a mut ResponseHead,
    /// Fields that an answer keeps when it starts over.
    pub(crate) kept: Kept<'a>,
    pub(crate) misuse: Option<Misuse>,
    pub(crate) now: Instant,
    pub(crate) peer: &'a Peer,
    pub(crate) draining: bool,
    pub(crate) desk: Option<Desk<'a>>,
}

impl<'a> Context<'a> {
    /// A context without a connection behind it, to call a handler in a test.
    ///
    /// A [`Completer`] or a [`Notifier`] made from it leads nowhere.
    pub fn detached(head: &'a mut ResponseHead, now: Instant) -> Self {
        Self {
            head,
            kept: Kept::Own(FieldBlock::new()),
            misuse: None,
            now,
            peer: &Peer::None,
            draining: false,
            desk: None,
        }
    }

    /// Sets the status of the answer.
    pub fn set_status(&mut self, status: u16) -> &mut Self {
        self.head.set_status(status);
        self
    }

    /// Returns the status of the answer as it stands now.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// Adds a field to the answer.
    ///
    /// A name or value that no response may have is remembered, and the driver answers 500 instead; see
    /// [`Context::misuse`].
    pub fn field(&mut self, name: impl FieldName, value: impl AsRef<[u8]>) -> &mut Self {
        if let Err(misuse) = self.head.push(name, value) {
            self.misuse.get_or_insert(misuse);
        }
        self
    }

    /// Adds a field line that was checked when it was compiled: the cheapest way.
    #[inline]
    pub fn line(&mut self, line: FieldLine) -> &mut Self {
        self.head.push_line(line);
        self
    }

    /// Returns the fields of the answer as they stand now.
    pub fn fields(&self) -> &FieldBlock {
        self.head.fields()
    }

    /// Keeps the fields that were set so far on whatever is answered: also on an error that the handler which this one
    /// delegates to makes with [`plain::reply`](super::plain::reply), and on the driver's own.
    pub fn keep(&mut self) -> &mut Self {
        *self.kept.block() = self.head.fields().clone();
        self
    }

    /// Begins the answer anew with this status: without fields, but for those that are [kept](Self::keep).
    pub fn start_over(&mut self, status: u16) -> &mut Self {
        self.head.reset(status);
        self.head.push_all(self.kept.block());
        self
    }

    /// Returns the first mistake made with [`Context::field`], if any.
    pub fn misuse(&self) -> Option<Misuse> {
        self.misuse
    }

    /// Returns when this round of the worker began; a handler that asks the system again pays for it.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Returns the address of the client; none for a Unix socket.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer.address()
    }

    /// Returns whether the server drains, so that this answer is the last one of its connection.
    pub fn is_draining(&self) -> bool {
        self.draining
    }

    /// Promises an answer from elsewhere: return [`Reply::Later`](super::Reply::Later) with the ticket, and give the
    /// completer to the thread that will make the answer.
    pub fn later(&mut self) -> (Ticket, Completer) {
        match &mut self.desk {
            Some(desk) => desk.ticket(),
            None => Desk::nowhere(),
        }
    }

    /// Returns a notifier of this request: for a source that waits, a sink that pauses, or a protocol.
    ///
    /// All notifiers of a request are one: clones of each other.
    pub fn notifier(&mut self) -> Notifier {
        match &mut self.desk {
            Some(desk) => desk.notifier(),
            None => Notifier::nowhere(),
        }
    }
}

/// Where kept fields are: in what the worker lends, or, without a worker, in the context itself.
pub(crate) enum Kept<'a> {
    Lent(&'a mut FieldBlock),
    Own(FieldBlock),
}

impl Kept<'_> {
    fn block(&mut self) -> &mut FieldBlock {
        match self {
            Self::Lent(block) => block,
            Self::Own(block) => block,
        }
    }
}
