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
//! Such a slot may hold many timers: every 4 minutes all those that are due within the next 4 minutes move. No turn of the
//! event loop pays for that: between two `None`s [`Timers::expire`] moves at most 1,024 timers, and goes on in the next turns, for
//! which [`Timers::next_timeout`] says zero. Until the slot is split nothing fires, so timers may be late meanwhile: with n timers to
//! move by at most n / 1,024 turns, rounded up, and none is early.
//!
//! The timers lie in chunks of 256. A wheel that grows allocates a chunk, and copies nothing but the list of the chunks, which has
//! 8 bytes for each.

mod store;

use std::fmt;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use store::{Links, NIL, Store};

/// Binary digits of a tick that choose the slot within one level.
const BITS: u32 = 6;
/// Slots of a level: as many as a `u64` has bits, so that one word tells which are occupied.
const SLOTS: usize = 1 << BITS;
/// Levels enough for each 64-bit tick to have a slot.
const LEVELS: usize = u64::BITS.div_ceil(BITS) as usize;
/// Timers that one turn moves at most: about as many as a thread moves in 200 µs when none of them is in its cache.
const MOVES: u32 = 1024;

/// A timing wheel: holds values until their deadlines, with a resolution of one millisecond.
///
/// `insert`, `cancel` and `rearm` take a constant number of instructions, however many timers there are and however
/// far ahead they lie; one `insert` in 256 allocates, unless there is [room](Self::reserve). No timer fires early; each is due at
/// its deadline rounded up to the next whole millisecond since [`new`](Self::new). Time does not run backwards here: a `now` before
/// one that [`expire`](Self::expire) saw already is taken for that one.
///
/// A timer takes 24 bytes beside its value. The memory of a timer that is gone serves the next one; it goes back to the
/// allocator when the whole wheel is dropped.
pub struct Timers<T> {
    start: Instant,
    /// The current tick. No live timer has an earlier one.
    tick: u64,
    /// The latest tick that `expire` was asked for. The current one stays behind it until all that is due before has fired.
    seen: u64,
    /// The first of the timers that are still to be moved out of the slot that is being split. They are due at the current
    /// tick or later, and lie in no slot.
    splitting: u32,
    /// How many timers may be moved before `expire` returns `None`.
    moves: u32,
    /// Which levels have an occupied slot: bit `level`.
    levels: u16,
    /// Which slots of each level are occupied: bit `slot`.
    occupied: [u64; LEVELS],
    /// The first entry of each slot's list. Boxed, so that a wheel moves cheaply.
    heads: Box<[[u32; SLOTS]; LEVELS]>,
    store: Store<T>,
}

const _: () = assert!(size_of::<TimerId>() == 8 && size_of::<Option<TimerId>>() == 8);

/// Names a timer of one [`Timers`].
///
/// It goes stale when its timer fired or was cancelled, and a stale one never names another timer: a place in memory
/// carries a generation, and is given up for good after 2³² - 1 of them. A wheel cannot tell the ids of another
/// wheel from its own: there an id may name any timer.
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
            seen: 0,
            splitting: NIL,
            moves: MOVES,
            levels: 0,
            occupied: [0; LEVELS],
            heads: Box::new([[NIL; SLOTS]; LEVELS]),
            store: Store::new(),
        }
    }

    /// Makes an empty wheel with room for `capacity` timers: until there are more, `insert` allocates nothing.
    ///
    /// # Panics
    ///
    /// If there would be room for more than 2³² - 256 timers. When memory is exhausted the process ends, as with a [`Vec`].
    pub fn with_capacity(now: Instant, capacity: usize) -> Self {
        let mut timers = Self::new(now);
        timers.reserve(capacity);
        timers
    }

    /// Makes room for `additional` more timers than there are, so that inserting them allocates nothing.
    ///
    /// # Panics
    ///
    /// If there would be room for more than 2³² - 256 timers. When memory is exhausted the process ends, as with a [`Vec`].
    pub fn reserve(&mut self, additional: usize) {
        self.store.reserve(additional);
    }

    /// Adds a timer that is due at `deadline`, and returns its id; a timer whose millisecond is past is due at once.
    ///
    /// # Panics
    ///
    /// With 2³² - 256 timers in the wheel.
    pub fn insert(&mut self, deadline: Instant, value: T) -> TimerId {
        let tick = self.due_tick(deadline);
        let place = self.place(tick);
        let (previous, next) = (NIL, self.heads[place.level][place.slot]);
        let links = Links { tick, previous, next };
        let id = self.store.insert(links, value);
        self.put_first(place, id.index, next);
        id
    }

    /// Removes a timer and returns its value; returns `None` if it fired or was cancelled before.
    pub fn cancel(&mut self, id: TimerId) -> Option<T> {
        let links = self.store.find(id)?;
        self.unlink(id.index, links);
        self.store.vacate(id.index)
    }

    /// Moves a timer to another deadline, earlier or later; returns `false` if it fired or was cancelled before.
    ///
    /// The timer keeps its id and its value.
    pub fn rearm(&mut self, id: TimerId, deadline: Instant) -> bool {
        let Some(links) = self.store.find(id) else {
            return false;
        };
        let tick = self.due_tick(deadline);
        if self.place(links.tick) != self.place(tick) {
            self.unlink(id.index, links);
            self.link(id.index, tick);
        } else if let Some(links) = self.store.links_mut(id.index) {
            links.tick = tick;
        }
        true
    }

    /// Returns how long to wait before calling [`expire`](Self::expire) again, as [`Poller::wait`](crate::Poller::wait) takes it;
    /// `None` when there is no timer.
    ///
    /// After this time the nearest timer is due, or its slot is to be split: an event loop that sleeps for it and calls
    /// `expire` fires each timer within the millisecond after its deadline, as far as the system wakes it in time and `now`
    /// is the time at which it goes to sleep. It may wake for nothing, at most once per
    /// level for a timer (twice for one that is a minute away); never so for a timer that has its slot to itself. Zero
    /// means that something is due, or that timers are still to be moved.
    pub fn next_timeout(&self, now: Instant) -> Option<Duration> {
        if self.splitting != NIL {
            return Some(Duration::ZERO);
        }
        let place = self.nearest()?;
        let first = self.heads[place.level][place.slot];
        let tick = match self.store.links(first) {
            Some((Links { tick, next: NIL, .. }, _)) => tick,
            _ => self.first_tick(place),
        };
        let seen = Duration::from_millis(self.seen);
        let now = now.saturating_duration_since(self.start).max(seen);
        Some(Duration::from_millis(tick).saturating_sub(now))
    }

    /// Removes one timer that is due at `now` and returns its id and its value; `None` when no more are due, or when this turn
    /// has moved as many timers as a turn may, and the next one goes on.
    ///
    /// Earlier milliseconds come first; the order within one is not specified. A timer inserted between two calls
    /// with a deadline of `now` or before is due in the same loop, so a timer that is always inserted anew with the
    /// deadline `now` would keep a `while let` running for ever.
    pub fn expire(&mut self, now: Instant) -> Option<(TimerId, T)> {
        let due = self.expire_within_this_turn(now);
        if due.is_none() {
            self.moves = MOVES;
        }
        due
    }

    /// Returns how many timers there are.
    pub fn len(&self) -> usize {
        self.store.len()
    }

    /// Returns true if there is no timer.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Goes on to the next timer that is due at `now`. `None` when none is, or when the moves are used up.
    fn expire_within_this_turn(&mut self, now: Instant) -> Option<(TimerId, T)> {
        let now = whole_milliseconds(now.saturating_duration_since(self.start));
        self.seen = self.seen.max(now);
        while self.finish_split() {
            let reached = self.nearest().map(|place| (place, self.first_tick(place)));
            let Some((place, tick)) = reached.filter(|(_, tick)| *tick <= self.seen) else {
                // No occupied slot begins before `seen`, so each timer's place is the same as seen from there.
                self.tick = self.seen;
                return None;
            };
            self.tick = tick;
            if place.level == 0 {
                return self.take_first(place);
            }
            self.splitting = self.heads[place.level][place.slot];
            self.empty(place);
        }
        None
    }

    /// The tick at which a deadline is due: rounded up, and not before the current one.
    fn due_tick(&self, deadline: Instant) -> u64 {
        let after_start = deadline.saturating_duration_since(self.start);
        let part = !after_start.subsec_nanos().is_multiple_of(1_000_000);
        whole_milliseconds(after_start)
            .saturating_add(part.into())
            .max(self.tick)
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
    fn link(&mut self, index: u32, tick: u64) {
        let place = self.place(tick);
        let (previous, next) = (NIL, self.heads[place.level][place.slot]);
        if let Some(links) = self.store.links_mut(index) {
            *links = Links { tick, previous, next };
        }
        self.put_first(place, index, next);
    }

    /// Makes an entry the head of a slot's list, whose head was `next`, as the entry itself says already.
    fn put_first(&mut self, Place { level, slot }: Place, index: u32, next: u32) {
        if let Some(links) = self.store.links_mut(next) {
            links.previous = index;
        }
        self.heads[level][slot] = index;
        self.occupied[level] |= 1 << slot;
        self.levels |= 1 << level;
    }

    /// Takes an entry out of the list in which it lies.
    fn unlink(&mut self, index: u32, links: Links) {
        if let Some(after) = self.store.links_mut(links.next) {
            after.previous = links.previous;
        }
        if let Some(before) = self.store.links_mut(links.previous) {
            before.next = links.next;
        } else if self.splitting == index {
            self.splitting = links.next;
        } else {
            let place = self.place(links.tick);
            self.heads[place.level][place.slot] = links.next;
            if links.next == NIL {
                self.empty(place);
            }
        }
    }

    /// Forgets the list of a slot.
    fn empty(&mut self, Place { level, slot }: Place) {
        self.heads[level][slot] = NIL;
        self.occupied[level] &= !(1 << slot);
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
    }

    /// Removes the first timer of an occupied slot of the lowest level, which is due at the current tick.
    fn take_first(&mut self, place: Place) -> Option<(TimerId, T)> {
        let index = self.heads[place.level][place.slot];
        let (links, generation) = self.store.links(index)?;
        self.unlink(index, links);
        let value = self.store.vacate(index)?;
        Some((TimerId { index, generation }, value))
    }

    /// Moves the timers of the slot that is being split to lower levels, as many as may be moved. Returns true when none is left.
    fn finish_split(&mut self) -> bool {
        while let Some(links) = self.store.links_mut(self.splitting) {
            if self.moves == 0 {
                // The one before it lies in another list by now.
                links.previous = NIL;
                return false;
            }
            let Links { tick, next, .. } = *links;
            self.moves -= 1;
            let index = std::mem::replace(&mut self.splitting, next);
            self.link(index, tick);
        }
        true
    }
}

impl<T> fmt::Debug for Timers<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers")
            .field("len", &self.len())
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
mod tests;
