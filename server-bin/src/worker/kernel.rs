//! The kernel as a worker's [`System`]: a poller, its sockets and its clocks.

use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger, Waker};

use super::accept::ACCEPTS_PER_EVENT;
use super::slab::{self, Key};
use super::system::{Event, System};
use crate::driver::handler::mailbox::Wake;
use crate::driver::pace::Clock;
use crate::driver::socket::{Ready, Socket};
use crate::sys::net::{Listener, Stream};

/// Waits that signals interrupt are at least so far apart.
const SIGNALS_APART: Duration = Duration::from_millis(1);

/// One poller, and the events of its last wait.
pub(crate) struct Kernel {
    poller: Poller,
    events: Events,
    /// When a signal interrupted a wait last.
    interrupted: Option<Instant>,
}

/// Each event of a wait takes so many connections at most, and each of them a slot: on 32 bits, too, no slot is reused
/// within two waits as often as its key comes again, before the last one was taken.
const _: () = assert!(2 * ((Kernel::EVENTS * ACCEPTS_PER_EVENT) as u64) <= slab::generations(32));

impl Kernel {
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self {
            poller: Poller::new()?,
            events: Events::with_capacity(Self::EVENTS),
            interrupted: None,
        })
    }

    /// Signals that come one upon the other must not keep the worker busy.
    #[cold]
    fn rest(&mut self) {
        let now = Instant::now();
        if self
            .interrupted
            .is_some_and(|before| now - before < SIGNALS_APART)
        {
            thread::sleep(SIGNALS_APART);
        }
        self.interrupted = Some(now);
    }
}

impl Wake for Waker {
    fn wake(&self) -> io::Result<()> {
        Waker::wake(self)
    }
}

impl System for Kernel {
    type Socket = Stream;
    type Listener = Listener;

    const EVENTS: usize = 256;

    fn waker(&self) -> io::Result<Box<dyn Wake>> {
        Ok(Box::new(Waker::new(&self.poller, Token::new(0))?))
    }

    #[inline(always)]
    fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        let result = self.poller.wait_interruptible(&mut self.events, timeout);
        if result.is_err() {
            self.rest();
        }
        result
    }

    #[inline(always)]
    fn event(&self, index: usize) -> Option<Event> {
        self.events.get(index).map(|event| {
            if event.is_wake() {
                Event::Wake
            } else if event.is_acceptable() {
                Event::Acceptable(event.token().value())
            } else {
                let ready = Ready {
                    readable: event.is_readable(),
                    read_closed: event.is_read_closed(),
                    gone: event.is_error() || (event.is_read_closed() && event.is_write_closed()),
                };
                Event::Ready(Key::from_value(event.token().value()), ready)
            }
        })
    }

    #[inline]
    fn add(&self, socket: &Stream, key: Key, interest: Interest, trigger: Trigger) -> io::Result<()> {
        self.poller
            .add(socket, Token::new(key.value()), interest, trigger)
    }

    #[inline]
    fn modify(&self, socket: &Stream, key: Key, interest: Interest, trigger: Trigger) -> io::Result<()> {
        self.poller
            .modify(socket, Token::new(key.value()), interest, trigger)
    }

    fn forget(&self, socket: &Stream) -> io::Result<()> {
        self.poller.remove(socket)
    }

    fn listen(&self, listener: &Listener, index: usize, fanout: Fanout) -> io::Result<Fanout> {
        self.poller.add_listener(listener, Token::new(index), fanout)
    }

    fn ignore(&self, listener: &Listener) -> io::Result<()> {
        self.poller.remove(listener)
    }

    #[inline]
    fn accept(&self, listener: &Listener) -> io::Result<(Stream, Option<SocketAddr>)> {
        listener.accept()
    }

    fn has_waiting(&self, listener: &Listener) -> bool {
        listener.has_waiting()
    }

    fn waiting(&self, listener: &Listener) -> Option<usize> {
        listener.waiting()
    }

    fn end_deferral(&self, listener: &Listener) {
        // An error says that it cannot hold any back either.
        let _ = listener.defer_accept(Duration::ZERO);
    }

    #[inline(always)]
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn clock(&self) -> Clock {
        Box::new(Instant::now)
    }

    #[inline]
    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }

    fn give_memory_back(&self) {
        crate::sys::give_memory_back();
    }
}

impl Socket for Stream {
    #[inline]
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Stream::read(self, buffer)
    }

    #[inline]
    fn write(&mut self, bytes: &[u8], more: bool) -> io::Result<usize> {
        Stream::write(self, bytes, more)
    }

    fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        count: usize,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        Stream::send_file(self, file, offset, count, buffer)
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        Stream::shutdown_write(self)
    }

    fn has_unread(&self) -> bool {
        Stream::has_unread(self)
    }

    fn reset_on_close(&mut self) {
        Stream::reset_on_close(self);
    }
}
