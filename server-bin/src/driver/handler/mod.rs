//! What the server does with a request: the seam between the driver and the people who embed it.
//!
//! The driver calls [`Handler::head`] once per request, on the worker's own thread, as soon as the head is complete.
//! The handler looks at the head, writes status and fields through its [`Context`], and says with a [`Decision`] how
//! the request goes on. It must not block: while it runs, the other connections of its worker wait.
//!
//! | the handler wants to | it returns |
//! | --- | --- |
//! | answer from memory, or from a file | [`Reply::Bytes`], [`Reply::Prepared`], [`Reply::File`] |
//! | make the body while it is sent, and wait for news | [`Reply::Pull`] with a [`BodySource`], a [`Notifier`] |
//! | answer later, from another thread | [`Reply::Later`] with a [`Ticket`], a [`Completer`] |
//! | have the whole request body first | [`Decision::Buffer`] |
//! | take the request body piece by piece, and make the client wait | [`Decision::Stream`] with a [`BodySink`] |
//! | speak another protocol | [`Decision::Upgrade`] with a [`Protocol`] |
//!
//! ```
//! use server_bin::handler::{Context, Decision, Handler};
//! use http_core::Head;
//!
//! fn hello(_head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
//!     cx.field("content-type", "text/plain");
//!     "Hello, World!".into()
//! }
//! fn takes_handlers(_: impl Handler) {}
//! takes_handlers(hello);
//! ```

mod context;
mod erased;
mod later;
pub(crate) mod mailbox;
mod methods;
#[cfg(all(test, loom))]
mod models;
pub(crate) mod notice;
#[cfg_attr(
    not(feature = "cli"),
    expect(
        dead_code,
        reason = "the access log keeps outcomes, and comes with the command line"
    )
)]
pub(crate) mod outcomes;
pub mod plain;
mod reply;
mod sink;
mod source;
pub(crate) mod status;
mod sync;
mod ticket;
mod upgrade;

use std::marker::PhantomData;

use http_core::Head;

pub(crate) use context::Lent;
pub use context::{Context, Detached};
pub(crate) use erased::AnyHandler;
pub use later::{Completer, Notifier};
pub(crate) use later::{Desk, Elsewhere};
pub(crate) use mailbox::Answer;
pub use methods::Methods;
pub use notice::Notice;
pub use outcomes::{End, MAX_TEXT, Outcome, Outcomes, Watch};
pub use reply::{Completed, Content, FileGuard, FileSlice, Prepared, Reply};
pub use sink::{BodySink, Took};
pub use source::{BodySource, Pulled};
pub(crate) use ticket::Serial;
pub use ticket::Ticket;
pub use upgrade::{Happened, Io, Protocol, Wants};

/// Answers requests. Closures and functions that return a [`Decision`] implement it.
///
/// Each worker owns a clone and calls it by `&mut self`, so what a handler keeps for itself (a cache, a counter) needs
/// no lock; what the clones share, it shares by an `Arc`. After a panic the worker goes on with a clone of an untouched
/// original.
pub trait Handler: Clone + Send + 'static {
    /// Returns the methods that the target of `head` serves. Others are answered with 405 before [`head`](Self::head),
    /// and `OPTIONS` is answered with the list. The target is `*` where a client asks about the server as a whole.
    fn methods(&self, _head: &Head<'_>) -> Methods {
        Methods::GET_HEAD
    }

    /// Decides what happens with the request whose head has arrived.
    ///
    /// A panic costs this request only: it is answered with 500 and its connection closes.
    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision;

    /// Hears what became of a request: once for each, in the order of a connection's requests, at the end of the round in
    /// which the last byte of the answer was taken by the socket or the connection has ended. Heads that could not be read
    /// are among them.
    ///
    /// The returned [`Watch`] says whether the handler wants to hear of more. The default hears of one and stops, so a handler
    /// without this function pays nothing for it.
    fn done(&mut self, _outcome: &Outcome<'_>) -> Watch {
        Watch::Stop
    }

    /// Hears of all requests that ended in a round. The default calls [`done`](Self::done) for each.
    ///
    /// A handler around another one that has this function looks at them by [`Outcomes::iter`] and then hands them on.
    fn all_done(&mut self, outcomes: &mut Outcomes) -> Watch {
        while let Some(outcome) = outcomes.next_outcome() {
            if self.done(&outcome) == Watch::Stop {
                return Watch::Stop;
            }
        }
        Watch::GoOn
    }

    /// Hears that a round of its worker has ended. Of what a wait has reported, some may be left for the next round, if this one has
    /// taken its time.
    fn round_ended(&mut self) {}

    /// Returns how many bytes of memory this clone keeps that it could do without, as a cache does. They are counted in what
    /// its worker may hold ([`Settings::worker_memory`](crate::Settings::worker_memory)).
    fn memory(&self) -> usize {
        0
    }

    /// Hears that its worker holds as much memory as it may: what [`memory`](Self::memory) tells of is to be given up. If it
    /// is not, clients are refused for it.
    fn give_up_memory(&mut self) {}
}

impl<F> Handler for F
where
    F: FnMut(&Head<'_>, &mut Context<'_>) -> Decision + Clone + Send + 'static,
{
    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        self(head, cx)
    }
}

/// A handler made from a function; see [`function`].
pub struct Function<F, R> {
    function: F,
    methods: Methods,
    // A function makes an `R` and holds none.
    makes: PhantomData<fn() -> R>,
}

/// Makes a handler of a function that returns whatever becomes a [`Decision`]. It serves GET and HEAD unless
/// [`methods`](Function::methods) says otherwise.
///
/// ```
/// use server_bin::handler::{Methods, function};
///
/// let upload = function(|_, _| "thank you\n").methods(Methods::of("POST"));
/// # fn takes_handlers(_: impl server_bin::handler::Handler) {}
/// # takes_handlers(upload);
/// ```
pub fn function<F, R>(function: F) -> Function<F, R>
where
    F: FnMut(&Head<'_>, &mut Context<'_>) -> R + Clone + Send + 'static,
    R: Into<Decision> + 'static,
{
    Function {
        function,
        methods: Methods::GET_HEAD,
        makes: PhantomData,
    }
}

impl<F, R> Function<F, R> {
    /// Serves these methods, on every target.
    pub fn methods(mut self, methods: Methods) -> Self {
        self.methods = methods;
        self
    }
}

impl<F: Clone, R> Clone for Function<F, R> {
    fn clone(&self) -> Self {
        Self {
            function: self.function.clone(),
            methods: self.methods,
            makes: PhantomData,
        }
    }
}

impl<F, R> Handler for Function<F, R>
where
    F: FnMut(&Head<'_>, &mut Context<'_>) -> R + Clone + Send + 'static,
    R: Into<Decision> + 'static,
{
    fn methods(&self, _head: &Head<'_>) -> Methods {
        self.methods
    }

    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        (self.function)(head, cx).into()
    }
}

/// How a request goes on after its head.
pub enum Decision {
    /// Answer now. A request body that is still to come is discarded up to a bound, else the connection closes.
    Respond(Reply),
    /// Collect the whole request body, at most `limit` bytes (413 above), then call `then` with it.
    ///
    /// Status and fields belong to the answer, so `then` writes them; what was written before is dropped.
    Buffer {
        /// The most bytes that this body may have. It replaces the server's default; the server's ceiling, where one is
        /// set, holds all the same, and so does half of what a worker may hold.
        limit: u64,
        /// Makes the answer from the whole body.
        then: Collected,
    },
    /// Hand the request body over piece by piece.
    Stream(Box<dyn BodySink>),
    /// Leave HTTP: after 101, or after 2xx to CONNECT, the connection belongs to the protocol.
    ///
    /// The status is 101 unless the context has set another one, and the context names the protocol in an `Upgrade`
    /// field. The rest of the request's body is awaited first and discarded (RFC 9110 section 7.8).
    Upgrade(Box<dyn Protocol>),
}

/// What [`Decision::Buffer`] calls with the whole request body.
pub type Collected = Box<dyn FnOnce(&[u8], &mut Context<'_>) -> Reply + Send>;

impl Decision {
    /// Collects the request body, at most `limit` bytes, then calls `then`.
    pub fn buffer(limit: u64, then: impl FnOnce(&[u8], &mut Context<'_>) -> Reply + Send + 'static) -> Self {
        Self::Buffer {
            limit,
            then: Box::new(then),
        }
    }
}

impl<R: Into<Reply>> From<R> for Decision {
    fn from(reply: R) -> Self {
        Self::Respond(reply.into())
    }
}

impl From<Box<dyn BodySink>> for Decision {
    fn from(sink: Box<dyn BodySink>) -> Self {
        Self::Stream(sink)
    }
}

impl From<Box<dyn Protocol>> for Decision {
    fn from(protocol: Box<dyn Protocol>) -> Self {
        Self::Upgrade(protocol)
    }
}
