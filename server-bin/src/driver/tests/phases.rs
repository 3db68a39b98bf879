//! The table of phases, looked at as a whole; and the diagram that is written from it.

use std::collections::{BTreeMap, BTreeSet};

use crate::driver::phase::Happening::*;
use crate::driver::phase::Phase::*;
use crate::driver::phase::{Happening, Phase, Then, Timeout, Wait};
use crate::handler::Wants;

pub(crate) const THENS: [Then; 8] = [
    Then::Receive,
    Then::Body,
    Then::Paused,
    Then::Later,
    Then::Send,
    Then::Starved,
    Then::Discard,
    Then::Switch,
];

pub(crate) const WANTS: [Wants; 5] = [
    Wants::Read,
    Wants::Write,
    Wants::ReadOrWrite,
    Wants::Nothing,
    Wants::Close,
];

/// Every phase that a connection can be in, in an order that [`place`] knows. No protocol that wants to close is waited for.
pub(crate) fn phases() -> Vec<Phase> {
    let plain = [
        Preface, Fresh, Idle, Head, Backlog, Body, Paused, Later, Sending, Starved, HalfClosed, Discarding,
        Closing, Lingering, Switching, Closed,
    ];
    let unsent = THENS.map(Unsent);
    let upgraded = WANTS
        .into_iter()
        .filter(|&wants| wants != Wants::Close)
        .map(Upgraded);
    plain.into_iter().chain(unsent).chain(upgraded).collect()
}

pub(crate) fn happenings() -> Vec<Happening> {
    let plain = [
        InputUsed,
        HeadBegun,
        TurnSpent,
        BodyWanted,
        SinkPaused,
        Promised,
        Answered,
        AnsweredEarly,
        AnsweredLast,
        AnswerBegun,
        SourceWaits,
        BodyDropped,
        Unreadable,
        Switched,
        Blocked,
        Flushed,
        Shut,
        Notified,
        PeerShut,
        PeerGone,
        TimedOut,
        Finished,
        PrefaceRead,
    ];
    plain.into_iter().chain(WANTS.map(Wanted)).collect()
}

/// Every edge: from, happening, to.
pub(crate) fn edges() -> Vec<(Phase, Happening, Phase)> {
    let mut edges = Vec::new();
    for from in phases() {
        for happening in happenings() {
            edges.extend(from.next(happening).map(|to| (from, happening, to)));
        }
    }
    edges
}

/// The place of a happening in the list. The compiler says here when one is new.
fn number(happening: Happening) -> usize {
    match happening {
        InputUsed => 0,
        HeadBegun => 1,
        TurnSpent => 2,
        BodyWanted => 3,
        SinkPaused => 4,
        Promised => 5,
        Answered => 6,
        AnsweredEarly => 7,
        AnsweredLast => 8,
        AnswerBegun => 9,
        SourceWaits => 10,
        BodyDropped => 11,
        Unreadable => 12,
        Switched => 13,
        Blocked => 14,
        Flushed => 15,
        Shut => 16,
        Notified => 17,
        PeerShut => 18,
        PeerGone => 19,
        TimedOut => 20,
        Finished => 21,
        PrefaceRead => 22,
        Wanted(wants) => 23 + wants as usize,
    }
}

/// The place of a phase in the list. The compiler says here when one is new.
fn place(phase: Phase) -> usize {
    match phase {
        Preface => 0,
        Fresh => 1,
        Idle => 2,
        Head => 3,
        Backlog => 4,
        Body => 5,
        Paused => 6,
        Later => 7,
        Sending => 8,
        Starved => 9,
        HalfClosed => 10,
        Discarding => 11,
        Closing => 12,
        Lingering => 13,
        Switching => 14,
        Closed => 15,
        Unsent(then) => 16 + then as usize,
        Upgraded(wants) => 16 + THENS.len() + wants as usize,
    }
}

/// A phase's name in the diagram. Those that differ only in what goes on afterwards are one node.
fn name(phase: Phase) -> String {
    match phase {
        Unsent(then) => format!("\"Unsent({then:?})\""),
        Upgraded(_) => "Upgraded".to_owned(),
        other => format!("{other:?}"),
    }
}

/// The diagram: an edge for each pair of phases, labelled with the happenings that lead from one to the other.
fn diagram() -> String {
    let mut dot = String::from(
        "// Written from src/driver/phase.rs: UPDATE_DOCS=1 cargo test -p server-bin --lib diagram\n\
         digraph phases {\n    node [shape=box];\n",
    );
    let mut labels = BTreeMap::<(String, String), BTreeSet<(usize, String)>>::new();
    for (from, happening, to) in edges() {
        let label = match happening {
            Wanted(wants) => format!("Wanted({wants:?})"),
            other => format!("{other:?}"),
        };
        let edge = labels.entry((name(from), name(to))).or_default();
        edge.insert((number(happening), label));
    }
    for ((from, to), happenings) in labels {
        let list: Vec<String> = happenings.into_iter().map(|(_, label)| label).collect();
        dot += &format!("    {from} -> {to} [label=\"{}\"];\n", list.join("\\n"));
    }
    dot + "}\n"
}

#[test]
fn the_diagram_in_the_docs_shows_every_transition() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/phases.dot");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(path, diagram()).unwrap();
    }
    assert_eq!(
        std::fs::read_to_string(path).unwrap(),
        diagram(),
        "run the line that the file begins with"
    );
}

#[test]
fn all_phases_and_happenings_are_in_the_lists() {
    let numbers: Vec<_> = happenings().into_iter().map(number).collect();
    assert_eq!(numbers, (0..28).collect::<Vec<_>>());
    let places: Vec<_> = phases().into_iter().map(place).collect();
    assert_eq!(places, (0..28).collect::<Vec<_>>());
    // What an edge leads to is a phase of the list, so none is missing there that can be entered.
    for (from, happening, to) in edges() {
        assert!(phases().contains(&to), "{from:?} {happening:?} {to:?}");
    }
}

#[test]
fn every_phase_but_the_first_is_entered_and_every_one_but_the_last_left() {
    for phase in phases() {
        let others = edges().into_iter().filter(|(from, _, to)| from != to);
        let (mut entered, mut left) = (0, 0);
        for (from, _, to) in others {
            entered += usize::from(to == phase);
            left += usize::from(from == phase);
        }
        assert_eq!(entered > 0, phase != Preface, "{phase:?}");
        assert_eq!(left > 0, phase != Closed, "{phase:?}");
    }
}

#[test]
fn every_phase_can_be_reached_from_the_first_two() {
    let mut reached = BTreeSet::from([Preface, Fresh].map(|phase| format!("{phase:?}")));
    loop {
        let before = reached.len();
        for (from, _, to) in edges() {
            if reached.contains(&format!("{from:?}")) {
                reached.insert(format!("{to:?}"));
            }
        }
        if reached.len() == before {
            break;
        }
    }
    let missing: Vec<_> = phases()
        .into_iter()
        .filter(|phase| !reached.contains(&format!("{phase:?}")))
        .collect();
    assert_eq!(missing, []);
}

#[test]
fn closed_is_final_and_waits_for_nothing() {
    for happening in happenings() {
        assert_eq!(Closed.next(happening), None, "{happening:?}");
    }
    assert_eq!((Closed.wait(), Closed.timeout()), (Wait::Nothing, Timeout::None));
    for phase in phases() {
        assert_eq!(phase.wait() == Wait::Nothing, phase == Closed, "{phase:?}");
    }
}

#[test]
fn no_timeout_of_the_peer_runs_while_somebody_else_is_waited_for() {
    for phase in phases() {
        let theirs = matches!(
            phase.timeout(),
            Timeout::Own | Timeout::Reply | Timeout::HalfClosed | Timeout::Protocol
        );
        if phase.wait() == Wait::Elsewhere {
            assert!(theirs, "{phase:?}");
        } else if !matches!(phase, Upgraded(_)) {
            assert!(!theirs, "{phase:?}");
        }
    }
}

#[test]
fn unsent_output_is_waited_for_under_the_write_timeout_and_nothing_else_is() {
    for phase in phases() {
        let is_unsent = matches!(phase, Unsent(_) | Closing);
        assert_eq!(phase.timeout() == Timeout::Write, is_unsent, "{phase:?}");
        if is_unsent {
            assert_eq!(phase.wait(), Wait::Write, "{phase:?}");
            assert!(!phase.receives(), "{phase:?}: nothing else goes on meanwhile");
        }
        // Wherever something may be written, the socket may take no more.
        let blocked = phase.next(Blocked);
        match phase {
            Preface | Fresh | Lingering | Closed | Upgraded(_) | Unsent(_) => {
                assert_eq!(blocked, None, "{phase:?}")
            }
            _ => assert_eq!(blocked.map(Phase::timeout), Some(Timeout::Write), "{phase:?}"),
        }
    }
}

#[test]
fn what_was_interrupted_by_unsent_output_goes_on_when_it_has_left() {
    for phase in phases() {
        let (Some(unsent @ Unsent(_)), false) = (phase.next(Blocked), matches!(phase, Unsent(_))) else {
            continue;
        };
        let then = unsent.next(Flushed).unwrap();
        let same_wait = match phase {
            // A turn finds out what there is.
            Idle | Head | Backlog => Backlog,
            // Whether the peer has shut its side is looked up.
            HalfClosed => Starved,
            other => other,
        };
        assert_eq!(then, same_wait, "{phase:?}");
    }
}

#[test]
fn news_is_not_lost_behind_unsent_output() {
    for then in THENS {
        let heard = Unsent(then)
            .next(Notified)
            .and_then(|unsent| unsent.next(Flushed));
        let at_once = Unsent(then).next(Flushed).and_then(|phase| phase.next(Notified));
        // The next request and a dropped body wait for no news.
        if !matches!(then, Then::Receive | Then::Discard) {
            assert_eq!(heard, at_once, "{then:?}");
        }
    }
}

#[test]
fn a_yield_runs_no_timeout_and_cannot_time_out() {
    for phase in phases() {
        let none = phase.timeout() == Timeout::None;
        assert_eq!(
            none,
            matches!(phase.wait(), Wait::Yield | Wait::Nothing),
            "{phase:?}"
        );
        assert_eq!(phase.next(TimedOut).is_none(), none, "{phase:?}");
    }
}

#[test]
fn a_lost_connection_is_over_in_every_phase_that_reads_or_writes_itself_or_is_told() {
    for phase in phases() {
        // A protocol reads and writes itself, and says what it wants then.
        let is_the_protocols = matches!(phase, Upgraded(wants) if wants != Wants::Nothing);
        let over = (phase != Closed && !is_the_protocols).then_some(Closed);
        assert_eq!(phase.next(PeerGone), over, "{phase:?}");
    }
    for (from, happening, to) in edges() {
        assert!(happening != Finished || to == Closed, "{from:?}");
    }
}

#[test]
fn a_peer_that_shuts_its_side_is_told_of_in_the_phases_that_do_not_read() {
    for phase in phases() {
        let told = phase.next(PeerShut).is_some();
        assert_eq!(told, phase.wait() == Wait::Elsewhere, "{phase:?}");
    }
}

#[test]
fn after_the_last_answer_nothing_but_the_end_follows() {
    for (from, happening, to) in edges() {
        if from == Closing {
            assert!(matches!(to, Closing | Lingering | Closed), "{happening:?}");
        }
        if from == Lingering {
            assert_eq!(to, Closed, "{happening:?}");
        }
    }
}

#[test]
fn http_is_left_for_good() {
    for (from, happening, to) in edges() {
        let left = |phase| matches!(phase, Switching | Upgraded(_) | Unsent(Then::Switch));
        let over = matches!(to, Closing | Closed);
        assert!(!left(from) || left(to) || over, "{from:?} {happening:?} {to:?}");
    }
}
