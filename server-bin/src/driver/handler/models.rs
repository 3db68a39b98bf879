//! Models of the mailbox, the notifier and the drain: every order in which their threads can run, and every value that an
//! atomic may be seen to have. `scripts/races loom` runs them.
//!
//! A lost wake is a worker that sleeps for ever, which loom reports as a deadlock.

use std::io;
use std::sync::Arc;

use http_core::ResponseHead;
use loom::sync::Notify;
use loom::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use loom::thread;

use super::later::{Desk, Elsewhere, Notifier};
use super::mailbox::{Letter, Mailbox, Wake};

/// What a sleeping worker waits on, how often it was woken, and how often that is to fail first.
struct Bed {
    alarm: Notify,
    wakes: AtomicUsize,
    failures: AtomicUsize,
}

impl Wake for Arc<Bed> {
    fn wake(&self) -> io::Result<()> {
        if self.failures.load(Relaxed) > 0 {
            self.failures.fetch_sub(1, Relaxed);
            return Err(io::ErrorKind::OutOfMemory.into());
        }
        self.wakes.fetch_add(1, Relaxed);
        self.alarm.notify();
        Ok(())
    }
}

/// One worker with one request.
struct Worker {
    bed: Arc<Bed>,
    mailbox: Arc<Mailbox>,
    elsewhere: Option<Box<Elsewhere>>,
    serials: u64,
    slept: usize,
}

impl Worker {
    fn new(failures: usize) -> Self {
        let bed = Arc::new(Bed {
            alarm: Notify::new(),
            wakes: AtomicUsize::new(0),
            failures: AtomicUsize::new(failures),
        });
        Self {
            mailbox: Arc::new(Mailbox::new(Some(Box::new(Arc::clone(&bed))))),
            bed,
            elsewhere: None,
            serials: 0,
            slept: 0,
        }
    }

    fn desk(&mut self) -> Desk<'_> {
        Desk {
            mailbox: &self.mailbox,
            connection: 1,
            serials: &mut self.serials,
            elsewhere: &mut self.elsewhere,
        }
    }

    fn notifier(&mut self) -> Notifier {
        self.desk().notifier()
    }

    /// One round. Returns the letters.
    fn round(&mut self) -> Vec<Letter> {
        if self.mailbox.fall_asleep() {
            self.bed.alarm.wait();
            self.slept += 1;
        }
        let mut letters = Vec::new();
        if self.mailbox.wake_up() {
            self.mailbox.collect(&mut letters);
        }
        for letter in &letters {
            if let (Letter::News { serial, .. }, Some(elsewhere)) = (letter, &self.elsewhere) {
                assert_eq!(*serial, elsewhere.serial, "news of another request");
                elsewhere.take_news();
            }
        }
        letters
    }

    /// Rounds until there is nothing to wait for any more. Returns how many letters came.
    fn rounds_until(&mut self, mut done: impl FnMut(&Self) -> bool) -> usize {
        let mut count = 0;
        while !done(self) {
            count += self.round().len();
        }
        let wakes = self.bed.wakes.load(Relaxed);
        assert!(wakes <= self.slept + 1, "{wakes} wakes for {} sleeps", self.slept);
        count
    }
}

#[test]
fn what_was_done_before_a_notifier_fires_is_seen_whoever_fires_first() {
    loom::model(|| {
        let mut worker = Worker::new(0);
        let notifier = worker.notifier();
        let news = Arc::new([AtomicBool::new(false), AtomicBool::new(false)]);
        let threads: Vec<_> = (0..2)
            .map(|number| {
                let (news, notifier) = (Arc::clone(&news), notifier.clone());
                thread::spawn(move || {
                    // Nothing but the notifier orders this before the worker's look.
                    news[number].store(true, Relaxed);
                    notifier.notify();
                })
            })
            .collect();
        let letters = worker.rounds_until(|_| news.iter().all(|one| one.load(Relaxed)));
        assert!(letters <= 2);
        for thread in threads {
            thread.join().unwrap();
        }
        drop(notifier);
    });
}

#[test]
fn the_last_notifier_that_goes_wakes_the_request_and_so_does_an_answer() {
    loom::model(|| {
        let mut worker = Worker::new(0);
        let (ticket, completer) = worker.desk().ticket();
        let notifier = worker.notifier();
        let letting_go = thread::spawn(move || drop(notifier));
        let completing = thread::spawn(move || completer.complete(ResponseHead::new(200), "later"));
        let mut answers = 0;
        while answers == 0
            || worker
                .elsewhere
                .as_ref()
                .is_some_and(|elsewhere| elsewhere.can_be_notified())
        {
            for letter in worker.round() {
                if let Letter::Answer(answer) = letter {
                    assert_eq!((answer.serial, answer.number), (ticket.serial, ticket.number));
                    answers += 1;
                }
            }
        }
        assert_eq!(answers, 1);
        letting_go.join().unwrap();
        completing.join().unwrap();
    });
}

#[test]
fn a_drain_is_seen_by_a_worker_that_sleeps_or_is_about_to() {
    loom::model(|| {
        let mut worker = Worker::new(0);
        let draining = Arc::new(AtomicBool::new(false));
        let (mailbox, flag) = (Arc::clone(&worker.mailbox), Arc::clone(&draining));
        let handle = thread::spawn(move || {
            flag.store(true, Relaxed);
            mailbox.alert();
        });
        worker.rounds_until(|_| draining.load(Relaxed));
        handle.join().unwrap();
    });
}

#[test]
fn after_a_wake_that_failed_the_next_post_wakes() {
    loom::model(|| {
        let mut worker = Worker::new(1);
        let posted = Arc::new(AtomicBool::new(false));
        let (mailbox, bed, flag) = (
            Arc::clone(&worker.mailbox),
            Arc::clone(&worker.bed),
            Arc::clone(&posted),
        );
        let posting = thread::spawn(move || {
            flag.store(true, Relaxed);
            mailbox.alert();
            if bed.failures.load(Relaxed) == 0 {
                // The worker slept, and was not woken.
                mailbox.alert();
            }
        });
        worker.rounds_until(|_| posted.load(Relaxed));
        posting.join().unwrap();
    });
}
