//! Request bodies: collected, dropped, refused.

use super::rig::{GET, Rig, echo, hello, post};
use crate::driver::phase::{Phase, Wait};
use crate::driver::settings::MAX_DISCARD;

#[test]
fn a_body_that_nobody_wants_is_dropped_up_to_a_bound() {
    let mut rig = Rig::new(hello);
    rig.arrive(post(1000));
    assert_eq!(
        (rig.statuses(), rig.connection.phase()),
        (vec![200], Phase::Discarding)
    );
    assert_eq!(rig.arrive("x".repeat(1000) + GET), Wait::Read);
    assert_eq!(rig.statuses(), [200]);
    assert!(rig.connection.phase() == Phase::Idle && rig.owns_nothing());

    let mut rig = Rig::new(hello);
    rig.arrive(post(MAX_DISCARD as usize + 1));
    assert!(rig.sent().to_lowercase().contains("connection: close"));
    assert_eq!(rig.connection.phase(), Phase::Lingering);

    let mut rig = Rig::new(hello);
    rig.arrive("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert!(!rig.sent().to_lowercase().contains("connection: close"));
    let chunk = format!("8000\r\n{}\r\n", "x".repeat(0x8000));
    assert_eq!(
        (rig.arrive(&chunk), rig.connection.phase()),
        (Wait::Read, Phase::Discarding)
    );
    rig.arrive(&chunk);
    rig.arrive(&chunk);
    assert_eq!(
        (rig.connection.phase(), rig.sent()),
        (Phase::Lingering, String::new())
    );
}

#[test]
fn a_body_that_breaks_after_its_answer_gets_no_second_one_and_lingers() {
    let mut rig = Rig::new(hello);
    rig.arrive("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello");
    assert_eq!(
        (rig.statuses(), rig.connection.phase()),
        (vec![200], Phase::Discarding)
    );
    assert_eq!((rig.arrive("X\r\n"), rig.sent()), (Wait::Read, String::new()));
    assert!(rig.wire().shut && rig.connection.phase() == Phase::Lingering);
}

#[test]
fn a_body_over_its_limit_gets_413_as_soon_as_that_is_known() {
    let mut rig = Rig::new(echo);
    rig.arrive(post(1001));
    assert_eq!(
        (rig.statuses(), rig.connection.phase()),
        (vec![413], Phase::Lingering)
    );
    let mut rig = Rig::new(echo);
    rig.arrive("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    rig.arrive(format!("3e8\r\n{}\r\n", "x".repeat(1000)));
    assert_eq!(rig.sent(), "");
    rig.arrive("1\r\nx");
    assert_eq!(
        (rig.statuses(), rig.connection.phase()),
        (vec![413], Phase::Lingering)
    );
}

#[test]
fn a_broken_body_never_reaches_the_handler() {
    let mut rig = Rig::new(echo);
    rig.arrive("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n");
    assert_eq!(
        (rig.statuses(), rig.connection.phase()),
        (vec![400], Phase::Lingering)
    );
}

#[test]
fn a_continue_is_sent_only_while_the_body_is_missing() {
    let head = "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n";
    let mut rig = Rig::new(echo);
    rig.arrive(head);
    assert_eq!(rig.sent(), "HTTP/1.1 100 Continue\r\n\r\n");
    rig.arrive("hello");
    assert_eq!(rig.statuses(), [200]);
    rig.arrive(head.to_owned() + "hello");
    assert_eq!(rig.statuses(), [200]);
    let mut rig = Rig::new(hello);
    rig.arrive(head);
    assert!(
        rig.sent().to_lowercase().contains("connection: close"),
        "the body may never come"
    );
}
