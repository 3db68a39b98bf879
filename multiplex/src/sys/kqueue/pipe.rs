//! The waker's signal on a kqueue that has no EVFILT_USER, as OpenBSD's of 7.3: a pipe.

use std::io::{self, PipeReader, PipeWriter, Read, Write};
use std::os::fd::AsFd;

use super::{Backend, Queue, ffi};
use crate::interest::{Interest, Trigger};
use crate::token::Tagged;

/// A pipe into which each wake writes a byte.
///
/// It is registered edge-triggered, and nobody reads it until it is full: each write is reported once, so a wake and the
/// wait that it ends are one system call each.
pub(crate) struct Pipe {
    reader: PipeReader,
    writer: PipeWriter,
}

impl Pipe {
    pub(crate) fn new(queue: &Queue, data: Tagged) -> io::Result<Self> {
        let (reader, writer) = io::pipe()?;
        ffi::set_nonblocking(reader.as_fd())?;
        ffi::set_nonblocking(writer.as_fd())?;
        queue.add(reader.as_fd(), data, Interest::READABLE, Trigger::Edge)?;
        Ok(Self { reader, writer })
    }

    pub(crate) fn raise(&self) -> io::Result<()> {
        loop {
            match (&self.writer).write(&[1]) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.empty(),
                // A BSD's pipe has a lock, and to wait for that may be interrupted.
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map(drop),
            }
        }
    }

    /// Makes room, so that the write after it is an edge. Somebody else may fill it first: then it is done again.
    fn empty(&self) {
        while (&self.reader).read(&mut [0; 4096]).is_ok_and(|n| n > 0) {}
    }

    pub(crate) fn detach(&self, queue: &Queue) {
        // Closing would do, because a kqueue knows the number only; but every source is removed before it is closed.
        let _ = queue.remove(self.reader.as_fd());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token::{Kind, Token};

    /// An edge is promised only of a write that succeeds.
    #[test]
    fn a_full_pipe_is_emptied_and_written_once_more() {
        let queue = Queue::new().unwrap();
        let pipe = Pipe::new(&queue, Token::new(1).tagged(Kind::Waker).unwrap()).unwrap();
        while (&pipe.writer).write(&[1; 4096]).is_ok() {}
        pipe.raise().unwrap();
        assert_eq!((&pipe.reader).read(&mut [0; 4096]).unwrap(), 1);
    }
}
