//! The work that is counted: each operation so many times, by the crate and by the bare call.

use std::hint::black_box;
use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use multiplex::{Events, Interest, Poller, Token, Trigger, Waker};

use super::ffi;

/// More than any test removes.
const SOURCES: usize = 2_000;

/// A method of the poller that registers.
trait Change: Fn(&Poller, &UnixStream, Token, Interest, Trigger) -> io::Result<()> {}

impl<F: Fn(&Poller, &UnixStream, Token, Interest, Trigger) -> io::Result<()>> Change for F {}

struct Stage {
    poller: Poller,
    events: Events,
    source: UnixStream,
    _peer: UnixStream,
}

pub(crate) fn run(name: &str, rounds: usize) {
    let (source, mut peer) = UnixStream::pair().unwrap();
    peer.write_all(b"ready").unwrap();
    let mut stage = Stage {
        poller: Poller::new().unwrap(),
        events: Events::with_capacity(64),
        source,
        _peer: peer,
    };
    match name {
        "modify" => stage.modify(rounds, |poller, source, token, interest, trigger| {
            poller.modify(source, token, interest, trigger)
        }),
        "modify_existing" => stage.modify(rounds, |poller, source, token, interest, trigger| {
            poller.modify_existing(source, token, interest, trigger)
        }),
        "bare_modify" => stage.bare_modify(rounds),
        "remove" => stage.remove(rounds),
        "bare_remove" => stage.bare_remove(rounds),
        "add_and_remove" => stage.add_and_remove(rounds, |poller, source, token, interest, trigger| {
            poller.add(source, token, interest, trigger)
        }),
        "add_new_and_remove" => stage.add_and_remove(rounds, |poller, source, token, interest, trigger| {
            poller.add_new(source, token, interest, trigger)
        }),
        "bare_add_and_remove" => stage.bare_add_and_remove(rounds),
        "wait_for_ever" => stage.wait(rounds, 1, None),
        "wait_no_time" => stage.wait(rounds, 1, Some(Duration::ZERO)),
        "wait_a_second" => stage.wait(rounds, 1, Some(Duration::from_secs(1))),
        "wait_with_a_fraction" => stage.wait(rounds, 1, Some(Duration::from_micros(1_000_500))),
        "wait_64_events" => stage.wait(rounds, 64, None),
        "wait_until_timeout" => stage.wait(rounds, 0, Some(Duration::from_micros(10))),
        "bare_wait" => stage.bare_wait(rounds, 1, false),
        "bare_wait_64_events" => stage.bare_wait(rounds, 64, false),
        "bare_wait_and_clock" => stage.bare_wait(rounds, 1, true),
        "wake_and_wait" => stage.wake_and_wait(rounds),
        _ => panic!("no work is called {name}"),
    }
}

impl Stage {
    fn fds(&self) -> Vec<OwnedFd> {
        let twins: Vec<_> = (0..SOURCES)
            .map(|_| self.source.as_fd().try_clone_to_owned().unwrap())
            .collect();
        for (token, twin) in twins.iter().enumerate() {
            self.poller
                .add(twin, Token::new(token), Interest::READABLE, Trigger::Level)
                .unwrap();
        }
        twins
    }

    #[inline(always)]
    fn modify(&mut self, rounds: usize, modify: impl Change) {
        self.poller
            .add(&self.source, Token::new(1), Interest::READABLE, Trigger::Level)
            .unwrap();
        for token in 0..rounds {
            let interest = black_box(Interest::READABLE);
            let trigger = black_box(Trigger::Level);
            modify(&self.poller, &self.source, Token::new(token), interest, trigger).unwrap();
        }
    }

    fn bare_modify(&mut self, rounds: usize) {
        let (epoll, fd) = (self.poller.as_raw_fd(), self.source.as_raw_fd());
        assert_eq!(
            ffi::control(epoll, libc::EPOLL_CTL_ADD, fd, libc::EPOLLIN as u32, 1),
            0
        );
        for token in 0..rounds {
            assert_eq!(
                ffi::control(
                    epoll,
                    libc::EPOLL_CTL_MOD,
                    fd,
                    black_box(libc::EPOLLIN as u32),
                    token as u64
                ),
                0
            );
        }
    }

    fn remove(&mut self, rounds: usize) {
        for fd in &self.fds()[..rounds] {
            self.poller.remove(fd).unwrap();
        }
    }

    fn bare_remove(&mut self, rounds: usize) {
        let epoll = self.poller.as_raw_fd();
        for fd in &self.fds()[..rounds] {
            assert_eq!(ffi::control(epoll, libc::EPOLL_CTL_DEL, fd.as_raw_fd(), 0, 0), 0);
        }
    }

    #[inline(always)]
    fn add_and_remove(&mut self, rounds: usize, add: impl Change) {
        for token in 0..rounds {
            let interest = black_box(Interest::READABLE);
            let trigger = black_box(Trigger::Level);
            add(&self.poller, &self.source, Token::new(token), interest, trigger).unwrap();
            self.poller.remove(&self.source).unwrap();
        }
    }

    fn bare_add_and_remove(&mut self, rounds: usize) {
        let (epoll, fd) = (self.poller.as_raw_fd(), self.source.as_raw_fd());
        for token in 0..rounds {
            assert_eq!(
                ffi::control(
                    epoll,
                    libc::EPOLL_CTL_ADD,
                    fd,
                    black_box(libc::EPOLLIN as u32),
                    token as u64
                ),
                0
            );
            assert_eq!(ffi::control(epoll, libc::EPOLL_CTL_DEL, fd, 0, 0), 0);
        }
    }

    fn wait(&mut self, rounds: usize, ready: usize, timeout: Option<Duration>) {
        let fds = self.fds();
        fds[ready..].iter().for_each(|fd| self.poller.remove(fd).unwrap());
        let mut sum = 0;
        for _ in 0..rounds {
            self.poller.wait(&mut self.events, black_box(timeout)).unwrap();
            for event in &self.events {
                if event.is_readable() {
                    sum += event.token().value();
                }
            }
        }
        assert_eq!(black_box(sum), rounds * ready * ready.saturating_sub(1) / 2);
    }

    fn bare_wait(&mut self, rounds: usize, ready: usize, clock: bool) {
        let fds = self.fds();
        fds[ready..].iter().for_each(|fd| self.poller.remove(fd).unwrap());
        let (epoll, mut events) = (
            self.poller.as_raw_fd(),
            [libc::epoll_event { events: 0, u64: 0 }; 64],
        );
        let mut sum = 0;
        for _ in 0..rounds {
            if clock {
                black_box(Instant::now());
            }
            let n = ffi::wait(epoll, &mut events, black_box(-1));
            assert!(n >= 0);
            for event in &events[..n as usize] {
                if event.events & libc::EPOLLIN as u32 != 0 {
                    sum += event.u64 as usize;
                }
            }
        }
        assert_eq!(black_box(sum), rounds * ready * ready.saturating_sub(1) / 2);
    }

    fn wake_and_wait(&mut self, rounds: usize) {
        let waker = Waker::new(&self.poller, Token::new(7)).unwrap();
        for _ in 0..rounds {
            waker.wake().unwrap();
            self.poller.wait(&mut self.events, None).unwrap();
            assert!(self.events.iter().all(|event| event.is_wake()));
        }
    }
}
