//! What the server does with a request: the seam between the engine and the people who embed it.
//!
//! The engine calls [`Handler::head`] once per request, on the worker's own thread, as soon as the head is
//! complete. The handler looks at the head, writes status and fields through its [`Context`], and says with an
//! [`Accept`] how the request goes on. It must not block: while it runs, the other connections of its worker wait.
//!
//! ```
//! use server_bin::handler::{Accept, Context, Handler};
//! use http_core::Head;
//!
//! fn hello(_head: &Head<'_>, cx: &mut Context<'_>) -> Accept {
//!     cx.field("content-type", "text/plain");
//!     "Hello, World!".into()
//! }
//! fn takes_handlers(_: impl Handler) {}
//! takes_handlers(hello);
//! ```

mod later;
pub mod plain;
mod reply;

use std::net::SocketAddr;
use std::time::Instant;

use http_core::{FieldLine, FieldName, Head, Misuse, ResponseHead};

use crate::driver::connection::Peer;
pub use later::{Completer, Ticket};
pub(crate) use later::{Completion, Desk, Mailbox};
pub use reply::{BodySource, Content, FileSlice, Pulled, Reply};

/// Answers requests. Closures and functions of the same shape implement it.
///
/// One handler serves all workers at once, hence `Send + Sync`.
pub trait Handler: Send + Sync + 'static {
    /// Decides what happens with the request whose head has arrived.
    ///
    /// A panic costs this request only: it is answered with 500 and its connection closes.
    fn head(&self, head: &Head<'_>, cx: &mut Context<'_>) -> Accept;
}

impl<F> Handler for F
where
    F: Fn(&Head<'_>, &mut Context<'_>) -> Accept + Send + Sync + 'static,
{
    fn head(&self, head: &Head<'_>, cx: &mut Context<'_>) -> Accept {
        self(head, cx)
    }
}

/// How a request goes on after its head.
pub enum Accept {
    /// Answer now. A request body that is still to come is discarded up to a bound, else the connection closes.
    Respond(Reply),
    /// Collect the whole request body, at most `limit` bytes (413 above), then call `then` with it.
    ///
    /// Status and fields belong to the answer, so `then` writes them; what was written before is dropped.
    Buffer {
        /// The most body bytes that this request may have.
        limit: usize,
        /// Makes the answer from the whole body.
        then: Collected,
    },
    /// Hand the request body over piece by piece. Answered with 501 as yet.
    Stream(Box<dyn BodySink>),
    /// Leave HTTP after a 101. Answered with 501 as yet.
    Upgrade(Box<dyn Protocol>),
}

/// What [`Accept::Buffer`] calls with the whole request body.
pub type Collected = Box<dyn FnOnce(&[u8], &mut Context<'_>) -> Reply + Send>;

impl Accept {
    /// Collects the request body, at most `limit` bytes, then calls `then`.
    pub fn buffer(
        limit: usize,
        then: impl FnOnce(&[u8], &mut Context<'_>) -> Reply + Send + 'static,
    ) -> Self {
        Self::Buffer {
            limit,
            then: Box::new(then),
        }
    }
}

impl<R: Into<Reply>> From<R> for Accept {
    fn from(reply: R) -> Self {
        Self::Respond(reply.into())
    }
}

/// What the handler knows beside the head, and where it writes status and fields of its answer.
///
/// They go into the one response head that a worker owns, so that an answer costs no allocation. It starts as
/// 200 without fields; `Date` and everything about framing are added by the engine.
pub struct Context<'a> {
    head: &'a mut ResponseHead,
    misuse: Option<Misuse>,
    now: Instant,
    peer: &'a Peer,
    desk: Option<Desk<'a>>,
}

impl<'a> Context<'a> {
    /// A context without a connection behind it, to call a handler in a test.
    ///
    /// A [`Completer`] made from it leads nowhere.
    pub fn detached(head: &'a mut ResponseHead, now: Instant) -> Self {
        Self {
            head,
            misuse: None,
            now,
            peer: &Peer::None,
            desk: None,
        }
    }

    pub(crate) fn new(head: &'a mut ResponseHead, now: Instant, peer: &'a Peer, desk: Desk<'a>) -> Self {
        Self {
            head,
            misuse: None,
            now,
            peer,
            desk: Some(desk),
        }
    }

    /// Sets the status of the answer.
    pub fn status(&mut self, status: u16) -> &mut Self {
        self.head.set_status(status);
        self
    }

    /// Adds a field to the answer.
    ///
    /// A name or value that no response may have is remembered, and the engine answers 500 instead; see
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

    /// The first mistake made with [`Context::field`], if any.
    pub fn misuse(&self) -> Option<Misuse> {
        self.misuse
    }

    /// When this turn of the worker began; a handler that asks the system again pays for it.
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Who sent the request; none for a Unix socket.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer.address()
    }

    /// Promises an answer from elsewhere: return [`Reply::Later`] with the ticket, and give the completer to
    /// whoever will know the answer, on any thread.
    pub fn later(&mut self) -> (Ticket, Completer) {
        match &self.desk {
            Some(desk) => desk.open(),
            None => Desk::nowhere(),
        }
    }
}

/// Takes a request body piece by piece, then answers. See [`Accept::Stream`].
pub trait BodySink: Send {
    /// Takes the next bytes of the body. An answer ends the request early.
    fn data(&mut self, bytes: &[u8], cx: &mut Context<'_>) -> Option<Reply>;
    /// Answers after the last byte.
    fn end(self: Box<Self>, cx: &mut Context<'_>) -> Reply;
}

/// Speaks another protocol on a connection that has left HTTP. See [`Accept::Upgrade`].
pub trait Protocol: Send {
    /// Reacts to an event of the socket.
    fn ready(&mut self, io: &mut Io<'_>, event: multiplex::Event, now: Instant) -> Next;
}

/// The socket as an upgraded protocol sees it.
pub struct Io<'a> {
    /// Reads what has arrived; `WouldBlock` when there is nothing.
    pub input: &'a mut dyn std::io::Read,
    /// Writes what the socket takes; `WouldBlock` when it takes nothing.
    pub output: &'a mut dyn std::io::Write,
}

/// What an upgraded protocol waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Until there is something to read.
    Read,
    /// Until the socket takes bytes again.
    Write,
    /// For nothing: the connection is to be closed.
    Close,
}
