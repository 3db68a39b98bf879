//! What one worker has of a site for itself: its root, what it remembers, and memory that it uses again.

use super::asked::Codings;
use super::cache::Cache;
use super::listing;
use super::root::ServedRoot;
use super::selected::Selected;

/// One worker's part of a site.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) root: ServedRoot,
    pub(super) cache: Cache,
    pub(super) codings: Codings,
    /// The file that was described and read last; the next one uses the memory again.
    pub(super) selected: Selected,
    pub(super) buffer: Vec<u8>,
    pub(super) listings: listing::Builder,
}

impl Local {
    pub(super) fn new(root: ServedRoot, cache: (usize, usize)) -> Self {
        Self {
            root,
            cache: Cache::new(cache.0, cache.1),
            codings: Codings::default(),
            selected: Selected::new(),
            buffer: Vec::new(),
            listings: listing::Builder::default(),
        }
    }

    /// Bytes that are kept for later requests.
    pub(super) fn memory(&self) -> usize {
        self.cache.size() + self.buffer.capacity()
    }

    /// Forgets them.
    pub(super) fn give_up_memory(&mut self) {
        self.cache.clear();
        self.buffer = Vec::new();
    }
}
