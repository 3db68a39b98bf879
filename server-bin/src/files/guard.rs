//! Large files that must not change while they are sent.

use std::io;
use std::os::fd::BorrowedFd;

use crate::handler::FileGuard;
use crate::sys::Stamp;

/// What a file was like when its response began: its identity, its length, and when it was changed last.
///
/// A change within the resolution of the clock that stamps changes (some milliseconds) does not show, and not each one
/// that is made through a shared mapping.
#[derive(Debug)]
struct Unchanged(Stamp);

/// A guard over a file that was like this.
pub(super) fn of(stamp: Stamp) -> Box<dyn FileGuard> {
    Box::new(Unchanged(stamp))
}

impl FileGuard for Unchanged {
    fn is_unchanged(&self, file: BorrowedFd<'_>) -> io::Result<bool> {
        Ok(Stamp::of(file)? == self.0)
    }

    fn read(&self, file: BorrowedFd<'_>, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::pread(file, buffer, offset)?)
    }
}
