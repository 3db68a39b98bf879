//! Which edges of the table of phases were taken, how often.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::driver::phase::{Happening, Phase};
use crate::driver::tests::phases::edges;

thread_local! {
    static TAKEN: RefCell<Counts> = RefCell::default();
}

/// A connection takes this edge.
pub(crate) fn take(from: Phase, happening: Happening) {
    TAKEN.with_borrow_mut(|taken| *taken.entry((from, happening)).or_default() += 1);
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

/// The edges of the table that were not taken, and a text with all counts.
pub(crate) fn report(taken: &Counts) -> (Vec<String>, String) {
    let (mut missing, mut text) = (Vec::new(), String::new());
    for (from, happening, to) in edges() {
        let count = taken.get(&(from, happening)).copied().unwrap_or(0);
        let line = format!("{from:?} -> {to:?} by {happening:?}");
        text += &format!("{count:10} {line}\n");
        if count == 0 {
            missing.push(line);
        }
    }
    (missing, text)
}
