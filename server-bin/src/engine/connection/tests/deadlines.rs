//! What each timeout ends, and what renews it.

use std::time::Duration;

use super::rig::{GET, Rig, echo, hello, post, seconds};
use crate::engine::connection::Next;
use crate::engine::settings::Settings;

#[test]
fn an_idle_connection_ends_silently_at_its_deadline() {
    let mut rig = Rig::new(hello);
    assert_eq!(rig.pass(seconds(74)), None);
    rig.arrive(GET);
    rig.sent();
    assert_eq!(rig.pass(seconds(74)), None);
    assert_eq!(
        (rig.pass(seconds(1)), rig.sent()),
        (Some(Next::Close), String::new())
    );
}

#[test]
fn a_slow_head_gets_408_and_no_byte_renews_its_deadline() {
    let mut rig = Rig::new(hello);
    rig.arrive("GET / HTTP/1.1\r\n");
    for _ in 0..9 {
        assert_eq!(rig.pass(seconds(1)), None);
        rig.arrive("X");
    }
    assert_eq!(rig.pass(seconds(1)), Some(Next::Close));
    let answer = rig.sent();
    assert!(
        answer.starts_with("HTTP/1.1 408 ") && answer.to_lowercase().contains("connection: close"),
        "{answer}"
    );
}

#[test]
fn each_head_has_a_deadline_of_its_own() {
    let mut rig = Rig::new(hello);
    rig.arrive("GET / HTTP/1.1\r\n");
    assert_eq!(rig.pass(seconds(9)), None);
    rig.arrive("Host: a\r\n\r\nGET /");
    assert_eq!(rig.pass(seconds(9)), None);
    assert_eq!(rig.pass(seconds(1)), Some(Next::Close));
    assert_eq!(rig.statuses(), [200, 408]);
}

#[test]
fn a_body_may_be_slow_but_not_stand_still() {
    let mut rig = Rig::new(echo);
    rig.arrive(post(10));
    for _ in 0..5 {
        assert_eq!(rig.pass(seconds(19)), None);
        rig.arrive("x");
    }
    assert_eq!(
        (rig.pass(seconds(20)), rig.statuses()),
        (Some(Next::Close), vec![408])
    );
}

#[test]
fn a_peer_that_takes_nothing_is_cut_off() {
    let mut rig = Rig::new(hello);
    rig.wire().room = Some(10);
    rig.arrive(GET);
    assert_eq!(rig.pass(seconds(29)), None);
    rig.room(1);
    assert_eq!(rig.pass(seconds(29)), None);
    assert_eq!(rig.pass(seconds(1)), Some(Next::Close));
}

#[test]
fn a_clock_that_jumps_ends_what_waits_and_nothing_else() {
    let mut rig = Rig::new(hello);
    rig.kit.begin(rig.kit.now + seconds(1_000_000));
    // The request was there before the deadline was looked at, so it is served first.
    assert_eq!(rig.arrive(GET), Next::Read);
    assert_eq!((rig.pass(seconds(1)), rig.statuses()), (None, vec![200]));
    assert_eq!(rig.pass(seconds(1_000_000)), Some(Next::Close));
}

#[test]
fn a_timeout_of_any_length_is_one() {
    let settings = Settings {
        idle_timeout: Duration::MAX,
        head_timeout: Duration::MAX,
        ..Settings::default()
    };
    let mut rig = Rig::with(hello, settings);
    assert_eq!(rig.pass(seconds(1 << 29)), None);
    rig.arrive("GET / HTTP/1.1\r\n");
    assert_eq!(rig.pass(seconds(1 << 29)), None);
    rig.arrive("Host: a\r\n\r\n");
    assert_eq!(rig.statuses(), [200]);
}
