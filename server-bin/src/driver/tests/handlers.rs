//! What becomes of handlers that fail.

use std::panic::panic_any;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_core::Head;

use super::rig::{GET, Incoming, READABLE, Rig, post, seconds};
use crate::driver::connection::{Next, Phase};
use crate::handler::{Accept, BodySink, BodySource, Context, Io, Protocol, Pulled, Reply};

#[test]
fn a_panicking_handler_costs_its_own_request() {
    let mut rig = Rig::new(|_: &Head<'_>, _: &mut Context<'_>| -> Accept { panic!("on purpose") });
    rig.arrive(GET);
    let answer = rig.sent();
    assert!(
        answer.starts_with("HTTP/1.1 500 ") && answer.to_lowercase().contains("connection: close"),
        "{answer}"
    );
    let mut rig =
        Rig::new(|_: &Head<'_>, _: &mut Context<'_>| Accept::buffer(10, |_, _| panic!("on purpose")));
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
        Rig::new(|_: &Head<'_>, _: &mut Context<'_>| Accept::Respond(Reply::Pull(Box::new(Panicking))));
    rig.arrive(GET);
    let answer = rig.sent();
    assert!(
        answer.starts_with("HTTP/1.1 500 ") && answer.to_lowercase().contains("connection: close"),
        "{answer}"
    );
    let mut rig =
        Rig::new(|_: &Head<'_>, _: &mut Context<'_>| Accept::Respond(Reply::Pull(Box::new(PanickingLater))));
    assert_eq!(rig.arrive(GET), Next::Close, "its head has left");
}

#[test]
fn a_field_that_no_response_may_have_becomes_500() {
    let mut rig = Rig::new(|_: &Head<'_>, cx: &mut Context<'_>| {
        cx.field("x", "a\r\nb");
        Accept::from("body")
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
    fn data(&mut self, _: &[u8], _: &mut Context<'_>) -> Option<Reply> {
        None
    }
    fn end(self: Box<Self>, _: &mut Context<'_>) -> Reply {
        Reply::EMPTY
    }
}

impl Protocol for Bomb {
    fn ready(&mut self, _: &mut Io<'_>, _: multiplex::Event, _: std::time::Instant) -> crate::handler::Next {
        crate::handler::Next::Close
    }
}

/// A rig whose handler answers with what is made of a bomb, and how many bombs have gone off.
fn bombs(
    answer: impl Fn(Bomb, &mut Context<'_>) -> Accept + Send + Sync + 'static,
) -> (Rig, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let rig = Rig::new(move |_: &Head<'_>, cx: &mut Context<'_>| answer(Bomb(Arc::clone(&counter)), cx));
    (rig, count)
}

fn source(bomb: Bomb) -> Accept {
    Accept::Respond(Reply::Pull(Box::new(bomb)))
}

/// Collects a body for a closure that owns the bomb.
fn closure(bomb: Bomb) -> Accept {
    Accept::buffer(10, move |_, _| {
        let _owned = &bomb;
        "collected".into()
    })
}

#[test]
fn a_source_that_panics_when_it_is_dropped_does_so_behind_its_answer() {
    let (mut rig, count) = bombs(|bomb, _| source(bomb));
    assert_eq!(rig.arrive(GET), Next::Read);
    assert!(rig.sent().ends_with("\r\n\r\n3\r\nall\r\n0\r\n\r\n"));
    // No body is asked of it.
    assert_eq!(rig.arrive("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"), Next::Read);
    assert_eq!(rig.statuses(), [200]);
    assert_eq!(count.load(Ordering::Relaxed), 2);
    assert!(rig.connection.is_idle() && rig.owns_nothing());
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
    for arm in [
        |bomb| Accept::Stream(Box::new(bomb)),
        |bomb| Accept::Upgrade(Box::new(bomb)),
    ] as [fn(Bomb) -> Accept; 2]
    {
        let (mut rig, count) = bombs(move |bomb, _| arm(bomb));
        assert_eq!((rig.arrive(GET), rig.statuses()), (Next::Read, vec![501]));
        assert_eq!(count.load(Ordering::Relaxed), 1);
    }
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
        (Some(Next::Close), vec![408])
    );
    assert_eq!(count.load(Ordering::Relaxed), 1);
    // When the peer shuts its side.
    let (mut rig, count) = bombs(|bomb, _| closure(bomb));
    rig.arrive(post(2));
    rig.wire().incoming.push_back(Incoming::End);
    assert_eq!((rig.turn(READABLE), rig.statuses()), (Next::Close, vec![400]));
    assert_eq!(count.load(Ordering::Relaxed), 1);
    // When its worker drops it, whatever it is doing.
    for accept in [closure, source] {
        let (mut rig, count) = bombs(move |bomb, _| accept(bomb));
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
    let (mut rig, count) = bombs(|bomb, _| Accept::buffer(10, move |_, _| panic_any(bomb)));
    rig.arrive(GET);
    assert_eq!((rig.statuses(), count.load(Ordering::Relaxed)), (vec![500], 1));
}
