//! Answers that come from elsewhere.

use std::sync::{Arc, Mutex};

use http_core::{Head, ResponseHead};

use super::rig::{GET, GONE, Incoming, READABLE, Rig, seconds};
use crate::driver::connection::{Next, Phase};
use crate::handler::{Accept, Completer, Context, Handler, Reply};

type Promised = Arc<Mutex<Vec<Completer>>>;

fn later() -> (Promised, impl Handler) {
    let promised = Promised::default();
    let completers = Arc::clone(&promised);
    let handler = move |_: &Head<'_>, cx: &mut Context<'_>| {
        let (ticket, completer) = cx.later();
        completers.lock().unwrap().push(completer);
        Accept::Respond(Reply::Later(ticket))
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
        (Phase::Waiting, String::new())
    );
    complete(&promised);
    assert_eq!((rig.deliver(), rig.statuses()), (1, vec![203]));
    complete(&promised);
    assert_eq!(
        (rig.deliver(), rig.statuses(), rig.next),
        (1, vec![203], Next::Read)
    );
    assert!(rig.connection.is_idle() && rig.owns_nothing());
}

#[test]
fn a_promise_that_is_dropped_becomes_500_and_one_that_takes_too_long_503() {
    let (promised, handler) = later();
    let mut rig = Rig::new(handler);
    rig.arrive(GET);
    promised.lock().unwrap().clear();
    assert_eq!((rig.deliver(), rig.statuses()), (1, vec![500]));
    rig.arrive(GET);
    assert_eq!(rig.pass(seconds(60)), Some(Next::Read));
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
        Accept::Respond(Reply::Later(ticket))
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
    assert_eq!(rig.turn(READABLE), Next::Hangup, "it may have shut its side only");
    assert_eq!(rig.wire().reads, 1);
    complete(&promised);
    assert_eq!(
        (rig.deliver(), rig.next, rig.statuses()),
        (1, Next::Read, vec![203])
    );
    assert_eq!(rig.turn(READABLE), Next::Close);

    let (_promised, handler) = later();
    let mut rig = Rig::new(handler);
    rig.arrive(GET);
    assert_eq!(rig.turn(GONE), Next::Close);
}
