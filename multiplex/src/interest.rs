//! What a caller asks for: directions, when to be told again, and how pollers share a listener.

use std::fmt;
use std::num::NonZeroU8;
use std::ops::{BitOr, BitOrAssign};

/// The directions in which a source is watched: readable, writable or both, never none.
///
/// There is no empty interest, because the kernels disagree on what it would mean (epoll goes on reporting a hang-up,
/// kqueue is silent): a source that waits for nothing is [removed](crate::Poller::remove).
///
/// ```
/// use multiplex::Interest;
///
/// let both = Interest::READABLE | Interest::WRITABLE;
/// assert_eq!(both, Interest::BOTH);
/// assert_eq!(both.without(Interest::WRITABLE), Some(Interest::READABLE));
/// assert_eq!(Interest::READABLE.without(both), None);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Interest(NonZeroU8);

const READABLE: u8 = 1;
const WRITABLE: u8 = 2;

impl Interest {
    /// Reports when a read will not block: data, end of stream, or an error to be fetched.
    pub const READABLE: Interest = Interest(NonZeroU8::new(READABLE).unwrap());
    /// Reports when a write will not block: space, or an error to be fetched.
    pub const WRITABLE: Interest = Interest(NonZeroU8::new(WRITABLE).unwrap());

    /// Reports both, as `READABLE | WRITABLE` does.
    pub const BOTH: Interest = Interest(NonZeroU8::new(READABLE | WRITABLE).unwrap());

    /// Makes an interest of two bools, as many libraries give them; returns `None` if neither is wanted.
    ///
    /// ```
    /// use multiplex::Interest;
    ///
    /// assert_eq!(Interest::new(true, false), Some(Interest::READABLE));
    /// assert_eq!(Interest::new(false, false), None);
    /// ```
    #[inline]
    #[must_use]
    pub const fn new(readable: bool, writable: bool) -> Option<Self> {
        match (readable, writable) {
            (true, true) => Some(Self::BOTH),
            (true, false) => Some(Self::READABLE),
            (false, true) => Some(Self::WRITABLE),
            (false, false) => None,
        }
    }

    /// Returns true if readable is asked for.
    #[inline]
    pub const fn is_readable(self) -> bool {
        self.0.get() & READABLE != 0
    }

    /// Returns true if writable is asked for.
    #[inline]
    pub const fn is_writable(self) -> bool {
        self.0.get() & WRITABLE != 0
    }

    /// Returns this interest without the directions of `other`, or `None` if nothing remains.
    #[inline]
    #[must_use]
    pub const fn without(self, other: Self) -> Option<Self> {
        match NonZeroU8::new(self.0.get() & !other.0.get()) {
            Some(rest) => Some(Self(rest)),
            None => None,
        }
    }
}

impl BitOr for Interest {
    type Output = Self;

    #[inline]
    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitOrAssign for Interest {
    #[inline]
    fn bitor_assign(&mut self, other: Self) {
        *self = *self | other;
    }
}

impl fmt::Debug for Interest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.is_readable(), self.is_writable()) {
            (true, true) => "READABLE | WRITABLE",
            (true, false) => "READABLE",
            _ => "WRITABLE",
        })
    }
}

/// When a source that stays ready is reported again.
///
/// | trigger | reported | the caller must |
/// | --- | --- | --- |
/// | [`Level`](Trigger::Level) | by every wait, as long as the source is ready | read or write a little each time, or stop asking |
/// | [`Edge`](Trigger::Edge) | once for each arrival of bytes or space, perhaps more often | drain: read or write until [`WouldBlock`](std::io::ErrorKind::WouldBlock) |
/// | [`OneShot`](Trigger::OneShot) | once per direction | call [`modify`](crate::Poller::modify) to be told again |
///
/// Level is the one to start with: nothing is lost when only part of the data is read. Edge saves the calls that change
/// an interest, for a source that stays registered for both directions. One-shot is for several threads that wait on one
/// poller: a source that asks for one direction at a time belongs to the thread that was told until that thread arms it
/// again.
///
/// # Portability
///
/// If a one-shot source asks for both directions, an event disarms both in epoll. In a kqueue it disarms its own direction
/// alone: there two threads may be told of one source, of each direction one. On FreeBSD, NetBSD and OpenBSD the writer of
/// a pipe that was told that it can write may be told once more, without being armed again, that the reader has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// Reports the source by every wait, as long as it is ready.
    Level,
    /// Reports the source when something arrives. Between two reports the caller drains it: see [`edge`](crate::guide::edge).
    Edge,
    /// Reports the source once per direction, until it is registered again. Data or space that is there by then is reported.
    OneShot,
}

/// How several pollers share one listener. A program with one poller asks for `Shared`.
///
/// The chapter on [sharing listeners](crate::guide::sharing_listeners) compares both with other ways, and has figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fanout {
    /// A connection is reported to every poller that waits. One of them accepts it, the others find `WouldBlock`.
    Shared,
    /// A connection is reported to at least one poller that waits, and as a rule to no more. The poller that is told accepts, or
    /// hands on: if it [removes](crate::Poller::remove) the listener instead, or is dropped, nobody else is told of that
    /// connection until another one comes.
    Exclusive,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_everything_away_leaves_no_interest() {
        let both = Interest::READABLE | Interest::WRITABLE;
        assert_eq!(both.without(both), None);
        assert_eq!(both.without(Interest::READABLE), Some(Interest::WRITABLE));
        assert_eq!(
            Interest::WRITABLE.without(Interest::READABLE),
            Some(Interest::WRITABLE)
        );
    }

    #[test]
    fn two_bools_make_each_interest_and_none_of_nothing() {
        for (readable, writable) in [(true, true), (true, false), (false, true)] {
            let interest = Interest::new(readable, writable).unwrap();
            assert_eq!(
                (interest.is_readable(), interest.is_writable()),
                (readable, writable)
            );
        }
        assert_eq!(Interest::new(false, false), None);
    }

    #[test]
    fn an_interest_prints_its_directions() {
        assert_eq!(
            format!("{:?}", Interest::READABLE | Interest::WRITABLE),
            "READABLE | WRITABLE"
        );
        assert_eq!(format!("{:?}", Interest::WRITABLE), "WRITABLE");
    }
}
