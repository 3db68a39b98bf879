//! http-core beside other parsers, over the corpus and over generated wires: they agree, or the difference is listed
//! with its reason; and a listed difference that no longer shows fails too.

#[path = "../generate/mod.rs"]
mod generate;
#[path = "../support/mod.rs"]
mod support;

mod differences;
mod sansio_differences;

use differences::{DIFFERENCES, excused};
use http_core::{Limits, TargetPolicy, limits};
use peers::{Head, Request, Verdict};
use proptest::prelude::*;
use sansio_differences::BY_REASON;
use std::collections::BTreeSet;
use support::corpus::{Vector, load, load_all};
use support::{Outcome, Seen, Stop, drive, whole};

/// What http-core says about the first head of the wire; a refusal names its rule.
fn our_head(wire: &[u8], outcome: &Outcome) -> Result<Verdict<Head>, String> {
    match (outcome.seen.first(), &outcome.stop) {
        (Some(Seen::Request(r)), _) => {
            let end = wire
                .windows(4)
                .position(|w| w == b"\r\n\r\n")
                .expect("a head that was taken has an end");
            Ok(Verdict::Takes(Head {
                method: r.method.clone(),
                target: r.target.clone(),
                minor: u8::from(r.version == http_core::Version::Http11),
                fields: r.fields.clone(),
                rest: wire.len() - end - 4,
            }))
        }
        (_, Stop::Rejected { rule, .. }) => Err(rule.clone()),
        (..) => Ok(Verdict::Waits),
    }
}

/// A wire without the empty lines that we skip before a request: how many each parser skips is not compared.
fn without_empty_lines(mut wire: &[u8]) -> &[u8] {
    for _ in 0..limits::EMPTY_LINES {
        wire = wire.strip_prefix(b"\r\n").unwrap_or(wire);
    }
    wire
}

/// How a peer differs from us: the rule that only we hold, or that it refuses, waits, or reads otherwise.
fn head_difference(targets: TargetPolicy, wire: &[u8], theirs: &Verdict<Head>) -> Option<String> {
    let limits = Limits {
        targets,
        ..Limits::DEFAULT
    };
    match (our_head(wire, &drive(limits, wire, [wire.len()]).outcome), theirs) {
        (Err(_), Verdict::Refuses) => None,
        // We refuse as soon as no later byte can mend the head; they may wait for its end.
        (Err(_), Verdict::Waits) => None,
        (Err(rule), Verdict::Takes(_)) => Some(format!("takes {rule}")),
        (Ok(Verdict::Takes(ours)), Verdict::Takes(theirs)) if ours == *theirs => None,
        (Ok(Verdict::Takes(_)), Verdict::Takes(_)) => Some("reads otherwise".into()),
        (Ok(Verdict::Waits), Verdict::Waits) => None,
        // We judge a line at its end; they may refuse it before, if it is one that has to be refused.
        (Ok(Verdict::Waits), Verdict::Refuses) if refused_at_its_end(wire) => None,
        (Ok(ours), theirs) => {
            let word = |v: &Verdict<Head>| match v {
                Verdict::Takes(_) => "takes",
                Verdict::Refuses => "refuses",
                Verdict::Waits => "waits",
            };
            Some(format!(
                "{} what we {}",
                word(theirs),
                word(&ours).trim_end_matches('s')
            ))
        }
    }
}

fn refused_at_its_end(wire: &[u8]) -> bool {
    matches!(whole(&[wire, b"\r\n\r\n"].concat()).stop, Stop::Rejected { .. })
}

/// A difference in a chunked body that follows a head of its own.
fn chunked_difference(body: &[u8]) -> Option<String> {
    let wire = [
        &b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"[..],
        body,
    ]
    .concat();
    let outcome = whole(&wire);
    let data = outcome.seen.iter().find_map(|seen| match seen {
        Seen::Body(bytes) => Some(bytes.clone()),
        _ => None,
    });
    let ended = outcome.seen.iter().any(|seen| matches!(seen, Seen::End));
    match (&outcome.stop, ended, peers::pico_chunked(body)) {
        (_, true, Verdict::Takes((theirs, _))) if theirs == data.unwrap_or_default() => None,
        (_, true, Verdict::Takes(_)) => Some("reads otherwise".into()),
        (_, true, Verdict::Refuses) => Some("refuses what we take".into()),
        (_, true, Verdict::Waits) => Some("waits what we take".into()),
        (Stop::Rejected { rule, .. }, false, Verdict::Takes(_)) => Some(format!("takes {rule}")),
        (Stop::Rejected { .. }, false, _) => None,
        (_, false, Verdict::Waits) => None,
        (_, false, _) => Some("decides what we wait for".into()),
    }
}

/// A difference over a whole connection from what a peer saw of it, and whether it refused what followed.
fn connection_difference(wire: &[u8], (mut theirs, refused): (Vec<Request>, bool)) -> Option<String> {
    let outcome = whole(wire);
    let mut ours: Vec<Request> = Vec::new();
    for seen in &outcome.seen {
        match (seen, ours.last_mut()) {
            (Seen::Request(r), _) => ours.push(Request {
                target: r.target.clone(),
                body: Vec::new(),
                ended: r.framing == http_core::Framing::Empty,
            }),
            (Seen::Body(bytes), Some(last)) => last.body.extend(bytes),
            (Seen::End, Some(last)) => last.ended = true,
            (_, _) => {}
        }
    }
    ours.retain(|r| r.ended);
    theirs.retain(|r| r.ended);
    match &outcome.stop {
        Stop::Rejected { rule, .. } if !refused || theirs.len() > ours.len() => Some(format!("takes {rule}")),
        Stop::Rejected { .. } if theirs == ours => None,
        // After a close nothing is read; they read on or refuse.
        Stop::Closed if theirs.starts_with(&ours) => None,
        _ if theirs == ours && !refused => None,
        _ if refused => Some("refuses what we take".into()),
        _ => Some("reads otherwise".into()),
    }
}

/// The differences of every peer over one vector, as `peer: difference`.
fn differences_of(vector: &Vector) -> Vec<String> {
    let wire = without_empty_lines(&vector.wire);
    let mut found = Vec::new();
    let mut note = |peer: &str, difference: Option<String>| {
        if let Some(difference) = difference {
            // A rule that they do not know is one difference; anything else is named by its vector.
            let of_a_rule = difference
                .strip_prefix("takes ")
                .is_some_and(|rest| !rest.contains(' '));
            let name = if of_a_rule {
                String::new()
            } else {
                format!(": {}", vector.name)
            };
            found.push(format!("{peer} {difference}{name}"));
        }
    };
    note(
        "httparse",
        head_difference(TargetPolicy::Rfc3986, wire, &peers::httparse_head(wire)),
    );
    note(
        "picohttpparser",
        head_difference(TargetPolicy::Rfc3986, wire, &peers::pico_head(wire)),
    );
    note(
        "http-parser",
        connection_difference(wire, peers::http_parser(wire)),
    );
    note("ureq-proto", connection_difference(wire, peers::ureq_proto(wire)));
    note("hoot", connection_difference(wire, peers::hoot(wire)));
    if is_chunked(vector) {
        let head = wire.windows(4).position(|w| w == b"\r\n\r\n").expect("a head");
        note(
            "picohttpparser's chunked decoder",
            chunked_difference(&wire[head + 4..]),
        );
    }
    found
}

/// Whether the first request of the vector has a chunked body.
fn is_chunked(vector: &Vector) -> bool {
    let outcome = whole(&vector.wire);
    outcome
        .requests()
        .next()
        .is_some_and(|r| r.framing == http_core::Framing::Chunked)
}

/// All differences that are meant.
fn listed() -> impl Iterator<Item = &'static str> {
    let grouped = BY_REASON.iter().flat_map(|(_, differences)| *differences);
    DIFFERENCES
        .iter()
        .map(|(difference, _)| *difference)
        .chain(grouped.copied())
}

#[test]
fn every_difference_over_the_corpus_is_listed_and_every_listed_one_shows() {
    let found: BTreeSet<String> = load_all().iter().flat_map(differences_of).collect();
    let listed: BTreeSet<String> = listed().map(str::to_owned).collect();
    let unlisted: Vec<_> = found.difference(&listed).collect();
    let stale: Vec<_> = listed.difference(&found).collect();
    assert!(
        unlisted.is_empty(),
        "not in the list of intended differences:\n{unlisted:#?}"
    );
    assert!(
        stale.is_empty(),
        "listed, but no vector shows it any more:\n{stale:#?}"
    );
}

#[test]
fn the_list_gives_a_reason_for_each_difference_and_names_none_twice() {
    let names: BTreeSet<_> = listed().collect();
    assert_eq!(names.len(), listed().count());
    let reasons = DIFFERENCES.iter().map(|(_, reason)| reason);
    let grouped = BY_REASON.iter().map(|(reason, _)| reason);
    assert!(reasons.chain(grouped).all(|reason| reason.len() > 10));
}

#[test]
fn what_browsers_send_is_read_as_the_others_read_it_where_it_is_asked_for() {
    for vector in load("browsers") {
        if vector.rejects() {
            continue;
        }
        let wire = &vector.wire;
        for (peer, theirs) in [
            ("httparse", peers::httparse_head(wire)),
            ("picohttpparser", peers::pico_head(wire)),
        ] {
            let differs = |targets| head_difference(targets, wire, &theirs);
            assert_eq!(differs(TargetPolicy::Browsers), None, "{peer}: {}", vector.name);
            let taken = Some("takes BadTarget".to_owned());
            assert_eq!(differs(TargetPolicy::Rfc3986), taken, "{peer}: {}", vector.name);
        }
    }
}

#[test]
fn httparse_reads_an_empty_chunk_size_as_zero_and_we_do_not() {
    assert_eq!(peers::httparse_chunk_size(b"\r\n"), Verdict::Takes((0, 2)));
    assert_eq!(
        peers::httparse_chunk_size(b"3;\n\r\n"),
        Verdict::Takes((3, 5)),
        "and a bare LF in an extension"
    );
    for body in [&b"\r\nabc\r\n0\r\n\r\n"[..], b"3;\n\r\nabc\r\n0\r\n\r\n"] {
        let wire = [
            &b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"[..],
            body,
        ]
        .concat();
        assert!(matches!(whole(&wire).stop, Stop::Rejected { .. }));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn generated_heads_differ_only_as_listed(wire in prop_oneof![generate::mutated(), generate::heap()]) {
        let wire = without_empty_lines(&wire);
        for (peer, theirs) in [("httparse", peers::httparse_head(wire)), ("picohttpparser", peers::pico_head(wire))] {
            for targets in [TargetPolicy::Rfc3986, TargetPolicy::Browsers] {
                let Some(difference) = head_difference(targets, wire, &theirs) else { continue };
                let name = format!("{peer} {difference}");
                let listed = listed().any(|listed| listed == name) || excused(&name, wire);
                prop_assert!(listed, "{name}: {}", wire.escape_ascii());
            }
        }
    }
}
