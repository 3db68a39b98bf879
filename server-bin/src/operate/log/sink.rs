//! Where text goes in the end: a file or a standard stream, and what happens when that takes no more.
//!
//! A pipe, a socket or a terminal is asked whether it takes bytes before it gets some, and gets no more than it has room
//! for, so that one that nobody reads cannot hold the writer either. A regular file always takes bytes or fails.
//!
//! Others may write to the same pipe: the process that is started in this one's place, or the notices beside the access log. What a
//! pipe gets at once ends with a line, so they come between lines; only a line that is longer than a piece has another one within.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::target::Target;

/// A pipe that is writable has room for as much, pipe(7): 4,096 bytes on Linux, 512 on the BSDs and macOS. Sockets and terminals
/// have, too.
const PIECE: usize = nix::libc::PIPE_BUF;
/// After so many signals in the middle of it, a flush is left for later.
const MAX_INTERRUPTIONS: usize = 16;
/// What is kept of lines that wait for a pipe; more is left in the batches of the workers.
pub(super) const MOST_PENDING: usize = 256 * 1024;

/// An open target with what it has not taken yet.
#[derive(Debug)]
pub(super) struct Sink {
    target: Target,
    file: File,
    /// Whether to ask before a write.
    may_block: bool,
    pending: Vec<u8>,
    written: usize,
    /// The last byte that was taken was none of a line's end.
    within_line: bool,
    /// A failure has lost the rest of a line: before the next one goes a line's end.
    cut: bool,
    /// A failure has left the rest of a line, which goes before the next one.
    is_stuck: bool,
}

impl Sink {
    pub(super) fn open(target: Target) -> io::Result<Self> {
        let file = target.open()?;
        Ok(Self {
            may_block: !file.metadata()?.is_file(),
            target,
            file,
            pending: Vec::new(),
            written: 0,
            within_line: false,
            cut: false,
            is_stuck: false,
        })
    }

    /// Opens the file of that name anew, after it was moved away. Standard streams stay. After an error the old one stays.
    /// Returns how many lines were lost: one that the old file has begun with and does not take to its end.
    pub(super) fn reopen(&mut self) -> io::Result<u64> {
        let Target::File(_) = self.target else {
            return Ok(0);
        };
        let file = self.target.open()?;
        let may_block = !file.metadata()?.is_file();
        let lost = self.finish_line();
        (self.file, self.may_block) = (file, may_block);
        (self.within_line, self.cut, self.is_stuck) = (false, false, false);
        Ok(lost)
    }

    /// Writes the rest of a line that was begun, and no more. What finds no room is dropped. Returns how many lines were lost.
    fn finish_line(&mut self) -> u64 {
        let end = self.written + self.rest_of_line();
        if end == self.written {
            return 0;
        }
        let mut interruptions = 0;
        while self.written < end {
            match self.write_piece(end) {
                Ok(1..) => {}
                Err(error)
                    if error.kind() == io::ErrorKind::Interrupted && interruptions < MAX_INTERRUPTIONS =>
                {
                    interruptions += 1;
                }
                Ok(0) | Err(_) => break,
            }
        }
        let lost = u64::from(self.written < end);
        self.written = end;
        self.forget_written();
        lost
    }

    /// How many bytes of what waits belong to the line that was begun.
    fn rest_of_line(&self) -> usize {
        let rest = &self.pending[self.written..];
        match self.within_line && !self.cut {
            true => rest
                .iter()
                .position(|&byte| byte == b'\n')
                .map_or(rest.len(), |at| at + 1),
            false => 0,
        }
    }

    /// Where the next lines are to be put.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.pending
    }

    /// Whether so much waits that no more should be put in.
    pub(super) fn is_full(&self) -> bool {
        self.pending.len() - self.written >= MOST_PENDING
    }

    /// Whether nothing waits that may soon be taken.
    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty() || self.is_stuck
    }

    /// What to do after an error of [`Self::flush`], to stand behind it.
    pub(super) fn advice(&self, error: &io::Error) -> &'static str {
        self.target.advice(error)
    }

    /// Loses all that waits. Returns how many lines that were.
    pub(super) fn give_up(&mut self) -> u64 {
        let lost = lines(&self.pending[self.written..]);
        self.pending.truncate(self.written);
        self.forget_written();
        lost
    }

    /// Writes what is taken without waiting. After an error what waited is lost: the count of its lines is returned.
    pub(super) fn flush(&mut self) -> Result<(), (io::Error, u64)> {
        self.is_stuck = false;
        let mut interruptions = 0;
        while self.written < self.pending.len() {
            match self.write_piece(self.pending.len()) {
                Ok(0) => break,
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                    interruptions += 1;
                    if interruptions == MAX_INTERRUPTIONS {
                        break;
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err((error, self.lose())),
            }
        }
        self.forget_written();
        Ok(())
    }

    /// After a failure all that waits is lost, but for the rest of a line that a file has begun with: it stays, so that the line
    /// is whole as soon as there is room. Another reader of a pipe has no use for it. Returns how many lines were lost.
    fn lose(&mut self) -> u64 {
        let kept = if self.may_block { 0 } else { self.rest_of_line() };
        let end = self.written + kept;
        let lost = lines(&self.pending[end..]);
        self.pending.truncate(end);
        self.is_stuck = kept > 0;
        self.cut |= self.within_line && kept == 0;
        self.forget_written();
        lost
    }

    /// Makes room of what was taken: when that is all, or so much that a reader who is always behind would fill the memory.
    fn forget_written(&mut self) {
        if self.written == self.pending.len() || self.written >= MOST_PENDING {
            self.pending.drain(..self.written);
            // A burst's memory is not kept for good.
            self.pending.shrink_to(MOST_PENDING);
            self.written = 0;
        }
    }

    /// Writes once of what waits before `end`, and returns how many bytes that were.
    fn write_piece(&mut self, end: usize) -> io::Result<usize> {
        let mut rest = if self.cut {
            b"\n"
        } else {
            &self.pending[self.written..end]
        };
        if self.may_block {
            let mut asked = [PollFd::new(self.file.as_fd(), PollFlags::POLLOUT)];
            if poll(&mut asked, PollTimeout::ZERO)? == 0 {
                return Ok(0);
            }
            rest = piece(rest);
        }
        let count = self.file.write(rest)?;
        if let Some(last) = count.checked_sub(1) {
            self.within_line = rest[last] != b'\n';
            match self.cut {
                true => self.cut = false,
                false => self.written += count,
            }
        }
        Ok(count)
    }
}

/// What goes at once: whole lines, as many as are sure to find room, or the beginning of one that is too long for that.
fn piece(rest: &[u8]) -> &[u8] {
    let piece = &rest[..rest.len().min(PIECE)];
    match piece.iter().rposition(|&byte| byte == b'\n') {
        Some(last) => &piece[..=last],
        None => piece,
    }
}

fn lines(text: &[u8]) -> u64 {
    text.iter().filter(|&&byte| byte == b'\n').count() as u64
}

#[cfg(test)]
mod tests;
