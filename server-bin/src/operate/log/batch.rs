//! From a worker to the writer: batches of outcomes, handed over when the writer asks.
//!
//! A worker collects its outcomes in a batch of its own, round after round, and hands it over at the end of the round in
//! which an alert has told it that the writer asks. The writer asks every 50 ms at most, and wakes a worker that sleeps. So a
//! line costs its worker little but the copy of its head. Neither side waits for the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::Instant;

use super::shared::{Shared, WriterEnd};
use crate::driver::handler::mailbox::Mailbox;
use crate::driver::handler::outcomes::Keep;
use crate::driver::handler::outcomes::records::Batch;
use crate::handler::Outcomes;

/// Batches that wait for the writer: one that it has asked for, and the last one of a worker.
const WAITING: usize = 2;

/// One worker's end of the access log. A clone is another worker's.
#[derive(Debug)]
pub struct Lines {
    shared: Arc<Shared>,
    /// Whether lines say how long a request took.
    timed: bool,
    end: Option<WorkerEnd>,
}

/// What is made with the first line, so that a handler that never serves costs nothing.
#[derive(Debug)]
struct WorkerEnd {
    /// The writer wants what there is.
    wanted: Arc<AtomicBool>,
    /// Lines that found no room since the writer looked last.
    dropped: Arc<AtomicU64>,
    filled: SyncSender<Batch>,
    empty: Receiver<Batch>,
    /// An empty one that found no use.
    spare: Option<Batch>,
}

impl Lines {
    pub(super) fn new(shared: Arc<Shared>, timed: bool) -> Self {
        Self {
            shared,
            timed,
            end: None,
        }
    }

    /// Takes the outcomes that the writer has asked for, and lets others lie until it does. It does not
    /// block, and it allocates the first time only, and when the writer was behind.
    /// With `hears_all` the handler hears of each round anyhow.
    pub(crate) fn take_in(&mut self, outcomes: &mut Outcomes, hears_all: bool) {
        let shared = &self.shared;
        let end = self
            .end
            .get_or_insert_with(|| connect(shared, outcomes.mailbox()));
        let keep = Keep {
            wanted: Arc::clone(&end.wanted),
            timed: self.timed,
        };
        outcomes.keep((!hears_all).then_some(keep));
        if self.timed {
            // It may be the first time, the last one, or in the middle of a round.
            outcomes.note_time(Instant::now);
        }
        let are_many = outcomes.are_many(1);
        if !(end.wanted.swap(false, Ordering::Relaxed) || are_many || outcomes.are_last()) {
            return;
        }
        let spare = end.spare.take().or_else(|| end.empty.try_recv().ok());
        let batch = outcomes.take(spare.unwrap_or_default());
        match end.filled.try_send(batch) {
            Ok(()) => shared.handed_over(are_many),
            Err(TrySendError::Full(batch) | TrySendError::Disconnected(batch)) => {
                // The writer is behind. They stay here, as long as there is room.
                end.spare = Some(outcomes.take(batch)).filter(Batch::has_room);
                if outcomes.are_many(4) || outcomes.are_last() {
                    end.dropped.fetch_add(outcomes.forget() as u64, Ordering::Relaxed);
                }
            }
        }
    }
}

fn connect(shared: &Shared, mailbox: &Arc<Mailbox>) -> WorkerEnd {
    let wanted = Arc::<AtomicBool>::default();
    let dropped = Arc::<AtomicU64>::default();
    let (filled, to_write) = sync_channel(WAITING);
    let (written, empty) = sync_channel(WAITING);
    // One is with the writer while the worker fills the other.
    let _ = written.try_send(Batch::with_room());
    shared.add(WriterEnd {
        wanted: Arc::clone(&wanted),
        dropped: Arc::clone(&dropped),
        filled: to_write,
        empty: written,
        mailbox: Arc::clone(mailbox),
    });
    WorkerEnd {
        wanted,
        dropped,
        filled,
        empty,
        spare: None,
    }
}

impl Clone for Lines {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.shared), self.timed)
    }
}

#[cfg(test)]
mod tests {
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::handler::Watch;

    /// Lets a line come in, and the writer ask for it.
    fn hand_over_one(lines: &mut Lines, outcomes: &mut Outcomes) {
        if let Some(end) = &lines.end {
            end.wanted.store(true, Ordering::Relaxed);
        }
        outcomes.add("/");
        take_in(lines, outcomes);
    }

    fn take_in(lines: &mut Lines, outcomes: &mut Outcomes) {
        outcomes.tell(Instant::now(), |outcomes| {
            lines.take_in(outcomes, false);
            Watch::GoOn
        });
    }

    #[test]
    fn requests_last_until_their_round_ends_or_the_log_takes_them_in() {
        const ROUND: Duration = Duration::from_secs(1000);
        const MOMENT: Duration = Duration::from_millis(5);
        let shared = Arc::<Shared>::default();
        let mut lines = Lines::new(Arc::clone(&shared), true);
        let mut outcomes = Outcomes::new(Arc::new(Mailbox::new(None)));
        // It is told of before anybody has said that times are to be noted.
        let start = Instant::now();
        outcomes.add("/");
        thread::sleep(MOMENT);
        take_in(&mut lines, &mut outcomes);
        for (round, ended) in [(1, 2), (2, 0), (3, 1)] {
            (0..ended).for_each(|_| outcomes.add("/"));
            assert!(
                outcomes.can_wait(|| start + round * ROUND),
                "the writer has not asked"
            );
        }
        let writer = shared.take_arrivals().pop().expect("the worker is known");
        writer.ask();
        outcomes.heed_alert();
        outcomes.add("/");
        thread::sleep(MOMENT);
        assert!(!outcomes.can_wait(|| start + 4 * ROUND), "it has asked");
        take_in(&mut lines, &mut outcomes);
        let mut batch = writer.take().expect("a batch");
        let times: Vec<_> = batch.outcomes().map(|one| one.time).collect();
        let [first, round_1, also_1, round_3, last] = times[..] else {
            panic!("{times:?}");
        };
        assert!(
            (MOMENT..ROUND).contains(&first) && (MOMENT..ROUND).contains(&last),
            "{times:?}"
        );
        // They began some moments after the start.
        let rounds = [round_1, also_1, round_3].map(|time| time.as_secs().div_ceil(ROUND.as_secs()));
        assert_eq!(rounds, [1, 1, 3]);
    }

    #[test]
    fn many_lines_are_handed_over_though_nobody_has_asked_for_them() {
        let shared = Arc::<Shared>::default();
        let mut lines = Lines::new(Arc::clone(&shared), false);
        let mut outcomes = Outcomes::new(Arc::new(Mailbox::new(None)));
        hand_over_one(&mut lines, &mut outcomes);
        let writer = shared.take_arrivals().pop().expect("the worker is known");
        let mut count = 1;
        while outcomes.can_wait(Instant::now) {
            assert!(count < 10_000, "they are many");
            outcomes.add("/");
            count += 1;
        }
        assert!(writer.take().is_err(), "nobody has asked");
        take_in(&mut lines, &mut outcomes);
        assert_eq!(writer.take().expect("a batch").outcomes().count(), count);
    }

    #[test]
    fn an_empty_batch_that_found_no_use_is_used_the_next_time() {
        let shared = Arc::<Shared>::default();
        let mut lines = Lines::new(Arc::clone(&shared), false);
        let mut outcomes = Outcomes::new(Arc::new(Mailbox::new(None)));
        // The first one is not asked for. Then there is no more room for batches.
        for _ in 0..=WAITING {
            hand_over_one(&mut lines, &mut outcomes);
        }
        let writer = shared.take_arrivals().pop().expect("the worker is known");
        writer.give_back(Batch::with_room());
        let has_spare = |lines: &Lines| lines.end.as_ref().is_some_and(|end| end.spare.is_some());
        hand_over_one(&mut lines, &mut outcomes);
        assert!(has_spare(&lines), "the batch was not handed over");
        assert!(writer.take().is_ok(), "there is room for one");
        hand_over_one(&mut lines, &mut outcomes);
        assert!(!has_spare(&lines), "it is filled now");
    }
}
