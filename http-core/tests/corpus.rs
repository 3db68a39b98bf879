//! The corpus: each wire file is fed whole, byte by byte, cut at each place and with bytes behind it, and has to end as
//! the `.expect` file beside it says.

mod support;

use http_core::{Limits, Rule, TargetPolicy};
use std::collections::BTreeSet;
use support::corpus::{Vector, load, load_all};
use support::{Stop, byte_by_byte, drive, every_cut, whole};

/// Checks all vectors of a directory and reports all failures at once.
#[track_caller]
fn check(directory: &str) {
    let vectors = load(directory);
    assert!(!vectors.is_empty(), "{directory} is empty");
    let failures: Vec<String> = vectors
        .iter()
        .filter_map(|v| v.check(&whole(&v.wire)).err())
        .collect();
    assert!(
        failures.is_empty(),
        "{} of {} failed\n\n{}",
        failures.len(),
        vectors.len(),
        failures.join("\n")
    );
}

#[test]
fn valid_wires_are_read_as_expected() {
    check("valid");
}

#[test]
fn invalid_wires_are_refused_by_the_rule_they_break() {
    check("invalid");
    let accepted: Vec<_> = load("invalid")
        .into_iter()
        .filter(|v| !v.rejects())
        .map(|v| v.name)
        .collect();
    assert!(
        accepted.is_empty(),
        "invalid, and expected to be taken: {accepted:?}"
    );
}

#[test]
fn ambiguous_framing_has_one_reading_or_none() {
    check("ambiguous");
}

const BROWSERS: Limits = Limits {
    targets: TargetPolicy::Browsers,
    ..Limits::DEFAULT
};

#[test]
fn what_browsers_send_is_taken_where_it_is_asked_for_whatever_the_cut() {
    for vector in load("browsers") {
        let outcome = every_cut(BROWSERS, &vector.wire);
        if let Err(failure) = vector.check(&outcome) {
            panic!("{failure}");
        }
        let strict = every_cut(Limits::default(), &vector.wire).stop.to_string();
        if vector.rejects() {
            assert!(
                strict.starts_with("reject Bad"),
                "{} by the RFC: {strict}",
                vector.name
            );
        } else {
            assert_eq!(strict, "reject BadTarget 400", "{} by the RFC", vector.name);
        }
    }
}

#[test]
fn the_browsers_set_changes_nothing_but_the_bytes_of_a_target() {
    let mut taken = Vec::new();
    for Vector { name, wire, .. } in load_all() {
        let (strict, browsers) = (whole(&wire), every_cut(BROWSERS, &wire));
        if strict != browsers {
            assert_eq!(strict.stop.to_string(), "reject BadTarget 400", "{name}");
            taken.push(name);
        }
    }
    assert_eq!(
        taken,
        [
            "invalid/target-bracket",
            "invalid/target-percent-at-end",
            "invalid/target-percent-in-query-broken",
            "invalid/target-percent-not-hex",
            "invalid/target-percent-one-digit",
            "invalid/target-percent-x",
            "invalid/target-pipe",
        ]
    );
}

#[test]
fn no_cut_changes_an_outcome() {
    for vector in load_all() {
        let outcome = every_cut(Limits::default(), &vector.wire);
        if let Err(failure) = vector.check(&outcome) {
            panic!("{failure}");
        }
    }
}

#[test]
fn bytes_behind_a_verdict_change_nothing() {
    for Vector { name, wire, .. } in load_all() {
        let want = whole(&wire);
        if !matches!(want.stop, Stop::Closed | Stop::Rejected { .. }) {
            continue;
        }
        for behind in [
            &b"GET / HTTP/1.1\r\nHost: b\r\n\r\n"[..],
            b"\r\n\r\n",
            b"\n",
            b"\0",
            b"0\r\n\r\n",
        ] {
            let longer = [&wire, behind].concat();
            assert_eq!(
                whole(&longer),
                want,
                "{name} with {} behind",
                behind.escape_ascii()
            );
        }
    }
}

#[test]
fn a_request_behind_a_complete_one_is_read_and_nothing_is_lost() {
    const NEXT: &[u8] = b"PUT /next HTTP/1.1\r\nHost: b\r\nContent-Length: 2\r\n\r\nok";
    for Vector { name, wire, .. } in load_all() {
        let alone = whole(&wire);
        if alone.eof != Some(Ok(())) || alone.consumed != wire.len() {
            continue;
        }
        let longer = [&wire, NEXT].concat();
        let both = every_cut(Limits::default(), &longer);
        assert_eq!(both.seen[..alone.seen.len()], alone.seen[..], "{name}");
        assert_eq!(
            both.seen.len(),
            alone.seen.len() + 3,
            "{name}: request, body and end follow"
        );
        assert_eq!(both.consumed, longer.len(), "{name}");
    }
}

#[test]
fn a_verdict_comes_with_the_byte_that_the_vector_names() {
    let mut failures = Vec::new();
    for vector in load_all() {
        let Some(decided) = vector.decided else { continue };
        let at = byte_by_byte(&vector.wire).decided_at;
        if at != decided {
            failures.push(format!("{}: decided at byte {at}, not {decided}", vector.name));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The field whose line decides where the fields of a head are judged together.
fn field_of(rule: &str) -> Option<&'static str> {
    match rule {
        "RepeatedHost" | "BadHost" => Some("host:"),
        "RepeatedContentType" => Some("content-type:"),
        "RepeatedContentLength" | "BadContentLength" | "ContentLengthOverflow" => Some("content-length:"),
        "BothFramings" | "TransferEncodingInHttp10" | "BadTransferEncoding" | "UnsupportedTransferCoding" => {
            Some("transfer-encoding:")
        }
        _ => None,
    }
}

#[test]
fn a_rejection_says_which_byte_decided_and_its_line() {
    for vector in load_all() {
        let (name, wire) = (&vector.name, &vector.wire);
        let outcome = whole(wire);
        let Some(place) = outcome.place else { continue };
        let at = place.start + place.offset as usize;
        let before = wire.get(place.start..at).expect("no place outside the wire");
        if let Some(line) = place.line {
            let ended = before.iter().filter(|b| **b == b'\n').count();
            assert_eq!(line as usize, ended + 1, "{name}");
        }
        let Stop::Rejected { rule, .. } = &outcome.stop else {
            assert_eq!(at, wire.len(), "{name}: an end of input is behind all that came");
            continue;
        };
        if let Some(field) = field_of(rule) {
            let line = wire[at..].get(..field.len()).expect("a field line");
            assert!(line.eq_ignore_ascii_case(field.as_bytes()), "{name}");
        } else if matches!(rule.as_str(), "MissingHost" | "TooManyFields") {
            assert!(wire[..=at].ends_with(b"\r\n\r\n"), "{name}");
        } else if place.line.is_none() && rule == "BodyTooLong" && before.ends_with(b"\r\n\r\n") {
            // The first byte of a body whose Content-Length is over the limit.
        } else {
            // Without that byte nothing was decided. A line is judged at its end, so with it something may be open still.
            let stop = drive(Limits::default(), &wire[..at], [at]).outcome.stop;
            assert!(
                !matches!(stop, Stop::Rejected { .. }),
                "{name}: {stop} before byte {at}"
            );
        }
    }
}

#[test]
fn no_verdict_waits_past_the_end_of_the_line_or_head_that_breaks_a_rule() {
    for Vector { name, wire, .. } in load_all() {
        let decided = byte_by_byte(&wire).decided_at;
        let Stop::Rejected { .. } = whole(&wire).stop else {
            continue;
        };
        // Everything behind the verdict is cut away: the rest alone must bring it, in one piece.
        let shorter = drive(Limits::default(), &wire[..decided], [decided]).outcome;
        assert!(
            matches!(shorter.stop, Stop::Rejected { .. }),
            "{name} needs more than {decided} bytes when whole"
        );
    }
}

#[test]
fn each_rule_has_a_vector_and_each_vector_a_rule() {
    let rules: BTreeSet<String> = Rule::ALL.iter().map(|rule| format!("{rule:?}")).collect();
    let vectors: BTreeSet<String> = load_all()
        .iter()
        .flat_map(|v| v.rules().map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let without_vector: Vec<_> = rules.difference(&vectors).collect();
    let unknown: Vec<_> = vectors.difference(&rules).collect();
    assert!(
        without_vector.is_empty(),
        "rules without a vector: {without_vector:?}"
    );
    assert!(
        unknown.is_empty(),
        "vectors name rules that do not exist: {unknown:?}"
    );
}
