//! From a worker to the writer: a batch that the worker owns, and a bounded ring that both share without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rtrb::{Consumer, Producer, RingBuffer};

use super::line;
use super::writer::Shared;
use crate::handler::Outcome;

/// Bytes that a worker gathers before it hands them over; at the end of a round they go in any case.
const BATCH: usize = 32 * 1024;
/// Bytes that wait for the writer at most, for each worker: some 6,000 usual lines.
const RING: usize = 1024 * 1024;

/// One worker's end of the access log. A clone is another worker's.
#[derive(Debug)]
pub struct Lines {
    shared: Arc<Shared>,
    end: Option<WorkerEnd>,
}

/// What is made with the first line, so that a handler that never serves costs nothing.
#[derive(Debug)]
struct WorkerEnd {
    batch: Box<[u8]>,
    /// How much of the batch is filled.
    filled: usize,
    lines: u64,
    ring: Producer<u8>,
    dropped: Arc<AtomicU64>,
}

/// The writer's end of one worker's ring.
#[derive(Debug)]
pub(super) struct WriterEnd {
    pub(super) ring: Consumer<u8>,
    /// Lines that found no room since the writer looked last.
    pub(super) dropped: Arc<AtomicU64>,
}

impl Lines {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, end: None }
    }

    /// Takes in the line of an outcome. It neither blocks nor, but for the first one, allocates.
    #[inline]
    pub fn push(&mut self, outcome: &Outcome<'_>) {
        let Some(end) = &mut self.end else {
            return self.push_first(outcome);
        };
        if end.filled + line::MOST > BATCH {
            end.hand_over(&self.shared);
        }
        if let Some(length) = line::put(outcome, &mut end.batch[end.filled..]) {
            end.filled += length;
            end.lines += 1;
        }
    }

    #[cold]
    fn push_first(&mut self, outcome: &Outcome<'_>) {
        let (producer, consumer) = RingBuffer::new(RING);
        let dropped = Arc::new(AtomicU64::new(0));
        self.shared.add(WriterEnd {
            ring: consumer,
            dropped: Arc::clone(&dropped),
        });
        self.end = Some(WorkerEnd {
            batch: vec![0; BATCH].into(),
            filled: 0,
            lines: 0,
            ring: producer,
            dropped,
        });
        self.push(outcome);
    }

    /// Hands over what came in; to be called at the end of each round.
    #[inline]
    pub fn flush(&mut self) {
        if let Some(end) = &mut self.end
            && end.lines > 0
        {
            end.hand_over(&self.shared);
        }
    }
}

impl WorkerEnd {
    fn hand_over(&mut self, shared: &Shared) {
        if self.ring.push_entire_slice(&self.batch[..self.filled]).is_err() {
            // The writer alone lowers it, by a swap.
            self.dropped.fetch_add(self.lines, Ordering::Relaxed);
        }
        self.filled = 0;
        self.lines = 0;
        // By the count that the producer remembers: asking for the real one would touch the writer's cache line.
        shared.handed_over(self.ring.cached_slots() < RING / 2);
    }
}

impl Clone for Lines {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared))
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.flush();
    }
}
