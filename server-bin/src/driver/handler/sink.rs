//! Request bodies that are taken piece by piece.

use std::time::Duration;

use super::{Context, Reply};

/// Takes a request body piece by piece, then answers.
///
/// ```
/// use server_bin::handler::{BodySink, Context, Reply, Took};
///
/// struct Count(u64);
///
/// impl BodySink for Count {
///     fn data(&mut self, bytes: &[u8], _cx: &mut Context<'_>) -> Took {
///         self.0 += bytes.len() as u64;
///         Took::More
///     }
///     fn end(self: Box<Self>, _cx: &mut Context<'_>) -> Reply {
///         format!("{} bytes\n", self.0).into()
///     }
/// }
/// ```
pub trait BodySink: Send {
    /// Returns the most bytes that the body may have; a longer one is answered with 413. `None` is the server's default.
    ///
    /// The server's own ceiling, where one is set, holds all the same.
    fn limit(&self) -> Option<u64> {
        None
    }

    /// Returns how many bytes have to arrive a second. `None` is the server's default; 0 is any.
    fn min_rate(&self) -> Option<u32> {
        None
    }

    /// Decides before the first byte whether the body is wanted. A client that waits for `100 Continue` gets it when
    /// this returns [`Took::More`], and never otherwise before the sink goes on.
    fn begin(&mut self, _cx: &mut Context<'_>) -> Took {
        Took::More
    }

    /// Takes the next bytes of the body.
    fn data(&mut self, bytes: &[u8], cx: &mut Context<'_>) -> Took;

    /// Returns the answer, after the last byte.
    fn end(self: Box<Self>, cx: &mut Context<'_>) -> Reply;

    /// Returns how long the sink may pause in one piece; then the request is answered with 503. `None` is for ever.
    fn pause_timeout(&self) -> Option<Duration> {
        None
    }

    /// Returns how many bytes of memory the sink holds, to be counted in what its worker may hold
    /// ([`Settings::worker_memory`](crate::Settings::worker_memory)). It is asked after each turn of its connection.
    fn memory(&self) -> usize {
        0
    }

    /// Hears that the server drains. A sink that pauses goes on right afterwards.
    fn drain(&mut self) {}
}

/// How a [`BodySink`] goes on.
pub enum Took {
    /// The bytes are taken; more may come.
    More,
    /// The bytes are taken, and none follows until the [`Notifier`](super::Notifier) fires. Nothing more is read from
    /// the client meanwhile, so TCP pushes back.
    Pause,
    /// The request is answered now; what remains of its body is discarded, or the connection closes.
    Answer(Reply),
}
