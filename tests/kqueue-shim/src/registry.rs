//! Which descriptor is which kqueue.

use std::{
    collections::HashMap,
    os::fd::RawFd,
    process,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};

use crate::{
    chaos::Chaos,
    ffi,
    mode::{Kernel, mode},
    queue::{Errno, Queue},
};

type Queues = HashMap<RawFd, Arc<Queue>>;

/// The kqueues of one process. A child of fork gets a table of its own behind its parent's: a thread that the child does not
/// have may hold the parent's lock for ever.
struct Table {
    process: u32,
    queues: Mutex<Queues>,
    childs: OnceLock<Box<Table>>,
}

static FIRST: OnceLock<Table> = OnceLock::new();

impl Table {
    fn new() -> Self {
        Self {
            process: process::id(),
            queues: Mutex::default(),
            childs: OnceLock::new(),
        }
    }

    /// This process's table, if it has made a kqueue.
    fn get() -> Option<&'static Self> {
        let mut table = FIRST.get();
        while let Some(parents) = table.filter(|table| table.process != process::id()) {
            table = parents.childs.get().map(Box::as_ref);
        }
        table
    }

    fn get_or_make() -> &'static Self {
        let mut table = FIRST.get_or_init(Self::new);
        while table.process != process::id() {
            table = table.childs.get_or_init(|| Box::new(Self::new()));
        }
        table
    }

    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes a kqueue and returns its descriptor.
pub(crate) fn create() -> Result<RawFd, Errno> {
    sweep();
    let outer = ffi::inheritable_epoll()?;
    let queue = Arc::new(Queue::new(outer, Chaos::for_a_new_queue())?);
    // An older entry of the number is of a kqueue that was closed meanwhile.
    Table::get_or_make().lock().insert(outer, queue);
    Ok(outer)
}

/// The kqueue that `fd` names, also when `fd` is a dup of it. A child of fork has none, as on every BSD.
pub(crate) fn find(fd: RawFd) -> Result<Arc<Queue>, Errno> {
    let queues = Table::get().ok_or(Errno(libc::EBADF))?.lock();
    if let Some(queue) = queues.get(&fd).filter(|queue| queue.is(fd)) {
        return Ok(Arc::clone(queue));
    }
    queues
        .values()
        .find(|queue| queue.is(fd))
        .map(Arc::clone)
        .ok_or_else(|| no_kqueue(fd))
}

/// What the kernel says of a number that names something else.
fn no_kqueue(fd: RawFd) -> Errno {
    let other_file = mode().kernel() == Kernel::FreeBsd && ffi::is_open(fd) && !ffi::is_epoll(fd);
    Errno(if other_file { libc::EINVAL } else { libc::EBADF })
}

/// Frees what belongs to kqueues that were closed, as far as it can be told: for tests that count descriptors.
pub fn sweep() {
    if let Some(table) = Table::get() {
        table.lock().retain(|fd, queue| queue.is(*fd));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_makes_a_kqueue_of_its_own_although_its_parent_is_making_one() {
        let parents = create().expect("fds are left");
        let making = Table::get_or_make().lock();
        let good = ffi::in_child(|| {
            let unknown = find(parents).err() == Some(Errno(libc::EBADF));
            unknown && create().is_ok_and(|own| find(own).is_ok())
        });
        drop(making);
        assert!(good, "the child could not, or waits for its parent's lock");
    }
}
