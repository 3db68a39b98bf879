//! Locks beside Unix sockets, so that no server takes over the socket of one that lives.
//!
//! Whether somebody listens on a Unix socket cannot be found out by connecting alone: FreeBSD refuses a connection to a
//! full backlog with the same error as one to a dead socket. So who listens on `/run/a` holds a lock, flock(2), on
//! `/run/a.lock`. The kernel lets go of it when its last holder has gone, however that ends. The file is never removed:
//! else one could hold a lock on a file that the next one does not find any more.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

/// Holds the lock until it is dropped, with all its duplicates in other processes.
#[derive(Debug)]
pub(crate) struct Lock(OwnedFd);

impl Lock {
    /// Takes the lock of the socket at `path`. `AddrInUse` when somebody has it.
    pub(crate) fn take(path: &Path) -> io::Result<Self> {
        let lock = beside(path);
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).mode(0o600);
        // A link there might lead to a file of somebody else.
        options.custom_flags(nix::libc::O_NOFOLLOW);
        let named = |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", lock.display()));
        let file = options.open(&lock).map_err(named)?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Self(file.into())),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(io::ErrorKind::AddrInUse.into()),
            Err(error) => Err(named(error.into())),
        }
    }

    /// The lock that another process has handed over.
    #[cfg(feature = "cli")]
    pub(crate) fn inherited(fd: OwnedFd) -> Self {
        Self(fd)
    }
}

impl AsFd for Lock {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The name of the lock's file.
fn beside(path: &Path) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(".lock");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_by_one_until_its_last_duplicate_goes() {
        let _held = crate::sys::tests::children::no_child_starts();
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("socket");
        let first = Lock::take(&path).expect("nobody has it");
        let taken = Lock::take(&path).expect_err("it is held");
        assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        let handed_on = Lock::inherited(first.as_fd().try_clone_to_owned().expect("a duplicate"));
        drop(first);
        assert!(Lock::take(&path).is_err(), "the duplicate holds it");
        drop(handed_on);
        Lock::take(&path).expect("nobody has it any more");
        assert!(beside(&path).exists());
    }

    #[test]
    fn a_lock_that_cannot_be_made_is_named_and_a_link_is_not_followed() {
        let folder = tempfile::tempdir().expect("a directory");
        let error = Lock::take(&folder.path().join("no/socket")).expect_err("no directory");
        assert!(error.to_string().contains("no/socket.lock"), "{error}");
        std::os::unix::fs::symlink("elsewhere", folder.path().join("s.lock")).expect("a free name");
        Lock::take(&folder.path().join("s")).expect_err("it is a link");
        assert!(!folder.path().join("elsewhere").exists());
    }
}
