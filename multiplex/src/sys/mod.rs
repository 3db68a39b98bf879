//! The one place that chooses a backend, and what a backend has to provide.
//!
//! [`Backend`] is written for the compiler, which checks that both backends have all of it with the same types; and for the reader,
//! who finds here what they have in common. The rest of each folder is what its kernel needs. Only one of them is compiled
//! for a target, so nothing is dispatched at run time.
//!
//! The cfg `multiplex_kqueue` builds the kqueue backend on a system that has epoll; `kqueue/ffi.rs` says how.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Weak;
use std::time::Duration;

use crate::event::Event;
use crate::interest::{Fanout, Interest, Trigger};
use crate::token::Tagged;

#[cfg(all(any(target_os = "linux", target_os = "android"), not(multiplex_kqueue)))]
mod epoll;
#[cfg(all(any(target_os = "linux", target_os = "android"), not(multiplex_kqueue)))]
pub(crate) use epoll::Queue;

#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    multiplex_kqueue
))]
mod kqueue;
#[cfg(any(
    target_vendor = "apple",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_os = "dragonfly",
    multiplex_kqueue
))]
pub(crate) use kqueue::Queue;

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

/// A queue of the kernel. Its fd is readable while there are events.
///
/// The public documentation of `Poller` says what each call promises; here stands what it leaves to the backend.
pub(crate) trait Backend: AsFd + Sized {
    /// The number that the kernel keeps with a registration and gives back.
    type Bits;
    /// What the kernel writes for an event.
    type RawEvent: Copy;
    /// What a waker raises.
    type Signal: Signal<Self>;

    /// Makes a queue that is closed on exec.
    fn new() -> io::Result<Self>;

    /// Registers `fd` like this, whatever it was before. Made for what is not registered.
    fn add(&self, fd: BorrowedFd<'_>, data: Tagged, interest: Interest, trigger: Trigger) -> io::Result<()>;

    /// Registers `fd` like this, whatever it was before. Made for what is registered.
    fn modify(
        &self,
        fd: BorrowedFd<'_>,
        data: Tagged,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()>;

    /// Registers `fd` like this, or fails with EEXIST if it is registered.
    fn add_new(
        &self,
        fd: BorrowedFd<'_>,
        data: Tagged,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()>;

    /// Registers `fd` like this, or fails with ENOENT if it is not registered, and leaves it so.
    fn modify_existing(
        &self,
        fd: BorrowedFd<'_>,
        data: Tagged,
        interest: Interest,
        trigger: Trigger,
    ) -> io::Result<()>;

    /// Ends a registration, or fails with ENOENT.
    fn remove(&self, fd: BorrowedFd<'_>) -> io::Result<()>;

    /// Registers a listener, level-triggered. Returns the fanout in force.
    fn add_listener(&self, fd: BorrowedFd<'_>, data: Tagged, fanout: Fanout) -> io::Result<Fanout>;

    /// Asks the kernel once. It may end early or with `Interrupted`: the poller waits on. The events of an earlier wait are
    /// forgotten, also after an error.
    fn wait(&self, events: &mut Vec<Self::RawEvent>, timeout: Option<Duration>) -> io::Result<()>;

    /// What the kernel wrote, in our words.
    fn report(raw: &Self::RawEvent) -> Event;
}

/// What a waker raises to end a wait on its queue.
pub(crate) trait Signal<Queue>: Sized {
    /// Registers a signal with the queue.
    fn new(queue: &Queue, data: Tagged) -> io::Result<Self>;

    /// Lets the wait that runs now return, or the next one.
    fn raise(&self, queue: &Weak<Queue>) -> io::Result<()>;

    /// Ends the registration.
    fn detach(&self, queue: &Queue);
}

pub(crate) type Bits = <Queue as Backend>::Bits;
pub(crate) type RawEvent = <Queue as Backend>::RawEvent;

/// The error for a file that the kernel refuses to watch, or that never blocks.
#[cold]
fn always_ready() -> io::Error {
    io::Error::new(
        io::ErrorKind::Unsupported,
        "this file (a regular file, a directory or a simple device) is always ready: read and write it without asking",
    )
}
