//! Protocols that take a connection over after HTTP.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::driver::peer::Peer;
use crate::driver::socket::Socket;

/// Speaks another protocol on a connection that has left HTTP, on the loop of the worker that accepted it.
///
/// A handler returns one by [`Decision::Upgrade`](super::Decision::Upgrade), after it has set the `Upgrade` field; the
/// driver sends 101 (or the handler's 2xx to CONNECT) and calls [`ready`](Self::ready) from then on.
///
/// It must not block, and it should drain what it asked for: `Io` says `WouldBlock` at the end of the socket's bytes and
/// at the end of the connection's turn alike.
pub trait Protocol: Send {
    /// Reacts to what happened, and returns what the protocol waits for next.
    fn ready(&mut self, io: &mut Io<'_>, happened: Happened, now: Instant) -> Wants;

    /// Returns when `ready` is to be called with [`Happened::Deadline`]. It is asked after each call of `ready`.
    fn deadline(&self) -> Option<Instant> {
        None
    }

    /// Returns for how long no byte may move in either direction; then the connection closes. `None` is for ever.
    fn idle_timeout(&self) -> Option<Duration> {
        Some(Duration::from_secs(75))
    }
}

/// Why a [`Protocol`] is called.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Happened {
    /// The upgrade is complete, and the answer to it has left. Bytes of the client may have come behind its request.
    Upgraded,
    /// The socket is ready for something that the protocol waits for; or, after a turn that ended early, may be.
    Ready,
    /// Its [`Notifier`](super::Notifier) fired.
    Notified,
    /// Its own [`deadline`](Protocol::deadline) is over.
    Deadline,
    /// The server drains: it waits for the protocol's end only until its drain timeout.
    Draining,
}

/// What a [`Protocol`] waits for. Its notifier and its deadline are waited for always.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Wants {
    /// Until there is something to read.
    Read,
    /// Until the socket takes bytes again.
    Write,
    /// For either of both.
    ReadOrWrite,
    /// For neither. That the peer shuts its side is told all the same.
    Nothing,
    /// For nothing: the connection closes, lingering, so that the last bytes are not lost.
    Close,
}

/// The socket as an upgraded protocol sees it: it reads and writes without blocking.
///
/// Both directions end with `WouldBlock`: when the socket has nothing or takes nothing, and when the connection has used
/// its turn up, so that the worker's other connections get theirs. The driver calls again when it can go on.
pub struct Io<'a> {
    pub(crate) socket: &'a mut dyn Socket,
    /// Bytes that came behind the head of the request, from `*used` on.
    pub(crate) behind: &'a [u8],
    pub(crate) used: usize,
    /// Bytes that may move in this turn.
    pub(crate) budget: usize,
    pub(crate) moved: usize,
    /// Bytes of those that the socket took.
    pub(crate) written: usize,
    pub(crate) peer: &'a Peer,
}

impl Io<'_> {
    /// Returns the address of the peer; none for a Unix socket.
    pub fn peer(&self) -> Option<SocketAddr> {
        self.peer.address()
    }

    fn spend(&mut self, bytes: usize) {
        self.budget = self.budget.saturating_sub(bytes);
        self.moved += bytes;
    }
}

impl Read for Io<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let behind = &self.behind[self.used..];
        if !behind.is_empty() {
            let n = behind.len().min(buffer.len());
            buffer[..n].copy_from_slice(&behind[..n]);
            self.used += n;
            self.spend(n);
            return Ok(n);
        }
        if self.budget == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = self.socket.read(buffer)?;
        self.spend(n);
        Ok(n)
    }
}

impl Write for Io<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.budget == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let n = self.socket.write(bytes, false)?;
        self.spend(n);
        self.written += n;
        Ok(n)
    }

    /// Does nothing: what was written is with the kernel already.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for Io<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Io")
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}
