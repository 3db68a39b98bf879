//! The inner epoll of one filter.

use std::os::fd::{AsRawFd, OwnedFd, RawFd};

use crate::{
    abi::*,
    ffi::{self, Record},
    queue::{Errno, watch},
};

/// The filters that stand for descriptors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Filter {
    Read,
    Write,
}

impl Filter {
    pub(crate) fn number(self) -> i16 {
        match self {
            Self::Read => EVFILT_READ,
            Self::Write => EVFILT_WRITE,
        }
    }

    /// What epoll is asked for. End of stream comes with READ, even half of it.
    pub(crate) fn bits(self) -> u32 {
        match self {
            Self::Read => (libc::EPOLLIN | libc::EPOLLRDHUP) as u32,
            Self::Write => libc::EPOLLOUT as u32,
        }
    }

    /// What a ready descriptor reports that nobody has closed.
    pub(crate) fn quiet_bits(self) -> u32 {
        self.bits() & !(libc::EPOLLRDHUP as u32)
    }
}

/// One epoll for one filter: one for both would report READ again on a WRITE edge.
pub(crate) struct Inner {
    epoll: OwnedFd,
    outer: RawFd,
    pub(crate) filter: Filter,
}

impl Inner {
    pub(crate) fn new(outer: RawFd, filter: Filter) -> Result<Self, Errno> {
        let epoll = ffi::epoll()?;
        watch(outer, &epoll)?;
        Ok(Self { epoll, outer, filter })
    }

    pub(crate) fn add(&self, fd: RawFd, bits: u32, generation: u64) -> Result<(), Errno> {
        self.control(libc::EPOLL_CTL_ADD, fd, bits, generation)
    }

    /// Fails with ENOENT when the number names another file than the one that was added.
    pub(crate) fn modify(&self, fd: RawFd, bits: u32, generation: u64) -> Result<(), Errno> {
        self.control(libc::EPOLL_CTL_MOD, fd, bits, generation)
    }

    /// Fails like [`Inner::modify`].
    pub(crate) fn remove(&self, fd: RawFd) -> Result<(), Errno> {
        self.control(libc::EPOLL_CTL_DEL, fd, 0, 0)
    }

    /// Whether the number still names the file that was added. Adding it again fails just then, and changes nothing.
    pub(crate) fn holds(&self, fd: RawFd) -> bool {
        match self.add(fd, 0, 0) {
            Err(Errno(errno)) => errno == libc::EEXIST,
            Ok(()) => {
                // It was another file; it is out again, and if it has just been closed it is out already.
                let _ = self.remove(fd);
                false
            }
        }
    }

    pub(crate) fn ready(&self, room: usize) -> Result<Vec<Record>, Errno> {
        ffi::ready(&self.epoll, room)
    }

    /// Replaces the epoll by an empty one. A dup keeps the registration of a closed number alive, and no call can
    /// remove it from the old one.
    pub(crate) fn replace(&mut self) -> Result<(), Errno> {
        *self = Self::new(self.outer, self.filter)?;
        Ok(())
    }

    fn control(&self, operation: libc::c_int, fd: RawFd, bits: u32, generation: u64) -> Result<(), Errno> {
        ffi::control(self.epoll.as_raw_fd(), operation, fd, bits, generation)
    }
}

impl AsRawFd for Inner {
    fn as_raw_fd(&self) -> RawFd {
        self.epoll.as_raw_fd()
    }
}
