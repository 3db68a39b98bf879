//! The two exported symbols, the system calls below them, and all `unsafe` of the crate.
#![allow(unsafe_code)]

use std::{
    cell::Cell,
    ffi::{c_int, c_short, c_void},
    io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    ptr,
    time::Duration,
};

use crate::{abi::Kevent, queue::Errno, registry};

/// Makes a kqueue; kqueue(2). Like a BSD's, it is not closed on exec unless the caller asks for it.
#[unsafe(no_mangle)]
pub extern "C" fn kqueue() -> c_int {
    match registry::create() {
        Ok(fd) => fd,
        Err(errno) => fail(errno),
    }
}

thread_local!(static CALLS: Cell<usize> = const { Cell::new(0) });

/// How often the calling thread has called [`kevent`]: for tests that count system calls.
pub fn calls_of_this_thread() -> usize {
    CALLS.get()
}

/// Applies changes, then waits for events; kevent(2).
///
/// # Safety
///
/// `changelist` points to `nchanges` entries that may be read, `eventlist` to room for `nevents` entries that may be
/// written, and `timeout` is null or points to a timespec. Both lists may be the same.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kevent(
    kq: c_int,
    changelist: *const Kevent,
    nchanges: c_int,
    eventlist: *mut Kevent,
    nevents: c_int,
    timeout: *const libc::timespec,
) -> c_int {
    CALLS.set(CALLS.get() + 1);
    let (Ok(nchanges), Ok(room)) = (usize::try_from(nchanges), usize::try_from(nevents)) else {
        return fail(Errno(libc::EINVAL));
    };
    if (nchanges > 0 && changelist.is_null()) || (room > 0 && eventlist.is_null()) {
        return fail(Errno(libc::EFAULT));
    }
    // The lists may be one array, so every change is copied before an answer is written.
    let mut changes = Vec::with_capacity(nchanges);
    for index in 0..nchanges {
        let entry = changelist.wrapping_add(index);
        // SAFETY: `index` is below `nchanges`, and the caller vouches for that many entries.
        changes.push(unsafe { entry.read() });
    }
    // SAFETY: null gives None; otherwise the caller vouches for a timespec.
    let timeout = unsafe { timeout.as_ref() };
    match registry::find(kq).and_then(|queue| queue.call(&changes, room, timeout)) {
        Ok(answers) => {
            assert!(answers.len() <= room, "no more answers than room");
            // SAFETY: the caller vouches for `room` entries, and there are no more answers than that; the answers
            // are a Vec of our own, so they do not overlap.
            unsafe { ptr::copy_nonoverlapping(answers.as_ptr(), eventlist, answers.len()) };
            c_int::try_from(answers.len()).expect("room came as a c_int")
        }
        Err(errno) => fail(errno),
    }
}

fn fail(Errno(errno): Errno) -> c_int {
    // SAFETY: takes no argument; the pointer is this thread's errno for as long as the thread lives.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: `place` is this thread's errno, which no other thread writes.
    unsafe { place.write(errno) };
    -1
}

fn check(result: c_int) -> Result<c_int, Errno> {
    if result < 0 { Err(last_error()) } else { Ok(result) }
}

fn last_error() -> Errno {
    Errno(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
}

/// A record of epoll: the 64 bits of the registration and what is ready.
#[derive(Clone, Copy)]
pub(crate) struct Record {
    pub(crate) generation: u64,
    pub(crate) bits: u32,
}

/// An epoll that dies on exec, for our own use.
pub(crate) fn epoll() -> Result<OwnedFd, Errno> {
    // SAFETY: takes no pointer.
    let fd = check(unsafe { libc::epoll_create1(libc::EPOLL_CLOEXEC) })?;
    // SAFETY: the kernel has just made `fd`, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// An epoll that survives exec and belongs to the caller, as a kqueue does.
pub(crate) fn inheritable_epoll() -> Result<RawFd, Errno> {
    // SAFETY: takes no pointer.
    check(unsafe { libc::epoll_create1(0) })
}

/// `epoll_ctl` with ADD, MOD or DEL.
pub(crate) fn control(
    epoll: RawFd,
    operation: c_int,
    fd: RawFd,
    bits: u32,
    generation: u64,
) -> Result<(), Errno> {
    let mut event = libc::epoll_event {
        events: bits,
        u64: generation,
    };
    // SAFETY: `event` lives until the call returns.
    check(unsafe { libc::epoll_ctl(epoll, operation, fd, &raw mut event) }).map(drop)
}

/// Whether `fd` is an epoll that holds `inner`. Whoever owns `fd` may close it at any time, so this is asked by number, past
/// the C library: a race detector would take it for a use of somebody else's file.
pub(crate) fn holds(fd: RawFd, inner: &impl AsRawFd) -> bool {
    let mut event = libc::epoll_event {
        events: libc::EPOLLIN as u32,
        u64: 0,
    };
    let inner = inner.as_raw_fd();
    // SAFETY: `event` lives until the call returns. Only an epoll that holds `inner` takes the change, which is none.
    unsafe {
        libc::syscall(
            libc::SYS_epoll_ctl,
            fd,
            libc::EPOLL_CTL_MOD,
            inner,
            &raw mut event,
        ) == 0
    }
}

/// Returns what is ready now, at most `room` records (more would lose edges that the caller has no place for).
pub(crate) fn ready(epoll: &OwnedFd, room: usize) -> Result<Vec<Record>, Errno> {
    let mut events = vec![libc::epoll_event { events: 0, u64: 0 }; room.min(1024)];
    let most = c_int::try_from(events.len()).expect("at most 1024");
    // SAFETY: the kernel writes at most `most` records into `events`, which has that many.
    let count = check(unsafe { libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), most, 0) })?;
    events.truncate(usize::try_from(count).expect("checked to be positive"));
    Ok(events
        .iter()
        .map(|event| Record {
            generation: event.u64,
            bits: event.events,
        })
        .collect())
}

/// Waits until `fd` is readable or `timeout` has passed, and says what poll(2) says.
pub(crate) fn wait(fd: RawFd, timeout: Option<Duration>) -> Result<c_short, Errno> {
    let mut entry = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    let limit = timeout.map(|left| libc::timespec {
        // Both are an i64, or an i32 on some systems of 32 bits.
        tv_sec: left.as_secs().min(i32::MAX as u64) as _,
        tv_nsec: left.subsec_nanos() as _,
    });
    let limit = limit.as_ref().map_or(ptr::null(), ptr::from_ref);
    // SAFETY: one pollfd is passed and counted as one; `limit` is null or a timespec that outlives the call.
    check(unsafe { libc::ppoll(&raw mut entry, 1, limit, ptr::null()) })?;
    Ok(entry.revents)
}

/// What poll(2) says about `fd` at this moment.
pub(crate) fn state(fd: RawFd, events: c_short) -> c_short {
    let mut entry = libc::pollfd {
        fd,
        events,
        revents: 0,
    };
    // SAFETY: one pollfd is passed and counted as one.
    match unsafe { libc::poll(&raw mut entry, 1, 0) } {
        1.. => entry.revents,
        _ => 0,
    }
}

/// Whether `fd` names an open file.
pub(crate) fn is_open(fd: RawFd) -> bool {
    // SAFETY: F_GETFD takes no pointer.
    unsafe { libc::fcntl(fd, libc::F_GETFD) >= 0 }
}

/// Whether `fd` is an epoll, hence perhaps a kqueue of ours.
pub(crate) fn is_epoll(fd: RawFd) -> bool {
    std::fs::read_link(format!("/proc/self/fd/{fd}"))
        .is_ok_and(|name| name.as_os_str() == "anon_inode:[eventpoll]")
}

/// Whether `fd` is an end of a pipe(2), which has no name.
pub(crate) fn is_pipe(fd: RawFd) -> bool {
    is_fifo(fd)
        && std::fs::read_link(format!("/proc/self/fd/{fd}"))
            .is_ok_and(|name| name.as_os_str().as_encoded_bytes().starts_with(b"pipe:"))
}

/// Whether `fd` is a stream socket whose sending has been shut down: here, or by a Unix peer that reads no more. epoll does not
/// tell.
pub(crate) fn sends_no_more(fd: RawFd) -> bool {
    /// netinet/tcp.h, in the order of the states: what follows once this side has sent its FIN.
    const AFTER_FIN: [u8; 5] = [4, 5, 6, 9, 11];
    match option::<c_int>(fd, libc::SOL_SOCKET, libc::SO_DOMAIN) {
        Some(libc::AF_UNIX) => {
            // SAFETY: nothing is sent, so nothing is read from the pointer.
            let sent = unsafe { libc::send(fd, ptr::null(), 0, libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT) };
            option::<c_int>(fd, libc::SOL_SOCKET, libc::SO_TYPE) == Some(libc::SOCK_STREAM)
                && sent < 0
                && last_error() == Errno(libc::EPIPE)
        }
        Some(_) => option::<libc::tcp_info>(fd, libc::IPPROTO_TCP, libc::TCP_INFO)
            .is_some_and(|info| AFTER_FIN.contains(&info.tcpi_state)),
        None => false,
    }
}

/// Whether `fd` is a TCP socket on which connect(2) and listen(2) were never called: once it was connected, its end stays.
pub(crate) fn was_never_connected(fd: RawFd) -> bool {
    /// netinet/tcp.h.
    const CLOSED: u8 = 7;
    let tcp = option::<c_int>(fd, libc::SOL_SOCKET, libc::SO_PROTOCOL) == Some(libc::IPPROTO_TCP);
    tcp && option::<libc::tcp_info>(fd, libc::IPPROTO_TCP, libc::TCP_INFO)
        .is_some_and(|info| info.tcpi_state == CLOSED)
        && state(fd, libc::POLLRDHUP) & libc::POLLRDHUP == 0
}

/// Whether `fd` is a pipe or FIFO.
pub(crate) fn is_fifo(fd: RawFd) -> bool {
    status(fd).is_some_and(|status| status.st_mode & libc::S_IFMT == libc::S_IFIFO)
}

/// Which file `fd` names: its device and inode. Files that the kernel makes without an inode of their own are all the same.
pub(crate) fn file(fd: RawFd) -> Option<(libc::dev_t, libc::ino_t)> {
    status(fd).map(|status| (status.st_dev, status.st_ino))
}

fn status(fd: RawFd) -> Option<libc::stat> {
    let mut status = std::mem::MaybeUninit::<libc::stat>::uninit();
    // SAFETY: the kernel writes one `stat` into `status`.
    if unsafe { libc::fstat(fd, status.as_mut_ptr()) } != 0 {
        return None;
    }
    // SAFETY: fstat succeeded, so it filled `status`.
    Some(unsafe { status.assume_init() })
}

/// The bytes that can be read; None where the file does not tell.
pub(crate) fn unread(fd: RawFd) -> Option<c_int> {
    let mut count: c_int = 0;
    // SAFETY: FIONREAD writes one int into `count`.
    let result = unsafe { libc::ioctl(fd, libc::FIONREAD, &raw mut count) };
    (result == 0).then_some(count)
}

/// Whether `fd` is a socket that listens.
pub(crate) fn listens(fd: RawFd) -> bool {
    option::<c_int>(fd, libc::SOL_SOCKET, libc::SO_ACCEPTCONN) == Some(1)
}

/// The length of a TCP listener's accept queue; None for other sockets.
pub(crate) fn backlog(fd: RawFd) -> Option<u32> {
    option::<libc::tcp_info>(fd, libc::IPPROTO_TCP, libc::TCP_INFO).map(|info| info.tcpi_unacked)
}

/// Types of socket options that are valid for any bits, all zero among them.
trait Plain {}
impl Plain for c_int {}
impl Plain for libc::tcp_info {}

/// None where the answer is shorter than the type: an emulated kernel (qemu-user) gives one `int` of a `tcp_info`.
fn option<T: Plain>(fd: RawFd, level: c_int, name: c_int) -> Option<T> {
    let mut value = std::mem::MaybeUninit::<T>::zeroed();
    let whole = libc::socklen_t::try_from(size_of::<T>()).ok()?;
    let mut length = whole;
    let place = value.as_mut_ptr().cast::<c_void>();
    // SAFETY: the kernel writes at most `length` bytes, which is the size of `value`.
    let result = unsafe { libc::getsockopt(fd, level, name, place, &raw mut length) };
    // SAFETY: `value` was zeroed and `T` is made of integers, so whatever the kernel wrote is a value.
    (result == 0 && length == whole).then(|| unsafe { value.assume_init() })
}

/// An eventfd that dies on exec.
pub(crate) fn eventfd() -> Result<OwnedFd, Errno> {
    // SAFETY: takes no pointer.
    let fd = check(unsafe { libc::eventfd(0, libc::EFD_CLOEXEC | libc::EFD_NONBLOCK) })?;
    // SAFETY: the kernel has just made `fd`, and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// Whether `child` is true in a child of fork(2). One that has not ended after some seconds is killed, and counts as false.
#[cfg(test)]
pub(crate) fn in_child(child: impl FnOnce() -> bool) -> bool {
    // SAFETY: takes no pointer. The child goes on with this thread alone, and ends below without running what belongs to
    // other threads; libc's own locks are free in a child.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork");
    if pid == 0 {
        // SAFETY: takes no pointer; the child's own timer ends it.
        unsafe { libc::alarm(10) };
        let good = std::panic::catch_unwind(std::panic::AssertUnwindSafe(child)).unwrap_or(false);
        // SAFETY: takes no pointer, and does not return.
        unsafe { libc::_exit(c_int::from(!good)) };
    }
    let mut status = 0;
    // SAFETY: `status` lives until the call returns.
    let ended = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    ended == pid && status == 0
}
