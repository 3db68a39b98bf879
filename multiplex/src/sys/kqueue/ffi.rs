//! The system calls of the kqueue backend: every unsafe line of it, and nothing else.
#![allow(unsafe_code)]

use std::fs::{File, Metadata};
use std::io;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use libc::c_int;

pub(super) use provider::{
    EV_ADD, EV_CLEAR, EV_DELETE, EV_DISPATCH, EV_ENABLE, EV_EOF, EV_ERROR, EV_RECEIPT, EVFILT_READ,
    EVFILT_USER, EVFILT_WRITE, Filter, Flags, NOTE_TRIGGER,
};

/// Where `kqueue`, `kevent`, their struct and their constants come from: everything that the backend takes from a system.
///
/// On a system with kqueue it is libc. With the cfg `multiplex_kqueue` it is any other provider of the two C symbols
/// with the layout of FreeBSD 11 and the constants of FreeBSD, for example an emulation on Linux. It is linked from outside:
///
/// ```text
/// RUSTFLAGS="--cfg multiplex_kqueue -L native=DIR -l NAME" LD_LIBRARY_PATH=DIR cargo test -p multiplex
/// ```
///
/// With the cfg `multiplex_kqueue_crate` as well, the symbols come from a dependency that is called `kqueue_provider`;
/// a build script sets both.
mod provider {
    #[cfg(not(multiplex_kqueue))]
    mod system {
        pub(crate) use libc::{
            EV_ADD, EV_CLEAR, EV_DELETE, EV_DISPATCH, EV_ENABLE, EV_EOF, EV_ERROR, EV_RECEIPT, EVFILT_READ,
            EVFILT_USER, EVFILT_WRITE, NOTE_TRIGGER, kevent, kqueue,
        };

        #[cfg(not(target_os = "netbsd"))]
        mod widths {
            pub(crate) type Filter = i16;
            pub(crate) type Flags = u16;
            pub(crate) type Count = libc::c_int;
        }
        #[cfg(target_os = "netbsd")]
        mod widths {
            pub(crate) type Filter = u32;
            pub(crate) type Flags = u32;
            pub(crate) type Count = libc::size_t;
        }
        pub(crate) use widths::{Count, Filter, Flags};
    }
    #[cfg(not(multiplex_kqueue))]
    pub(crate) use system::*;

    #[cfg(multiplex_kqueue)]
    mod linked {
        use libc::{c_int, c_void, timespec};

        #[cfg(multiplex_kqueue_crate)]
        use kqueue_provider as _;

        pub(crate) type Filter = i16;
        pub(crate) type Flags = u16;
        pub(crate) type Count = c_int;

        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy)]
        #[repr(C)]
        pub(crate) struct kevent {
            pub(crate) ident: usize,
            pub(crate) filter: Filter,
            pub(crate) flags: Flags,
            pub(crate) fflags: u32,
            pub(crate) data: isize,
            pub(crate) udata: *mut c_void,
        }

        unsafe extern "C" {
            pub(crate) fn kqueue() -> c_int;
            pub(crate) fn kevent(
                kq: c_int,
                changelist: *const kevent,
                nchanges: Count,
                eventlist: *mut kevent,
                nevents: Count,
                timeout: *const timespec,
            ) -> c_int;
        }

        pub(crate) const EVFILT_READ: Filter = -1;
        pub(crate) const EVFILT_WRITE: Filter = -2;
        pub(crate) const EVFILT_USER: Filter = -11;
        pub(crate) const EV_ADD: Flags = 0x0001;
        pub(crate) const EV_DELETE: Flags = 0x0002;
        pub(crate) const EV_ENABLE: Flags = 0x0004;
        pub(crate) const EV_CLEAR: Flags = 0x0020;
        pub(crate) const EV_RECEIPT: Flags = 0x0040;
        pub(crate) const EV_DISPATCH: Flags = 0x0080;
        pub(crate) const EV_ERROR: Flags = 0x4000;
        pub(crate) const EV_EOF: Flags = 0x8000;
        pub(crate) const NOTE_TRIGGER: u32 = 0x0100_0000;
    }
    #[cfg(multiplex_kqueue)]
    pub(crate) use linked::*;
}

/// What goes into the kernel as a change, and comes out as an event or as the answer to a change.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(crate) struct RawEvent(provider::kevent);

// SAFETY: the only pointer in it is `udata`, which holds a number here and is never followed.
unsafe impl Send for RawEvent {}
// SAFETY: as above; and nothing in it changes behind a shared reference.
unsafe impl Sync for RawEvent {}

impl RawEvent {
    #[inline]
    pub(super) fn change(ident: usize, filter: Filter, flags: Flags, fflags: u32, udata: usize) -> Self {
        // SAFETY: the struct is made of integers and one raw pointer, for which zero bytes are valid. Systems have fields
        // of their own in it, for which zero is the neutral value.
        let mut raw: provider::kevent = unsafe { MaybeUninit::zeroed().assume_init() };
        raw.ident = ident;
        raw.filter = filter;
        raw.flags = flags;
        raw.fflags = fflags;
        raw.udata = std::ptr::without_provenance_mut(udata);
        Self(raw)
    }

    #[inline]
    pub(super) fn filter(&self) -> Filter {
        self.0.filter
    }

    #[inline]
    pub(super) fn has(&self, flag: Flags) -> bool {
        self.0.flags & flag != 0
    }

    #[inline]
    pub(super) fn fflags(&self) -> u32 {
        self.0.fflags
    }

    #[inline]
    pub(super) fn data(&self) -> Option<usize> {
        usize::try_from(self.0.data).ok()
    }

    /// What a receipt says about its change: 0 if it was applied.
    #[inline]
    pub(super) fn errno(&self) -> i32 {
        i32::try_from(self.0.data).unwrap_or(libc::EIO)
    }

    #[inline]
    pub(super) fn udata(&self) -> usize {
        self.0.udata.addr()
    }
}

/// kqueue(2), closed on exec.
pub(super) fn create() -> io::Result<OwnedFd> {
    // SAFETY: the call takes no pointers.
    let fd = check(unsafe { provider::kqueue() })?;
    // SAFETY: the kernel just made this fd for us; nobody else has it.
    let fd = unsafe { OwnedFd::from_raw_fd(fd) };
    // SAFETY: the call takes no pointers. Not every system has a kqueue1(2) that does this at once.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFD, libc::FD_CLOEXEC) })?;
    Ok(fd)
}

/// kevent(2) with changes, none of which waits. Returns how many of `receipts` the kernel wrote.
#[inline]
pub(super) fn control(
    kqueue: BorrowedFd<'_>,
    changes: &[RawEvent],
    receipts: &mut [RawEvent],
) -> io::Result<usize> {
    let now = timespec(Duration::ZERO);
    let (sent, n_sent) = (changes.as_ptr().cast(), changes.len() as provider::Count);
    let (list, room) = (receipts.as_mut_ptr().cast(), receipts.len() as provider::Count);
    // SAFETY: `changes` holds `n_sent` changes and `receipts` has space for `room` answers, both of the kernel's layout,
    // which `RawEvent` has by `repr(transparent)`; `now` lives until the call returns.
    check(unsafe { provider::kevent(kqueue.as_raw_fd(), sent, n_sent, list, room, &now) }).map(|n| n as usize)
}

/// kevent(2) without changes: `None` waits for ever.
#[inline]
pub(super) fn wait(
    kqueue: BorrowedFd<'_>,
    events: &mut Vec<RawEvent>,
    timeout: Option<Duration>,
) -> io::Result<()> {
    events.clear();
    let timeout = timeout.map(timespec);
    let timeout = timeout.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    let (list, room) = (events.as_mut_ptr().cast(), room(events));
    // SAFETY: `events` has space for `room` events and the kernel writes at most as many; `timeout` is null or lives until
    // the call returns; without changes their pointer may be null.
    let n = check(unsafe { provider::kevent(kqueue.as_raw_fd(), std::ptr::null(), 0, list, room, timeout) })?;
    // SAFETY: the kernel initialised the first `n` events.
    unsafe { events.set_len(n as usize) };
    Ok(())
}

/// Sets O_NONBLOCK by fcntl(2).
pub(super) fn set_nonblocking(fd: BorrowedFd<'_>) -> io::Result<()> {
    // SAFETY: the call takes no pointers.
    let flags = check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_GETFL) })?;
    // SAFETY: the call takes no pointers.
    check(unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK) }).map(drop)
}

/// fstat(2). A copy of the fd would do as well, but for closing it, which takes the process's locks from the file: fcntl(2).
pub(super) fn metadata(fd: BorrowedFd<'_>) -> io::Result<Metadata> {
    // SAFETY: the fd is borrowed for as long as this call takes, and the file that is made of it is never closed.
    let file = ManuallyDrop::new(unsafe { File::from_raw_fd(fd.as_raw_fd()) });
    file.metadata()
}

/// How many events the kernel may write: the count is an `int` but for NetBSD.
#[inline]
fn room(events: &Vec<RawEvent>) -> provider::Count {
    events.capacity().min(c_int::MAX as usize) as provider::Count
}

/// The poller keeps the seconds far below the range.
#[inline]
fn timespec(timeout: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: timeout.as_secs() as _,
        tv_nsec: timeout.subsec_nanos() as _,
    }
}

#[inline]
fn check(result: c_int) -> io::Result<c_int> {
    if result < 0 {
        Err(io::Error::last_os_error())
    } else {
        Ok(result)
    }
}

/// The layouts as the systems' `<sys/event.h>` have them, for the targets that are compiled and never run here.
#[cfg(all(test, target_pointer_width = "64"))]
mod layout {
    use std::mem::offset_of;

    use super::provider::kevent;

    /// FreeBSD has had 4 numbers behind the rest since its version 12; only NetBSD has flags of 32 bits.
    const SIZE: usize = if cfg!(all(target_os = "freebsd", not(multiplex_kqueue))) {
        64
    } else if cfg!(all(target_os = "netbsd", not(multiplex_kqueue))) {
        40
    } else {
        32
    };
    const OFFSETS: [usize; 6] = if cfg!(all(target_os = "netbsd", not(multiplex_kqueue))) {
        [0, 8, 12, 16, 24, 32]
    } else {
        [0, 8, 10, 12, 16, 24]
    };

    const _: () = assert!(size_of::<kevent>() == SIZE);
    const _: () = assert!(
        offset_of!(kevent, ident) == OFFSETS[0]
            && offset_of!(kevent, filter) == OFFSETS[1]
            && offset_of!(kevent, flags) == OFFSETS[2]
            && offset_of!(kevent, fflags) == OFFSETS[3]
            && offset_of!(kevent, data) == OFFSETS[4]
            && offset_of!(kevent, udata) == OFFSETS[5]
    );
}
