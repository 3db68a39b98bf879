//! Where text goes in the end: a file or a standard stream, and what happens when that takes no more.
//!
//! A pipe, a socket or a terminal is asked whether it takes bytes before it gets some, and gets no more than it has room
//! for, so that one that nobody reads cannot hold the writer either. A regular file always takes bytes or fails.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::str::FromStr;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

/// A pipe that is writable has room for as much (PIPE_BUF, pipe(7)), and so do sockets and terminals on Linux.
const PIECE: usize = 4096;
/// What is kept of lines that wait for a pipe; more is left in the rings of the workers.
pub(super) const MOST_PENDING: usize = 256 * 1024;

/// Where lines are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Target {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
    /// A file, which is created when it is missing and appended to.
    File(PathBuf),
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "" => Err("a log is a file, or - for standard output".into()),
            "-" => Ok(Self::Stdout),
            path => Ok(Self::File(path.into())),
        }
    }
}

impl Target {
    fn open(&self) -> io::Result<File> {
        match self {
            Self::Stdout => Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?)),
            Self::Stderr => Ok(File::from(io::stderr().as_fd().try_clone_to_owned()?)),
            Self::File(path) => {
                let mut options = OpenOptions::new();
                // Requests are nobody else's business; O_CLOEXEC is Rust's own.
                options
                    .append(true)
                    .create(true)
                    .mode(0o640)
                    .open(path)
                    .map_err(|error| {
                        io::Error::new(
                            error.kind(),
                            format!("cannot open the log {}: {error}", path.display()),
                        )
                    })
            }
        }
    }
}

/// An open target with what it has not taken yet.
#[derive(Debug)]
pub(super) struct Sink {
    target: Target,
    file: File,
    /// Whether to ask before a write.
    may_block: bool,
    pending: Vec<u8>,
    written: usize,
    /// The last byte that was taken was none of a line's end: after a failure the next line begins with one.
    within_line: bool,
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
        })
    }

    /// Opens the file of that name anew, after it was moved away. Standard streams stay. After an error the old one stays.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        if let Target::File(_) = self.target {
            let file = self.target.open()?;
            self.may_block = !file.metadata()?.is_file();
            self.file = file;
            self.within_line = false;
        }
        Ok(())
    }

    /// Where the next lines are to be put.
    pub(super) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.pending
    }

    /// Whether so much waits that no more should be put in.
    pub(super) fn is_full(&self) -> bool {
        self.pending.len() - self.written >= MOST_PENDING
    }

    pub(super) fn is_empty(&self) -> bool {
        self.pending.is_empty()
    }

    /// Writes what is taken without waiting. After an error all that waited is lost: the count of its lines is returned.
    pub(super) fn flush(&mut self) -> Result<(), (io::Error, u64)> {
        while self.written < self.pending.len() {
            match self.write_piece() {
                Ok(0) => return Ok(()),
                Ok(count) => self.written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => {
                    let rest = &self.pending[self.written..];
                    let lost = rest.iter().filter(|&&byte| byte == b'\n').count() as u64;
                    self.clear();
                    return Err((error, lost));
                }
            }
        }
        self.clear();
        Ok(())
    }

    fn clear(&mut self) {
        self.pending.clear();
        // A burst's memory is not kept for good.
        self.pending.shrink_to(MOST_PENDING);
        self.written = 0;
    }

    fn write_piece(&mut self) -> io::Result<usize> {
        if self.written == 0 && self.within_line {
            // What came before failed in the middle of a line.
            self.pending.insert(0, b'\n');
            self.within_line = false;
        }
        let mut rest = &self.pending[self.written..];
        if self.may_block {
            let mut asked = [PollFd::new(self.file.as_fd(), PollFlags::POLLOUT)];
            if poll(&mut asked, PollTimeout::ZERO)? == 0 {
                return Ok(0);
            }
            rest = &rest[..rest.len().min(PIECE)];
        }
        let count = self.file.write(rest)?;
        if let Some(last) = count.checked_sub(1) {
            self.within_line = rest[last] != b'\n';
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;
    use std::os::fd::OwnedFd;

    fn over(file: impl Into<OwnedFd>) -> Sink {
        Sink {
            target: Target::Stdout,
            file: File::from(file.into()),
            may_block: true,
            pending: Vec::new(),
            written: 0,
            within_line: false,
        }
    }

    #[test]
    fn a_pipe_that_nobody_reads_holds_nobody_up_and_gets_the_rest_later() {
        let (mut reader, writer) = io::pipe().expect("a pipe");
        let mut sink = over(writer);
        let text: Vec<u8> = (0..40_000).flat_map(|n| format!("{n}\n").into_bytes()).collect();
        sink.buffer().extend_from_slice(&text);
        sink.flush().expect("it takes a part");
        assert!(!sink.is_empty());
        let mut read = Vec::new();
        while read.len() < text.len() {
            let mut piece = [0; 10_000];
            let count = reader.read(&mut piece).expect("there is more");
            read.extend_from_slice(&piece[..count]);
            sink.flush().expect("it takes more");
        }
        assert!(read == text && sink.is_empty());
    }

    #[test]
    fn a_full_disk_costs_the_lines_that_found_no_room_and_no_other() {
        if !std::path::Path::new("/dev/full").exists() {
            return;
        }
        let mut sink = Sink::open(Target::File("/dev/full".into())).expect("it can be opened");
        sink.buffer().extend_from_slice(b"one\ntwo\n");
        let (error, lost) = sink.flush().expect_err("there is no room");
        assert_eq!((error.kind(), lost), (io::ErrorKind::StorageFull, 2));
        assert!(sink.is_empty());
    }

    #[test]
    fn after_a_failure_within_a_line_the_next_one_begins_on_its_own() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("log");
        let mut sink = Sink::open(Target::File(path.clone())).expect("a file");
        sink.buffer().extend_from_slice(b"half");
        sink.flush().expect("room");
        sink.buffer().extend_from_slice(b"whole\n");
        sink.flush().expect("room");
        assert_eq!(
            std::fs::read_to_string(&path).expect("it is there"),
            "half\nwhole\n"
        );
    }

    #[test]
    fn a_file_that_was_moved_away_is_made_anew() {
        let folder = tempfile::tempdir().expect("a directory");
        let [path, old] = ["log", "log.1"].map(|name| folder.path().join(name));
        let mut sink = Sink::open(Target::File(path.clone())).expect("a file");
        std::fs::rename(&path, &old).expect("it can be moved");
        for (text, reopens) in [("old\n", true), ("new\n", false)] {
            sink.buffer().extend_from_slice(text.as_bytes());
            sink.flush().expect("room");
            if reopens {
                sink.reopen().expect("the directory is there");
            }
        }
        assert_eq!(std::fs::read_to_string(&old).expect("it is there"), "old\n");
        assert_eq!(std::fs::read_to_string(&path).expect("it is there"), "new\n");
        std::fs::remove_file(&path).expect("it is there");
        std::fs::create_dir(&path).expect("a free name");
        let error = sink.reopen().expect_err("a directory is no log");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
}
