//! Answers that come from elsewhere.

use std::sync::{Arc, Mutex};

use http_core::{Head, ResponseHead};

use super::rig::{GET, GONE, Incoming, READABLE, Rig, seconds};
use crate::driver::phase::{Phase, Wait};
use crate::handler::{Completer, Context, Decision, Handler, Reply};

type Promised = Arc<Mutex<Vec<Completer>>>;

fn later() -> (Promised, impl Handler) {
    let promised = Promised::default();
    let completers = Arc::clone(&promised);
    let handler = move |_: &Head<'_>, cx: &mut Context<'_>| {
        let (ticket, completer) = cx.later();
        completers.lock().unwrap().push(completer);
        Decision::Respond(Reply::Later(ticket))
    };
    (promised, handler)
}

fn complete(promised: &Promised) {
    let completer = promised.lock().unwrap().remove(0);
    completer.complete(ResponseHead::new(203), "later");
}

#[test]
fn an_answer_from_elsewhere_comes_in_its_turn() {
    let (promised, handler) = later();
    let mut rig = Rig::new(handler);
    rig.arrive(GET.repeat(2));
    assert_eq!(
        (rig.connection.phase(), rig.sent()),
        (Phase::Later, String::new())
    );
    complete(&promised);
    assert_eq!((rig.deliver(), rig.statuses()), (1, vec![203]));
    complete(&promised);
    assert_eq!(
        (rig.deliver(), rig.statuses(), rig.wait),
        (1, vec![203], Wait::Read)
    );
    assert_eq!(rig.connection.phase(), Phase::Idle);
    assert!(rig.owns_nothing());
}

#[test]
fn a_promise_that_is_dropped_becomes_500_and_one_that_takes_too_long_503() {
    let (promised, handler) = later();
    let mut rig = Rig::new(handler);
    rig.arrive(GET);
    promised.lock().unwrap().clear();
    assert_eq!((rig.deliver(), rig.statuses()), (1, vec![500]));
    rig.arrive(GET);
    assert_eq!(rig.pass(seconds(60)), Some(Wait::Read));
    assert_eq!(
        (rig.statuses(), rig.connection.phase()),
        (vec![503], Phase::Lingering)
    );
    complete(&promised);
    assert_eq!(
        (rig.deliver(), rig.sent()),
        (1, String::new()),
        "it comes too late"
    );
}

#[test]
fn a_promise_for_one_request_cannot_answer_the_next() {
    let promised = Promised::default();
    let completers = Arc::clone(&promised);
    let mut rig = Rig::new(move |_: &Head<'_>, cx: &mut Context<'_>| {
        let (ticket, completer) = cx.later();
        // A second promise for the same request: one of the two comes too late.
        completers.lock().unwrap().extend([completer, cx.later().1]);
        Decision::Respond(Reply::Later(ticket))
    });
    rig.arrive(GET);
    complete(&promised);
    assert_eq!((rig.deliver(), rig.statuses()), (1, vec![203]));
    rig.arrive(GET);
    complete(&promised);
    assert_eq!(
        (rig.deliver(), rig.sent()),
        (1, String::new()),
        "it was for the first request"
    );
    complete(&promised);
    assert_eq!((rig.deliver(), rig.statuses()), (1, vec![203]));
}

#[test]
fn a_peer_that_goes_away_is_noticed_while_its_answer_is_made() {
    let (promised, handler) = later();
    let mut rig = Rig::new(handler);
    rig.arrive(GET);
    rig.wire().incoming.push_back(Incoming::End);
    assert_eq!(
        rig.turn(READABLE),
        Wait::Elsewhere,
        "it may have shut its side only"
    );
    assert_eq!(rig.wire().reads, 1);
    complete(&promised);
    assert_eq!(
        (rig.deliver(), rig.wait, rig.statuses()),
        (1, Wait::Read, vec![203])
    );
    assert_eq!(rig.turn(READABLE), Wait::Nothing);

    let (_promised, handler) = later();
    let mut rig = Rig::new(handler);
    rig.arrive(GET);
    assert_eq!(rig.turn(GONE), Wait::Nothing);
}
