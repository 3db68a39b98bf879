//! mio, which is always edge-triggered.

use super::{Contestant, Fd, LISTENER, Seen, WAKER};
use ::mio::unix::SourceFd;
use ::mio::{Events, Interest, Poll, Token, Waker};
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Duration;

/// mio.
pub struct Mio {
    poll: Poll,
    waker: Arc<Waker>,
}

impl Contestant for Mio {
    const NAME: &'static str = "mio";
    type Events = Events;
    type Waker = Arc<Waker>;

    fn new() -> Self {
        let poll = Poll::new().expect("poll");
        let waker = Waker::new(poll.registry(), Token(WAKER)).expect("waker");
        Self {
            poll,
            waker: Arc::new(waker),
        }
    }

    fn events(capacity: usize) -> Events {
        Events::with_capacity(capacity)
    }

    #[inline(never)]
    fn add(&self, fd: Fd, token: usize) {
        let fd = fd.as_raw_fd();
        self.poll
            .registry()
            .register(&mut SourceFd(&fd), Token(token), Interest::READABLE)
            .expect("add");
    }

    #[inline(never)]
    fn modify(&self, fd: Fd, token: usize) {
        let (fd, both) = (fd.as_raw_fd(), Interest::READABLE | Interest::WRITABLE);
        self.poll
            .registry()
            .reregister(&mut SourceFd(&fd), Token(token), both)
            .expect("modify");
    }

    #[inline(never)]
    fn remove(&self, fd: Fd) {
        self.poll
            .registry()
            .deregister(&mut SourceFd(&fd.as_raw_fd()))
            .expect("remove");
    }

    #[inline(never)]
    fn wait(&mut self, events: &mut Events, timeout: Option<Duration>) -> Seen {
        // mio leaves a signal to its callers.
        while let Err(e) = self.poll.poll(events, timeout) {
            assert_eq!(e.kind(), ErrorKind::Interrupted, "wait: {e}");
        }
        let mut seen = Seen::default();
        for event in &*events {
            match event.token() {
                Token(LISTENER) => seen.acceptable = true,
                Token(WAKER) => seen.woken = true,
                Token(token) => seen.source(token, event.is_readable(), event.is_writable()),
            }
        }
        seen
    }

    fn waker(&self) -> Self::Waker {
        self.waker.clone()
    }

    #[inline(never)]
    fn wake(waker: &Self::Waker) {
        waker.wake().expect("wake");
    }
}
