//! The one unsafe line for every library: a number that it gave becomes a borrowed fd.
#![allow(unsafe_code)]

use std::os::fd::{BorrowedFd, RawFd};

/// Borrows the fd of this number for as long as the number itself is borrowed. It is not negative.
pub(crate) fn borrow(fd: &RawFd) -> BorrowedFd<'_> {
    assert!(*fd >= 0);
    // SAFETY: the number is not -1. It is handed to epoll_ctl(2) or kevent(2) at once, for which a number that names no file,
    // or another one, is an error and no harm to memory.
    unsafe { BorrowedFd::borrow_raw(*fd) }
}
