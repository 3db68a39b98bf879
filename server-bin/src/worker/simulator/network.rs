//! The simulated kernel of one worker: its clock, its connections, its listener, and a poller that reports them by the
//! rules of epoll(7).

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use nix::errno::Errno;

use super::luck::{Call, Luck, Oddity, note};
use super::themes::Theme;
use super::turns;
use super::wire::{Wire, take_front};
use crate::driver::handler::mailbox::Wake;
use crate::driver::phase::Phase;
use crate::driver::socket::Ready;
use crate::driver::tests::edges;
use crate::driver::tests::random::Random;
use crate::worker::slab::Key;
use crate::worker::system::Event;

/// Events that one wait reports at most: fewer than there are connections.
pub(super) const EVENTS: usize = 3;

/// The worker's clock, which only the simulation moves.
#[derive(Clone)]
pub(super) struct Clock {
    start: Instant,
    passed: Arc<AtomicU64>,
}

impl Clock {
    pub(super) fn new() -> Self {
        Self {
            start: Instant::now(),
            passed: Arc::default(),
        }
    }

    pub(super) fn now(&self) -> Instant {
        self.start + Duration::from_nanos(self.passed.load(Ordering::Relaxed))
    }

    pub(super) fn pass(&self, time: Duration) {
        self.passed.fetch_add(time.as_nanos() as u64, Ordering::Relaxed);
    }
}

/// The worker's waker, which may fail.
#[derive(Clone)]
pub(super) struct Bell(Arc<Mutex<(bool, Luck)>>);

impl Bell {
    fn new(luck: Luck) -> Self {
        Self(Arc::new(Mutex::new((false, luck))))
    }

    fn has_rung(&self) -> bool {
        std::mem::take(&mut self.0.lock().unwrap().0)
    }
}

impl Wake for Bell {
    fn wake(&self) -> io::Result<()> {
        let mut bell = self.0.lock().unwrap();
        match bell.1.fail(Call::Wake) {
            Some(failure) => Err(failure.error),
            None => {
                bell.0 = true;
                Ok(())
            }
        }
    }
}

/// A source of events in the order in which they are looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Source {
    Listener,
    Wire(usize),
}

/// Everything that the kernel has of one worker.
pub(super) struct Network {
    pub(super) clock: Clock,
    pub(super) luck: Luck,
    theme: &'static Theme,
    pub(super) bell: Bell,
    pub(super) wires: Vec<Wire>,
    pub(super) backlog: VecDeque<usize>,
    pub(super) is_listening: bool,
    /// The listener was closed, and those in its backlog were reset.
    pub(super) has_closed_listener: bool,
    pub(super) accepted: u64,
    /// What is looked at next stands first; what was reported goes to the end.
    order: Vec<Source>,
    pub(super) events: Vec<Event>,
    /// A key whose connection has gone.
    stale: Option<Key>,
    /// Connections that were closed while the poller watched them: whoever has the socket, too, makes it ready for ever.
    pub(super) left_watched: usize,
    /// How many waits there were, and how many of the last ones were interrupted: a digit for each.
    pub(super) waits: usize,
    interrupted: u8,
    /// Waits in a row, the last one among them, that were interrupted, or reported as many events as they could.
    unheard: usize,
    /// Bytes, connections and letters that moved.
    pub(super) moved: usize,
    /// What the worker did wrong. A panic here might be taken for a handler's.
    pub(super) wrong: Option<String>,
}

impl Network {
    pub(super) fn new(mut luck: Luck, theme: &'static Theme) -> Self {
        let bell = Bell::new(Luck {
            random: luck.random.fork(),
            ..luck.clone()
        });
        Self {
            clock: Clock::new(),
            luck,
            theme,
            bell,
            wires: Vec::new(),
            backlog: VecDeque::new(),
            is_listening: false,
            has_closed_listener: false,
            accepted: 0,
            order: vec![Source::Listener],
            events: Vec::with_capacity(EVENTS),
            stale: None,
            left_watched: 0,
            waits: 0,
            interrupted: 0,
            unheard: 0,
            moved: 0,
            wrong: None,
        }
    }

    pub(super) fn random(&mut self) -> &mut Random {
        &mut self.luck.random
    }

    pub(super) fn accuse(&mut self, text: impl FnOnce() -> String) {
        self.wrong.get_or_insert_with(text);
    }

    /// A peer connects. Its place in the list of wires, unless nobody listens.
    pub(super) fn connect(&mut self) -> Option<usize> {
        if self.has_closed_listener {
            note(Oddity::Refused);
            return None;
        }
        let send_buffer = *self.luck.random.pick(self.theme.send_buffers);
        self.wires.push(Wire::new(send_buffer));
        let number = self.wires.len() - 1;
        self.order.push(Source::Wire(number));
        self.backlog.push_back(number);
        Some(number)
    }

    /// The listener closes, and whoever waits in its backlog is reset.
    pub(super) fn close_listener(&mut self) {
        self.has_closed_listener = true;
        for number in std::mem::take(&mut self.backlog) {
            self.wires[number].reset();
        }
    }

    /// A wait begins: what the round before it did is over.
    pub(super) fn begin_wait(&mut self) {
        self.waits += 1;
        self.interrupted <<= 1;
        self.events.clear();
        turns::begin_wait(self);
    }

    /// Whether a signal ends the wait.
    pub(super) fn is_interrupted(&mut self) -> bool {
        let is_interrupted = self.luck.fail(Call::Wait).is_some();
        self.interrupted |= u8::from(is_interrupted);
        self.unheard += usize::from(is_interrupted);
        is_interrupted
    }

    /// A wait ends.
    pub(super) fn end_wait(&mut self) {
        self.unheard = if self.events.len() == EVENTS {
            self.unheard + 1
        } else {
            0
        };
        turns::end_wait(self);
    }

    /// Looks for events. Returns whether there are any.
    pub(super) fn look(&mut self) -> bool {
        if self.bell.has_rung() {
            self.events.push(Event::Wake);
        }
        let mut place = 0;
        let mut left = self.order.len();
        while left > 0 {
            left -= 1;
            if self.events.len() == EVENTS {
                note(Oddity::FullWait);
                break;
            }
            match self.event_of(self.order[place]) {
                Some(event) => {
                    self.events.push(event);
                    let told = self.order.remove(place);
                    self.order.push(told);
                }
                None => place += 1,
            }
        }
        if self.events.is_empty() && self.luck.random.once_in(60) {
            self.report_in_vain();
        }
        !self.events.is_empty()
    }

    fn event_of(&mut self, source: Source) -> Option<Event> {
        match source {
            Source::Listener => {
                (self.is_listening && !self.backlog.is_empty()).then_some(Event::Acceptable(0))
            }
            Source::Wire(number) => {
                let wire = &mut self.wires[number];
                wire.report().map(|(key, ready)| Event::Ready(key, ready))
            }
        }
    }

    /// Whether a connection is registered by this key.
    pub(super) fn knows(&self, key: Key) -> bool {
        let mut keys = self.wires.iter().filter_map(|wire| wire.registration);
        keys.any(|registration| registration.key == key)
    }

    /// An event is a hint: it may say nothing, say what is not so, or be about what has gone.
    fn report_in_vain(&mut self) {
        if let Some(key) = self.stale.filter(|_| self.luck.random.once_in(2)) {
            note(Oddity::StaleEvent);
            let ready = Ready {
                readable: true,
                ..Ready::NOTHING
            };
            return self.events.push(Event::Ready(key, ready));
        }
        let registered = self.wires.iter().filter_map(|wire| wire.registration.as_ref());
        if let Some(registration) = registered.max_by_key(|registration| registration.key.value()) {
            note(Oddity::SpuriousEvent);
            let ready = Ready {
                readable: registration.interest.is_readable(),
                ..Ready::NOTHING
            };
            self.events.push(Event::Ready(registration.key, ready));
        }
    }

    /// Something is done to a connection: if it was called late just now, that must be so.
    fn touch(&mut self, number: usize) {
        let Some(phase) = edges::late() else { return };
        let waits_for_bytes = match phase {
            Phase::Preface | Phase::Fresh | Phase::Idle | Phase::Head | Phase::Body | Phase::Discarding => {
                true
            }
            // It reads nothing, is bounded in all, or leaves bytes where they are.
            Phase::Lingering | Phase::Backlog | Phase::Paused | Phase::Later | Phase::Sending => false,
            Phase::Starved | Phase::HalfClosed | Phase::Unsent(_) | Phase::Closing => false,
            Phase::Switching | Phase::Upgraded(_) | Phase::Closed => false,
        };
        let wire = &self.wires[number];
        // A worker that is interrupted again and again does not look for ever, nor one that hears of others again and again;
        // nor at one that seemed to have no more.
        let registered = self.wires.iter().filter(|wire| wire.registration.is_some());
        let has_looked = self.unheard >= registered.count() / EVENTS + 2;
        let was_disturbed = has_looked || (self.interrupted & 0xf).count_ones() > 1;
        let was_deceived = wire.deceived + 4 > self.waits && wire.deceived > 0;
        if waits_for_bytes && wire.is_readable() && !was_deceived && !was_disturbed {
            self.accuse(|| format!("a client was called late in {phase:?} whose bytes were there"));
        }
    }

    /// The poller is to report a connection no more: it is closed next, or its worker has been told in vain that it is ready, and
    /// has to look anew before it can say that nothing has come.
    pub(super) fn forget(&mut self, number: usize) -> io::Result<()> {
        self.touch(number);
        if let Some(failure) = self.luck.fail(Call::Forget) {
            self.wires[number].may_stay_registered = true;
            return Err(failure.error);
        }
        let wire = &mut self.wires[number];
        let Some(registration) = wire.registration.take() else {
            return Err(Errno::ENOENT.into());
        };
        wire.deceived = 0;
        turns::forget(registration.key);
        self.stale = Some(registration.key);
        Ok(())
    }

    /// Whether the poller has forgotten a connection that is still open.
    pub(super) fn has_forgotten_one(&self) -> bool {
        let mut wires = self.wires.iter();
        wires.any(|wire| wire.registered > 0 && wire.registration.is_none() && !wire.closed)
    }

    /// Whether a call on this connection fails.
    fn fail(&mut self, number: usize, call: Call) -> io::Result<()> {
        self.touch(number);
        if self.theme.has_slow_calls {
            let time = self.luck.random.below(60) as u64;
            self.clock.pass(Duration::from_micros(time));
        }
        let Some(failure) = self.luck.fail(call) else {
            return Ok(());
        };
        let wire = &mut self.wires[number];
        wire.deceived = self.waits;
        wire.is_lost |= failure.does_harm;
        let errno = Errno::from_raw(failure.error.raw_os_error().unwrap_or(0));
        if matches!(errno, Errno::ECONNRESET | Errno::EPIPE | Errno::ETIMEDOUT) {
            wire.reset();
        }
        Err(failure.error)
    }

    pub(super) fn read(&mut self, number: usize, buffer: &mut [u8]) -> io::Result<usize> {
        self.fail(number, Call::Read)?;
        let most = self.luck.random.some_bytes().min(buffer.len());
        let wire = &mut self.wires[number];
        if wire.inbound.is_empty() {
            return if wire.reset {
                Err(Errno::ECONNRESET.into())
            } else if wire.ended {
                Ok(0)
            } else {
                Err(Errno::EAGAIN.into())
            };
        }
        let count = most.min(wire.inbound.len());
        if count < wire.inbound.len().min(buffer.len()) {
            note(Oddity::ShortRead);
            wire.deceived = self.waits;
        }
        let mut at = 0;
        take_front(&mut wire.inbound, count, |bytes| {
            buffer[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        });
        self.moved += count;
        Ok(count)
    }

    pub(super) fn write(&mut self, number: usize, bytes: &[u8], call: Call) -> io::Result<usize> {
        self.fail(number, call)?;
        let most = self.luck.random.some_bytes();
        let wire = &mut self.wires[number];
        if wire.reset || wire.shut {
            return Err(Errno::EPIPE.into());
        }
        let room = wire.room();
        if room == 0 {
            return Err(Errno::EAGAIN.into());
        }
        let count = most.min(bytes.len()).min(room);
        if count < bytes.len().min(room) {
            note(Oddity::ShortWrite);
        }
        wire.outbound.extend(&bytes[..count]);
        self.moved += count;
        Ok(count)
    }

    pub(super) fn shut(&mut self, number: usize) -> io::Result<()> {
        self.fail(number, Call::Shutdown)?;
        self.wires[number].shut = true;
        Ok(())
    }

    pub(super) fn close(&mut self, number: usize) {
        self.touch(number);
        self.moved += 1;
        let wire = &mut self.wires[number];
        if let Some(registration) = wire.registration {
            self.left_watched += usize::from(!wire.may_stay_registered);
            turns::forget(registration.key);
            self.stale = Some(registration.key);
        }
        // At a limit one that is idle is closed for another: nothing has come, or nothing more will.
        wire.was_idle = wire.inbound.is_empty() || wire.ended;
        wire.close();
    }

    pub(super) fn accept(&mut self) -> io::Result<usize> {
        if let Some(failure) = self.luck.fail(Call::Accept) {
            let errno = Errno::from_raw(failure.error.raw_os_error().unwrap_or(0));
            // The connection that would have been next is the one that is lost.
            if matches!(errno, Errno::ECONNABORTED | Errno::EPROTO | Errno::EPERM)
                && let Some(number) = self.backlog.pop_front()
            {
                self.wires[number].reset();
            }
            return Err(failure.error);
        }
        let number = self.backlog.pop_front().ok_or(Errno::EAGAIN)?;
        self.accepted += 1;
        self.moved += 1;
        Ok(number)
    }
}
