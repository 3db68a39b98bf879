//! polling, level-triggered.

use super::{Contestant, Fd, LISTENER, Seen, ffi};
use ::polling::{Event, Events, PollMode, Poller};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

/// polling.
pub struct Polling {
    poller: Arc<Poller>,
}

impl Contestant for Polling {
    const NAME: &'static str = "polling";
    type Events = Events;
    type Waker = Arc<Poller>;

    fn new() -> Self {
        Self {
            poller: Arc::new(Poller::new().expect("poller")),
        }
    }

    fn events(capacity: usize) -> Events {
        Events::with_capacity(NonZeroUsize::new(capacity).expect("room for an event"))
    }

    #[inline(never)]
    fn add(&self, fd: Fd, token: usize) {
        ffi::add_to_polling(&self.poller, fd, Event::readable(token), PollMode::Level).expect("add");
    }

    #[inline(never)]
    fn modify(&self, fd: Fd, token: usize) {
        self.poller
            .modify_with_mode(fd, Event::all(token), PollMode::Level)
            .expect("modify");
    }

    #[inline(never)]
    fn remove(&self, fd: Fd) {
        self.poller.delete(fd).expect("remove");
    }

    #[inline(never)]
    fn wait(&mut self, events: &mut Events, timeout: Option<Duration>) -> Seen {
        events.clear();
        self.poller.wait(events, timeout).expect("wait");
        // polling reports its notification by returning without an event, if there is no other.
        let mut seen = Seen {
            woken: events.is_empty(),
            ..Seen::default()
        };
        for event in events.iter() {
            match event.key {
                LISTENER => seen.acceptable = true,
                token => seen.source(token, event.readable, event.writable),
            }
        }
        seen
    }

    fn waker(&self) -> Self::Waker {
        self.poller.clone()
    }

    #[inline(never)]
    fn wake(waker: &Self::Waker) {
        waker.notify().expect("wake");
    }
}
