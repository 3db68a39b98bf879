//! Many registered sources, some of which become ready.

use super::{Contestant, FIRST_SOURCE, Fd, Seen};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;

/// Socket pairs that can be made ready, among idle ones.
pub struct Sources {
    active: Vec<Pair>,
    idle: Vec<Fd>,
}

struct Pair {
    here: &'static UnixStream,
    there: UnixStream,
}

impl Sources {
    /// Makes `total` sources, of which `active` can be made ready. Their fds are never closed.
    ///
    /// The idle ones are duplicates of one socket: the kernel keeps a registration for each, and the limit on fds
    /// allows twice as many as with pairs.
    pub fn new(active: usize, total: usize) -> Self {
        let limit = super::ffi::raise_fd_limit().expect("the limit on fds can be read");
        let needed = (total + active + 64) as u64;
        assert!(
            limit >= needed,
            "a limit of {limit} fds is too low: {needed} are needed"
        );
        let active = (0..active).map(|_| Pair::new()).collect();
        let silent = Pair::new();
        let duplicate = |_| leak(silent.here.try_clone().expect("a duplicate")).as_fd();
        let idle = (0..total).skip(Vec::len(&active)).map(duplicate).collect();
        std::mem::forget(silent.there);
        Self { active, idle }
    }

    /// A source that is idle.
    pub fn idle(&self) -> Fd {
        self.idle[0]
    }

    /// Registers all of them. The active ones have the first tokens.
    pub fn register<C: Contestant>(&self, contestant: &C) {
        let active = self.active.iter().map(|pair| pair.here.as_fd());
        for (fd, token) in active.chain(self.idle.iter().copied()).zip(FIRST_SOURCE..) {
            contestant.add(fd, token);
        }
    }

    /// Makes the first `n` active ones readable.
    #[inline]
    pub fn make_ready(&mut self, n: usize) {
        for pair in &mut self.active[..n] {
            pair.there.write_all(b"!").expect("one byte fits");
        }
    }

    /// Reads what made them readable.
    #[inline]
    pub fn drain(&mut self, n: usize) {
        for mut stream in self.active[..n].iter().map(|pair| pair.here) {
            stream.read_exact(&mut [0]).expect("one byte is there");
        }
    }
}

/// What a wait should have seen when the first `n` sources were ready: an answer that is wrong is not fast.
pub fn expected(n: usize) -> Seen {
    Seen {
        readable: n,
        tokens: (FIRST_SOURCE..FIRST_SOURCE + n).sum(),
        ..Seen::default()
    }
}

impl Pair {
    fn new() -> Self {
        let (here, there) = UnixStream::pair().expect("a pair of sockets");
        Self {
            here: leak(here),
            there,
        }
    }
}

fn leak(stream: UnixStream) -> &'static UnixStream {
    Box::leak(Box::new(stream))
}
