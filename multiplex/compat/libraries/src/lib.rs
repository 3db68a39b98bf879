//! The fds of a library that hands out numbers, in an event loop of multiplex.
//!
//! [`Sources`] is what the guide's chapter `other_libraries` says, as code: a registration for each number, a token for each
//! registration, and a batch that is collected before it is handled.

#[cfg(feature = "libpq")]
pub mod libpq;

mod ffi;

use std::collections::HashMap;
use std::io::{self, ErrorKind};
use std::os::fd::RawFd;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use multiplex::{Events, Interest, Poller, Token, Trigger};

/// The fds that a library asks to be told of.
pub struct Sources {
    poller: Poller,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    /// The token of each number that is registered.
    tokens: HashMap<RawFd, Token>,
    last: usize,
}

/// What a wait said of one number.
#[derive(Clone, Copy, Debug)]
pub struct Ready {
    /// The number that the library gave.
    pub fd: RawFd,
    /// Whether a read will not block.
    pub readable: bool,
    /// Whether a write will not block.
    pub writable: bool,
    token: Token,
}

impl Sources {
    /// Makes a poller without any.
    ///
    /// # Errors
    ///
    /// Those of [`Poller::new`].
    pub fn new() -> io::Result<Self> {
        Ok(Self {
            poller: Poller::new()?,
            table: Mutex::default(),
        })
    }

    /// Does what a library asks for a number: to be told of these directions, or of none. -1 means that there is no fd.
    ///
    /// A number that was registered may be another file by now. `add` leaves it registered as asked whatever it was before, so
    /// each call registers; nothing is skipped because "the number is the same".
    ///
    /// # Errors
    ///
    /// Those of [`Poller::add`].
    pub fn set(&self, fd: RawFd, interest: Option<Interest>) -> io::Result<()> {
        if fd < 0 {
            return Ok(());
        }
        let mut table = self.table();
        let known = table.tokens.remove(&fd).is_some();
        match interest {
            Some(interest) => {
                table.last += 1;
                let token = Token::new(table.last);
                self.poller
                    .add(ffi::borrow(&fd), token, interest, Trigger::Level)?;
                table.tokens.insert(fd, token);
                Ok(())
            }
            None if known => match self.poller.remove(ffi::borrow(&fd)) {
                // The library has closed it before it told.
                Err(error) if error.kind() == ErrorKind::NotFound || error.raw_os_error() == Some(EBADF) => {
                    Ok(())
                }
                result => result,
            },
            None => Ok(()),
        }
    }

    /// Waits, and returns what is ready as a list of its own: what the library does for the first of them may change the rest.
    ///
    /// # Errors
    ///
    /// Those of [`Poller::wait`].
    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<Vec<Ready>> {
        self.poller.wait(events, timeout)?;
        let table = self.table();
        let numbers: HashMap<_, _> = table.tokens.iter().map(|(fd, token)| (*token, *fd)).collect();
        let ready = events.iter().filter_map(|event| {
            let token = event.token();
            Some(Ready {
                fd: *numbers.get(&token)?,
                readable: event.is_readable(),
                writable: event.is_writable(),
                token,
            })
        });
        Ok(ready.collect())
    }

    /// False if the number has been registered anew, or given up, since the wait that said so: then it is of another file,
    /// perhaps, and the next wait says what is true of that.
    pub fn is_current(&self, ready: &Ready) -> bool {
        self.table().tokens.get(&ready.fd) == Some(&ready.token)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The same number on every system that has a backend.
const EBADF: i32 = 9;
