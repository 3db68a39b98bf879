//! Room for this process's descriptors in the kernel, before there are that many.

use std::os::fd::AsFd;

use nix::sys::resource::{Resource, getrlimit};

/// The most that room is made for: the table takes 8 bytes for each, half a megabyte of the kernel's memory.
const MOST: usize = 64 * 1024;

/// Lets the kernel make its table of this process's descriptors large enough for `count` of them, as far as the soft limit
/// allows and up to [`MOST`]. `any` is an open descriptor.
///
/// Linux doubles the table when a descriptor finds no room in it. If the process has several threads, the call that needed the
/// room (an accept4(2) or an openat(2) of a worker) then waits until no processor can be looking at the old table any more, for
/// 5 to 30 ms, and with it all connections of that worker. The table never shrinks, so one descriptor with a high number makes
/// the room for good. Other systems copy the table without such a wait; the call does no harm there.
pub(crate) fn make_room(any: impl AsFd, count: usize) {
    let last = count.min(MOST).min(soft_limit()).saturating_sub(1);
    // The descriptor closes at once. Without the room clients wait for some moments, which is no reason not to serve.
    let _ = i32::try_from(last).map(|last| rustix::io::fcntl_dupfd_cloexec(any, last));
}

/// Descriptors that this process may have; a limit that cannot be read is none.
fn soft_limit() -> usize {
    // The type is a signed one on FreeBSD, and unlimited more than any number of files.
    getrlimit(Resource::RLIMIT_NOFILE).map_or(usize::MAX, |(soft, _)| {
        usize::try_from(i128::from(soft)).unwrap_or(usize::MAX)
    })
}
