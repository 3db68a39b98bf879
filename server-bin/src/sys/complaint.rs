//! A line on standard error that keeps no worker waiting.

use std::io;
use std::os::fd::AsFd;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A pipe that says it has room takes so many bytes at once (pipe(7), `PIPE_BUF`; POSIX promises 512).
const AT_ONCE: usize = 512;

/// Writes a line to standard error, if that takes it at once: a reader that has stopped must not stop the server. What is
/// longer than 512 bytes is cut.
pub(crate) fn complain(text: &str) {
    // Not by `eprintln!`: it panics where nobody reads, and waits for whoever holds the lock of the stream.
    let stream = io::stderr();
    let mut fds = [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)];
    if !poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0) {
        return;
    }
    let mut line = format!("server-bin: {text}").into_bytes();
    line.truncate(AT_ONCE - 1);
    line.push(b'\n');
    let _ = nix::unistd::write(&stream, &line);
}
