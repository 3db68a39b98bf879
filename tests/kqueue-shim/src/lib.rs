//! `kqueue(2)` and `kevent(2)` for Linux, over epoll and eventfd: for tests only.
//!
//! The crate lets a kqueue backend be compiled, run and tested on Linux. It exports the two C symbols with the
//! layout of FreeBSD 11 ([`Kevent`], 32 bytes on 64 bits) and FreeBSD's numbers, answers like the BSD kernels do where they
//! agree, and in its two strict modes is harsher than they are in the points that it names: what passes here should not
//! depend on one kernel's kindness. `tests/golden.rs` compares it with answers recorded from NetBSD's own kernel code.
//!
//! # Linking
//!
//! A dependency in `Cargo.toml` alone links nothing: an rlib is linked only when a path into it is used.
//! The crate that declares the symbols says so once:
//!
//! ```
//! use kqueue_shim as _; // links `kqueue` and `kevent`
//!
//! unsafe extern "C" {
//!     fn kqueue() -> std::ffi::c_int;
//! }
//! // SAFETY: takes no argument.
//! assert!(unsafe { kqueue() } >= 0);
//! ```
//!
//! On other systems the crate is empty, and the system's own symbols are linked.
//!
//! # Modes
//!
//! The environment variable `KQUEUE_SHIM` is read once per process, at the first call; [`set_mode`] overrides it.
//!
//! | value | effect |
//! | --- | --- |
//! | unset, `plain` | answers as recorded from NetBSD, or as FreeBSD's sources say |
//! | `lint` | aborts with a message on what some BSD would silently get wrong |
//! | `no-user` | has no EVFILT_USER, like NetBSD before 10 |
//! | `chaos`, `chaos:SEED` | does everything a kernel may do; an odd seed refuses EVFILT_USER, too (EINVAL, or ENOMEM like OpenBSD at its limit) |
//! | `lint,no-user`, `lint,chaos:SEED` | both |
//!
//! # How it works
//!
//! The descriptor that `kqueue` returns is an epoll (so it can be polled and nested). It holds one inner epoll
//! per filter, because READ and WRITE of one descriptor are independent in a kqueue, and an eventfd that is
//! raised while events wait in user space. A call waits on the outer epoll without a lock and harvests the inner
//! ones under it, so each event is delivered to one thread only.
//!
//! # What it leaves out
//!
//! EVFILT_TIMER, VNODE, PROC and SIGNAL, NOTE_LOWAT, regular files (all answer EINVAL), the socket's error in
//! `fflags` (reading it would clear it), and the exact free space in a WRITE event's `data`. Closing a kqueue
//! cannot be seen: its inner descriptors live until the next `kqueue()` or [`sweep`]. So the recorded answers are compared
//! without the scenarios of regular files, NOTE_LOWAT and timers, and without a negative `nevents`, which NetBSD's type cannot
//! say; EVFILT_USER is held to FreeBSD's man page and sources, because the recorded kernel has none.

#![cfg(target_os = "linux")]

mod abi;
mod changes;
mod chaos;
mod ffi;
mod harvest;
mod inner;
mod knote;
mod lint;
mod mode;
mod queue;
mod registry;
mod user;

pub use self::{
    abi::*,
    chaos::begin_chaos_anew,
    ffi::{calls_of_this_thread, kevent, kqueue},
    mode::{Mode, set_mode},
    registry::sweep,
};
