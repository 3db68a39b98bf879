//! Knotes of descriptors, and the table of them.

use std::{
    collections::{BTreeMap, HashMap},
    os::fd::RawFd,
};

use crate::{abi::*, ffi, inner::Filter, mode::Kernel};

/// The flags that a knote is created with and keeps: a later EV_ADD does not change them on any BSD.
pub(crate) const MODE: u16 = EV_ONESHOT | EV_CLEAR | EV_DISPATCH;

/// The caller's own value: never followed, only handed back, so any thread may hold it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Udata(pub(crate) usize);

impl Udata {
    pub(crate) fn pointer(self) -> *mut std::ffi::c_void {
        self.0 as *mut std::ffi::c_void
    }
}

/// A registration of one filter of one descriptor.
#[derive(Clone, Debug)]
pub(crate) struct Knote {
    pub(crate) fd: RawFd,
    /// The file that the number named when it was made: a knote goes with its file, and the number may come again.
    pub(crate) file: Option<(libc::dev_t, libc::ino_t)>,
    pub(crate) filter: Filter,
    /// The flags of the EV_ADD that created it; events echo them.
    pub(crate) flags: u16,
    pub(crate) disabled: bool,
    /// Never reports: a file that epoll does not take, or a writer that is not told that its reader has gone.
    pub(crate) silent: bool,
    /// A TCP socket that was not connected yet, of which epoll would go on to say that it has hung up.
    pub(crate) fresh: bool,
    pub(crate) udata: Udata,
}

impl Knote {
    /// What its epoll is asked for.
    pub(crate) fn bits(&self) -> u32 {
        if self.disabled || self.silent {
            // Without any bit epoll still reports HUP and ERR: so at most once, and that record is ignored.
            return (libc::EPOLLET | libc::EPOLLONESHOT) as u32;
        }
        let mut bits = self.filter.bits();
        if self.flags & EV_CLEAR != 0 || self.fresh {
            bits |= libc::EPOLLET as u32;
        }
        if self.flags & (EV_ONESHOT | EV_DISPATCH) != 0 && !self.fresh {
            bits |= libc::EPOLLONESHOT as u32;
        }
        bits
    }

    /// Whether `ready` says no more than that the socket was never connected.
    pub(crate) fn is_fresh(&self, ready: u32) -> bool {
        ready & libc::EPOLLHUP as u32 != 0 && ffi::was_never_connected(self.fd)
    }

    /// Whether this is a pipe's writer, whose reader has gone while the pipe was full.
    pub(crate) fn is_cut_off(&self, ready: u32) -> bool {
        let (gone, space) = (ready & GONE != 0, ready & libc::EPOLLOUT as u32 != 0);
        self.filter == Filter::Write && gone && !space && ffi::is_pipe(self.fd)
    }

    /// The event that epoll's `ready` bits stand for.
    pub(crate) fn event(&self, ready: u32, kernel: Kernel) -> Kevent {
        let gone = match self.filter {
            Filter::Read => ready & (GONE | libc::EPOLLRDHUP as u32) != 0,
            Filter::Write => ready & GONE != 0 || ffi::sends_no_more(self.fd),
        };
        let orphaned = gone && self.filter == Filter::Write && ffi::is_pipe(self.fd);
        let data = match self.filter {
            Filter::Read => readable(self.fd),
            Filter::Write if orphaned && kernel != Kernel::FreeBsd => 0,
            Filter::Write => writable(ready),
        };
        let echoed = match kernel {
            Kernel::FreeBsd => self.flags & !(EV_ADD | EV_DELETE | EV_DISABLE),
            Kernel::NetBsd | Kernel::OpenBsd => self.flags,
        };
        let ended = if gone { EV_EOF } else { 0 };
        // kern_event.c, knlist_cleardel: what is left in the list of a pipe's closed end fires once more, and is deleted.
        let last = if orphaned && kernel == Kernel::FreeBsd {
            EV_ONESHOT
        } else {
            0
        };
        let flags = echoed | ended | last;
        let ident = usize::try_from(self.fd).expect("checked when the knote was made");
        Kevent {
            ident,
            filter: self.filter.number(),
            flags,
            fflags: 0,
            data,
            udata: self.udata.pointer(),
        }
    }
}

fn readable(fd: RawFd) -> isize {
    if ffi::listens(fd) {
        // A Unix listener tells no length.
        return ffi::backlog(fd).map_or(1, |length| length as isize);
    }
    ffi::unread(fd).map_or(1, |count| count as isize)
}

/// Linux does not tell the free space: a page stands for "some".
fn writable(ready: u32) -> isize {
    if ready & libc::EPOLLOUT as u32 == 0 {
        0
    } else {
        4096
    }
}

/// What epoll says of an end that nobody asked about.
const GONE: u32 = (libc::EPOLLHUP | libc::EPOLLERR) as u32;

/// Knotes by generation and by descriptor.
#[derive(Default)]
pub(crate) struct Knotes {
    /// In order, so that chaos chooses the same knote again under the same seed.
    by_generation: BTreeMap<u64, Knote>,
    by_fd: HashMap<(Filter, RawFd), u64>,
    last: u64,
}

impl Knotes {
    /// A number no knote has had yet: an event of a knote that is gone can be told by it.
    pub(crate) fn next_generation(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    pub(crate) fn insert(&mut self, generation: u64, knote: Knote) {
        self.by_fd.insert((knote.filter, knote.fd), generation);
        self.by_generation.insert(generation, knote);
    }

    pub(crate) fn remove(&mut self, generation: u64) {
        if let Some(knote) = self.by_generation.remove(&generation) {
            self.by_fd.remove(&(knote.filter, knote.fd));
        }
    }

    pub(crate) fn find(&self, filter: Filter, fd: RawFd) -> Option<u64> {
        self.by_fd.get(&(filter, fd)).copied()
    }

    pub(crate) fn get(&self, generation: u64) -> Option<&Knote> {
        self.by_generation.get(&generation)
    }

    pub(crate) fn get_mut(&mut self, generation: u64) -> Option<&mut Knote> {
        self.by_generation.get_mut(&generation)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, &Knote)> {
        self.by_generation
            .iter()
            .map(|(generation, knote)| (*generation, knote))
    }
}
