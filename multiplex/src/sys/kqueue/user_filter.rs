//! The waker's signal on a kqueue: EVFILT_USER, which macOS, iOS, FreeBSD, DragonFly and NetBSD 10 have; else a pipe.

use std::io;
use std::sync::Weak;
use std::sync::atomic::Ordering::Relaxed;

use super::pipe::Pipe;
use super::{Queue, RawEvent, ffi};
use crate::sys;
use crate::token::Tagged;

/// Either an EVFILT_USER knote, reset by the wait that reports it (EV_CLEAR), or a pipe.
pub(crate) enum Signal {
    User(UserFilter),
    Pipe(Pipe),
}

impl sys::Signal<Queue> for Signal {
    fn new(queue: &Queue, data: Tagged) -> io::Result<Self> {
        match UserFilter::new(queue, data) {
            Err(error) if is_refusal(&error) => Pipe::new(queue, data).map(Signal::Pipe),
            result => result.map(Signal::User),
        }
    }

    /// A queue that is gone has nobody to wake. One that is dropped meanwhile lives until this call has ended.
    fn raise(&self, queue: &Weak<Queue>) -> io::Result<()> {
        match self {
            Signal::User(filter) => queue.upgrade().map_or(Ok(()), |queue| filter.raise(&queue)),
            Signal::Pipe(pipe) => pipe.raise(),
        }
    }

    fn detach(&self, queue: &Queue) {
        match self {
            Signal::User(filter) => filter.detach(queue),
            Signal::Pipe(pipe) => pipe.detach(queue),
        }
    }
}

/// OpenBSD 7.3 and NetBSD before 10 do not know the filter and say EINVAL, whatever is asked of it. Later versions of OpenBSD have
/// it, with a limit for each process above which they say ENOMEM. A waker that gave up then could not be made at all.
fn is_refusal(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::EINVAL | libc::ENOMEM | libc::ENOSPC)
    )
}

pub(crate) struct UserFilter {
    ident: usize,
    data: Tagged,
}

impl UserFilter {
    fn new(queue: &Queue, data: Tagged) -> io::Result<Self> {
        // A number of its own, because two wakers must not be one knote.
        let filter = Self {
            ident: queue.wakers.fetch_add(1, Relaxed),
            data,
        };
        filter.change(queue, ffi::EV_ADD | ffi::EV_CLEAR, 0)?;
        Ok(filter)
    }

    /// Without EV_CLEAR: with it FreeBSD resets the knote instead, and the wake is lost. With the same `data`: it replaces the
    /// knote's, and the event would come with another token. Recorded as `user/trigger+EV_CLEAR` and `user/udata`.
    fn raise(&self, queue: &Queue) -> io::Result<()> {
        self.change(queue, 0, ffi::NOTE_TRIGGER)
    }

    fn detach(&self, queue: &Queue) {
        let _ = self.change(queue, ffi::EV_DELETE, 0);
    }

    fn change(&self, queue: &Queue, flags: ffi::Flags, fflags: u32) -> io::Result<()> {
        let flags = flags | ffi::EV_RECEIPT;
        let change = RawEvent::change(self.ident, ffi::EVFILT_USER, flags, fflags, self.data.bits());
        match queue.control(&[change])?.errnos().find(|errno| *errno != 0) {
            Some(errno) => Err(io::Error::from_raw_os_error(errno)),
            None => Ok(()),
        }
    }
}
