//! Sending from a file to a socket.
//!
//! [`send_file`] is sendfile(2) as Linux, FreeBSD and the Apple systems have it, and a copy through a buffer elsewhere
//! and for files that it refuses. Bytes that were sent before an error count as sent.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};

use nix::errno::Errno;

/// Sends up to `count` bytes of `file` from `offset` on to a socket. Returns how many it took.
///
/// As write(2), it may take fewer; 0 (of more than 0) says that the file ends before `offset`. The file's own
/// position stays as it is. Where the kernel does not send from this file to this socket, the bytes go through
/// `buffer`, at most as many as fit into it.
///
/// # Errors
/// As write(2), and only if no byte was sent: an error beside sent bytes will come again with the next call.
///
/// # Portability
/// sendfile(2) on Linux, Android, FreeBSD and the Apple systems. Elsewhere always through `buffer`.
pub(crate) fn send_file(
    socket: impl AsFd,
    file: BorrowedFd<'_>,
    offset: u64,
    count: usize,
    buffer: &mut [u8],
) -> io::Result<usize> {
    // On BSD a count of 0 means the rest of the file.
    if count == 0 {
        return Ok(0);
    }
    let socket = socket.as_fd();
    let position = i64::try_from(offset).map_err(|_| Errno::EOVERFLOW)?;
    match sent_or_error(kernel_send(socket, file, position, count)) {
        // The file or the socket is of a kind that sendfile does not take.
        Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::ENOTSOCK) => {
            copy(socket, file, offset, count, buffer)
        }
        result => Ok(result?),
    }
}

/// Sent bytes outweigh the error beside them.
pub(super) fn sent_or_error((result, sent): (nix::Result<()>, usize)) -> nix::Result<usize> {
    match result {
        Err(error) if sent == 0 => Err(error),
        _ => Ok(sent),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn kernel_send(
    socket: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    offset: i64,
    count: usize,
) -> (nix::Result<()>, usize) {
    // An offset of 64 bits everywhere; libc's sendfile has one of 32 on 32-bit systems.
    match rustix::fs::sendfile(socket, file, Some(&mut offset.cast_unsigned()), count) {
        Ok(sent) => (Ok(()), sent),
        Err(error) => (Err(Errno::from_raw(error.raw_os_error())), 0),
    }
}

#[cfg(target_os = "freebsd")]
pub(super) fn kernel_send(
    socket: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    offset: i64,
    count: usize,
) -> (nix::Result<()>, usize) {
    use nix::sys::sendfile::{SfFlags, sendfile};
    // sendfile(2): with EAGAIN, EINTR and EBUSY a part may have been sent.
    let (result, sent) = sendfile(file, socket, offset, Some(count), None, None, SfFlags::empty(), 0);
    (result, usize::try_from(sent).unwrap_or(0))
}

#[cfg(target_vendor = "apple")]
pub(super) fn kernel_send(
    socket: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    offset: i64,
    count: usize,
) -> (nix::Result<()>, usize) {
    // sendfile(2): with EAGAIN and EINTR a part may have been sent.
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let (result, sent) = nix::sys::sendfile::sendfile(file, socket, offset, Some(count), None, None);
    (result, usize::try_from(sent).unwrap_or(0))
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_vendor = "apple"
)))]
pub(super) fn kernel_send(
    _socket: BorrowedFd<'_>,
    _file: BorrowedFd<'_>,
    _offset: i64,
    _count: usize,
) -> (nix::Result<()>, usize) {
    (Err(Errno::ENOSYS), 0)
}

/// Reads a piece of the file and writes it. What the socket does not take is read again the next time.
pub(super) fn copy(
    socket: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    offset: u64,
    count: usize,
    buffer: &mut [u8],
) -> io::Result<usize> {
    let room = buffer.len().min(count);
    let length = rustix::io::pread(file, &mut buffer[..room], offset)?;
    if length == 0 {
        return Ok(0);
    }
    Ok(nix::unistd::write(socket, &buffer[..length])?)
}
