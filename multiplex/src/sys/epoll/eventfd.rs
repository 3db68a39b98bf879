//! The waker's signal on Linux and Android: an eventfd(2).

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::AsFd;
use std::sync::Weak;

use super::{Backend, Queue, ffi};
use crate::interest::{Interest, Trigger};
use crate::sys;
use crate::token::Tagged;

/// A counter that is raised by each wake.
///
/// It is registered edge-triggered, and nobody reads it: each write is reported once, so a wake and the wait that it
/// ends are one system call each.
pub(crate) struct Signal {
    counter: File,
}

impl sys::Signal<Queue> for Signal {
    fn new(queue: &Queue, data: Tagged) -> io::Result<Self> {
        let counter = File::from(ffi::eventfd()?);
        queue.add(counter.as_fd(), data, Interest::READABLE, Trigger::Edge)?;
        Ok(Self { counter })
    }

    fn raise(&self, _: &Weak<Queue>) -> io::Result<()> {
        let one = 1_u64.to_ne_bytes();
        match (&self.counter).write(&one) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                // The counter is full, after 2^64 - 2 wakes. Reading sets it to 0, and the write after it is an edge.
                // If another thread is ahead of us with either, its write comes after our call and is the edge.
                let _ = (&self.counter).read(&mut [0; 8]);
                let _ = (&self.counter).write(&one);
                Ok(())
            }
            result => result.map(drop),
        }
    }

    fn detach(&self, queue: &Queue) {
        // Closing would do, but not if a child of fork(2) still has the fd.
        let _ = queue.remove(self.counter.as_fd());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::sys::Signal as _;
    use crate::token::{Kind, Token};

    #[test]
    fn a_full_counter_is_emptied_and_still_wakes() {
        let queue = Queue::new().unwrap();
        let signal = Signal::new(&queue, Token::new(1).tagged(Kind::Waker).unwrap()).unwrap();
        let mut events = Vec::with_capacity(4);
        // As after so many wakes that the next one would block.
        (&signal.counter)
            .write_all(&(u64::MAX - 1).to_ne_bytes())
            .unwrap();
        queue.wait(&mut events, Some(Duration::from_secs(20))).unwrap();
        for _ in 0..3 {
            signal.raise(&Weak::new()).unwrap();
            queue.wait(&mut events, Some(Duration::from_secs(20))).unwrap();
            assert_eq!(events.len(), 1);
        }
    }
}
