//! Which edges of the table of phases were taken, how often.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;

use super::meaning;
use crate::driver::phase::{Happening, Phase};
use crate::driver::tests::phases::edges;

thread_local! {
    static TAKEN: RefCell<Counts> = RefCell::default();
    static LATE: Cell<Option<Phase>> = const { Cell::new(None) };
}

/// A connection takes this edge.
pub(crate) fn take(from: Phase, happening: Happening) {
    meaning::note(happening);
    TAKEN.with_borrow_mut(|taken| *taken.entry((from, happening)).or_default() += 1);
    if happening == Happening::TimedOut {
        LATE.set(Some(from));
    }
}

/// The phase of the connection that was called late since the last call.
pub(crate) fn late() -> Option<Phase> {
    LATE.take()
}

/// How often each edge was taken.
pub(crate) type Counts = HashMap<(Phase, Happening), u64>;

/// What this thread's connections have taken since the last call.
pub(crate) fn taken() -> Counts {
    TAKEN.take()
}

pub(crate) fn add(all: &mut Counts, some: Counts) {
    for (edge, count) in some {
        *all.entry(edge).or_default() += count;
    }
}

/// Each edge of the table in words, and how often it was taken.
pub(crate) fn report(taken: &Counts) -> Vec<(String, u64)> {
    let count = |from, happening| taken.get(&(from, happening)).copied().unwrap_or(0);
    edges()
        .into_iter()
        .map(|(from, happening, to)| {
            (
                format!("{from:?} -> {to:?} by {happening:?}"),
                count(from, happening),
            )
        })
        .collect()
}
