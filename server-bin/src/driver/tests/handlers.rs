//! What becomes of handlers that fail.

use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_core::Head;

use super::rig::{GET, Incoming, READABLE, Rig, post, seconds};
use crate::driver::phase::{Phase, Wait};
use crate::handler::{BodySink, BodySource, Context, Decision, Io, Protocol, Pulled, Reply, Took};

#[test]
fn a_panicking_handler_costs_its_own_request() {
    let mut rig = Rig::new(|_: &Head<'_>, _: &mut Context<'_>| -> Decision { panic!("on purpose") });
    rig.arrive(GET);
    let answer = rig.sent();
    assert!(
        answer.starts_with("HTTP/1.1 500 ") && answer.to_lowercase().contains("connection: close"),
        "{answer}"
    );
    let mut rig =
        Rig::new(|_: &Head<'_>, _: &mut Context<'_>| Decision::buffer(10, |_, _| panic!("on purpose")));
    rig.arrive(GET);
    assert_eq!(rig.statuses(), [500]);
}

#[test]
fn a_source_that_panics_costs_its_own_request_at_whatever_it_is_asked() {
    struct Panicking;
    impl BodySource for Panicking {
        fn length(&self) -> Option<u64> {
            panic!("on purpose")
        }
        fn pull(&mut self, _: &mut Vec<u8>) -> Pulled {
            panic!("on purpose")
        }
    }
    struct PanickingLater;
    impl BodySource for PanickingLater {
        fn pull(&mut self, _: &mut Vec<u8>) -> Pulled {
            panic!("on purpose")
        }
    }
    let mut rig =
        Rig::new(|_: &Head<'_>, _: &mut Context<'_>| Decision::Respond(Reply::Pull(Box::new(Panicking))));
    rig.arrive(GET);
    let answer = rig.sent();
    assert!(
        answer.starts_with("HTTP/1.1 500 ") && answer.to_lowercase().contains("connection: close"),
        "{answer}"
    );
    let mut rig = Rig::new(|_: &Head<'_>, _: &mut Context<'_>| {
        Decision::Respond(Reply::Pull(Box::new(PanickingLater)))
    });
    assert_eq!(rig.arrive(GET), Wait::Nothing, "its head has left");
}

#[test]
fn a_field_that_no_response_may_have_becomes_500() {
    let mut rig = Rig::new(|_: &Head<'_>, cx: &mut Context<'_>| {
        cx.field("x", "a\r\nb");
        Decision::from("body")
    });
    rig.arrive(GET);
    assert_eq!(rig.statuses(), [500]);
}

/// Panics when it is dropped, and counts how often that happened.
struct Bomb(Arc<AtomicUsize>);

impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("on purpose");
    }
}

impl BodySource for Bomb {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        out.extend_from_slice(b"all");
        Pulled::End
    }
}

impl BodySink for Bomb {
    fn data(&mut self, _: &[u8], _: &mut Context<'_>) -> Took {
        Took::More
    }
    fn end(self: Box<Self>, _: &mut Context<'_>) -> Reply {
        Reply::EMPTY
    }
}

impl Protocol for Bomb {
    fn ready(
        &mut self,
        _: &mut Io<'_>,
        _: crate::handler::Happened,
        _: std::time::Instant,
    ) -> crate::handler::Wants {
        crate::handler::Wants::Close
    }
}

/// A rig whose handler answers with what is made of a bomb, and how many bombs have gone off.
fn bombs(
    answer: impl Fn(Bomb, &mut Context<'_>) -> Decision + Clone + Send + 'static,
) -> (Rig, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let rig = Rig::new(move |_: &Head<'_>, cx: &mut Context<'_>| answer(Bomb(Arc::clone(&counter)), cx));
    (rig, count)
}

fn source(bomb: Bomb) -> Decision {
    Decision::Respond(Reply::Pull(Box::new(bomb)))
}

/// A source that never ends.
fn endless(bomb: Bomb) -> Decision {
    struct Endless(#[expect(dead_code, reason = "it is there to be dropped")] Bomb);
    impl BodySource for Endless {
        fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
            out.extend_from_slice(b"more");
            Pulled::More
        }
    }
    Decision::Respond(Reply::Pull(Box::new(Endless(bomb))))
}

/// Collects a body for a closure that owns the bomb.
fn closure(bomb: Bomb) -> Decision {
    Decision::buffer(10, move |_, _| {
        let _owned = &bomb;
        "collected".into()
    })
}

#[test]
fn a_source_that_panics_when_it_is_dropped_does_so_behind_its_answer() {
    let (mut rig, count) = bombs(|bomb, _| source(bomb));
    assert_eq!(rig.arrive(GET), Wait::Read);
    assert!(rig.sent().ends_with("\r\n\r\n3\r\nall\r\n0\r\n\r\n"));
    // No body is asked of it.
    assert_eq!(rig.arrive("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"), Wait::Read);
    assert_eq!(rig.statuses(), [200]);
    assert_eq!(count.load(Ordering::Relaxed), 2);
    assert!(rig.connection.phase() == Phase::Idle && rig.owns_nothing());
}

#[test]
fn a_reply_that_is_replaced_may_panic_when_it_is_dropped() {
    let (mut rig, count) = bombs(|bomb, cx| {
        cx.field("x", "a\r\nb");
        source(bomb)
    });
    rig.arrive(GET);
    assert_eq!(
        (rig.statuses(), rig.connection.phase()),
        (vec![500], Phase::Lingering)
    );
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn a_sink_and_a_protocol_may_panic_when_they_are_dropped() {
    let (mut rig, count) = bombs(|bomb, _| Decision::Stream(Box::new(bomb)));
    assert_eq!((rig.arrive(GET), rig.statuses()), (Wait::Read, vec![500]));
    assert_eq!(count.load(Ordering::Relaxed), 1);
    // The client has asked for no upgrade.
    let (mut rig, count) = bombs(|bomb, _| Decision::Upgrade(Box::new(bomb)));
    assert_eq!((rig.arrive(GET), rig.statuses()), (Wait::Read, vec![500]));
    assert_eq!(count.load(Ordering::Relaxed), 1);
}

#[test]
fn a_closure_may_panic_when_it_is_dropped_called_or_not() {
    let (mut rig, count) = bombs(|bomb, _| closure(bomb));
    rig.arrive(post(2) + "ab");
    assert_eq!(rig.statuses(), [500], "its last act was a part of the call");
    assert_eq!(count.load(Ordering::Relaxed), 1);

    let refusals: [(&str, u16); 3] = [
        (&post(11), 413),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nb\r\n01234567890",
            413,
        ),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            400,
        ),
    ];
    for (request, status) in refusals {
        let (mut rig, count) = bombs(|bomb, _| closure(bomb));
        rig.arrive(request);
        assert_eq!(rig.statuses(), [status], "{request}");
        assert_eq!(count.load(Ordering::Relaxed), 1, "{request}");
    }
}

#[test]
fn what_a_handler_left_may_panic_when_the_connection_ends() {
    // At a deadline of the request body.
    let (mut rig, count) = bombs(|bomb, _| closure(bomb));
    rig.arrive(post(2));
    assert_eq!(
        (rig.pass(seconds(20)), rig.statuses()),
        (Some(Wait::Read), vec![408])
    );
    assert_eq!(count.load(Ordering::Relaxed), 1);
    // When the peer shuts its side.
    let (mut rig, count) = bombs(|bomb, _| closure(bomb));
    rig.arrive(post(2));
    rig.wire().incoming.push_back(Incoming::End);
    assert_eq!((rig.turn(READABLE), rig.statuses()), (Wait::Nothing, vec![400]));
    assert_eq!(count.load(Ordering::Relaxed), 1);
    // When its worker drops it, whatever it is doing.
    for decide in [closure, endless] {
        let (mut rig, count) = bombs(move |bomb, _| decide(bomb));
        rig.wire().room = Some(10);
        rig.arrive(post(2));
        assert_eq!(count.load(Ordering::Relaxed), 0);
        drop(rig);
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn a_panic_may_carry_what_panics_when_it_is_dropped() {
    let (mut rig, count) = bombs(|bomb, _| panic_any(bomb));
    rig.arrive(GET);
    assert_eq!((rig.statuses(), count.load(Ordering::Relaxed)), (vec![500], 1));
    let (mut rig, count) = bombs(|bomb, _| Decision::buffer(10, move |_, _| panic_any(bomb)));
    rig.arrive(GET);
    assert_eq!((rig.statuses(), count.load(Ordering::Relaxed)), (vec![500], 1));
}
