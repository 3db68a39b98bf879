//! The one place that chooses a backend, and what a backend has to provide.
//!
//! - `Queue`: the kernel's queue, with `new`, `add`, `modify`, `remove`, `add_listener`, `wait` and `AsFd`. `wait` asks
//!   the kernel once and may end early or with `Interrupted`; the poller waits on.
//! - `Bits`: the number that the kernel keeps with a registration and gives back.
//! - `RawEvent`: what the kernel writes, and `report`, which says it in our words.
//! - `Signal`: what a waker raises, with `new`, `raise` and `detach`.
//!
//! The folders `epoll` and `kqueue` are twins: the same items in the same order, so that they can be read side by side.
//! The cfg `multiplex_kqueue` builds the kqueue backend on a system that has epoll; `kqueue/ffi.rs` says how.

use std::io;

#[cfg(all(any(target_os = "linux", target_os = "android"), not(multiplex_kqueue)))]
#[path = "epoll/mod.rs"]
mod backend;
#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    multiplex_kqueue
))]
#[path = "kqueue/mod.rs"]
mod backend;

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly"
)))]
compile_error!("multiplex needs epoll or kqueue: Linux, Android, macOS, iOS or a BSD");

pub(crate) use backend::{Bits, Queue, RawEvent, Signal, report};

/// What is said about a file that the kernel refuses to watch.
#[cold]
fn always_ready() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "this file (a regular file, a directory or a simple device) is always ready: read and write it without asking",
    )
}
