//! One kqueue: what a call does with its changes, and how it waits.

use std::{
    ffi::c_int,
    os::fd::{AsRawFd, OwnedFd, RawFd},
    sync::{Mutex, MutexGuard, PoisonError},
    thread,
    time::{Duration, Instant},
};

use crate::{
    abi::*,
    chaos::Chaos,
    ffi::{self, Record},
    inner::{Filter, Inner},
    knote::Knotes,
    lint,
    mode::{Kernel, mode},
    user::{Signal, Users},
};

/// An error number, as the caller will find it in `errno` or `data`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Errno(pub(crate) c_int);

/// A kqueue. The outer epoll belongs to the program that called `kqueue`, so it is kept as a number.
pub(crate) struct Queue {
    outer: RawFd,
    state: Mutex<State>,
}

/// All that a lock guards.
pub(crate) struct State {
    pub(crate) read: Inner,
    pub(crate) write: Inner,
    pub(crate) knotes: Knotes,
    pub(crate) users: Users,
    /// Raised while events wait in user space.
    pub(crate) signal: Signal,
    /// Records taken out of an epoll whose report was put off.
    pub(crate) deferred: Vec<Record>,
    /// A level-triggered knote was reported, so it stands in the queue until the next call looks at it: a kqueue in a kqueue is
    /// reported meanwhile, also if it has been drained.
    pub(crate) queued: bool,
    /// Which source the next harvest starts with.
    pub(crate) turn: usize,
    pub(crate) refuses_user: Option<Errno>,
    pub(crate) kernel: Kernel,
    pub(crate) chaos: Option<Chaos>,
}

impl State {
    pub(crate) fn inner(&self, filter: Filter) -> &Inner {
        match filter {
            Filter::Read => &self.read,
            Filter::Write => &self.write,
        }
    }
}

impl Queue {
    /// Makes a queue around the epoll `outer`.
    pub(crate) fn new(outer: RawFd, chaos: Option<Chaos>) -> Result<Self, Errno> {
        let state = State {
            read: Inner::new(outer, Filter::Read)?,
            write: Inner::new(outer, Filter::Write)?,
            knotes: Knotes::default(),
            users: Users::default(),
            signal: Signal::new(outer)?,
            deferred: Vec::new(),
            queued: false,
            turn: 0,
            refuses_user: mode().refuses_user(),
            kernel: mode().kernel(),
            chaos,
        };
        Ok(Self {
            outer,
            state: Mutex::new(state),
        })
    }

    /// Whether `fd` is this kqueue: it may have been closed, and its number may name another file by now.
    pub(crate) fn is(&self, fd: RawFd) -> bool {
        ffi::holds(fd, &self.lock().read)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// kevent(2) without its pointers. The answer is no longer than `room`.
    pub(crate) fn call(
        &self,
        changes: &[Kevent],
        room: usize,
        timeout: Option<&libc::timespec>,
    ) -> Result<Vec<Kevent>, Errno> {
        lint::call(changes, room, timeout);
        if let Some(answers) = self.apply(changes, room)? {
            return Ok(answers);
        }
        if room == 0 {
            return Ok(Vec::new());
        }
        let deadline = match timeout.map(duration).transpose()? {
            // What the clock cannot express is for ever.
            Some(timeout) => Instant::now().checked_add(timeout),
            None => None,
        };
        self.wait(room, deadline)
    }

    /// Applies `changes` in order. Returns Some when the call ends with them: errors and receipts are never mixed
    /// with events, and they never wait.
    fn apply(&self, changes: &[Kevent], room: usize) -> Result<Option<Vec<Kevent>>, Errno> {
        let mut state = self.lock();
        let mut answers = Vec::new();
        let mut tells = changes.is_empty();
        for (place, change) in changes.iter().enumerate() {
            if place > 0
                && let Some(pause) = state.chaos.as_mut().map(Chaos::pause)
            {
                // No kernel holds its lock over a whole changelist: other calls come between two changes of this one.
                drop(state);
                thread::yield_now();
                thread::sleep(pause);
                state = self.lock();
            }
            let outcome = state.change(change);
            tells |= outcome.is_ok() || change.flags & EV_ADD != 0;
            if outcome.is_ok() && change.flags & EV_RECEIPT == 0 {
                continue;
            }
            if answers.len() == room {
                // NetBSD and FreeBSD stop here: an error becomes the call's, a receipt makes it answer 0.
                return outcome.map(|()| Some(Vec::new()));
            }
            let flags = match &mut state.chaos {
                Some(chaos) => chaos.answer_flags(change.flags),
                None => EV_ERROR,
            };
            let data = outcome.err().map_or(0, |Errno(errno)| errno as isize);
            answers.push(Kevent {
                flags,
                fflags: 0,
                data,
                ..*change
            });
        }
        if let Some(chaos) = &mut state.chaos
            && room > 0
            && tells
            && chaos.interrupts()
        {
            // The answers are lost, the changes are not. Where nothing was there to be deleted, the caller could not find
            // that out by trying again, so that is spared.
            return Err(Errno(libc::EINTR));
        }
        Ok((!answers.is_empty()).then_some(answers))
    }

    fn wait(&self, room: usize, deadline: Option<Instant>) -> Result<Vec<Kevent>, Errno> {
        let mut first = true;
        loop {
            let mut state = self.lock();
            if first {
                state.invent_edge();
            }
            let events = state.harvest(room)?;
            drop(state);
            first = false;
            if !events.is_empty() {
                return Ok(events);
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left == Some(Duration::ZERO) {
                return Ok(events);
            }
            // Without the lock, so that others may change the queue and harvest it. Who loses the race for an
            // event waits again.
            if ffi::wait(self.outer, left)? & libc::POLLNVAL != 0 {
                return Err(Errno(libc::EBADF));
            }
        }
    }
}

fn duration(time: &libc::timespec) -> Result<Duration, Errno> {
    let seconds = u64::try_from(time.tv_sec).map_err(|_| Errno(libc::EINVAL))?;
    match u32::try_from(time.tv_nsec) {
        Ok(nanos @ 0..1_000_000_000) => Ok(Duration::new(seconds, nanos)),
        _ => Err(Errno(libc::EINVAL)),
    }
}

/// Lets the epoll `outer` report while `fd` is readable.
pub(crate) fn watch(outer: RawFd, fd: &OwnedFd) -> Result<(), Errno> {
    ffi::control(
        outer,
        libc::EPOLL_CTL_ADD,
        fd.as_raw_fd(),
        libc::EPOLLIN as u32,
        0,
    )
}

/// What the unit tests of several modules work with.
#[cfg(test)]
pub(crate) mod testing {
    use super::*;

    /// A queue of its own. Its outer epoll is never closed: no test makes many.
    pub(crate) fn queue(chaos: Option<Chaos>) -> Queue {
        let outer = ffi::inheritable_epoll().expect("an fd is left");
        Queue::new(outer, chaos).expect("fds are left")
    }

    /// A change of a descriptor, with `udata` 1.
    pub(crate) fn change(fd: &impl AsRawFd, filter: i16, flags: u16) -> Kevent {
        let ident = usize::try_from(fd.as_raw_fd()).expect("an open fd");
        Kevent {
            ident,
            filter,
            flags,
            fflags: 0,
            data: 0,
            udata: std::ptr::without_provenance_mut(1),
        }
    }

    /// A change of the EVFILT_USER knote 1, with `udata` 1.
    pub(crate) fn user(flags: u16, fflags: u32) -> Kevent {
        Kevent {
            fflags,
            ..change(&1, EVFILT_USER, flags)
        }
    }

    /// A timeout that ends at once.
    pub(crate) const AT_ONCE: Option<&libc::timespec> = Some(&libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    });
}
