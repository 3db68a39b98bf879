//! Timers for an event loop: a timing wheel that tells [`Poller::wait`](crate::Poller::wait) how long it may sleep.
//!
//! [`Timers`] is a plain data structure. It reads no clock, makes no system call and starts no thread: time comes in
//! as an argument, so an event loop decides how often it reads the clock, and a test owns it.
//!
//! ```
//! use multiplex::timers::Timers;
//! use multiplex::{Events, Poller};
//! use std::time::{Duration, Instant};
//!
//! # fn main() -> std::io::Result<()> {
//! let poller = Poller::new()?;
//! let mut events = Events::with_capacity(64);
//! let now = Instant::now();
//! let mut timers = Timers::new(now);
//! let idle = timers.insert(now + Duration::from_secs(60), "idle");
//! timers.insert(now + Duration::from_millis(5), "retry");
//!
//! while timers.len() == 2 {
//!     poller.wait(&mut events, timers.next_timeout(Instant::now()))?;
//!     let now = Instant::now();
//!     for event in &events {
//!         // Serve what is ready, and move the deadline of what was heard of.
//!         timers.rearm(idle, now + Duration::from_secs(60));
//!     }
//!     while let Some((_id, what)) = timers.expire(now) {
//!         assert_eq!(what, "retry");
//!     }
//! }
//! assert_eq!(timers.cancel(idle), Some("idle"));
//! # Ok(())
//! # }
//! ```
//!
//! The clock is read before the wait and after it. A loop that reads it once a turn, after the wait, gives `next_timeout` a
//! time that is too early by as long as the turn took, sleeps longer by that, and fires timers so much later: a turn of 30 ms
//! makes a timer 30 ms late. That is a fair price for timeouts of seconds.
//!
//! # How it works
//!
//! Time is counted in ticks of one millisecond since [`Timers::new`]. There are eleven levels of 64 slots, so that
//! every 64-bit tick has a slot. A timer lies in the level of the highest base-64 digit in which its tick differs from
//! the current one, in the slot of that digit:
//!
//! ```text
//! level 0   64 slots of     1 ms    due within this 64 ms
//! level 1   64 slots of    64 ms    due within this 4 s, but not within this 64 ms
//! level 2   64 slots of     4 s     due within this 4 minutes, …
//! level 10  16 slots of 36 million years
//! ```
//!
//! From this rule follows all the rest. Each timer of a level is due before each timer of a higher level, and within a
//! level slots are due in their order, so the nearest slot is found by two `trailing_zeros` over bitmaps of what is
//! occupied. A clock that jumps passes over empty slots without looking at them. Where a timer lies follows from its
//! tick and the current one, so nothing but the tick is stored. When the current tick reaches a slot of a higher level,
//! that slot's timers move to lower levels: most timers of a server are cancelled or re-armed before that, and a timer
//! moves at most once per level.
//!
//! This splitting of a slot is the one step that takes longer the more timers there are. With 100,000 live ones over a
//! minute, every four seconds a slot of 7,000 is split, in less than a millisecond; with 1,000,000 it is 68,000, and tens
//! of milliseconds on a machine whose memory is slow. Several wheels, as several threads have them, divide that.

use std::fmt;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// Binary digits of a tick that choose the slot within one level.
const BITS: u32 = 6;
/// Slots of a level: as many as a `u64` has bits, so that one word tells which are occupied.
const SLOTS: usize = 1 << BITS;
/// Levels enough for each 64-bit tick to have a slot.
const LEVELS: usize = u64::BITS.div_ceil(BITS) as usize;
/// The index that means "no entry".
const NIL: u32 = u32::MAX;

/// A timing wheel: holds values until their deadlines, with a resolution of one millisecond.
///
/// `insert`, `cancel` and `rearm` take a constant number of instructions, however many timers there are and however
/// far ahead they lie. No timer fires early; each is due at its deadline rounded up to the next whole millisecond since
/// [`new`](Self::new). Time does not run backwards here: a `now` before one that [`expire`](Self::expire) saw already is
/// taken for that one.
///
/// A timer takes 24 bytes beside its value. The memory of a timer that is gone serves the next one; it goes back to the
/// allocator when the whole wheel is dropped.
pub struct Timers<T> {
    start: Instant,
    /// The current tick. No live timer has an earlier one.
    tick: u64,
    /// Which levels have an occupied slot: bit `level`.
    levels: u16,
    /// Which slots of each level are occupied: bit `slot`.
    occupied: [u64; LEVELS],
    /// The first entry of each slot's list. Boxed, so that a wheel moves cheaply.
    heads: Box<[[u32; SLOTS]; LEVELS]>,
    entries: Vec<Entry<T>>,
    /// The first vacant entry.
    vacant: u32,
    len: usize,
}

/// One timer, or a place for one.
///
/// Both variants hold the generation, rather than a struct around them, because then the compiler finds room for the
/// tag beside it: 24 bytes and a value, where an `Option<T>` inside would cost up to 16 more.
enum Entry<T> {
    Live {
        tick: u64,
        previous: u32,
        next: u32,
        generation: NonZeroU32,
        value: T,
    },
    Vacant {
        next: u32,
        generation: NonZeroU32,
    },
}

const _: () = assert!(size_of::<Entry<u64>>() <= 24 + size_of::<u64>());
const _: () = assert!(size_of::<TimerId>() == 8 && size_of::<Option<TimerId>>() == 8);

/// Names a timer of one [`Timers`].
///
/// It goes stale when its timer fired or was cancelled, and a stale one never names another timer: a place in memory
/// carries a generation, and is given up for good after 2³² - 1 of them. An id means nothing to another wheel.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TimerId {
    index: u32,
    generation: NonZeroU32,
}

/// Where a tick lies in the wheel.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    level: usize,
    slot: usize,
}

impl<T> Timers<T> {
    /// Makes an empty wheel whose first millisecond begins at `now`.
    pub fn new(now: Instant) -> Self {
        Self {
            start: now,
            tick: 0,
            levels: 0,
            occupied: [0; LEVELS],
            heads: Box::new([[NIL; SLOTS]; LEVELS]),
            entries: Vec::new(),
            vacant: NIL,
            len: 0,
        }
    }

    /// Adds a timer that is due at `deadline`; one whose millisecond is past is due at once.
    ///
    /// # Panics
    ///
    /// With 2³² - 1 timers in the wheel.
    pub fn insert(&mut self, deadline: Instant, value: T) -> TimerId {
        let tick = self.due_tick(deadline);
        let TimerId { index, generation } = self.claim();
        let (previous, next) = (NIL, NIL);
        self.entries[index as usize] = Entry::Live {
            tick,
            previous,
            next,
            generation,
            value,
        };
        self.len += 1;
        self.link(index, tick);
        TimerId { index, generation }
    }

    /// Removes a timer and returns its value; `None` if it fired or was cancelled before.
    pub fn cancel(&mut self, id: TimerId) -> Option<T> {
        let tick = self.tick_of(id)?;
        self.unlink(id.index, self.place(tick));
        self.vacate(id.index)
    }

    /// Moves a timer to another deadline, earlier or later; `false` if it fired or was cancelled before.
    ///
    /// The timer keeps its id and its value.
    pub fn rearm(&mut self, id: TimerId, deadline: Instant) -> bool {
        let Some(old) = self.tick_of(id) else { return false };
        let new = self.due_tick(deadline);
        if self.place(old) != self.place(new) {
            self.unlink(id.index, self.place(old));
            self.link(id.index, new);
        } else if let Entry::Live { tick, .. } = &mut self.entries[id.index as usize] {
            *tick = new;
        }
        true
    }

    /// Tells how long to wait before calling [`expire`](Self::expire) again; `None` when there is no timer.
    ///
    /// After this time the nearest timer is due, or its slot is to be split: an event loop that sleeps for it and calls
    /// `expire` fires each timer within the millisecond after its deadline, as far as the system wakes it in time and `now`
    /// is the time at which it goes to sleep. It may wake for nothing, at most once per
    /// level for a timer (twice for one that is a minute away); never so for a timer that has its slot to itself. Zero
    /// means that something is due.
    pub fn next_timeout(&self, now: Instant) -> Option<Duration> {
        let place = self.nearest()?;
        let first = self.heads[place.level][place.slot];
        let tick = match self.entries[first as usize] {
            Entry::Live { tick, next: NIL, .. } => tick,
            _ => self.first_tick(place),
        };
        Some(Duration::from_millis(tick).saturating_sub(now.saturating_duration_since(self.start)))
    }

    /// Removes one timer that is due at `now` and returns it; `None` when no more are due.
    ///
    /// Earlier milliseconds come first; the order within one is not specified. A timer inserted between two calls
    /// with a deadline of `now` or before is due in the same loop, so a timer that is always inserted anew with the
    /// deadline `now` would keep a `while let` running for ever.
    pub fn expire(&mut self, now: Instant) -> Option<(TimerId, T)> {
        let target = whole_milliseconds(now.saturating_duration_since(self.start)).max(self.tick);
        while let Some(place) = self.nearest() {
            let first_tick = self.first_tick(place);
            if first_tick > target {
                break;
            }
            self.tick = first_tick;
            if place.level == 0 {
                return self.take_first(place);
            }
            self.split(place);
        }
        // No occupied slot begins before `target`, so each timer's place is the same as seen from there.
        self.tick = target;
        None
    }

    /// How many timers there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no timer.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The tick at which a deadline is due: rounded up, and not before the current one.
    fn due_tick(&self, deadline: Instant) -> u64 {
        let after_start = deadline.saturating_duration_since(self.start);
        let part = !after_start.subsec_nanos().is_multiple_of(1_000_000);
        whole_milliseconds(after_start)
            .saturating_add(part.into())
            .max(self.tick)
    }

    /// Takes an entry out of the list of the vacant ones, or makes one; answers the id for its next timer.
    fn claim(&mut self) -> TimerId {
        let index = self.vacant;
        if let Some(Entry::Vacant { next, generation }) = self.entries.get(index as usize) {
            self.vacant = *next;
            let generation = *generation;
            return TimerId { index, generation };
        }
        assert!(self.entries.len() < NIL as usize, "2^32 - 1 timers in one wheel");
        let id = TimerId {
            index: self.entries.len() as u32,
            generation: NonZeroU32::MIN,
        };
        // By an eighth: doubled, a wheel of ten thousand timers would leave six thousand places unused.
        if self.entries.len() == self.entries.capacity() {
            self.entries.reserve_exact(self.entries.len() / 8 + 64);
        }
        self.entries.push(Entry::Vacant {
            next: NIL,
            generation: id.generation,
        });
        id
    }

    /// The tick of a live timer.
    fn tick_of(&self, id: TimerId) -> Option<u64> {
        match self.entries.get(id.index as usize) {
            Some(Entry::Live { tick, generation, .. }) if *generation == id.generation => Some(*tick),
            _ => None,
        }
    }

    /// Where `tick`, which is not before the current one, lies as seen from there.
    fn place(&self, tick: u64) -> Place {
        let highest_difference = ((tick ^ self.tick) | 1).ilog2();
        let level = highest_difference / BITS;
        Place {
            level: level as usize,
            slot: (tick >> (level * BITS)) as usize % SLOTS,
        }
    }

    /// The first tick of a slot: its own digit, the current tick's higher ones, and zeros below.
    fn first_tick(&self, place: Place) -> u64 {
        let shift = place.level as u32 * BITS;
        let digits_above = u64::MAX.checked_shl(shift + BITS).unwrap_or(0);
        self.tick & digits_above | (place.slot as u64) << shift
    }

    /// The occupied slot that is reached first.
    fn nearest(&self) -> Option<Place> {
        let level = self.levels.trailing_zeros() as usize;
        let occupied = self.occupied.get(level)?;
        Some(Place {
            level,
            slot: occupied.trailing_zeros() as usize,
        })
    }

    /// Puts an entry that lies in no list at the head of its slot's.
    fn link(&mut self, index: u32, new: u64) {
        let Place { level, slot } = self.place(new);
        let head = std::mem::replace(&mut self.heads[level][slot], index);
        if let Entry::Live {
            tick, previous, next, ..
        } = &mut self.entries[index as usize]
        {
            (*tick, *previous, *next) = (new, NIL, head);
        }
        if let Some(Entry::Live { previous, .. }) = self.entries.get_mut(head as usize) {
            *previous = index;
        }
        self.occupied[level] |= 1 << slot;
        self.levels |= 1 << level;
    }

    /// Takes an entry out of the list of its slot.
    fn unlink(&mut self, index: u32, Place { level, slot }: Place) {
        let Entry::Live {
            previous: before,
            next: after,
            ..
        } = self.entries[index as usize]
        else {
            return;
        };
        if let Some(Entry::Live { previous, .. }) = self.entries.get_mut(after as usize) {
            *previous = before;
        }
        if let Some(Entry::Live { next, .. }) = self.entries.get_mut(before as usize) {
            *next = after;
            return;
        }
        self.heads[level][slot] = after;
        if after == NIL {
            self.mark_empty(Place { level, slot });
        }
    }

    fn mark_empty(&mut self, Place { level, slot }: Place) {
        self.occupied[level] &= !(1 << slot);
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
    }

    /// Turns a live entry that lies in no list into a vacant one and returns its value.
    fn vacate(&mut self, index: u32) -> Option<T> {
        let entry = &mut self.entries[index as usize];
        let Entry::Live { generation, .. } = *entry else {
            return None;
        };
        // An entry whose generations are used up stays vacant and out of the list for ever, so that no id comes twice.
        let vacant = match generation.checked_add(1) {
            Some(generation) => Entry::Vacant {
                next: std::mem::replace(&mut self.vacant, index),
                generation,
            },
            None => Entry::Vacant {
                next: NIL,
                generation,
            },
        };
        self.len -= 1;
        match std::mem::replace(entry, vacant) {
            Entry::Live { value, .. } => Some(value),
            Entry::Vacant { .. } => None,
        }
    }

    /// Removes the first timer of an occupied slot.
    fn take_first(&mut self, place: Place) -> Option<(TimerId, T)> {
        let index = self.heads[place.level][place.slot];
        let Some(Entry::Live { generation, .. }) = self.entries.get(index as usize) else {
            return None;
        };
        let id = TimerId {
            index,
            generation: *generation,
        };
        self.unlink(index, place);
        self.vacate(index).map(|value| (id, value))
    }

    /// Moves the timers of a slot that the current tick has just reached to lower levels.
    fn split(&mut self, place: Place) {
        let mut index = std::mem::replace(&mut self.heads[place.level][place.slot], NIL);
        self.mark_empty(place);
        while let Some(Entry::Live { tick, next, .. }) = self.entries.get(index as usize) {
            let (tick, next) = (*tick, *next);
            self.link(index, tick);
            index = next;
        }
    }
}

impl<T> fmt::Debug for Timers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers")
            .field("len", &self.len)
            .field("tick", &self.tick)
            .finish_non_exhaustive()
    }
}

/// A duration in milliseconds, rounded down; what no `u64` holds is taken for the largest.
fn whole_milliseconds(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1000)
        .saturating_add(duration.subsec_millis().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_whose_generations_are_used_up_is_given_up() {
        let now = Instant::now();
        let mut timers = Timers::new(now);
        let first = timers.insert(now, ());
        timers.cancel(first);
        let Entry::Vacant { generation, .. } = &mut timers.entries[0] else {
            panic!("cancelled, yet live")
        };
        *generation = NonZeroU32::MAX;

        let last = timers.insert(now, ());
        assert_eq!((last.index, last.generation), (0, NonZeroU32::MAX));
        assert_eq!(timers.cancel(last), Some(()));
        let elsewhere = timers.insert(now, ());
        assert_eq!(elsewhere.index, 1);
        for stale in [first, last] {
            assert_eq!(timers.cancel(stale), None);
            assert!(!timers.rearm(stale, now));
        }
        assert_eq!(timers.expire(now), Some((elsewhere, ())));
        assert_eq!(
            timers.insert(now, ()).index,
            1,
            "the place given up must not come back"
        );
    }

    #[test]
    fn each_tick_lies_in_its_own_place_on_every_level() {
        let mut timers = Timers::<()>::new(Instant::now());
        for current in [0, 1, 63, 64, 4095, 1 << 35, u64::MAX - 64] {
            timers.tick = current;
            for level in 0..LEVELS {
                let step = 1 << (level as u32 * BITS);
                let Some(tick) = current.checked_add(step) else {
                    continue;
                };
                let place = timers.place(tick);
                assert!(place.level >= level, "{tick} seen from {current}");
                assert!(timers.first_tick(place) <= tick, "{tick} seen from {current}");
                assert!(timers.first_tick(place) > current, "{tick} seen from {current}");
            }
        }
    }

    #[test]
    fn durations_beyond_a_u64_of_milliseconds_saturate() {
        assert_eq!(whole_milliseconds(Duration::MAX), u64::MAX);
        assert_eq!(whole_milliseconds(Duration::from_micros(1999)), 1);
    }
}
