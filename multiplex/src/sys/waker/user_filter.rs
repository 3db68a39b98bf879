//! The waker's signal on a kqueue that has EVFILT_USER: macOS, iOS, FreeBSD, DragonFly, NetBSD 10, OpenBSD.

use std::io;

use super::Queue;
use crate::token::Tagged;

/// A knote that the program itself triggers. The wait that reports it resets it.
pub(crate) struct UserFilter {
    ident: usize,
    data: Tagged,
}

impl UserFilter {
    pub(crate) fn new(queue: &Queue, data: Tagged) -> io::Result<Self> {
        Ok(Self {
            ident: queue.add_user(data)?,
            data,
        })
    }

    pub(crate) fn raise(&self, queue: &Queue) -> io::Result<()> {
        queue.trigger(self.ident, self.data)
    }

    pub(crate) fn detach(&self, queue: &Queue) {
        let _ = queue.remove_user(self.ident, self.data);
    }
}
