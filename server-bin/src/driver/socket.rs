//! What a driver needs of a socket, and what it is told about one.

use std::fs::File;
use std::io;

/// What a connection needs of its socket. None of it blocks: `WouldBlock` says that it is to wait.
pub trait Socket {
    /// Reads what has arrived; 0 is the end of the stream.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize>;
    /// Writes what the socket takes. `more` promises that more follows at once.
    fn write(&mut self, bytes: &[u8], more: bool) -> io::Result<usize>;
    /// Sends at most `count` bytes of `file` from `offset` on; 0 means that the file ends there. Where the kernel
    /// cannot do it alone, the bytes go through `buffer`.
    fn send_file(&mut self, file: &File, offset: u64, count: usize, buffer: &mut [u8]) -> io::Result<usize>;
    /// Tells the peer that no more will be written.
    fn shutdown_write(&mut self) -> io::Result<()>;
}

/// What a socket is ready for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Ready {
    /// There is something to read, or the end of the stream.
    pub readable: bool,
    /// The connection is gone for both directions, so no answer can arrive.
    pub gone: bool,
}
