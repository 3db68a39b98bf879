//! The kernel's sockets, as the driver knows them.

use std::io;
use std::os::fd::BorrowedFd;

use crate::driver::socket::Socket;
use crate::sys::net::Stream;

impl Socket for Stream {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Stream::read(self, buffer)
    }

    #[inline]
    fn write(&mut self, bytes: &[u8], more: bool) -> io::Result<usize> {
        Stream::write(self, bytes, more)
    }

    fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        count: usize,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        Stream::send_file(self, file, offset, count, buffer)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        Stream::shutdown_write(self)
    }
}
