//! The provider of kqueue: this crate on Linux, the system itself on a BSD. The scenarios know only this module.
#![allow(unsafe_code)]
#![allow(
    clippy::unnecessary_cast,
    clippy::useless_conversion,
    reason = "the fields differ in width from system to system"
)]

use std::{
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    ptr,
};

#[cfg(target_os = "linux")]
mod system {
    pub(super) use kqueue_shim::*;
    pub(super) type Raw = Kevent;
}

#[cfg(not(target_os = "linux"))]
mod system {
    pub(super) use libc::*;
    pub(super) type Raw = libc::kevent;
}

pub(crate) const ADD: u32 = system::EV_ADD as u32;
pub(crate) const DELETE: u32 = system::EV_DELETE as u32;
pub(crate) const ENABLE: u32 = system::EV_ENABLE as u32;
pub(crate) const DISABLE: u32 = system::EV_DISABLE as u32;
pub(crate) const ONESHOT: u32 = system::EV_ONESHOT as u32;
pub(crate) const CLEAR: u32 = system::EV_CLEAR as u32;
pub(crate) const RECEIPT: u32 = system::EV_RECEIPT as u32;
pub(crate) const DISPATCH: u32 = system::EV_DISPATCH as u32;
pub(crate) const ERROR: u32 = system::EV_ERROR as u32;
pub(crate) const EOF: u32 = system::EV_EOF as u32;
pub(crate) const NOTE_TRIGGER: u32 = system::NOTE_TRIGGER;
pub(crate) const NOTE_FFCOPY: u32 = system::NOTE_FFCOPY;

/// The filter of a change or an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Filter {
    Read,
    Write,
    User,
    /// No filter of any system.
    Unknown,
}

/// A change or an event, in a form that all systems share.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    pub(crate) ident: usize,
    pub(crate) filter: Filter,
    pub(crate) flags: u32,
    pub(crate) fflags: u32,
    pub(crate) data: i64,
    pub(crate) udata: usize,
}

/// How the lists of a call lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lists {
    Apart,
    /// The answers are written over the changes.
    OneArray,
}

/// A timeout as the kernel takes it, sound or not: seconds and nanoseconds.
pub(crate) type Time = (i64, i64);

/// Makes a kqueue.
pub(crate) fn kqueue() -> OwnedFd {
    // Our own kqueue(2) is a safe function, the system's is not.
    #[allow(unused_unsafe, reason = "the shim's function is safe, libc's is not")]
    // SAFETY: takes no argument.
    let fd = unsafe { system::kqueue() };
    assert!(fd >= 0, "kqueue: {}", io::Error::last_os_error());
    // SAFETY: the kernel has just made `fd`, and nobody else knows it.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// kevent(2); an error is its errno.
pub(crate) fn kevent(
    kq: RawFd,
    changes: &[Entry],
    room: usize,
    lists: Lists,
    timeout: Option<Time>,
) -> Result<Vec<Entry>, i32> {
    let mut changelist: Vec<_> = changes.iter().map(raw).collect();
    // A separate list when it is not the same one; never empty, so that its pointer is not null by chance.
    let mut eventlist = vec![raw(&Entry::NOTHING); room.max(1)];
    let answers = match lists {
        Lists::Apart => &mut eventlist,
        Lists::OneArray => {
            assert!(room <= changelist.len(), "one array holds both");
            &mut changelist
        }
    };
    let timeout = timeout.map(|(seconds, nanos)| libc::timespec {
        tv_sec: seconds as _,
        tv_nsec: nanos as _,
    });
    let timeout = timeout.as_ref().map_or(ptr::null(), ptr::from_ref);
    let answers_start = answers.as_mut_ptr();
    let changes_start = match lists {
        Lists::Apart => changelist.as_ptr(),
        Lists::OneArray => answers_start.cast_const(),
    };
    let events = if room == 0 { ptr::null_mut() } else { answers_start };
    // SAFETY: `changes_start` has `changes.len()` entries, `events` at least `room`, both live until the call has
    // returned and are used through these pointers alone; the timeout is null or outlives the call.
    let count = unsafe { system::kevent(kq, changes_start, changes.len() as _, events, room as _, timeout) };
    let Ok(count) = usize::try_from(count) else {
        return Err(io::Error::last_os_error().raw_os_error().unwrap_or(0));
    };
    let answers = if lists == Lists::OneArray {
        &changelist
    } else {
        &eventlist
    };
    Ok(answers[..count].iter().map(entry).collect())
}

impl Entry {
    const NOTHING: Self = Self {
        ident: 0,
        filter: Filter::Unknown,
        flags: 0,
        fflags: 0,
        data: 0,
        udata: 0,
    };
}

fn raw(entry: &Entry) -> system::Raw {
    // SAFETY: the type is made of integers and a pointer that nobody follows: zero is a value of each.
    let mut raw: system::Raw = unsafe { std::mem::zeroed() };
    raw.ident = entry.ident as _;
    raw.filter = match entry.filter {
        Filter::Read => system::EVFILT_READ,
        Filter::Write => system::EVFILT_WRITE,
        Filter::User => system::EVFILT_USER,
        Filter::Unknown => 99,
    };
    raw.flags = entry.flags as _;
    raw.fflags = entry.fflags;
    raw.data = entry.data as _;
    raw.udata = entry.udata as _;
    raw
}

fn entry(raw: &system::Raw) -> Entry {
    // Copied out: on macOS the struct is packed, and its fields may not be borrowed.
    let (ident, number, flags, data, udata) = (raw.ident, raw.filter, raw.flags, raw.data, raw.udata);
    let filter = match number {
        system::EVFILT_READ => Filter::Read,
        system::EVFILT_WRITE => Filter::Write,
        system::EVFILT_USER => Filter::User,
        _ => Filter::Unknown,
    };
    let (flags, data) = (u32::from(flags), data as i64);
    Entry {
        ident,
        filter,
        flags,
        fflags: raw.fflags,
        data,
        udata: udata as usize,
    }
}

/// Makes reads and writes of `file` answer at once.
pub(crate) fn set_nonblocking(file: &impl AsRawFd) {
    // SAFETY: F_GETFL takes no pointer.
    let flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFL) };
    // SAFETY: F_SETFL takes no pointer.
    let result = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_SETFL, flags | libc::O_NONBLOCK) };
    assert!(result >= 0, "F_SETFL: {}", io::Error::last_os_error());
}

/// Makes the number `number` name the file of `file`, as dup2(2) does. The number belongs to nobody before.
pub(crate) fn duplicate_as(file: &impl AsRawFd, number: RawFd) -> OwnedFd {
    // SAFETY: takes no pointer.
    let result = unsafe { libc::dup2(file.as_raw_fd(), number) };
    assert_eq!(result, number, "dup2: {}", io::Error::last_os_error());
    // SAFETY: dup2 has just made `number`, and its caller says that it belonged to nobody.
    unsafe { OwnedFd::from_raw_fd(number) }
}

/// Whether poll(2) finds `file` readable.
pub(crate) fn is_readable(file: &impl AsRawFd) -> bool {
    poll(file, libc::POLLIN, 0) & libc::POLLIN != 0
}

/// Waits until `file` can be written, as a socket can that is connected or was refused; at most some seconds.
pub(crate) fn await_writable(file: &impl AsRawFd) {
    poll(file, libc::POLLOUT, 5_000);
}

fn poll(file: &impl AsRawFd, events: i16, milliseconds: i32) -> i16 {
    let mut entry = libc::pollfd {
        fd: file.as_raw_fd(),
        events,
        revents: 0,
    };
    // SAFETY: one pollfd is passed and counted as one.
    match unsafe { libc::poll(&raw mut entry, 1, milliseconds) } {
        1.. => entry.revents,
        _ => 0,
    }
}
