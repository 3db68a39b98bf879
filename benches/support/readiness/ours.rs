//! `multiplex`, with level and with edge triggers.

use super::{Contestant, Fd, Seen, WAKER};
use multiplex::{Events, Interest, Poller, Token, Trigger, Waker};
use std::sync::Arc;
use std::time::Duration;

/// `multiplex`, level-triggered.
pub type Ours = By<false>;
/// `multiplex`, edge-triggered, as mio is.
pub type OursByEdge = By<true>;

/// `multiplex`.
pub struct By<const EDGE: bool> {
    poller: Poller,
    waker: Arc<Waker>,
}

impl<const EDGE: bool> By<EDGE> {
    const TRIGGER: Trigger = if EDGE { Trigger::Edge } else { Trigger::Level };
}

impl<const EDGE: bool> Contestant for By<EDGE> {
    const NAME: &'static str = if EDGE { "multiplex by edge" } else { "multiplex" };
    type Events = Events;
    type Waker = Arc<Waker>;

    fn new() -> Self {
        let poller = Poller::new().expect("poller");
        let waker = Waker::new(&poller, Token::new(WAKER)).expect("waker");
        Self {
            poller,
            waker: Arc::new(waker),
        }
    }

    fn events(capacity: usize) -> Events {
        Events::with_capacity(capacity)
    }

    #[inline(never)]
    fn add(&self, fd: Fd, token: usize) {
        self.poller
            .add(fd, Token::new(token), Interest::READABLE, Self::TRIGGER)
            .expect("add");
    }

    #[inline(never)]
    fn modify(&self, fd: Fd, token: usize) {
        let both = Interest::READABLE | Interest::WRITABLE;
        self.poller
            .modify(fd, Token::new(token), both, Self::TRIGGER)
            .expect("modify");
    }

    #[inline(never)]
    fn remove(&self, fd: Fd) {
        self.poller.remove(fd).expect("remove");
    }

    #[inline(never)]
    fn wait(&mut self, events: &mut Events, timeout: Option<Duration>) -> Seen {
        self.poller.wait(events, timeout).expect("wait");
        let mut seen = Seen::default();
        for event in &*events {
            if event.is_acceptable() {
                seen.acceptable = true;
            } else if event.is_wake() {
                seen.woken = true;
            } else {
                seen.source(event.token().value(), event.is_readable(), event.is_writable());
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
