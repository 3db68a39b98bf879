//! The mailbox of a worker: where answers and news for its connections arrive, from any thread.
//!
//! Posting wakes the worker only when it sleeps and was not woken yet. The worker says when it goes to sleep, and looks
//! once more after it has said so; so a letter that is posted at that moment is either seen by that look or wakes it.

use std::io;
use std::sync::PoisonError;

use http_core::ResponseHead;

use super::sync::{AtomicU8, Mutex, Ordering};
use super::{Completed, Serial};

/// What arrives in a mailbox.
pub(crate) enum Letter {
    /// An answer to a request.
    Answer(Answer),
    /// A notifier has fired, or the last one is gone.
    News { connection: usize, serial: Serial },
}

/// An answer on its way to the worker that owns the connection.
pub(crate) struct Answer {
    pub(crate) connection: usize,
    pub(crate) serial: Serial,
    pub(crate) number: u32,
    pub(crate) head: ResponseHead,
    pub(crate) body: Completed,
}

/// Makes a sleeping worker look into its mailbox.
pub(crate) trait Wake: Send + Sync {
    fn wake(&self) -> io::Result<()>;
}

/// The worker is awake, and the mailbox was empty when it looked last.
const AWAKE: u8 = 0;
/// The worker sleeps, or is about to.
const ASLEEP: u8 = 1;
/// Something was posted since the worker looked last.
const POSTED: u8 = 2;
/// Something was posted, and the worker, which sleeps, could not be woken for it.
const UNWOKEN: u8 = 3;

/// How often a wake is tried that signals interrupt.
const MAX_TRIES: usize = 8;

/// Where letters for one worker's connections arrive.
pub(crate) struct Mailbox {
    letters: Mutex<Vec<Letter>>,
    state: AtomicU8,
    wake: Option<Box<dyn Wake>>,
}

impl Mailbox {
    /// A mailbox whose worker is woken by `wake`; without one the worker has to look by itself.
    pub(crate) fn new(wake: Option<Box<dyn Wake>>) -> Self {
        Self {
            letters: Mutex::new(Vec::new()),
            state: AtomicU8::new(AWAKE),
            wake,
        }
    }

    pub(crate) fn post(&self, letter: Letter) {
        self.put(letter);
        self.alert();
    }

    /// Adds a letter without a word to the worker: [`alert`](Self::alert) has to follow.
    pub(crate) fn put(&self, letter: Letter) {
        self.letters
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(letter);
    }

    /// Makes the worker look, whatever is in the mailbox.
    pub(crate) fn alert(&self) {
        if !matches!(self.state.swap(POSTED, Ordering::AcqRel), ASLEEP | UNWOKEN) {
            return;
        }
        let Some(wake) = &self.wake else { return };
        if wake_by(|| wake.wake()).is_err() {
            // The worker still sleeps: the next post tries again, and whatever else wakes it lets it look.
            let _ = self
                .state
                .compare_exchange(POSTED, UNWOKEN, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    /// Says that the worker goes to sleep. `false`: something was posted, so it must look first.
    #[inline]
    pub(crate) fn fall_asleep(&self) -> bool {
        self.state
            .compare_exchange(AWAKE, ASLEEP, Ordering::AcqRel, Ordering::Acquire)
            .is_ok()
    }

    /// Says that the worker is awake. Returns whether something was posted.
    #[inline]
    pub(crate) fn wake_up(&self) -> bool {
        matches!(self.state.swap(AWAKE, Ordering::AcqRel), POSTED | UNWOKEN)
    }

    /// Swaps all letters into `letters`, which must be empty; its capacity is reused.
    pub(crate) fn collect(&self, letters: &mut Vec<Letter>) {
        debug_assert!(letters.is_empty(), "letters of an earlier look were not read");
        std::mem::swap(
            &mut *self.letters.lock().unwrap_or_else(PoisonError::into_inner),
            letters,
        );
    }
}

/// Wakes, and tries again when a signal came between; signals without an end must not hold up who wakes.
fn wake_by(wake: impl Fn() -> io::Result<()>) -> io::Result<()> {
    for _ in 1..MAX_TRIES {
        match wake() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
    wake()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
    use std::sync::{Arc, OnceLock, Weak};

    use super::*;
    use crate::driver::handler::{Desk, Notifier};

    #[derive(Clone, Default)]
    struct Count(Arc<AtomicUsize>);

    impl Wake for Count {
        fn wake(&self) -> io::Result<()> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
    }

    fn news() -> Letter {
        Letter::News {
            connection: 1,
            serial: Serial(1),
        }
    }

    #[test]
    fn a_sleeping_worker_is_woken_once_for_all_that_is_posted() {
        let count = Count::default();
        let mailbox = Mailbox::new(Some(Box::new(count.clone())));
        assert!(mailbox.fall_asleep());
        for _ in 0..3 {
            mailbox.post(news());
        }
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(mailbox.wake_up());
        let mut letters = Vec::new();
        mailbox.collect(&mut letters);
        assert_eq!(letters.len(), 3);
    }

    #[test]
    fn a_worker_that_is_awake_is_not_woken_and_does_not_fall_asleep_over_a_letter() {
        let count = Count::default();
        let mailbox = Mailbox::new(Some(Box::new(count.clone())));
        mailbox.post(news());
        assert!(!mailbox.fall_asleep(), "a letter is there");
        assert!(mailbox.wake_up());
        assert!(mailbox.fall_asleep() && !mailbox.wake_up());
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn news_for_many_requests_wake_their_worker_once_though_it_falls_asleep_at_once() {
        /// A worker that wakes and sleeps again before anybody else gets a word in.
        struct Drowsy(Arc<OnceLock<Weak<Mailbox>>>, Count);
        impl Wake for Drowsy {
            fn wake(&self) -> io::Result<()> {
                let mailbox = self.0.get().and_then(Weak::upgrade).expect("a mailbox");
                assert!(mailbox.wake_up() && mailbox.fall_asleep());
                self.1.wake()
            }
        }
        let (place, count) = (Arc::default(), Count::default());
        let drowsy = Drowsy(Arc::clone(&place), count.clone());
        let mailbox = Arc::new(Mailbox::new(Some(Box::new(drowsy))));
        place.set(Arc::downgrade(&mailbox)).expect("the first");
        assert!(mailbox.fall_asleep());
        let (mut serials, mut requests) = (0, [None, None, None]);
        let notifiers = requests.each_mut().map(|elsewhere| {
            let mut desk = Desk {
                mailbox: &mailbox,
                connection: 1,
                serials: &mut serials,
                elsewhere,
            };
            desk.notifier()
        });
        Notifier::notify_all(&notifiers);
        Notifier::notify_all(&notifiers);
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        let mut letters = Vec::new();
        mailbox.collect(&mut letters);
        assert_eq!(letters.len(), 3, "each has its news, and once");
    }

    #[test]
    fn after_a_wake_that_failed_the_next_post_wakes_again() {
        struct FailsOnce(AtomicUsize);
        impl Wake for FailsOnce {
            fn wake(&self) -> io::Result<()> {
                match self.0.fetch_add(1, Ordering::Relaxed) {
                    0 => Err(io::ErrorKind::Interrupted.into()),
                    1 => Err(io::ErrorKind::OutOfMemory.into()),
                    _ => Ok(()),
                }
            }
        }
        let tries = Arc::new(FailsOnce(AtomicUsize::new(0)));
        impl Wake for Arc<FailsOnce> {
            fn wake(&self) -> io::Result<()> {
                self.as_ref().wake()
            }
        }
        let mailbox = Mailbox::new(Some(Box::new(Arc::clone(&tries))));
        assert!(mailbox.fall_asleep());
        mailbox.post(news());
        assert_eq!(tries.0.load(Ordering::Relaxed), 2, "a signal is no failure");
        mailbox.post(news());
        assert_eq!(tries.0.load(Ordering::Relaxed), 3);
        assert!(mailbox.wake_up());
    }

    #[test]
    fn after_a_wake_that_failed_a_worker_that_wakes_for_something_else_looks() {
        struct Fails;
        impl Wake for Fails {
            fn wake(&self) -> io::Result<()> {
                Err(io::ErrorKind::OutOfMemory.into())
            }
        }
        let mailbox = Mailbox::new(Some(Box::new(Fails)));
        assert!(mailbox.fall_asleep());
        mailbox.post(news());
        assert!(mailbox.wake_up(), "a letter is there");
        assert!(mailbox.fall_asleep() && !mailbox.wake_up());
    }
}
