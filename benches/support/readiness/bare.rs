//! What a C program would do: the floor.

use super::ffi::epoll;
use super::{Contestant, Fd, LISTENER, Seen, WAKER};
use libc::{EPOLLERR, EPOLLET, EPOLLHUP, EPOLLIN, EPOLLOUT, EPOLLRDHUP};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::Duration;

const READABLE: i32 = EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR;
const WRITABLE: i32 = EPOLLOUT | EPOLLHUP | EPOLLERR;

/// epoll(7) and eventfd(2).
pub struct Bare {
    epoll: OwnedFd,
    eventfd: Arc<OwnedFd>,
}

impl Contestant for Bare {
    const NAME: &'static str = "bare";
    type Events = Vec<epoll::Event>;
    type Waker = Arc<OwnedFd>;

    fn new() -> Self {
        let epoll = epoll::create().expect("epoll");
        let eventfd = epoll::eventfd().expect("eventfd");
        epoll::control(
            &epoll,
            epoll::ADD,
            eventfd.as_fd(),
            EPOLLIN | EPOLLET,
            WAKER as u64,
        )
        .expect("add");
        Self {
            epoll,
            eventfd: Arc::new(eventfd),
        }
    }

    fn events(capacity: usize) -> Self::Events {
        vec![epoll::Event { events: 0, u64: 0 }; capacity]
    }

    #[inline(never)]
    fn add(&self, fd: Fd, token: usize) {
        epoll::control(&self.epoll, epoll::ADD, fd, EPOLLIN | EPOLLRDHUP, token as u64).expect("add");
    }

    #[inline(never)]
    fn modify(&self, fd: Fd, token: usize) {
        let mask = EPOLLIN | EPOLLRDHUP | EPOLLOUT;
        epoll::control(&self.epoll, epoll::MOD, fd, mask, token as u64).expect("modify");
    }

    #[inline(never)]
    fn remove(&self, fd: Fd) {
        epoll::control(&self.epoll, epoll::DEL, fd, 0, 0).expect("remove");
    }

    #[inline(never)]
    fn wait(&mut self, events: &mut Self::Events, timeout: Option<Duration>) -> Seen {
        let millis = timeout.map_or(-1, |timeout| timeout.as_millis() as i32);
        let n = epoll::wait(&self.epoll, events, millis).expect("wait");
        let mut seen = Seen::default();
        for event in &events[..n] {
            let mask = event.events as i32;
            match event.u64 as usize {
                LISTENER => seen.acceptable = true,
                WAKER => seen.woken = true,
                token => seen.source(token, mask & READABLE != 0, mask & WRITABLE != 0),
            }
        }
        seen
    }

    fn waker(&self) -> Self::Waker {
        self.eventfd.clone()
    }

    #[inline(never)]
    fn wake(waker: &Self::Waker) {
        epoll::raise(waker.as_fd()).expect("wake");
    }
}
