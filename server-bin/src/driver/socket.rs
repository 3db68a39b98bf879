//! What a driver needs of a socket, and what it is told about one.

use std::io;
use std::os::fd::BorrowedFd;

/// What a connection needs of its socket. None of it blocks: `WouldBlock` says that it is to wait.
pub(crate) trait Socket {
    /// Reads what has arrived; 0 is the end of the stream.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes what the socket takes. `more` promises that more follows at once.
    fn write(&mut self, bytes: &[u8], more: bool) -> io::Result<usize>;
    /// Sends at most `count` bytes of `file` from `offset` on; 0 means that the file ends there. Where the kernel
    /// cannot do it alone, the bytes go through `buffer`.
    fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        count: usize,
        buffer: &mut [u8],
    ) -> io::Result<usize>;
    /// Tells the peer that no more will be written.
    fn shutdown_write(&mut self) -> io::Result<()>;
    /// Returns whether bytes have arrived that were not read. It reads none.
    fn has_unread(&self) -> bool;
    /// Lets the kernel reset the connection when the socket closes, if the peer has not acknowledged all bytes: else the
    /// kernel keeps them for minutes, and goes on offering them to a peer that is given up here.
    fn reset_on_close(&mut self);
}

/// What a socket is ready for, as its worker was told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Ready {
    /// There is something to read, or the end of the stream.
    pub(crate) readable: bool,
    /// The peer has shut its side.
    pub(crate) read_closed: bool,
    /// The connection is gone for both directions, so no answer can arrive.
    pub(crate) gone: bool,
}

impl Ready {
    /// Nothing is known of the socket.
    pub(crate) const NOTHING: Self = Self {
        readable: false,
        read_closed: false,
        gone: false,
    };
    /// There may be bytes to read.
    pub(crate) const BYTES: Self = Self {
        readable: true,
        ..Self::NOTHING
    };
}

/// Whether the call is to be made again, when the socket is ready.
pub(crate) fn is_temporary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}

/// Whether a call failed because the connection is lost, and not for want of something on this side.
pub(crate) fn is_about_peer(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::BrokenPipe
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionAborted
            | io::ErrorKind::TimedOut
            | io::ErrorKind::NotConnected
            | io::ErrorKind::HostUnreachable
            | io::ErrorKind::NetworkUnreachable
    )
}
