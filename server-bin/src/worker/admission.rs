//! The places for connections that all workers of a server share, and who waits for one.
//!
//! A worker at the limit says that it waits, and is woken when a place becomes free: with reuseport a connection waits
//! for the one worker whose listener it came to, and no other can take it. A worker without an idle connection of its own
//! asks the others to close one of theirs.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::driver::handler::mailbox::Mailbox;

/// How many connections all workers together hold, and which of them want more.
pub(crate) struct Admission {
    present: AtomicUsize,
    most: usize,
    /// How many of the doors wait. Asked at each close, so that the lock is taken only for somebody.
    waiting: AtomicUsize,
    doors: Mutex<Doors>,
}

#[derive(Default)]
struct Doors {
    all: Vec<Arc<Door>>,
    /// Where the next one is looked for that waits, so that all get their turn.
    next: usize,
}

/// Where one worker's connections come in.
pub(crate) struct Door {
    mailbox: Arc<Mailbox>,
    waits: AtomicBool,
    /// A place was free.
    is_called: AtomicBool,
    /// Another worker wants a place, and has nobody who could give his up.
    is_asked: AtomicBool,
}

impl Door {
    /// Whether a place has become free since this worker began to wait. It may be taken again.
    pub(crate) fn is_called(&self) -> bool {
        self.is_called.swap(false, Ordering::AcqRel)
    }

    /// Whether another worker has asked for a place.
    pub(crate) fn is_asked(&self) -> bool {
        self.is_asked.swap(false, Ordering::AcqRel)
    }
}

impl Admission {
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            present: AtomicUsize::new(0),
            most,
            waiting: AtomicUsize::new(0),
            doors: Mutex::default(),
        })
    }

    /// Adds a worker, which is woken by its mailbox.
    pub(crate) fn add_door(&self, mailbox: Arc<Mailbox>) -> Arc<Door> {
        let door = Arc::new(Door {
            mailbox,
            waits: AtomicBool::new(false),
            is_called: AtomicBool::new(false),
            is_asked: AtomicBool::new(false),
        });
        self.doors().all.push(Arc::clone(&door));
        door
    }

    /// Takes a place, if there is one. A try that fails leaves no trace: else another worker would see no place where one is
    /// free, and nobody would call it.
    pub(crate) fn enter(&self) -> bool {
        let one_more = |present| (present < self.most).then_some(present + 1);
        self.present
            .fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_more)
            .is_ok()
    }

    /// Whether no place is free.
    pub(crate) fn is_full(&self) -> bool {
        self.present.load(Ordering::SeqCst) >= self.most
    }

    /// How many places are taken.
    pub(crate) fn present(&self) -> usize {
        self.present.load(Ordering::Relaxed)
    }

    /// Gives a place back, and wakes a worker that waits for one.
    ///
    /// One side writes that a place is free and looks whether somebody waits, the other one writes that it waits and looks
    /// whether a place is free. One of them sees the other, so all four are in the one order of `SeqCst`.
    pub(crate) fn leave(&self) {
        self.present.fetch_sub(1, Ordering::SeqCst);
        if self.is_waited_for() {
            self.call_next();
        }
    }

    /// Lets this worker wait for a place: it is woken when one is free, at once if one is now.
    pub(crate) fn wait(&self, door: &Door) {
        if !door.waits.swap(true, Ordering::SeqCst) {
            self.waiting.fetch_add(1, Ordering::SeqCst);
        }
        // A place may have become free between the look that found none and this.
        if !self.is_full() {
            self.call_next();
        }
    }

    /// This worker does not wait any more: it has a place, or nobody to take in. Called by no other, and nobody else lets it wait.
    pub(crate) fn stop_waiting(&self, door: &Door) {
        if door.waits.load(Ordering::Relaxed) && door.waits.swap(false, Ordering::AcqRel) {
            self.waiting.fetch_sub(1, Ordering::AcqRel);
        }
    }

    /// This worker ends. If it was called already, the next one is in its place.
    pub(crate) fn close(&self, door: &Door) {
        self.stop_waiting(door);
        if door.is_called() {
            self.pass_on();
        }
    }

    /// Whether any worker waits for a place.
    pub(crate) fn is_waited_for(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) > 0
    }

    /// Asks the other workers for a place. Returns whether there are any.
    pub(crate) fn ask_others(&self, own: &Door) -> bool {
        let doors = self.doors();
        let others = doors
            .all
            .iter()
            .filter(|door| !std::ptr::eq(&raw const ***door, own));
        others
            .map(|door| {
                door.is_asked.store(true, Ordering::Release);
                door.mailbox.alert();
            })
            .count()
            > 0
    }

    /// Calls the next worker that waits, after one that was called and has nobody to take in.
    pub(crate) fn pass_on(&self) {
        if self.is_waited_for() && !self.is_full() {
            self.call_next();
        }
    }

    #[cold]
    fn call_next(&self) {
        let mut doors = self.doors();
        let count = doors.all.len();
        let first = doors.next;
        let waiting = (0..count).map(|n| (first + n) % count);
        for at in waiting {
            if doors.all[at].waits.swap(false, Ordering::AcqRel) {
                self.waiting.fetch_sub(1, Ordering::AcqRel);
                doors.next = (at + 1) % count;
                doors.all[at].is_called.store(true, Ordering::Release);
                return doors.all[at].mailbox.alert();
            }
        }
    }

    fn doors(&self) -> MutexGuard<'_, Doors> {
        self.doors.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::driver::handler::mailbox::Wake;

    fn door(admission: &Admission) -> Arc<Door> {
        admission.add_door(Arc::new(Mailbox::new(None)))
    }

    #[test]
    fn a_place_is_given_out_once_until_it_comes_back() {
        let admission = Admission::new(2);
        assert!(admission.enter() && admission.enter() && !admission.enter());
        admission.leave();
        assert!(admission.enter() && !admission.enter());
        assert_eq!(admission.present(), 2);
    }

    #[test]
    fn a_try_that_fails_never_looks_like_a_place_that_is_taken() {
        let admission = Admission::new(1);
        assert!(admission.enter());
        let is_over = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_over.load(Ordering::Relaxed) {
                    let _ = admission.enter();
                }
            });
            let looks = (0..1_000_000).map(|_| admission.present.load(Ordering::SeqCst));
            let most = looks.max();
            is_over.store(true, Ordering::Relaxed);
            assert_eq!(most, Some(1));
        });
    }

    #[test]
    fn each_place_that_becomes_free_calls_one_worker_that_waits_and_all_in_turn() {
        let admission = Admission::new(2);
        let doors = [(); 3].map(|()| door(&admission));
        assert!(admission.enter() && admission.enter());
        for _ in 0..2 {
            admission.wait(&doors[0]);
            admission.wait(&doors[2]);
        }
        let called = || doors.each_ref().map(|door| door.is_called());
        assert_eq!(called(), [false; 3]);
        admission.leave();
        assert_eq!(called(), [true, false, false]);
        assert!(admission.enter());
        admission.wait(&doors[0]);
        admission.leave();
        assert_eq!(called(), [false, false, true], "the other one's turn");
        assert!(admission.enter());
        admission.leave();
        assert_eq!(called(), [true, false, false]);
        admission.leave();
        assert_eq!(called(), [false; 3], "nobody waits");
    }

    #[test]
    fn a_worker_that_waits_for_a_place_that_is_free_already_is_called_at_once() {
        let admission = Admission::new(1);
        let door = door(&admission);
        assert!(admission.enter() && !admission.enter());
        admission.leave();
        admission.wait(&door);
        assert!(door.is_called() && !door.is_called());
        assert!(door.mailbox.wake_up(), "it does not sleep over it");
    }

    #[test]
    fn a_worker_that_has_stopped_waiting_is_not_called() {
        let admission = Admission::new(1);
        let doors = [(); 2].map(|()| door(&admission));
        assert!(admission.enter());
        admission.wait(&doors[0]);
        admission.wait(&doors[1]);
        admission.stop_waiting(&doors[0]);
        admission.leave();
        assert!(!doors[0].is_called() && doors[1].is_called());
        admission.stop_waiting(&doors[1]);
        assert!(!admission.is_waited_for(), "one that was called waits no more");
    }

    #[test]
    fn a_worker_that_ends_takes_no_call_with_it_that_another_one_waits_for() {
        for was_called in [false, true] {
            let admission = Admission::new(1);
            let doors = [(); 2].map(|()| door(&admission));
            assert!(admission.enter());
            admission.wait(&doors[0]);
            admission.wait(&doors[1]);
            if was_called {
                admission.leave();
                admission.close(&doors[0]);
            } else {
                admission.close(&doors[0]);
                admission.leave();
            }
            assert!(doors[1].is_called(), "{was_called}");
        }
    }

    #[test]
    fn workers_that_share_one_place_all_have_it_in_the_end_whatever_the_order_of_their_calls() {
        const TURNS: usize = 5_000;
        struct Bell(std::sync::Mutex<std::sync::mpsc::Sender<()>>);
        impl Wake for Bell {
            fn wake(&self) -> std::io::Result<()> {
                // Who has had all its turns hears nothing any more.
                let _ = self.0.lock().expect("no panic").send(());
                Ok(())
            }
        }
        let admission = Admission::new(1);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                let (bell, rings) = std::sync::mpsc::channel();
                let bell = Box::new(Bell(std::sync::Mutex::new(bell)));
                let door = admission.add_door(Arc::new(Mailbox::new(Some(bell))));
                let admission = &admission;
                scope.spawn(move || {
                    for _ in 0..TURNS {
                        while !admission.enter() {
                            admission.wait(&door);
                            while !door.mailbox.wake_up() && door.mailbox.fall_asleep() {
                                let is_called = rings.recv_timeout(std::time::Duration::from_secs(20));
                                is_called.expect("a call was lost");
                            }
                            door.is_called();
                        }
                        admission.leave();
                    }
                    admission.close(&door);
                });
            }
        });
        assert_eq!((admission.present(), admission.is_waited_for()), (0, false));
    }

    #[test]
    fn the_others_are_asked_and_not_who_asks() {
        let admission = Admission::new(1);
        let first = door(&admission);
        assert!(!admission.ask_others(&first), "it is alone");
        let second = door(&admission);
        assert!(admission.ask_others(&first));
        assert!(!first.is_asked() && second.is_asked() && !second.is_asked());
    }
}
