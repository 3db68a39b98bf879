//! Lines on a standard stream that keep no worker waiting, nor the program for long.

use std::io;
use std::os::fd::AsFd;
use std::sync::{Mutex, TryLockError};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A pipe that says it has room takes so many bytes at once (pipe(7), `PIPE_BUF`; POSIX promises 512).
const AT_ONCE: usize = 512;

/// Writes a line to standard error, if that takes it at once: a reader that has stopped must not stop the server. What is
/// longer than 512 bytes is cut.
pub(crate) fn complain(text: &str) {
    // Not by `eprintln!`: it panics where nobody reads, and waits for whoever holds the lock of the stream.
    let mut line = format!("server-bin: {text}").into_bytes();
    line.truncate(AT_ONCE - 1);
    line.push(b'\n');
    offer(&io::stderr(), &line, PollTimeout::ZERO);
}

/// Writes lines to standard output, as many as that takes at once.
#[cfg(feature = "cli")]
pub(crate) fn print(lines: &str) {
    offer_lines(&io::stdout(), lines, PollTimeout::ZERO);
}

/// Writes a line to standard error before the program ends. Its reader has two seconds to take it.
#[cfg(feature = "cli")]
pub(crate) fn say_at_the_end(text: &str) {
    let line = format!("server-bin: {text}\n");
    offer_lines(&io::stderr(), &line, PollTimeout::from(2000_u16));
}

/// Each line goes at once, so that none of another process stands within it.
#[cfg(feature = "cli")]
fn offer_lines(stream: &impl AsFd, lines: &str, patience: PollTimeout) {
    let mut pieces = lines
        .split_inclusive('\n')
        .flat_map(|line| line.as_bytes().chunks(AT_ONCE));
    while pieces.next().is_some_and(|piece| offer(stream, piece, patience)) {}
}

/// Between a thread's look and its write another one may have taken the room, and the write would wait for the reader.
static TURN: Mutex<()> = Mutex::new(());

/// Writes what a pipe takes at once, if it has room by then. Returns whether it was written.
fn offer(stream: &impl AsFd, bytes: &[u8], patience: PollTimeout) -> bool {
    let _turn = match TURN.try_lock() {
        Err(TryLockError::WouldBlock) => return false,
        turn => turn,
    };
    let mut fds = [PollFd::new(stream.as_fd(), PollFlags::POLLOUT)];
    poll(&mut fds, patience).is_ok_and(|ready| ready > 0) && nix::unistd::write(stream, bytes).is_ok()
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use std::io::{PipeReader, Read as _};
    use std::sync::PoisonError;

    use super::*;

    #[test]
    fn who_comes_between_the_look_and_the_write_of_another_writes_nothing() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        assert!(!offer(&writer, b"one", PollTimeout::ZERO));
        drop(turn);
        // A complaint of another test may have its turn.
        while !offer(&writer, b"two", PollTimeout::ZERO) {}
        drop(writer);
        assert_eq!(text(&mut reader), "two");
    }

    #[test]
    fn lines_that_find_no_room_are_left_out_and_none_is_waited_for() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let has_room = || {
            let mut fds = [PollFd::new(writer.as_fd(), PollFlags::POLLOUT)];
            poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
        };
        while has_room() {
            offer(&writer, &[b'x'; AT_ONCE], PollTimeout::ZERO);
        }
        offer_lines(&writer, "one\ntwo\n", PollTimeout::from(10_u8));
        drop(writer);
        assert!(text(&mut reader).bytes().all(|byte| byte == b'x'));
    }

    fn text(reader: &mut PipeReader) -> String {
        let mut text = String::new();
        reader.read_to_string(&mut text).expect("text");
        text
    }
}
