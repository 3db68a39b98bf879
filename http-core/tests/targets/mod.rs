//! The checks of the fuzz targets. The functions live here so that `cargo test` replays every kept input on stable.
//!
//! Each target takes any bytes, never panics on a crate that keeps its promises, and panics as soon as one is broken.

#![allow(dead_code, unreachable_pub, missing_docs)]

pub mod response;
pub mod roundtrip;

use crate::oracle::connection::{self as oracle, End};
use crate::oracle::head::Raw;
use crate::support::{self, Outcome, Stop, drive};
use http_core::{Limits, TargetPolicy};

/// A target: its name and its function.
pub type Target = (&'static str, fn(&[u8]));

/// All of them; `tests/replay.rs` holds this list to the files of `fuzz/fuzz_targets`.
pub const ALL: [Target; 5] = [
    ("head", head),
    ("chunked", chunked),
    ("connection", connection),
    ("response", response::run),
    ("roundtrip", roundtrip::run),
];

/// Inputs longer than this say nothing new, and the oracle is slow.
const LONGEST: usize = 4096;

/// The bytes are a head and what follows it.
pub fn head(bytes: &[u8]) {
    if !within_reach(bytes) {
        return;
    }
    for (raw, targets) in POLICIES {
        let limits = Limits { targets, ..limits() };
        let story = oracle::read(bytes, BODY, raw);
        compare(&drive(limits, bytes, [bytes.len()]).outcome, &story, bytes);
        compare(&drive(limits, bytes, 1..=bytes.len()).outcome, &story, bytes);
    }
}

/// The bytes follow a head that announces a chunked body.
pub fn chunked(bytes: &[u8]) {
    const HEAD: &[u8] = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    if within_reach(bytes) {
        let wire = [HEAD, bytes].concat();
        let whole = drive(limits(), &wire, [wire.len()]).outcome;
        compare(&whole, &oracle::read(&wire, BODY, Raw::Rfc), &wire);
        // The head comes whole, its body byte by byte.
        let slow = drive(limits(), &wire, HEAD.len()..=wire.len()).outcome;
        assert_eq!(slow, whole, "byte by byte: {}", bytes.escape_ascii());
    }
}

/// The first byte says how to cut, the rest is the wire.
pub fn connection(bytes: &[u8]) {
    let Some((seed, wire)) = bytes.split_first() else {
        return;
    };
    if !within_reach(wire) {
        return;
    }
    for (raw, targets) in POLICIES {
        let limits = Limits { targets, ..limits() };
        let whole = drive(limits, wire, [wire.len()]).outcome;
        compare(&whole, &oracle::read(wire, BODY, raw), wire);
        for ends in [random_cuts(*seed, wire.len()), (1..=wire.len()).collect()] {
            let cut = drive(limits, wire, ends.iter().copied()).outcome;
            assert_eq!(cut, whole, "cut at {ends:?}: {}", wire.escape_ascii());
        }
        trailing_bytes_change_nothing(limits, wire, &whole);
        prefix_never_says_more(limits, wire, &whole, *seed);
    }
}

/// Which bytes a target may hold, for the oracle and for the crate.
const POLICIES: [(Raw, TargetPolicy); 2] = [
    (Raw::Rfc, TargetPolicy::Rfc3986),
    (Raw::Browsers, TargetPolicy::Browsers),
];

/// Limits that no input of [`LONGEST`] bytes reaches, so that the grammar alone decides; bodies have theirs.
pub fn limits() -> Limits {
    Limits {
        request_line: 1 << 20,
        field_line: 1 << 20,
        head: 1 << 20,
        fields: support::SLOTS as u16,
        body: BODY,
        chunk_extensions: u16::MAX,
        chunk_overhead: u16::MAX,
        trailers: u16::MAX,
        targets: TargetPolicy::Rfc3986,
    }
}

/// The longest body that the targets allow.
pub const BODY: u64 = 1 << 20;

/// Whether the oracle can judge the input in time, and no limit on the number of fields can decide.
fn within_reach(bytes: &[u8]) -> bool {
    bytes.len() <= LONGEST && bytes.iter().filter(|b| **b == b'\n').count() < support::SLOTS
}

/// Cuts at pseudo-random places; a seed gives the same places every time.
fn random_cuts(seed: u8, len: usize) -> Vec<usize> {
    let mut state = u32::from(seed) * 2 + 1;
    let mut ends = Vec::new();
    let mut at = 0;
    while at < len {
        state = state.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
        at = len.min(at + 1 + (state >> 28) as usize);
        ends.push(at);
    }
    ends
}

/// Compares what was seen with what the oracle says.
fn compare(outcome: &Outcome, story: &oracle::Story, wire: &[u8]) {
    let got = outcome.lines(true);
    let events = got
        .iter()
        .take_while(|line| !is_ending(line))
        .cloned()
        .collect::<Vec<_>>();
    let agrees = match (&story.end, &outcome.stop) {
        (End::Open | End::OpenOrRefused(_), Stop::NeedMore) => true,
        (End::Closed, Stop::Closed) => true,
        (End::Refused(statuses) | End::OpenOrRefused(statuses), Stop::Rejected { status, .. }) => {
            outcome.must_close && statuses.contains(status)
        }
        _ => false,
    };
    assert!(
        agrees && events == story.lines,
        "the oracle disagrees\n--- wire\n{}\n--- oracle\n{}\n{:?}\n--- crate\n{}",
        wire.escape_ascii(),
        story.lines.join("\n"),
        story.end,
        got.join("\n")
    );
}

fn is_ending(line: &str) -> bool {
    ["need-more", "closed", "paused", "upgraded", "reject ", "eof "]
        .iter()
        .any(|word| line.starts_with(word))
}

/// Bytes behind the end of a verdict change nothing; bytes behind a complete request are the next one.
fn trailing_bytes_change_nothing(limits: Limits, wire: &[u8], whole: &Outcome) {
    const NEXT: &[u8] = b"GET /next HTTP/1.1\r\nHost: next\r\n\r\n";
    let longer = [wire, NEXT].concat();
    let got = drive(limits, &longer, [longer.len()]).outcome;
    match (&whole.stop, &whole.eof) {
        (Stop::NeedMore, Some(Ok(()))) if !wire.ends_with(b"\r") || whole.consumed == wire.len() => {
            let more = got.seen.len() - whole.seen.len();
            assert_eq!(
                more,
                1,
                "the request behind was lost or split: {}",
                longer.escape_ascii()
            );
            assert_eq!(got.seen[..whole.seen.len()], whole.seen[..]);
            assert_eq!(
                got.consumed,
                longer.len(),
                "bytes unaccounted for: {}",
                longer.escape_ascii()
            );
        }
        (Stop::Closed | Stop::Rejected { .. }, _) => {
            assert_eq!(&got, whole, "with bytes behind: {}", longer.escape_ascii());
        }
        _ => {}
    }
}

/// A prefix shows a prefix of the events, and never a verdict that the whole does not have.
fn prefix_never_says_more(limits: Limits, wire: &[u8], whole: &Outcome, seed: u8) {
    let at = usize::from(seed) * wire.len() / 256;
    let prefix = drive(limits, &wire[..at], [at]).outcome;
    if prefix.stop == Stop::NeedMore && !matches!(whole.stop, Stop::Rejected { .. }) {
        assert!(
            prefix.consumed <= whole.consumed,
            "a longer input consumed less: {}",
            wire.escape_ascii()
        );
    } else if prefix.stop != Stop::NeedMore {
        assert_eq!(
            &prefix,
            whole,
            "a verdict at {at} was taken back: {}",
            wire.escape_ascii()
        );
    }
}
