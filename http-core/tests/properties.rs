//! Properties over generated and mutated wires: the oracle's verdict, whatever the cut; every byte accounted for;
//! bounded work.

mod generate;
mod oracle;
mod support;
mod targets;

use generate::{body, heap, mutate, mutated, mutation};
use proptest::collection::vec;
use proptest::prelude::*;

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(400), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn heads_and_what_follows_are_judged_as_the_oracle_judges(wire in mutated()) {
        targets::head(&wire);
    }

    #[test]
    fn heaps_of_grammar_are_judged_as_the_oracle_judges(wire in heap()) {
        targets::head(&wire);
    }

    #[test]
    fn chunked_bodies_are_judged_as_the_oracle_judges(chunks in body(), mutations in vec(mutation(), 0..3)) {
        targets::chunked(&mutate(chunks.into_bytes(), &mutations));
    }

    #[test]
    fn no_cut_and_no_byte_behind_changes_a_connection(seed in any::<u8>(), wire in mutated()) {
        targets::connection(&[&[seed], wire.as_slice()].concat());
    }

    #[test]
    fn what_is_written_is_read_back_as_it_was_meant(tape in vec(any::<u8>(), 0..600)) {
        targets::roundtrip::run(&tape);
    }

    #[test]
    fn no_order_of_calls_writes_an_illegal_message(tape in vec(any::<u8>(), 0..200)) {
        targets::response::run(&tape);
    }
}

/// How many cases; `PROPTEST_CASES` overrides it.
fn cases(default: u32) -> u32 {
    std::env::var("PROPTEST_CASES")
        .ok()
        .and_then(|n| n.parse().ok())
        .unwrap_or(default)
}
