//! Whether turns are given fairly: nobody gets a second one before each that is ready had its first; and a round ends
//! when it has taken its time.

use std::cell::RefCell;
use std::time::{Duration, Instant};

use super::luck::{Oddity, note};
use super::network::Network;
use crate::worker::slab::Key;
use crate::worker::system::Event;

/// A round's time, and the turns that may follow on it: the clock is not looked at after each short one.
const ROUND: Duration = Duration::from_millis(1);
const MORE_TURNS: usize = 9;

/// What is known of turns since the last wait.
#[derive(Default)]
struct Turns {
    /// Connections that are ready and had no turn.
    ready: Vec<Key>,
    /// Those that had one.
    had: Vec<Key>,
    /// Those that have yielded, and have gone on before their next turn.
    moved_in_queue: Vec<Key>,
    /// When the round began, and turns that began after its time.
    began: Option<Instant>,
    late: usize,
    clock: Option<super::network::Clock>,
    wrong: Option<String>,
}

thread_local! {
    static TURNS: RefCell<Turns> = RefCell::default();
}

/// Another run begins, which knows nothing of the one before.
pub(super) fn reset() {
    TURNS.take();
}

/// A connection gets its turn.
pub(in crate::worker) fn begin(key: Key) {
    TURNS.with_borrow_mut(|turns| {
        turns.ready.retain(|&ready| ready != key);
        if turns.had.contains(&key) && !turns.ready.is_empty() {
            let text = format!("{key:?} had its second turn before {:?} had a first", turns.ready);
            turns.wrong.get_or_insert(text);
        }
        turns.had.push(key);
        let now = turns.clock.as_ref().map(super::network::Clock::now);
        if let (Some(now), Some(began)) = (now, turns.began)
            && now - began >= ROUND
        {
            turns.late += 1;
            if turns.late > MORE_TURNS {
                turns
                    .wrong
                    .get_or_insert("a round goes on behind its time".into());
            }
        }
    });
}

/// These have yielded before a round that begins, and have their turns in it.
pub(in crate::worker) fn expect(yielded: impl Iterator<Item = Key>) {
    TURNS.with_borrow_mut(|turns| {
        turns.moved_in_queue.clear();
        turns.ready.extend(yielded);
    });
}

/// A connection has sent or received something for a letter, or whatever else it was told, while it waits for its turn.
pub(in crate::worker) fn moved_in_queue(key: Key) {
    TURNS.with_borrow_mut(|turns| turns.moved_in_queue.push(key));
}

/// A connection gets its turn that has yielded before.
pub(in crate::worker) fn begin_yielded(key: Key) {
    TURNS.with_borrow_mut(|turns| {
        if turns.moved_in_queue.contains(&key) {
            let text = format!("{key:?} had a turn from its queue and one beside that");
            turns.wrong.get_or_insert(text);
        }
    });
}

/// A connection waits for memory.
pub(in crate::worker) fn hold_back() {
    note(Oddity::HeldBack);
}

/// A connection has gone.
pub(in crate::worker) fn forget(key: Key) {
    TURNS.with_borrow_mut(|turns| turns.ready.retain(|&ready| ready != key));
}

/// The worker's handler hears that a round has ended. The next one begins, unless the worker waits before that.
pub(super) fn end_round() {
    TURNS.with_borrow_mut(|turns| {
        turns.late = 0;
        turns.began = turns.clock.as_ref().map(super::network::Clock::now);
    });
}

/// A wait begins: whatever was ready before it had its turn.
pub(super) fn begin_wait(network: &mut Network) {
    let wrong = TURNS.with_borrow_mut(|turns| {
        turns.had.clear();
        turns.ready.clear();
        turns.wrong.take()
    });
    if let Some(wrong) = wrong {
        network.accuse(|| wrong);
    }
}

/// A wait ends: these connections are ready.
pub(super) fn end_wait(network: &Network) {
    TURNS.with_borrow_mut(|turns| {
        let keys = network.events.iter().filter_map(|event| match event {
            Event::Ready(key, _) => Some(*key),
            _ => None,
        });
        turns.ready.extend(keys.filter(|&key| network.knows(key)));
        turns.late = 0;
        turns.began = Some(network.clock.now());
        turns.clock = Some(network.clock.clone());
    });
}
