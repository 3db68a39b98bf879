//! Which connections can be closed at a limit, so that others get their place.

use std::net::SocketAddr;
use std::time::Instant;

use super::connection::Connection;
use super::handler::End;
use super::phase::Phase;
use super::socket::Socket;

/// A connection by which nobody is served at this moment.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Idle {
    /// It has begun a head, or lingers behind its last answer: what is missing may be on its way. Those that have begun
    /// nothing are closed first.
    pub(crate) has_begun: bool,
    /// Since when nothing has come, or since when the head was begun, however slowly it goes on.
    pub(crate) since: Instant,
}

impl<S: Socket> Connection<S> {
    /// Whether the connection is idle, as a limit counts it: it waits for a request, or for an answer that its peer
    /// does not wait for, as far as a FIN tells. How long one that [has begun](Idle::has_begun) is waited for is the
    /// limit's matter.
    ///
    /// A peer may shut its side and still read. That is given up at a limit, since a client that has gone looks the same.
    pub(crate) fn idle(&self) -> Option<Idle> {
        let (has_begun, since) = match self.phase() {
            Phase::Preface | Phase::Fresh | Phase::Idle => (false, self.since),
            Phase::Paused | Phase::Later | Phase::Starved | Phase::HalfClosed => (false, self.peer_shut()?),
            Phase::Head | Phase::Lingering => (true, self.since),
            Phase::Backlog
            | Phase::Body
            | Phase::Sending
            | Phase::Discarding
            | Phase::Unsent(_)
            | Phase::Closing
            | Phase::Switching
            | Phase::Upgraded(_)
            | Phase::Closed => return None,
        };
        Some(Idle { has_begun, since })
    }

    /// Whether it has been idle all the while, and the socket holds nothing that was not looked at. A peer that has shut its
    /// side has said its last.
    pub(crate) fn is_still_idle(&self, idle: Idle) -> bool {
        self.idle() == Some(idle) && (self.peer_shut().is_some() || !self.socket.has_unread())
    }

    /// Returns the address of the other end: the client that a proxy has named, or the peer of the socket.
    pub(crate) fn peer(&self) -> Option<SocketAddr> {
        self.peer.address()
    }

    /// How the requests end that are cut off when it is closed for others.
    pub(crate) fn end_for_others(&self) -> End {
        match self.peer_shut() {
            Some(_) => End::PeerGone,
            None => End::Stopped,
        }
    }

    fn peer_shut(&self) -> Option<Instant> {
        self.work.as_ref().and_then(|work| work.peer_shut)
    }
}
