//! What no safe crate asks the kernel of a socket, and the allocator. Unsafe code of server-bin stands here and in
//! `signals/ffi.rs`.

#![allow(unsafe_code)]

use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::fd::{AsRawFd, BorrowedFd};
#[cfg(target_env = "gnu")]
use std::sync::{Mutex, PoisonError};

use nix::libc;

/// Returns how many connections wait to be accepted from a TCP listener, as tcp(7) has it under TCP_INFO: of a listener,
/// the kernel tells that number as `tcpi_unacked`.
pub(super) fn waiting(listener: BorrowedFd<'_>) -> Option<usize> {
    let mut info = MaybeUninit::<libc::tcp_info>::zeroed();
    let size = size_of::<libc::tcp_info>();
    let mut length = libc::socklen_t::try_from(size).ok()?;
    // SAFETY: `info` has room for `length` bytes and `length` says how many, both live through the call; the kernel writes
    // no more than that.
    let result = unsafe {
        libc::getsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_INFO,
            info.as_mut_ptr().cast(),
            &raw mut length,
        )
    };
    if result != 0 {
        return None;
    }
    // SAFETY: all bytes were zeroed, and a `tcp_info` is made of integers only, of which each value is one.
    let info = unsafe { info.assume_init() };
    usize::try_from(info.tcpi_unacked).ok()
}

/// Lets a TCP listener hold connections back for so many seconds at most while nothing was sent on them, or, with 0, no longer:
/// TCP_DEFER_ACCEPT of tcp(7).
pub(super) fn defer_accept(listener: BorrowedFd<'_>, seconds: libc::c_int) -> io::Result<()> {
    let length = libc::socklen_t::try_from(size_of::<libc::c_int>()).map_err(io::Error::other)?;
    // SAFETY: the kernel reads one int from where the pointer points, `length` is its size, and `seconds` lives through the call.
    let result = unsafe {
        libc::setsockopt(
            listener.as_raw_fd(),
            libc::IPPROTO_TCP,
            libc::TCP_DEFER_ACCEPT,
            (&raw const seconds).cast(),
            length,
        )
    };
    nix::errno::Errno::result(result)?;
    Ok(())
}

/// Returns how many bytes a TCP socket holds that its peer has not acknowledged: SIOCOUTQ of tcp(7).
pub(super) fn unacknowledged(socket: BorrowedFd<'_>) -> Option<usize> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: SIOCOUTQ, which has the number of TIOCOUTQ, writes one int to where the pointer points, and `bytes` lives
    // through the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    (result == 0).then_some(usize::try_from(bytes).ok()?)
}

/// Gives freed memory back to the system, that of the calling thread's heap and all whole pages in the others'.
///
/// glibc's allocator does so by itself only at the end of a heap, so 6,000 heads of 30 kB leave 160 MB though nothing of them
/// is left. malloc_trim(3) gives back what is free in the middle, but not the end of a thread's heap: that is cut when
/// something large is freed, down to a threshold that rises with the largest piece that was ever freed, to 64 MiB. So the
/// threshold (mallopt(3)), which is one for all threads, is 0 while something large is freed here, and 1 MiB afterwards: a
/// server that takes and frees megabytes does not return them each time, for that halves its speed.
///
/// From the first call on both of glibc's thresholds stay where they are set here, for the whole process: it moves neither by
/// itself any more. So that from which on a piece is a mapping of its own is set, too, to 4 MiB. It may have been at its 128 KiB
/// still, and each buffer above that would be mapped and unmapped again as it comes and goes. On 32 bits glibc takes no more than
/// 512 KiB there and leaves it as it is; nothing depends on it.
///
/// It takes some 10 ms for each 100 MB.
#[cfg(target_env = "gnu")]
pub(crate) fn give_memory_back() {
    use libc::{M_MMAP_THRESHOLD, M_TRIM_THRESHOLD, malloc_trim, mallopt};
    /// One at a time, or the threshold of one could be raised by another before its piece is freed.
    static TURN: Mutex<()> = Mutex::new(());
    let set = |parameter, bytes| {
        // SAFETY: for these two parameters mallopt takes any number, and refuses one that it cannot use. The manual calls it
        // unsafe while other threads run. Under the lock of the main heap it joins the free pieces of that heap, as a free of a
        // large piece does, and writes two words: the threshold, and that thresholds are moved no more by themselves. glibc's own
        // free of another heap reads both without that lock, and moves thresholds without it. Each is an aligned word that the
        // processor reads and writes at once, and any old or new value of either is a valid one.
        unsafe { mallopt(parameter, bytes) };
    };
    // From 64 KiB on a piece counts as large.
    let large = std::hint::black_box(vec![0_u8; 80 * 1024]);
    {
        let _turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        set(M_MMAP_THRESHOLD, 4 * 1024 * 1024);
        set(M_TRIM_THRESHOLD, 0);
        drop(large);
        set(M_TRIM_THRESHOLD, 1024 * 1024);
    }
    // SAFETY: malloc_trim has no precondition; it locks each heap while it looks through it, and touches free memory only.
    unsafe { malloc_trim(0) };
}
