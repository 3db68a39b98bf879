//! Answers that come from elsewhere.

use std::sync::{Arc, Mutex};

use http_core::{Head, ResponseHead};

use super::rig::{GET, GONE, Incoming, READABLE, Rig, SHUT, answers, post, seconds};
use crate::driver::phase::{Phase, Wait};
use crate::handler::{BodySource, Completer, Context, Decision, FileSlice, Handler, Pulled, Reply};

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
    assert_eq!(rig.turn(SHUT), Wait::Elsewhere, "it may have shut its side only");
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

#[test]
fn an_answer_that_comes_before_it_is_awaited_is_sent_at_once() {
    let mut rig = Rig::new(|_: &Head<'_>, _: &mut Context<'_>| {
        Decision::buffer(10, |_, cx| {
            let (ticket, completer) = cx.later();
            completer.complete(ResponseHead::new(203), "early");
            Reply::Later(ticket)
        })
    });
    rig.arrive(post(2));
    rig.arrive("ab");
    rig.deliver();
    assert_eq!(answers(&rig.sent()), [(203, "early".into())]);

    // It comes while the body that it does not need is still coming.
    let promised = Arc::new(Mutex::new(None));
    let place = Arc::clone(&promised);
    let mut rig = Rig::new(move |_: &Head<'_>, cx: &mut Context<'_>| {
        let (ticket, completer) = cx.later();
        *place.lock().unwrap() = Some(completer);
        Decision::buffer(10, |_, _| Reply::Later(ticket))
    });
    rig.arrive(post(2));
    let completer = promised.lock().unwrap().take();
    completer.unwrap().complete(ResponseHead::new(203), "early");
    assert_eq!((rig.deliver(), rig.sent().as_str()), (1, ""));
    rig.arrive("ab");
    assert_eq!(answers(&rig.sent()), [(203, "early".into())]);
    assert!(rig.owns_nothing());
}

#[test]
fn each_ticket_of_a_request_has_its_own_answer() {
    let promised = Promised::default();
    let completers = Arc::clone(&promised);
    let mut rig = Rig::new(move |_: &Head<'_>, cx: &mut Context<'_>| {
        let (_unused, first) = cx.later();
        let (ticket, second) = cx.later();
        completers.lock().unwrap().extend([first, second]);
        Decision::Respond(Reply::Later(ticket))
    });
    rig.arrive(GET);
    // The completer of the ticket that was not used is dropped: no 500 for the one that was.
    drop(promised.lock().unwrap().remove(0));
    assert_eq!((rig.deliver(), rig.sent().as_str()), (1, ""));
    assert_eq!(rig.connection.phase(), Phase::Later);
    complete(&promised);
    assert_eq!((rig.deliver(), rig.statuses()), (1, vec![203]));
}

#[test]
fn a_ticket_of_another_request_is_500_and_not_an_endless_wait() {
    let tickets = Arc::new(Mutex::new(Vec::new()));
    let place = Arc::clone(&tickets);
    let mut rig = Rig::new(move |_: &Head<'_>, cx: &mut Context<'_>| {
        let (mine, completer) = cx.later();
        std::mem::forget(completer);
        let mut tickets = place.lock().unwrap();
        tickets.push(mine);
        Decision::Respond(Reply::Later(match tickets.len() {
            1 => cx.later().0,
            _ => tickets.remove(0),
        }))
    });
    rig.arrive(GET);
    rig.deliver();
    assert_eq!(rig.statuses(), [500], "its completer was dropped");
    rig.arrive(GET);
    assert_eq!(
        (rig.statuses(), rig.connection.phase()),
        (vec![500], Phase::Lingering)
    );
}

#[test]
fn a_promise_may_be_kept_with_a_file_or_a_source_that_waits() {
    let mut file = tempfile::tempfile().unwrap();
    std::io::Write::write_all(&mut file, b"from a file").unwrap();
    let (promised, handler) = later();
    let mut rig = Rig::new(handler);
    rig.arrive(GET);
    let slice = FileSlice {
        file: file.into(),
        offset: 5,
        len: 6,
        guard: None,
    };
    promised
        .lock()
        .unwrap()
        .remove(0)
        .complete(ResponseHead::new(203), slice);
    rig.deliver();
    assert_eq!(answers(&rig.sent()), [(203, "a file".into())]);

    struct Waits(Arc<Mutex<Option<&'static str>>>);
    impl BodySource for Waits {
        fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
            let Some(text) = self.0.lock().unwrap().take() else {
                return Pulled::Wait;
            };
            out.extend_from_slice(text.as_bytes());
            Pulled::End
        }
    }
    rig.arrive(GET);
    let completer = promised.lock().unwrap().remove(0);
    let (text, notifier) = (Arc::new(Mutex::new(None)), completer.notifier());
    let source: Box<dyn BodySource> = Box::new(Waits(Arc::clone(&text)));
    completer.complete(ResponseHead::new(203), source);
    rig.deliver();
    assert_eq!(rig.connection.phase(), Phase::Starved);
    *text.lock().unwrap() = Some("news");
    notifier.notify();
    rig.deliver();
    assert_eq!(answers(&rig.sent()), [(203, "news".into())]);
    assert_eq!(rig.connection.phase(), Phase::Idle);
}

#[test]
fn what_a_client_sends_while_it_waits_is_neither_read_nor_a_renewal() {
    let (promised, handler) = later();
    let mut rig = Rig::new(handler);
    rig.arrive(GET);
    let reads = rig.wire().reads;
    for _ in 0..59 {
        assert_eq!(rig.pass(seconds(1)), None);
        rig.arrive("x");
    }
    assert_eq!(rig.wire().reads, reads);
    assert_eq!(rig.pass(seconds(1)), Some(Wait::Read));
    assert_eq!(rig.statuses(), [503]);
    complete(&promised);
}

#[test]
fn an_early_answer_may_be_a_promise_and_the_rest_of_the_body_is_dropped_behind_it() {
    let (promised, handler) = later();
    let mut rig = Rig::new(handler);
    rig.arrive(post(10) + "abc");
    assert_eq!(rig.connection.phase(), Phase::Later);
    complete(&promised);
    rig.deliver();
    assert_eq!(
        (rig.statuses(), rig.connection.phase()),
        (vec![203], Phase::Discarding)
    );
    rig.arrive("defghij".to_owned() + GET);
    complete(&promised);
    rig.deliver();
    assert_eq!((rig.statuses(), rig.connection.phase()), (vec![203], Phase::Idle));
}
