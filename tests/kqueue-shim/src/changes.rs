//! What one entry of the changelist does.

use std::os::fd::RawFd;

use crate::{
    abi::*,
    chaos::Chaos,
    ffi,
    inner::Filter,
    knote::{Knote, Udata},
    lint,
    mode::Kernel,
    queue::{Errno, State},
};

impl State {
    /// Applies one change.
    pub(crate) fn change(&mut self, change: &Kevent) -> Result<(), Errno> {
        lint::change(change);
        if self.kernel == Kernel::FreeBsd && change.flags & EV_ENABLE != 0 && change.flags & EV_DISABLE != 0 {
            return Err(Errno(libc::EINVAL));
        }
        let filter = match change.filter {
            EVFILT_READ => Filter::Read,
            EVFILT_WRITE => Filter::Write,
            EVFILT_USER => {
                if let Some(errno) = self.refuses_user {
                    return Err(errno);
                }
                let outcome = self.users.change(change);
                self.raise_or_lower()?;
                return outcome;
            }
            _ => return Err(Errno(libc::EINVAL)),
        };
        let fd = RawFd::try_from(change.ident).map_err(|_| Errno(libc::EBADF))?;
        if !ffi::is_open(fd) {
            return Err(self.closed(filter, fd, change));
        }
        let Some(generation) = self.knotes.find(filter, fd) else {
            return self.change_missing(filter, fd, change);
        };
        if self
            .knotes
            .get(generation)
            .is_some_and(|knote| knote.file != ffi::file(fd))
        {
            // The number names another file: the knote went when the old one was closed.
            self.forget(generation)?;
            return self.change_missing(filter, fd, change);
        }
        self.change_existing(generation, change)
    }

    /// The number names no file: its knote went with the file, and the table learns it now.
    fn closed(&mut self, filter: Filter, fd: RawFd, change: &Kevent) -> Errno {
        if let Some(generation) = self.knotes.find(filter, fd) {
            self.knotes.remove(generation);
        }
        // Darwin says ENOENT where the others say EBADF.
        let like_darwin = change.flags & EV_ADD == 0 && self.chaos.as_mut().is_some_and(Chaos::flip);
        Errno(if like_darwin { libc::ENOENT } else { libc::EBADF })
    }

    fn change_missing(&mut self, filter: Filter, fd: RawFd, change: &Kevent) -> Result<(), Errno> {
        if change.flags & EV_ADD == 0 {
            return Err(Errno(libc::ENOENT));
        }
        if change.fflags & NOTE_LOWAT != 0 {
            return Err(Errno(libc::EINVAL));
        }
        if filter == Filter::Write && ffi::is_epoll(fd) {
            // Every BSD's answer for a kqueue; epoll would take it.
            return Err(Errno(libc::EINVAL));
        }
        if filter == Filter::Write && ffi::is_fifo(fd) && ffi::state(fd, libc::POLLOUT) & libc::POLLERR != 0 {
            // NetBSD says EBADF, though the number is open.
            let flip = self.chaos.as_mut().map(Chaos::flip);
            let like_netbsd = flip.unwrap_or(self.kernel == Kernel::NetBsd);
            return Err(Errno(if like_netbsd { libc::EBADF } else { libc::EPIPE }));
        }
        let disabled = change.flags & EV_DISABLE != 0;
        let mut knote = Knote {
            fd,
            file: ffi::file(fd),
            filter,
            flags: change.flags,
            disabled,
            silent: false,
            fresh: false,
            udata: Udata(change.udata as usize),
        };
        let generation = self.knotes.next_generation();
        match self.inner(filter).add(fd, knote.bits(), generation) {
            // Regular files, directories, /dev/null: every kernel here takes them, to write too but for NetBSD. They are silent, or
            // always ready, as their filesystem or device likes.
            Err(Errno(libc::EPERM)) if filter == Filter::Read || self.kernel != Kernel::NetBsd => {
                knote.silent = true;
            }
            // The queue itself, or a ring of queues.
            Err(Errno(libc::EPERM | libc::ELOOP | libc::EINVAL)) => return Err(Errno(libc::EINVAL)),
            added => added?,
        }
        self.knotes.insert(generation, knote);
        self.arm(generation)
    }

    fn change_existing(&mut self, generation: u64, change: &Kevent) -> Result<(), Errno> {
        let Some(knote) = self.knotes.get_mut(generation) else {
            return Err(Errno(libc::ENOENT));
        };
        let (filter, fd) = (knote.filter, knote.fd);
        lint::change_existing(change, knote);
        if change.flags & EV_DELETE != 0 {
            let silent = knote.silent;
            let outcome = self.inner(filter).remove(fd);
            self.forget(generation)?;
            // epoll may never have had it.
            return if silent { Ok(()) } else { outcome };
        }
        if change.flags & EV_DISABLE != 0 {
            knote.disabled = true;
        } else if change.flags & EV_ENABLE != 0 {
            knote.disabled = false;
        }
        // FreeBSD and Darwin take udata from every change, not from EV_ADD alone.
        if self.kernel == Kernel::FreeBsd || change.flags & EV_ADD != 0 {
            knote.udata = Udata(change.udata as usize);
        }
        let bits = knote.bits();
        self.deferred.retain(|record| record.generation != generation);
        match self.inner(filter).modify(fd, bits, generation) {
            // The number names another file: the knote went when the old one was closed.
            Err(Errno(libc::ENOENT)) => {
                self.forget(generation)?;
                self.change_missing(filter, fd, change)
            }
            Err(other) => Err(other),
            Ok(()) => {
                self.arm(generation)?;
                self.raise_or_lower()
            }
        }
    }

    /// Drops a knote whose epoll registration is gone, and what was put off for it.
    pub(crate) fn forget(&mut self, generation: u64) -> Result<(), Errno> {
        self.knotes.remove(generation);
        self.deferred.retain(|record| record.generation != generation);
        self.raise_or_lower()
    }
}
