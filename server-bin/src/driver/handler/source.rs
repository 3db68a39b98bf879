//! Response bodies that are made piece by piece.

use std::time::Duration;

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
