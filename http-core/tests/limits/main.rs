//! Each limit: a message at it is taken, one byte past it is refused by its own rule, at the byte that passes it.

mod bodies;
mod chunks;
mod extremes;
mod heads;
#[path = "../support/mod.rs"]
mod support;

use http_core::{Limits, Rule};
use support::{Stop, drive, every_cut};

/// Feeds the wire in every way and asserts that it is taken.
#[track_caller]
fn taken(limits: Limits, wire: &[u8]) {
    let outcome = every_cut(limits, wire);
    assert_eq!(outcome.eof, Some(Ok(())), "not taken: {}", outcome.stop);
    assert_eq!(outcome.consumed, wire.len());
}

/// Feeds the wire in every way and asserts that `rule` refuses it, not later than with byte `by`.
#[track_caller]
fn refused(limits: Limits, wire: &[u8], rule: Rule, by: usize) {
    let stop = every_cut(limits, wire).stop;
    let want = Stop::Rejected {
        rule: format!("{rule:?}"),
        status: rule.status(),
    };
    assert_eq!(stop, want);
    let at = drive(limits, wire, 1..=wire.len()).decided_at;
    assert!(at <= by, "{rule:?} was decided at byte {at}, {by} were enough");
    // A sender that stops right there is told so, and needs not send the rest.
    assert_eq!(
        drive(limits, &wire[..by], [by]).outcome.stop,
        want,
        "the first {by} bytes decide"
    );
}

fn get(target: &str, fields: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes()
}

fn post(body: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}").into_bytes()
}

/// The head that [`post`] writes.
fn post_head() -> usize {
    post("").len()
}
