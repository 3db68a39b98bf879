//! A socket pair of the simulated network: what the server calls, and what its peer does meanwhile.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::os::fd::BorrowedFd;
use std::rc::Rc;

use crate::driver::socket::Socket;

use super::random::Random;

/// What the server's kernel keeps of what the peer has sent.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// Both directions of one connection.
pub(crate) struct Wire {
    /// Sent by the peer, not read by the server.
    inbound: VecDeque<u8>,
    /// The peer has shut its side.
    ended: bool,
    /// The peer has reset the connection.
    reset: bool,
    /// Written by the server, not taken by the peer.
    outbound: VecDeque<u8>,
    /// How much of it the server's kernel keeps.
    send_buffer: usize,
    /// The server has shut its side, or closed.
    shut: bool,
    closed: bool,
    /// Bytes that the server has read and written.
    moved: usize,
    random: Random,
    /// The peer may vanish between any two calls.
    breaks: bool,
}

impl Wire {
    pub(crate) fn new(mut random: Random, breaks: bool) -> Self {
        let send_buffer = *random.pick(&[1, 10, 1_000, 20_000, 200_000, 1_000_000]);
        Self {
            inbound: VecDeque::new(),
            ended: false,
            reset: false,
            outbound: VecDeque::new(),
            send_buffer,
            shut: false,
            closed: false,
            moved: 0,
            random,
            breaks,
        }
    }

    /// The peer sends. Returns how many bytes the server's kernel takes. Sending to a server that has closed brings a
    /// reset back, which destroys what the peer has not taken yet.
    pub(crate) fn send(&mut self, bytes: &[u8]) -> usize {
        if self.closed && !bytes.is_empty() {
            self.outbound.clear();
            return bytes.len();
        }
        let count = bytes.len().min(RECEIVE_BUFFER - self.inbound.len());
        self.inbound.extend(&bytes[..count]);
        count
    }

    /// The peer takes at most `most` bytes.
    pub(crate) fn take(&mut self, most: usize) -> impl Iterator<Item = u8> + '_ {
        let count = self.outbound.len().min(most);
        self.outbound.drain(..count)
    }

    /// The peer shuts its side.
    pub(crate) fn end(&mut self) {
        self.ended = true;
    }

    /// The peer vanishes.
    pub(crate) fn reset(&mut self) {
        self.reset = true;
        self.inbound.clear();
        self.outbound.clear();
    }

    /// The server closes. With bytes unread its kernel sends a reset, and drops what it had still to send.
    pub(crate) fn close(&mut self) {
        self.shut = true;
        self.closed = true;
        if !self.inbound.is_empty() {
            self.outbound.clear();
        }
    }

    /// Whether the peer sees the end of the stream.
    pub(crate) fn is_over(&self) -> bool {
        self.reset || (self.shut && self.outbound.is_empty())
    }

    /// From now on the server's kernel keeps as much as real ones do.
    pub(crate) fn widen(&mut self) {
        self.send_buffer = self.send_buffer.max(200_000);
    }

    pub(crate) fn is_readable(&self) -> bool {
        self.reset || self.ended || !self.inbound.is_empty()
    }

    pub(crate) fn is_writable(&self) -> bool {
        self.reset || self.outbound.len() < self.send_buffer
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.ended
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.reset
    }

    pub(crate) fn moved(&self) -> usize {
        self.moved
    }

    /// Now and then a call comes to nothing although the socket is ready.
    fn fault(&mut self) -> io::Result<()> {
        if self.breaks && self.random.once_in(60) {
            self.reset();
        }
        match self.random.below(40) {
            0 => Err(ErrorKind::Interrupted.into()),
            1 => Err(ErrorKind::WouldBlock.into()),
            _ => Ok(()),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        assert!(!self.closed, "read after close");
        self.fault()?;
        if self.reset {
            return Err(ErrorKind::ConnectionReset.into());
        }
        if self.inbound.is_empty() {
            return if self.ended {
                Ok(0)
            } else {
                Err(ErrorKind::WouldBlock.into())
            };
        }
        let count = self.random.some_bytes().min(buffer.len()).min(self.inbound.len());
        self.moved += count;
        for (place, byte) in buffer.iter_mut().zip(self.inbound.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        assert!(!self.closed, "written after close");
        self.fault()?;
        if self.reset || self.shut {
            return Err(ErrorKind::BrokenPipe.into());
        }
        let room = self.send_buffer - self.outbound.len();
        if room == 0 {
            return Err(ErrorKind::WouldBlock.into());
        }
        let count = self.random.some_bytes().min(bytes.len()).min(room);
        self.outbound.extend(&bytes[..count]);
        self.moved += count;
        Ok(count)
    }
}

/// The server's end.
pub(crate) struct ServerEnd(pub(crate) Rc<RefCell<Wire>>);

impl Socket for ServerEnd {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.borrow_mut().read(buffer)
    }

    fn write(&mut self, bytes: &[u8], _more: bool) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        count: usize,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        let most = count.min(buffer.len());
        match rustix::io::pread(file, &mut buffer[..most], offset)? {
            0 => Ok(0),
            length => self.0.borrow_mut().write(&buffer[..length]),
        }
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.borrow_mut().shut = true;
        Ok(())
    }
}

impl Drop for ServerEnd {
    fn drop(&mut self) {
        self.0.borrow_mut().close();
    }
}
