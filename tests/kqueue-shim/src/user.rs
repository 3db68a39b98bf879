//! EVFILT_USER: knotes without a descriptor, and the signal that wakes a waiting thread for them.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{Read, Write},
    os::fd::{OwnedFd, RawFd},
};

use crate::{
    abi::*,
    ffi,
    knote::Udata,
    lint,
    queue::{Errno, watch},
};

/// A knote of EVFILT_USER.
pub(crate) struct User {
    pub(crate) flags: u16,
    pub(crate) udata: Udata,
    disabled: bool,
    pub(crate) triggered: bool,
    fflags: u32,
    data: isize,
}

/// All of them, by ident.
#[derive(Default)]
pub(crate) struct Users {
    knotes: BTreeMap<usize, User>,
    /// The ident that was reported last: the next harvest starts after it.
    last: usize,
}

impl Users {
    pub(crate) fn change(&mut self, change: &Kevent) -> Result<(), Errno> {
        let existing = self.knotes.get(&change.ident);
        lint::change_user(change, existing);
        match existing {
            None if change.flags & EV_ADD == 0 => return Err(Errno(libc::ENOENT)),
            None => {
                // FreeBSD ignores NOTE_TRIGGER in the change that makes the knote.
                let user = User {
                    flags: change.flags,
                    udata: Udata(change.udata as usize),
                    disabled: change.flags & EV_DISABLE != 0,
                    triggered: false,
                    fflags: 0,
                    data: 0,
                };
                self.knotes.insert(change.ident, user);
            }
            Some(_) if change.flags & EV_DELETE != 0 => drop(self.knotes.remove(&change.ident)),
            Some(_) => {
                if let Some(user) = self.knotes.get_mut(&change.ident) {
                    user.touch(change);
                }
            }
        }
        Ok(())
    }

    /// Whether a harvest would find something.
    pub(crate) fn pending(&self) -> bool {
        self.knotes.values().any(User::active)
    }

    /// Takes back an event that was harvested but not delivered. False when its report has changed the knote for good.
    pub(crate) fn put_off(&mut self, event: &Kevent) -> bool {
        match self.knotes.get_mut(&event.ident) {
            Some(user) if user.flags & (EV_ONESHOT | EV_DISPATCH) == 0 => {
                user.triggered = true;
                user.fflags = event.fflags;
                user.data = event.data;
                true
            }
            _ => false,
        }
    }

    /// At most `room` events, starting after the one that came last.
    pub(crate) fn harvest(&mut self, room: usize) -> Vec<Kevent> {
        let after = self
            .knotes
            .range(self.last.saturating_add(1)..)
            .map(|(ident, _)| *ident);
        let idents: Vec<usize> = after
            .chain(self.knotes.range(..=self.last).map(|(ident, _)| *ident))
            .collect();
        let mut events = Vec::new();
        for ident in idents {
            let Some(user) = self.knotes.get_mut(&ident).filter(|user| user.active()) else {
                continue;
            };
            if events.len() == room {
                break;
            }
            self.last = ident;
            events.push(user.event(ident));
            if user.delivered() {
                self.knotes.remove(&ident);
            }
        }
        events
    }
}

impl User {
    fn active(&self) -> bool {
        self.triggered && !self.disabled
    }

    fn touch(&mut self, change: &Kevent) {
        self.udata = Udata(change.udata as usize);
        if change.flags & EV_DISABLE != 0 {
            self.disabled = true;
        } else if change.flags & EV_ENABLE != 0 {
            self.disabled = false;
        }
        let bits = change.fflags & NOTE_FFLAGSMASK;
        match change.fflags & NOTE_FFCTRLMASK {
            NOTE_FFAND => self.fflags &= bits,
            NOTE_FFOR => self.fflags |= bits,
            NOTE_FFCOPY => self.fflags = bits,
            _ => {}
        }
        self.data = change.data;
        if change.fflags & NOTE_TRIGGER != 0 {
            self.triggered = true;
        }
        if change.flags & EV_CLEAR != 0 {
            // FreeBSD resets the knote, the trigger of the same change included.
            self.reset();
        }
    }

    fn reset(&mut self) {
        self.triggered = false;
        self.fflags = 0;
        self.data = 0;
    }

    fn event(&self, ident: usize) -> Kevent {
        let (fflags, data) = (self.fflags, self.data);
        Kevent {
            ident,
            filter: EVFILT_USER,
            flags: self.flags & !EV_ADD,
            fflags,
            data,
            udata: self.udata.pointer(),
        }
    }

    /// What a report does to the knote; true deletes it.
    fn delivered(&mut self) -> bool {
        if self.flags & EV_CLEAR != 0 {
            self.reset();
        }
        if self.flags & EV_DISPATCH != 0 {
            self.disabled = true;
        }
        self.flags & EV_ONESHOT != 0
    }
}

/// An eventfd in the outer epoll: raised, it wakes who waits and makes the queue readable.
pub(crate) struct Signal {
    file: File,
    raised: bool,
}

impl Signal {
    pub(crate) fn new(outer: RawFd) -> Result<Self, Errno> {
        let fd: OwnedFd = ffi::eventfd()?;
        watch(outer, &fd)?;
        Ok(Self {
            file: File::from(fd),
            raised: false,
        })
    }

    pub(crate) fn set(&mut self, raised: bool) -> Result<(), Errno> {
        if raised == self.raised {
            return Ok(());
        }
        let mut counter = 1_u64.to_ne_bytes();
        let outcome = if raised {
            self.file.write_all(&counter)
        } else {
            self.file.read_exact(&mut counter)
        };
        self.raised = raised;
        outcome.map_err(|error| Errno(error.raw_os_error().unwrap_or(libc::EIO)))
    }
}
