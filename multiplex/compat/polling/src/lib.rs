//! The public interface of the crate `polling` 3.11 over [`multiplex`].
//!
//! A runtime that is built on `polling` (smol, async-std, calloop, …) runs on multiplex with one entry in its program's
//! `Cargo.toml`:
//!
//! ```toml
//! [patch.crates-io]
//! polling = { path = "…/multiplex/compat/polling" }
//! ```
//!
//! What differs from `polling`:
//!
//! - A key is at most [`multiplex::Token::MAX`]; a larger one is `InvalidInput`.
//! - Urgent data (`with_priority`) is not asked for, and `is_priority` is always false.
//! - `PollMode::EdgeOneshot` is `Oneshot`.
//! - There is no `os::kqueue`: processes and signals are no sources here. `async-io` asks for it on the BSDs and macOS, so
//!   there it does not build.
//!
//! `scripts/check runtimes` runs the tests of polling, async-io and calloop over it.

mod event;
mod ffi;

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use multiplex::{Interest, Token, Trigger, Waker};

pub use event::{Event, Events};

/// When a source that stays ready is reported again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum PollMode {
    /// Once, until it is modified. The default of [`Poller::add`].
    Oneshot,
    /// By every wait.
    Level,
    /// When something arrives.
    Edge,
    /// As `Oneshot`.
    EdgeOneshot,
}

impl PollMode {
    fn trigger(self) -> Trigger {
        match self {
            PollMode::Oneshot | PollMode::EdgeOneshot => Trigger::OneShot,
            PollMode::Level => Trigger::Level,
            PollMode::Edge => Trigger::Edge,
        }
    }
}

/// Waits for sources to become ready.
pub struct Poller {
    poller: multiplex::Poller,
    waker: Waker,
    /// What was added and not deleted, and whether the kernel has it: a source whose event is `none` waits outside. It is also
    /// how a second `add` is told, without one of kqueue's strict calls, which would end the first registration.
    sources: Mutex<HashMap<RawFd, bool>>,
    /// Held by the thread that waits.
    waiting: Mutex<()>,
    /// A notification that no wait has seen.
    notified: AtomicBool,
}

/// The waker's token. Its events say that they are wakes, so a source may have the same one.
const NOTIFY: Token = Token::new(0);

impl Poller {
    /// Makes a poller with nothing registered.
    pub fn new() -> io::Result<Poller> {
        let poller = multiplex::Poller::new()?;
        Ok(Poller {
            waker: Waker::new(&poller, NOTIFY)?,
            poller,
            sources: Mutex::default(),
            waiting: Mutex::default(),
            notified: AtomicBool::new(false),
        })
    }

    /// True: level-triggered sources exist.
    pub fn supports_level(&self) -> bool {
        true
    }

    /// True: edge-triggered sources exist.
    pub fn supports_edge(&self) -> bool {
        true
    }

    /// Registers a source, one-shot.
    ///
    /// # Safety
    ///
    /// The source is [deleted](Poller::delete) before it is closed.
    ///
    /// # Errors
    ///
    /// `AlreadyExists` if it was added before, and what [`multiplex::Poller::add`] says.
    pub unsafe fn add(&self, source: impl AsRawSource, interest: Event) -> io::Result<()> {
        self.insert(source.raw(), interest, PollMode::Oneshot)
    }

    /// Registers a source in a mode.
    ///
    /// # Safety
    ///
    /// That of [`Poller::add`].
    ///
    /// # Errors
    ///
    /// Those of [`Poller::add`].
    pub unsafe fn add_with_mode(
        &self,
        source: impl AsRawSource,
        interest: Event,
        mode: PollMode,
    ) -> io::Result<()> {
        self.insert(source.raw(), interest, mode)
    }

    /// Adds what an unsafe caller has vouched for.
    fn insert(&self, raw: RawFd, interest: Event, mode: PollMode) -> io::Result<()> {
        let mut sources = self.sources();
        if sources.contains_key(&raw) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let in_kernel = self.register(ffi::borrow(&raw), false, interest, mode)?;
        sources.insert(raw, in_kernel);
        Ok(())
    }

    /// Changes what is asked of a source, and makes it one-shot.
    ///
    /// # Errors
    ///
    /// `NotFound` if it was not added, and what [`multiplex::Poller::modify`] says.
    pub fn modify(&self, source: impl AsSource, interest: Event) -> io::Result<()> {
        self.modify_with_mode(source, interest, PollMode::Oneshot)
    }

    /// Changes what is asked of a source, and its mode.
    ///
    /// # Errors
    ///
    /// Those of [`Poller::modify`].
    pub fn modify_with_mode(&self, source: impl AsSource, interest: Event, mode: PollMode) -> io::Result<()> {
        let (mut sources, source) = (self.sources(), source.source());
        let in_kernel = sources
            .get_mut(&source.as_raw_fd())
            .ok_or(io::ErrorKind::NotFound)?;
        *in_kernel = self.register(source, *in_kernel, interest, mode)?;
        Ok(())
    }

    /// Ends the registration of a source.
    ///
    /// # Errors
    ///
    /// `NotFound` if it was not added.
    pub fn delete(&self, source: impl AsSource) -> io::Result<()> {
        let source = source.source();
        match self.sources().remove(&source.as_raw_fd()) {
            Some(true) => self.poller.remove(source),
            Some(false) => Ok(()),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    /// Waits for events, for a notification or for the end of the time, and appends the events to `events`. Returns how many
    /// there are then. If another thread waits already, it returns 0 at once.
    ///
    /// # Errors
    ///
    /// Those of [`multiplex::Poller::wait`].
    pub fn wait(&self, events: &mut Events, timeout: Option<Duration>) -> io::Result<usize> {
        self.wait_by(events, |poller, events| poller.wait(events, timeout))
    }

    /// Waits as [`Poller::wait`] does, until the clock says `deadline`.
    ///
    /// # Errors
    ///
    /// Those of [`multiplex::Poller::wait`].
    pub fn wait_deadline(&self, events: &mut Events, deadline: Instant) -> io::Result<usize> {
        self.wait_by(events, |poller, events| poller.wait_until(events, deadline))
    }

    fn wait_by(
        &self,
        events: &mut Events,
        wait: impl FnOnce(&multiplex::Poller, &mut multiplex::Events) -> io::Result<()>,
    ) -> io::Result<usize> {
        let Ok(_waiting) = self.waiting.try_lock() else {
            return Ok(0);
        };
        wait(&self.poller, &mut events.buffer)?;
        self.notified.store(false, SeqCst);
        events.take();
        Ok(events.len())
    }

    /// Ends the wait that runs now, or the next one. Several notifications may end one.
    ///
    /// # Errors
    ///
    /// None is expected.
    pub fn notify(&self) -> io::Result<()> {
        if self.notified.swap(true, SeqCst) {
            return Ok(());
        }
        self.waker.wake()
    }

    /// Leaves the kernel with this interest. Returns whether it has the source then.
    fn register(
        &self,
        source: BorrowedFd<'_>,
        in_kernel: bool,
        event: Event,
        mode: PollMode,
    ) -> io::Result<bool> {
        let (token, trigger) = (Token::new(event.key), mode.trigger());
        match (Interest::new(event.readable, event.writable), in_kernel) {
            (Some(interest), false) => self.poller.add(source, token, interest, trigger)?,
            (Some(interest), true) => self.poller.modify(source, token, interest, trigger)?,
            (None, true) => self.poller.remove(source)?,
            (None, false) if token > Token::MAX => return Err(io::ErrorKind::InvalidInput.into()),
            (None, false) => {}
        }
        Ok(event.readable || event.writable)
    }

    fn sources(&self) -> MutexGuard<'_, HashMap<RawFd, bool>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl AsFd for Poller {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poller.as_fd()
    }
}

impl AsRawFd for Poller {
    fn as_raw_fd(&self) -> RawFd {
        self.poller.as_raw_fd()
    }
}

impl fmt::Debug for Poller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.poller.fmt(f)
    }
}

/// What [`Poller::add`] takes: a reference to a source, or a number.
pub trait AsRawSource {
    /// Its number.
    fn raw(&self) -> RawFd;
}

impl<T: AsRawFd> AsRawSource for &T {
    fn raw(&self) -> RawFd {
        self.as_raw_fd()
    }
}

impl AsRawSource for RawFd {
    fn raw(&self) -> RawFd {
        *self
    }
}

/// What [`Poller::modify`] and [`Poller::delete`] take: anything that is `AsFd`.
pub trait AsSource: AsFd {
    /// Its fd.
    fn source(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }
}

impl<T: AsFd> AsSource for T {}
