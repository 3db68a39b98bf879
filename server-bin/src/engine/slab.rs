//! Slots for a worker's connections, found by index and generation.
//!
//! The key of a slot goes to the kernel as the connection's token. An event that was reported for a connection that
//! has gone carries an old generation and finds nothing, even when its slot is taken again.

/// Slots are made in chunks of this many: growing copies nothing, and wastes at most one chunk.
const CHUNK: usize = 256;
/// Digits of a key that hold the index. The two highest digits of a token belong to the poller.
const INDEX_BITS: u32 = usize::BITS / 2;
const INDEX_MASK: usize = (1 << INDEX_BITS) - 1;
const GENERATION_MASK: usize = (1 << (usize::BITS - 2 - INDEX_BITS)) - 1;
/// The index that means "no slot".
const NONE: u32 = u32::MAX;

/// Names a slot and the one value that it was given for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key(usize);

impl Key {
    /// The key as a number, at most `usize::MAX >> 2`.
    pub const fn value(self) -> usize {
        self.0
    }

    /// The key that has this number. A number that was never a key finds nothing.
    pub const fn from_value(value: usize) -> Self {
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
pub struct Slot<T> {
    generation: u32,
    /// The next vacant slot, while this one is vacant.
    next: u32,
    value: Option<T>,
}

/// Holds values under keys that are never reused for another value (before a generation counter has gone round).
#[derive(Debug)]
pub struct Slab<T> {
    chunks: Vec<Box<[Slot<T>]>>,
    vacant: u32,
    len: usize,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            chunks: Vec::new(),
            vacant: NONE,
            len: 0,
        }
    }
}

impl<T> Slab<T> {
    /// The most values that a slab holds.
    pub const MAX: usize = if INDEX_MASK < NONE as usize {
        INDEX_MASK
    } else {
        NONE as usize - 1
    };

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no value.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Puts `value` into a vacant slot.
    ///
    /// # Panics
    ///
    /// When there are [`Slab::MAX`] values already.
    pub fn insert(&mut self, value: T) -> Key {
        if self.vacant == NONE {
            self.grow();
        }
        let index = self.vacant;
        let slot = &mut self.chunks[index as usize / CHUNK][index as usize % CHUNK];
        self.vacant = slot.next;
        slot.value = Some(value);
        self.len += 1;
        Key::new(index, slot.generation)
    }

    fn grow(&mut self) {
        let first = self.chunks.len() * CHUNK;
        assert!(first + CHUNK <= Self::MAX, "the slab is full");
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
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.slot(key)?.value.as_mut()
    }

    /// Takes the value out; its slot is vacant from now on.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let vacant = self.vacant;
        let slot = self.slot(key)?;
        let value = slot.value.take()?;
        slot.generation = slot.generation.wrapping_add(1);
        slot.next = vacant;
        self.vacant = key.index() as u32;
        self.len -= 1;
        Some(value)
    }

    /// The keys of all values.
    pub fn keys(&self) -> impl Iterator<Item = Key> + '_ {
        let slots = self.chunks.iter().flat_map(|chunk| chunk.iter()).enumerate();
        slots
            .filter(|(_, slot)| slot.value.is_some())
            .map(|(index, slot)| Key::new(index as u32, slot.generation))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_found_under_its_key_until_it_is_removed() {
        let mut slab = Slab::default();
        let keys: Vec<Key> = (0..1000).map(|n| slab.insert(n)).collect();
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
        let old = slab.insert('a');
        slab.remove(old);
        let new = slab.insert('b');
        assert_eq!(old.index(), new.index());
        assert_eq!(slab.get_mut(old), None);
        assert_eq!(slab.get_mut(new), Some(&mut 'b'));
    }

    #[test]
    fn a_key_fits_into_a_token_after_any_number_of_generations() {
        let mut slab = Slab::default();
        let first = slab.insert(());
        slab.slot(first).unwrap().generation = u32::MAX;
        let last = Key::new(0, u32::MAX);
        assert!(last.value() <= usize::MAX >> 2);
        assert_eq!(slab.remove(last), Some(()));
        assert_eq!(slab.insert(()), first);
    }
}
