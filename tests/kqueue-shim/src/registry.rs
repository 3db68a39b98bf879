//! Which descriptor is which kqueue.

use std::{
    collections::HashMap,
    os::fd::RawFd,
    process,
    sync::{
        Arc, Mutex, MutexGuard, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
};

use crate::{
    chaos::Chaos,
    ffi,
    queue::{Errno, Queue},
};

/// The process that made kqueues. A child must not touch the lock below: a thread that the child does not have may
/// hold it.
static OWNER: AtomicU32 = AtomicU32::new(0);

type Queues = HashMap<RawFd, Arc<Queue>>;

fn queues() -> MutexGuard<'static, Queues> {
    static QUEUES: OnceLock<Mutex<Queues>> = OnceLock::new();
    QUEUES
        .get_or_init(Mutex::default)
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
}

/// Makes a kqueue and answers its descriptor.
pub(crate) fn create() -> Result<RawFd, Errno> {
    OWNER.store(process::id(), Ordering::Relaxed);
    sweep();
    let outer = ffi::inheritable_epoll()?;
    // An older entry of the number is of a kqueue that was closed meanwhile.
    queues().insert(outer, Arc::new(Queue::new(outer, Chaos::for_a_new_queue())?));
    Ok(outer)
}

/// The kqueue that `fd` names, also when `fd` is a dup of it. A child of fork has none, as on every BSD.
pub(crate) fn find(fd: RawFd) -> Result<Arc<Queue>, Errno> {
    if OWNER.load(Ordering::Relaxed) != process::id() {
        return Err(Errno(libc::EBADF));
    }
    let queues = queues();
    if let Some(queue) = queues.get(&fd).filter(|queue| queue.is(fd)) {
        return Ok(Arc::clone(queue));
    }
    queues
        .values()
        .find(|queue| queue.is(fd))
        .map(Arc::clone)
        .ok_or(Errno(libc::EBADF))
}

/// Frees what belongs to kqueues that were closed, as far as it can be told: for tests that count descriptors.
pub fn sweep() {
    queues().retain(|fd, queue| queue.is(*fd));
}
