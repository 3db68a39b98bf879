//! The memory of the timers: places that are used again, in chunks that never move.

use std::num::NonZeroU32;

use super::TimerId;

/// The index that means "no entry".
pub(super) const NIL: u32 = u32::MAX;

/// Places of a chunk. A wheel that grows allocates one chunk and copies no timer: a vector that doubles would copy all.
const CHUNK: usize = 256;

/// One timer, or a place for one.
///
/// Both variants hold the generation, rather than a struct around them, because then the compiler finds room for the
/// tag beside it: 24 bytes and a value, where an `Option<T>` inside would cost up to 16 more.
pub(super) enum Entry<T> {
    Live {
        links: Links,
        generation: NonZeroU32,
        value: T,
    },
    Vacant {
        next: u32,
        generation: NonZeroU32,
    },
}

/// When a live entry is due, and its neighbours in the list in which it lies.
#[derive(Clone, Copy)]
pub(super) struct Links {
    pub(super) tick: u64,
    pub(super) previous: u32,
    pub(super) next: u32,
}

const _: () = assert!(size_of::<Entry<u64>>() <= 24 + size_of::<u64>());

/// All entries of a wheel, by their index.
pub(super) struct Store<T> {
    chunks: Vec<Box<[Entry<T>; CHUNK]>>,
    /// The first vacant entry.
    vacant: u32,
    len: usize,
}

impl<T> Store<T> {
    pub(super) const fn new() -> Self {
        Self {
            chunks: Vec::new(),
            vacant: NIL,
            len: 0,
        }
    }

    /// How many entries are live.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Makes room for so many more live entries.
    pub(super) fn reserve(&mut self, additional: usize) {
        let chunks = self.len.saturating_add(additional).div_ceil(CHUNK);
        self.chunks.reserve(chunks.saturating_sub(self.chunks.len()));
        while self.chunks.len() < chunks {
            self.grow();
        }
    }

    /// Returns the links of a live entry; `None` for a place whose timer is another one by now, or gone.
    #[inline]
    pub(super) fn find(&self, id: TimerId) -> Option<Links> {
        match self.get(id.index)? {
            Entry::Live {
                links, generation, ..
            } if *generation == id.generation => Some(*links),
            _ => None,
        }
    }

    /// Returns the links and the generation of the live entry at an index that lies in a list.
    #[inline]
    pub(super) fn links(&self, index: u32) -> Option<(Links, NonZeroU32)> {
        match self.get(index)? {
            Entry::Live {
                links, generation, ..
            } => Some((*links, *generation)),
            Entry::Vacant { .. } => None,
        }
    }

    #[inline]
    pub(super) fn links_mut(&mut self, index: u32) -> Option<&mut Links> {
        match self.get_mut(index)? {
            Entry::Live { links, .. } => Some(links),
            Entry::Vacant { .. } => None,
        }
    }

    /// Puts a live entry into a vacant place.
    ///
    /// # Panics
    ///
    /// With 2³² - 256 entries.
    #[inline]
    pub(super) fn insert(&mut self, links: Links, value: T) -> TimerId {
        if self.vacant == NIL {
            self.grow();
        }
        let index = self.vacant;
        let entry = self.get_mut(index).expect("it was just made");
        let Entry::Vacant { next, generation } = *entry else {
            unreachable!("a live entry in the list of the vacant ones");
        };
        *entry = Entry::Live {
            links,
            generation,
            value,
        };
        self.vacant = next;
        self.len += 1;
        TimerId { index, generation }
    }

    /// Turns a live entry that lies in no list into a vacant one and returns its value.
    #[inline]
    pub(super) fn vacate(&mut self, index: u32) -> Option<T> {
        let first_vacant = self.vacant;
        let entry = self.get_mut(index)?;
        let Entry::Live { generation, .. } = *entry else {
            return None;
        };
        // An entry whose generations are used up stays vacant and out of the list for ever, so that no id comes twice.
        let successor = generation.checked_add(1);
        let vacant = Entry::Vacant {
            next: first_vacant,
            generation: successor.unwrap_or(generation),
        };
        let live = std::mem::replace(entry, vacant);
        if successor.is_some() {
            self.vacant = index;
        }
        self.len -= 1;
        match live {
            Entry::Live { value, .. } => Some(value),
            Entry::Vacant { .. } => None,
        }
    }

    /// Makes a chunk of vacant places, the first of which are used first.
    #[cold]
    fn grow(&mut self) {
        let start = self.chunks.len() * CHUNK;
        assert!(start + CHUNK <= NIL as usize, "2^32 - 256 timers in one wheel");
        let vacant = |index| Entry::Vacant {
            next: index as u32,
            generation: NonZeroU32::MIN,
        };
        let mut chunk: Vec<_> = (start + 1..start + CHUNK).map(vacant).collect();
        chunk.push(vacant(self.vacant as usize));
        let chunk = chunk.into_boxed_slice().try_into();
        self.chunks
            .push(chunk.unwrap_or_else(|_| unreachable!("a chunk has so many places")));
        self.vacant = start as u32;
    }

    #[inline]
    fn get(&self, index: u32) -> Option<&Entry<T>> {
        let chunk = self.chunks.get(index as usize / CHUNK)?;
        Some(&chunk[index as usize % CHUNK])
    }

    #[inline]
    fn get_mut(&mut self, index: u32) -> Option<&mut Entry<T>> {
        let chunk = self.chunks.get_mut(index as usize / CHUNK)?;
        Some(&mut chunk[index as usize % CHUNK])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINKS: Links = Links {
        tick: 0,
        previous: NIL,
        next: NIL,
    };

    #[test]
    fn a_place_whose_generations_are_used_up_is_given_up() {
        let mut store = Store::new();
        let first = store.insert(LINKS, ());
        store.vacate(first.index);
        let Some(Entry::Vacant { generation, .. }) = store.get_mut(0) else {
            panic!("vacated, yet live")
        };
        *generation = NonZeroU32::MAX;

        let last = store.insert(LINKS, ());
        assert_eq!((last.index, last.generation), (0, NonZeroU32::MAX));
        assert_eq!(store.vacate(0), Some(()));
        assert_eq!(store.insert(LINKS, ()).index, 1);
        assert_eq!(store.vacate(1), Some(()));
        assert_eq!(
            store.insert(LINKS, ()).index,
            1,
            "the place given up must not come back"
        );
        assert!(store.find(first).is_none() && store.find(last).is_none());
    }
}
