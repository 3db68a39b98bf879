//! Slots for a worker's connections, found by index and generation.
//!
//! The key of a slot goes to the kernel as the connection's token. An event that was reported for a connection that
//! has gone carries an old generation and finds nothing, even when its slot is taken again.

/// Slots are made in chunks of this many: growing copies nothing, and wastes at most one chunk.
pub(super) const CHUNK: usize = 256;
/// Digits of a key that hold the index. The two highest digits of a token belong to the poller.
const INDEX_BITS: u32 = usize::BITS / 2;
const INDEX_MASK: usize = (1 << INDEX_BITS) - 1;
const GENERATION_MASK: usize = generations(usize::BITS) as usize - 1;
/// The index that means "no slot".
const NONE: u32 = u32::MAX;

/// Names a slot and the one value that it was given for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Key(usize);

impl Key {
    /// The key as a number, at most `usize::MAX >> 2`.
    pub(crate) const fn value(self) -> usize {
        self.0
    }

    /// The key that has this number. A number that was never a key finds nothing.
    pub(crate) const fn from_value(value: usize) -> Self {
        Self(value)
    }

    fn new(index: u32, generation: u32) -> Self {
        Self((generation as usize & GENERATION_MASK) << INDEX_BITS | index as usize)
    }

    fn index(self) -> usize {
        self.0 & INDEX_MASK
    }

    fn generation(self) -> usize {
        self.0 >> INDEX_BITS
    }
}

/// A place for one value.
#[derive(Debug)]
pub(crate) struct Slot<T> {
    generation: u32,
    /// The next vacant slot, while this one is vacant.
    next: u32,
    value: Option<T>,
}

/// How often a slot is reused before a key comes again, where a token has so many bits.
///
/// A timer is dismissed with its connection, and letters carry a serial of 64 bits beside the key. Four others may have a key whose
/// connection has closed. An event has it until the wait's last turn, and the queue of those that have yielded until that of the
/// next wait: a slot must not be reused as often within two waits. The queue for memory has it as long as memory is short, and what is
/// done for many connections until all of it is done: a connection that comes by the same key after so many is given up only if it
/// stands still since the same moment, and has a turn too early or its place twice at worst. Candidates for a place at a
/// limit are compared by the time since when they are idle.
pub(crate) const fn generations(bits: u32) -> u64 {
    1 << (bits - 2 - bits / 2)
}

/// The most values that a slab holds: on 64 bits more than there can be connections, on 32 bits 65,280.
pub(crate) const MOST: usize = most(usize::BITS);

/// The same where a token has so many bits: as many whole chunks as have an index, without the one that means none.
const fn most(bits: u32) -> usize {
    let indices = (1u64 << (bits / 2)) - 1;
    indices as usize / CHUNK * CHUNK
}

/// Holds values under keys that are never reused for another value (before a generation counter has gone round).
#[derive(Debug)]
pub(crate) struct Slab<T> {
    chunks: Vec<Box<[Slot<T>]>>,
    vacant: u32,
    len: usize,
    most: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self::with_room_for(MOST)
    }
}

impl<T> Slab<T> {
    /// A slab for at most so many values.
    pub(super) fn with_room_for(most: usize) -> Self {
        Self {
            chunks: Vec::new(),
            vacant: NONE,
            len: 0,
            most,
        }
    }

    /// How many values there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    pub(crate) fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether there are as many values as fit.
    pub(crate) fn is_full(&self) -> bool {
        self.len >= self.most
    }

    /// Puts `value` into a vacant slot, or gives it back when the slab [is full](Self::is_full).
    pub(crate) fn insert(&mut self, value: T) -> Result<Key, T> {
        if self.is_full() {
            return Err(value);
        }
        if self.vacant == NONE {
            self.grow();
        }
        let index = self.vacant;
        let slot = &mut self.chunks[index as usize / CHUNK][index as usize % CHUNK];
        self.vacant = slot.next;
        slot.value = Some(value);
        self.len += 1;
        Ok(Key::new(index, slot.generation))
    }

    fn grow(&mut self) {
        let first = self.chunks.len() * CHUNK;
        let slot = |offset| Slot {
            generation: 0,
            next: if offset + 1 == CHUNK {
                NONE
            } else {
                (first + offset + 1) as u32
            },
            value: None,
        };
        self.chunks.push((0..CHUNK).map(slot).collect());
        self.vacant = first as u32;
    }

    fn slot(&mut self, key: Key) -> Option<&mut Slot<T>> {
        let slot = self
            .chunks
            .get_mut(key.index() / CHUNK)?
            .get_mut(key.index() % CHUNK)?;
        (slot.generation as usize & GENERATION_MASK == key.generation()).then_some(slot)
    }

    /// The value under `key`, unless it was removed.
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.slot(key)?.value.as_mut()
    }

    /// Takes the value out; its slot is vacant from now on.
    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        let vacant = self.vacant;
        let slot = self.slot(key)?;
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        slot.next = vacant;
        self.vacant = key.index() as u32;
        self.len -= 1;
        Some(value)
    }

    /// All values, with their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Key, &T)> + '_ {
        let slots = self.chunks.iter().flat_map(|chunk| chunk.iter()).enumerate();
        slots.filter_map(|(index, slot)| {
            let value = slot.value.as_ref()?;
            Some((Key::new(index as u32, slot.generation), value))
        })
    }

    /// All values.
    pub(crate) fn values(&self) -> impl Iterator<Item = &T> + '_ {
        self.iter().map(|(_, value)| value)
    }

    /// The keys of all values.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        self.iter().map(|(key, _)| key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_under_its_key_until_it_is_removed() {
        let mut slab = Slab::default();
        let keys: Vec<Key> = (0..1000).map(|n| slab.insert(n).unwrap()).collect();
        for (n, key) in keys.iter().enumerate() {
            assert_eq!(slab.get_mut(*key), Some(&mut n.clone()));
        }
        assert_eq!(slab.remove(keys[500]), Some(500));
        assert_eq!(slab.get_mut(keys[500]), None);
        assert_eq!((slab.remove(keys[500]), slab.len()), (None, 999));
        assert_eq!(slab.keys().count(), 999);
    }

    #[test]
    fn an_old_key_does_not_find_the_next_value_of_its_slot() {
        let mut slab = Slab::default();
        let old = slab.insert('a').unwrap();
        slab.remove(old);
        let new = slab.insert('b').unwrap();
        assert_eq!(old.index(), new.index());
        assert_eq!(slab.get_mut(old), None);
        assert_eq!(slab.get_mut(new), Some(&mut 'b'));
    }

    #[test]
    fn a_key_fits_into_a_token_after_any_number_of_generations() {
        let mut slab = Slab::default();
        let first = slab.insert(()).unwrap();
        slab.slot(first).unwrap().generation = u32::MAX;
        let last = Key::new(0, u32::MAX);
        assert!(last.value() <= usize::MAX >> 2);
        assert_eq!(slab.remove(last), Some(()));
        assert_eq!(slab.insert(()), Ok(first));
    }
    #[test]
    fn a_full_slab_gives_a_value_back_and_has_room_when_another_one_goes() {
        let mut slab = Slab::with_room_for(CHUNK);
        let keys: Vec<Key> = (0..CHUNK).map(|n| slab.insert(n).unwrap()).collect();
        assert!(slab.is_full());
        assert_eq!(slab.insert(CHUNK), Err(CHUNK));
        slab.remove(keys[7]);
        assert!(!slab.is_full());
        assert!(slab.insert(CHUNK).is_ok() && slab.insert(CHUNK + 1).is_err());
        assert_eq!((slab.len(), slab.chunks.len()), (CHUNK, 1));
    }

    #[test]
    fn as_many_values_fit_as_a_token_has_indices_for() {
        assert_eq!(most(32), 65_280);
        assert_eq!(most(64), 4_294_967_040);
        for bits in [32, 64] {
            let last = most(bits) as u64 - 1;
            assert!(last < u64::from(NONE) && last < 1 << (bits / 2));
        }
    }
}
