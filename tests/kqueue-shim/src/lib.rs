//! `kqueue(2)` and `kevent(2)` for Linux, over epoll and eventfd: for tests only.
//!
//! The crate lets a kqueue backend be compiled, run and tested on Linux. It exports the two C symbols with the
//! layout of FreeBSD 11 ([`Kevent`], 32 bytes on 64 bits) and FreeBSD's numbers, answers like the BSD kernels do where they
//! agree, and where they do not, like the one that its mode names. In its two strict modes it is harsher than they are in the
//! points that it names: what passes here should not depend on one kernel's kindness. `tests/golden.rs` compares it with answers
//! recorded from FreeBSD 15.1, OpenBSD 7.3 and NetBSD's own kernel code.
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
//! | unset, `plain`, `freebsd` | answers as FreeBSD 15.1 did: a pipe's writer is told once that the reader has gone, and is no longer registered then |
//! | `openbsd` | answers as OpenBSD 7.3 did: the writer of a full pipe is not told, there is no EVFILT_USER |
//! | `netbsd` | answers as NetBSD 7.99 did: as OpenBSD, and a broken pipe is EBADF |
//! | `lint` | aborts with a message on what some BSD would silently get wrong |
//! | `no-user` | has no EVFILT_USER, like OpenBSD 7.3, and NetBSD before 10 |
//! | `chaos`, `chaos:SEED` | does everything a kernel may do; an odd seed refuses EVFILT_USER, too (EINVAL, or ENOMEM), and the seed chooses what happens at the end of a pipe, unless a kernel is named |
//! | `openbsd,lint`, `netbsd,lint,chaos:SEED` | all of it |
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
//! EVFILT_TIMER, VNODE, PROC and SIGNAL, NOTE_LOWAT (all answer EINVAL), regular files (taken, and then silent), the socket's
//! error in `fflags` (reading it would clear it), and the exact free space in a WRITE event's `data`. Closing a kqueue
//! cannot be seen: its inner descriptors live until the next `kqueue()` or [`sweep`]. So the recorded answers are compared
//! without the scenarios of regular files, NOTE_LOWAT and timers, and without a negative `nevents`, which NetBSD's type cannot
//! say. What else differs from a recording is listed line by line, with the reason, in `tests/differences`.

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
    mode::{Kernel, Mode, set_mode},
    registry::sweep,
};
