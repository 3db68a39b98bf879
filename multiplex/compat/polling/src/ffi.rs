//! The one unsafe line: a number that a caller has vouched for becomes a borrowed fd.
#![allow(unsafe_code)]

use std::os::fd::{BorrowedFd, RawFd};

/// Borrows the fd of this number for as long as the number itself is borrowed.
pub(crate) fn borrow(raw: &RawFd) -> BorrowedFd<'_> {
    assert!(*raw >= 0, "{raw} is not the number of a file");
    // SAFETY: whoever calls the unsafe `Poller::add` promises that the source is open, and the number is not -1.
    unsafe { BorrowedFd::borrow_raw(*raw) }
}
