//! What becomes of handlers that fail.

use http_core::Head;

use super::rig::{GET, Rig};
use crate::engine::connection::Next;
use crate::handler::{Accept, BodySource, Context, Pulled, Reply};

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
