//! Bodies that come and go piece by piece.

use std::time::Duration;

use super::{Context, Reply};

/// A response body that is made while it is sent.
///
/// The driver calls [`pull`](Self::pull) only when the bytes before have left, so a source never runs ahead of its
/// client by more than what one call appends.
///
/// ```
/// use server_bin::handler::{BodySource, Pulled};
///
/// struct Countdown(u32);
///
/// impl BodySource for Countdown {
///     fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
///         out.extend_from_slice(format!("{}\n", self.0).as_bytes());
///         match self.0.checked_sub(1) {
///             Some(rest) => {
///                 self.0 = rest;
///                 Pulled::More
///             }
///             None => Pulled::End,
///         }
///     }
/// }
/// ```
pub trait BodySource: Send {
    /// Returns the whole length in bytes, where it is known before. Without one the body is sent in chunks.
    fn length(&self) -> Option<u64> {
        None
    }

    /// Appends the next bytes to `out`, some kilobytes at a time.
    ///
    /// A call that appends more than 256 KiB needs twice its bytes free in the worker's memory; else the source has failed, and
    /// the server says so by [`Notice::PullTooLarge`](super::Notice::PullTooLarge).
    ///
    /// [`Pulled::More`] without a byte counts as [`Pulled::Failed`]: a source that has nothing yet returns
    /// [`Pulled::Wait`].
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled;

    /// Returns how long the source may wait in one piece; then its connection closes. `None` is for ever.
    ///
    /// It is asked each time that the source begins to wait. No timeout of the peer runs meanwhile.
    fn wait_timeout(&self) -> Option<Duration> {
        None
    }

    /// Returns how many bytes of memory the source holds, to be counted in what its worker may hold
    /// ([`Settings::worker_memory`](crate::Settings::worker_memory)). It is asked after each turn of its connection.
    fn memory(&self) -> usize {
        0
    }

    /// Hears that the server drains. A source that waits is pulled right afterwards, so that it can end.
    fn drain(&mut self) {}
}

/// The outcome of a [`BodySource::pull`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pulled {
    /// There is more to come.
    More,
    /// There is nothing yet. What was appended is sent; then the source is pulled when its
    /// [`Notifier`](super::Notifier) fires. Without a notifier that still exists it has failed.
    Wait,
    /// That was all.
    End,
    /// The body cannot be completed: the connection closes, so that the client notices.
    Failed,
}

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
