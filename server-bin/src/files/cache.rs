//! The files that a worker remembers after it has sent them: their field lines, and their content if it is small.
//!
//! Within a round what was looked up serves every request. Across rounds an entry serves after one look that says that
//! nothing changed: the directory is opened anew below the root, and the stamps of what the answer was made of are
//! compared. Only content that had settled when it was read is kept across rounds (see `etag`), as a stamp cannot tell
//! a change within its clock's resolution.
//!
//! The table has a fixed number of places, a few for each hash: names that collide displace each other, and nobody can
//! make it slow by choosing names.

use std::cell::OnceCell;
use std::sync::Arc;

use super::coding::Wanted;
use super::selected::Selected;
use super::watch::Watch;
use crate::handler::Prepared;
use crate::sys::Root;

/// Places for names of one hash.
const WAYS: usize = 4;

/// The answer that is remembered for one path and the codings that were wanted.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Box<[u8]>,
    /// None: the answer is the same whatever is wanted.
    pub(super) wanted: Option<Wanted>,
    /// None: it serves in its round only.
    pub(super) watch: Option<Watch>,
    pub(super) selected: Selected,
    pub(super) content: Arc<[u8]>,
    /// The answer with all of the content, and the one that says that it has not changed. Made when they are needed: most
    /// files are asked for once.
    whole: OnceCell<Option<Arc<Prepared>>>,
    unchanged: OnceCell<Option<Arc<Prepared>>>,
}

impl Entry {
    pub(super) fn new(
        key: &[u8],
        wanted: Option<Wanted>,
        watch: Option<Watch>,
        selected: Selected,
        content: Arc<[u8]>,
    ) -> Self {
        Self {
            key: key.into(),
            wanted,
            watch,
            selected,
            content,
            whole: OnceCell::new(),
            unchanged: OnceCell::new(),
        }
    }

    /// The answer with all of the content, ready to be sent.
    #[inline]
    pub(super) fn whole(&self) -> Option<&Arc<Prepared>> {
        let whole = self
            .whole
            .get_or_init(|| self.selected.prepare(200, Arc::clone(&self.content)));
        whole.as_ref()
    }

    /// The answer that says that the file has not changed, ready to be sent.
    #[inline]
    pub(super) fn unchanged(&self) -> Option<&Arc<Prepared>> {
        let unchanged = self
            .unchanged
            .get_or_init(|| self.selected.prepare(304, Arc::default()));
        unchanged.as_ref()
    }

    fn weight(&self) -> usize {
        let prepared = 2 * (size_of::<Prepared>() + self.selected.weight());
        size_of::<Self>() + self.key.len() + self.content.len() + self.selected.weight() + prepared
    }
}

#[derive(Debug)]
struct Kept {
    entry: Entry,
    /// The round in which it was made, or found to hold.
    round: u64,
    /// It was asked for since the hand came by last.
    is_used: bool,
}

/// Entries, bounded in number and bytes.
#[derive(Debug)]
pub(super) struct Cache {
    /// One for each hash.
    sets: Vec<Set>,
    bytes: usize,
    most_bytes: usize,
    round: u64,
    /// Where it is looked next for one to take out, when there are too many bytes.
    hand: usize,
}

type Set = [Option<Box<Kept>>; WAYS];

/// A place: the number of its set, and which one of the set it is.
type Place = (usize, usize);

impl Cache {
    /// A cache of at most `entries` (rounded up to a power of two; none is off) and `bytes`.
    pub(super) fn new(entries: usize, bytes: usize) -> Self {
        let sets = match entries {
            0 => 0,
            _ => entries.next_power_of_two().max(WAYS) / WAYS,
        };
        Self {
            sets: std::iter::repeat_with(Set::default).take(sets).collect(),
            bytes: 0,
            most_bytes: bytes,
            round: 0,
            hand: 0,
        }
    }

    /// Whether anything is remembered at all.
    pub(super) fn is_on(&self) -> bool {
        !self.sets.is_empty()
    }

    /// Bytes of what is remembered.
    pub(super) fn size(&self) -> usize {
        self.bytes
    }

    /// From now on everything has to be looked at again before it serves.
    pub(super) fn end_round(&mut self) {
        self.round += 1;
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.sets.fill_with(Set::default);
        self.bytes = 0;
    }

    /// Finds an entry that is right now.
    #[inline(always)]
    pub(super) fn find(&mut self, root: &Root, key: &[u8], wanted: Wanted) -> Option<&Entry> {
        let is_it = |place: &Option<Box<Kept>>| place.as_ref().is_some_and(|kept| kept.is_for(key, wanted));
        let set = self.set(key);
        let way = self.sets.get(set)?.iter().position(is_it)?;
        if !self.is_right(root, (set, way)) {
            self.take((set, way));
            return None;
        }
        self.sets[set][way].as_deref().map(|kept| &kept.entry)
    }

    /// Whether the entry in a place is right, by what this round has seen of it or by a look.
    #[inline(always)]
    fn is_right(&mut self, root: &Root, (set, way): Place) -> bool {
        let round = self.round;
        let Some(kept) = &mut self.sets[set][way] else {
            return false;
        };
        let is_right =
            kept.round == round || kept.entry.watch.as_ref().is_some_and(|watch| watch.holds(root));
        kept.round = round;
        kept.is_used = true;
        is_right
    }

    /// Remembers an entry in the place of its like, in an empty place, or instead of the one that was used longest ago.
    pub(super) fn insert(&mut self, entry: Entry) {
        let weight = entry.weight();
        let set = self.set(&entry.key);
        let Some(places) = self.sets.get(set) else { return };
        if weight > self.most_bytes {
            return;
        }
        let worth = |way: &usize| match &places[*way] {
            Some(kept) if kept.entry.key == entry.key && kept.entry.wanted == entry.wanted => 0,
            Some(kept) => kept.round.saturating_add(2),
            None => 1,
        };
        let Some(way) = (0..WAYS).min_by_key(worth) else {
            return;
        };
        self.take((set, way));
        while self.bytes + weight > self.most_bytes {
            self.move_hand();
        }
        self.bytes += weight;
        self.sets[set][way] = Some(Box::new(Kept {
            entry,
            round: self.round,
            is_used: false,
        }));
    }

    /// Takes out the next entry, unless it was asked for since the hand came by last: that one stays for another turn of the
    /// hand. So a popular file outlives many that are asked for once.
    fn move_hand(&mut self) {
        let (set, way) = (self.hand / WAYS, self.hand % WAYS);
        self.hand = (self.hand + 1) % (self.sets.len() * WAYS);
        match &mut self.sets[set][way] {
            Some(kept) if kept.is_used => kept.is_used = false,
            _ => self.take((set, way)),
        }
    }

    fn take(&mut self, (set, way): Place) {
        if let Some(kept) = self.sets[set][way].take() {
            self.bytes -= kept.entry.weight();
        }
    }

    /// The number of a key's set, by the highest bits of its hash, which depend on every byte.
    #[inline(always)]
    fn set(&self, key: &[u8]) -> usize {
        ((u64::from(hash(key)) * self.sets.len() as u64) >> 32) as usize
    }
}

impl Kept {
    #[inline(always)]
    fn is_for(&self, key: &[u8], wanted: Wanted) -> bool {
        *self.entry.key == *key && self.entry.wanted.is_none_or(|own| own == wanted)
    }
}

/// Eight bytes at a time; the last ones share some with those before. The high half of each product is the better mixed
/// one. A key of up to 16 bytes takes no turn of the loop.
#[inline(always)]
fn hash(key: &[u8]) -> u32 {
    const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |state: u64, word: u64| (state.rotate_left(29) ^ word).wrapping_mul(FACTOR);
    let (mut state, mut rest) = (key.len() as u64, key);
    while let Some((word, after)) = rest.split_first_chunk()
        && after.len() >= 8
    {
        state = mix(state, u64::from_le_bytes(*word));
        rest = after;
    }
    let (first, last) = match (rest.first_chunk(), rest.last_chunk()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => (0, rest.iter().fold(0, |word, &byte| word << 8 | u64::from(byte))),
    };
    (mix(mix(state, first), last) >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(key: &str, wanted: Option<Wanted>, bytes: usize) -> Entry {
        Entry::new(
            key.as_bytes(),
            wanted,
            None,
            Selected::new(),
            vec![0; bytes].into(),
        )
    }

    fn root() -> Root {
        Root::open(std::path::Path::new("/")).expect("the root of all")
    }

    #[test]
    fn entries_and_bytes_are_bounded() {
        let mut cache = Cache::new(64, 100_000);
        for n in 0..10_000 {
            cache.insert(entry(&format!("/{n}"), None, n % 3000));
            assert!(cache.bytes <= 100_000, "{} bytes", cache.bytes);
            // So that the next ones displace the oldest.
            cache.end_round();
        }
        let kept = cache.sets.iter().flatten().flatten();
        let (count, bytes) = kept.fold((0, 0), |(count, bytes), kept| {
            (count + 1, bytes + kept.entry.weight())
        });
        assert!(
            count > 0 && count <= 64 && bytes == cache.bytes,
            "{count} {bytes}"
        );
        cache.insert(entry("/large", None, 100_001));
        assert!(cache.find(&root(), b"/large", Wanted::NONE).is_none());
        cache.clear();
        assert_eq!(
            (cache.bytes, cache.sets.iter().flatten().flatten().count()),
            (0, 0)
        );
    }

    #[test]
    fn what_is_asked_for_again_outlives_what_is_asked_for_once() {
        let mut cache = Cache::new(1024, 100_000);
        cache.insert(entry("/popular", None, 1_000));
        for n in 0..1_000 {
            assert!(
                cache.find(&root(), b"/popular", Wanted::NONE).is_some(),
                "{n} others came"
            );
            cache.insert(entry(&format!("/{n}"), None, 1_000));
        }
    }

    #[test]
    fn names_that_are_alike_are_spread_over_the_places() {
        for (before, behind) in [
            ("/", ""),
            ("/", ".js"),
            ("/products/item", ""),
            ("/img/", "/thumbnail.png"),
        ] {
            let mut cache = Cache::new(1024, 1 << 30);
            for n in 0..1024 {
                cache.insert(entry(&format!("{before}{n}{behind}"), None, 1));
            }
            let kept = cache.sets.iter().flatten().flatten().count();
            // As many as names of chance would leave: four in five.
            assert!(kept > 700, "{before}N{behind}: {kept} of 1,024");
        }
    }

    #[test]
    fn names_of_one_hash_displace_each_other_and_nothing_else() {
        let mut cache = Cache::new(WAYS, 1 << 20);
        for key in ["/a", "/b", "/c", "/d", "/e"] {
            cache.insert(entry(key, None, 1));
            cache.end_round();
        }
        let mut kept: Vec<&[u8]> = cache
            .sets
            .iter()
            .flatten()
            .flatten()
            .map(|kept| &*kept.entry.key)
            .collect();
        kept.sort_unstable();
        assert_eq!(kept, [b"/b", b"/c", b"/d", b"/e"], "the oldest one is displaced");
    }

    #[test]
    fn an_entry_without_a_watch_ends_with_its_round() {
        let mut cache = Cache::new(64, 1 << 20);
        cache.insert(entry("/a", None, 1));
        assert!(cache.find(&root(), b"/a", Wanted::NONE).is_some());
        cache.end_round();
        assert!(cache.find(&root(), b"/a", Wanted::NONE).is_none());
        assert_eq!(cache.bytes, 0);
    }

    #[test]
    fn what_is_wanted_tells_entries_apart_unless_they_are_for_all() {
        let mut cache = Cache::new(64, 1 << 20);
        let gzip = Wanted::read([("accept-encoding", &b"gzip"[..])].into_iter());
        cache.insert(entry("/a", Some(gzip), 1));
        assert!(cache.find(&root(), b"/a", Wanted::NONE).is_none());
        assert!(cache.find(&root(), b"/a", gzip).is_some());
        cache.insert(entry("/b", None, 1));
        assert!(cache.find(&root(), b"/b", gzip).is_some());
        assert!(Cache::new(0, 1 << 20).find(&root(), b"/b", gzip).is_none());
    }
}
