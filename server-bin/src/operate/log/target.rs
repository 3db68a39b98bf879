//! Where a log goes: a standard stream or a file, how that is opened, and what to do when it takes no more.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use nix::libc::{ENXIO, O_NOCTTY, O_NONBLOCK};

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
    /// Opens it, without waiting for anybody.
    pub(super) fn open(&self) -> io::Result<File> {
        match self {
            Self::Stdout => Ok(File::from(io::stdout().as_fd().try_clone_to_owned()?)),
            Self::Stderr => Ok(File::from(io::stderr().as_fd().try_clone_to_owned()?)),
            Self::File(path) => {
                let mut options = OpenOptions::new();
                // Requests are nobody else's business; O_CLOEXEC is Rust's own. A FIFO that nobody reads must not hold
                // open(2), and a terminal must not become ours.
                options
                    .append(true)
                    .create(true)
                    .mode(0o640)
                    .custom_flags(O_NONBLOCK | O_NOCTTY)
                    .open(path)
                    .map_err(|error| {
                        let why = why_not_opened(path, &error);
                        io::Error::new(
                            error.kind(),
                            format!("cannot open the log {}: {why}", path.display()),
                        )
                    })
            }
        }
    }

    /// What to do when it takes no more.
    pub(super) fn advice(&self, error: &io::Error) -> &'static str {
        use io::ErrorKind::{BrokenPipe, FileTooLarge, QuotaExceeded, StorageFull};
        match (error.kind(), self) {
            (StorageFull | QuotaExceeded, _) => "; make room",
            (BrokenPipe, Self::File(_)) => "; start its reader again",
            (BrokenPipe, _) => "; its reader has gone: start the server anew with one",
            (FileTooLarge, Self::File(_)) => {
                "; move the file away and send SIGUSR1, or raise the limit (ulimit -f)"
            }
            (FileTooLarge, _) => "; raise the limit of a file's size (ulimit -f)",
            (_, Self::File(_)) => "; mend that, or move the file away, and send SIGUSR1",
            (_, _) => "",
        }
    }
}

/// Why a log cannot be opened, and what to do.
fn why_not_opened(path: &Path, error: &io::Error) -> String {
    let is_fifo = || fs::metadata(path).is_ok_and(|found| found.file_type().is_fifo());
    match error.kind() {
        // fifo(7): so does open(2) with O_NONBLOCK fail.
        _ if error.raw_os_error() == Some(ENXIO) && is_fifo() => {
            "nobody reads this FIFO; start its reader first".into()
        }
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
            format!("{error}; create the directory, or choose another file")
        }
        io::ErrorKind::PermissionDenied => format!("{error}; let this user write it, or choose another file"),
        _ => format!("{error}; choose another file"),
    }
}
