//! What the threads of a log share: the writer's ends of the workers that have come, and what wakes the writer.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering, fence};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::Thread;

use crate::driver::handler::mailbox::Mailbox;
use crate::driver::handler::outcomes::records::Batch;

/// What the writer shares with those who hand something over.
#[derive(Debug, Default)]
pub(super) struct Shared {
    /// The ends of workers that the writer does not know yet.
    arrivals: Mutex<Vec<WriterEnd>>,
    /// The writer's thread.
    pub(super) thread: Mutex<Option<Thread>>,
    /// The writer sleeps until somebody wakes it.
    pub(super) asleep: AtomicBool,
    /// A worker that had many lines has woken it since it looked last.
    pub(super) hurried: AtomicBool,
    /// The files are to be opened anew.
    pub(super) reopen: AtomicBool,
    /// The writer is to end.
    pub(super) stop: AtomicBool,
    /// Notices that found no room since the writer looked last.
    pub(super) lost_notices: AtomicU64,
    /// Lines that were dropped since the start.
    pub(super) dropped: AtomicU64,
}

impl Shared {
    /// A worker to ask for lines.
    pub(super) fn add(&self, worker: WriterEnd) {
        self.arrivals
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(worker);
        self.wake();
    }

    /// Takes the ends of the workers that have come since.
    pub(super) fn take_arrivals(&self) -> Vec<WriterEnd> {
        std::mem::take(&mut *self.arrivals.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A worker has handed lines over; `are_many` says that more will soon find no room.
    pub(super) fn handed_over(&self, are_many: bool) {
        // Either this thread sees that the writer is asleep, or the writer sees the lines before it falls asleep.
        fence(Ordering::SeqCst);
        if self.asleep.load(Ordering::Relaxed) || (are_many && !self.hurried.swap(true, Ordering::Relaxed)) {
            self.wake();
        }
    }

    pub(super) fn lose_notice(&self) {
        self.lost_notices.fetch_add(1, Ordering::Relaxed);
    }

    #[cold]
    pub(super) fn wake(&self) {
        self.asleep.store(false, Ordering::Relaxed);
        // Held by nobody for longer than this takes.
        if let Some(thread) = &*self.thread.lock().unwrap_or_else(PoisonError::into_inner) {
            thread.unpark();
        }
    }
}

/// The writer's end for one worker.
pub(super) struct WriterEnd {
    /// The writer wants what there is.
    pub(super) wanted: Arc<AtomicBool>,
    /// Lines that found no room since the writer looked last.
    pub(super) dropped: Arc<AtomicU64>,
    pub(super) filled: Receiver<Batch>,
    pub(super) empty: SyncSender<Batch>,
    pub(super) mailbox: Arc<Mailbox>,
}

impl std::fmt::Debug for WriterEnd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WriterEnd")
            .field("wanted", &self.wanted)
            .finish_non_exhaustive()
    }
}

impl WriterEnd {
    /// Takes a batch; an error says whether the worker has gone.
    pub(super) fn take(&self) -> Result<Batch, TryRecvError> {
        self.filled.try_recv()
    }

    /// Gives a batch back that was written.
    pub(super) fn give_back(&self, mut batch: Batch) {
        batch.clear();
        // A third one is not needed.
        let _ = self.empty.try_send(batch);
    }

    /// Returns how many lines were dropped since this was asked last.
    pub(super) fn take_dropped(&self) -> u64 {
        self.dropped.swap(0, Ordering::Relaxed)
    }

    /// Asks the worker for what it has, if it was not asked already.
    pub(super) fn ask(&self) {
        if !self.wanted.swap(true, Ordering::Relaxed) {
            self.mailbox.alert();
        }
    }
}
