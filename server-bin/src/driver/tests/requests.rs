//! Requests in, answers out, however the bytes come and go.

use super::rig::{GET, GONE, Incoming, READABLE, Rig, echo, hello, post};
use crate::driver::phase::{Phase, Wait};
use crate::driver::socket::Ready;

#[test]
fn a_request_is_one_read_and_one_write_and_leaves_no_buffer() {
    let mut rig = Rig::new(hello);
    for _ in 0..3 {
        assert_eq!(rig.arrive(GET), Wait::Read);
        assert!(rig.sent().ends_with("\r\n\r\nHello"));
        assert!(rig.connection.phase() == Phase::Idle && rig.owns_nothing());
    }
    assert_eq!((rig.wire().reads, rig.wire().writes), (3, 3));
}

#[test]
fn a_request_that_comes_byte_by_byte_is_answered_after_the_last_one() {
    let mut rig = Rig::new(echo);
    let request = post(5) + "hello";
    for at in 0..request.len() - 1 {
        assert_eq!(rig.arrive(&request[at..=at]), Wait::Read);
        assert_eq!(rig.sent(), "");
    }
    rig.arrive("o");
    assert!(rig.sent().ends_with("\r\n\r\nhello"));
    assert!(rig.owns_nothing());
}

#[test]
fn pipelined_answers_leave_in_one_write() {
    let mut rig = Rig::new(hello);
    assert_eq!(rig.arrive(GET.repeat(16)), Wait::Read);
    assert_eq!((rig.statuses(), rig.wire().writes), (vec![200; 16], 1));
}

#[test]
fn one_turn_answers_so_many_requests_and_the_next_ones_need_no_read() {
    let mut rig = Rig::new(hello);
    assert_eq!(rig.arrive(GET.repeat(70)), Wait::Yield);
    assert_eq!(rig.statuses().len(), 32);
    assert_eq!(rig.turn(Ready::NOTHING), Wait::Yield);
    assert_eq!(rig.turn(Ready::NOTHING), Wait::Read);
    assert_eq!((rig.statuses().len(), rig.wire().reads), (38, 1));
    assert!(rig.connection.phase() == Phase::Idle && rig.owns_nothing());
}

#[test]
fn a_peer_that_does_not_read_stops_being_read_from_until_it_does() {
    let mut rig = Rig::new(hello);
    rig.wire().room = Some(10);
    assert_eq!(rig.arrive(GET.repeat(3)), Wait::Write);
    assert_eq!(rig.arrive(GET), Wait::Write);
    assert_eq!(rig.wire().reads, 1);
    assert_eq!(rig.room(20), Wait::Write);
    assert_eq!(rig.room(10_000), Wait::Read);
    assert_eq!(rig.turn(READABLE), Wait::Read);
    assert_eq!(rig.statuses(), [200; 4]);
    assert!(rig.owns_nothing());
}

#[test]
fn a_reset_ends_the_connection_wherever_it_is_noticed() {
    let mut rig = Rig::new(hello);
    rig.wire().incoming.push_back(Incoming::Reset);
    assert_eq!(rig.turn(READABLE), Wait::Nothing);
    let mut rig = Rig::new(hello);
    rig.wire().broken = true;
    assert_eq!(rig.arrive(GET), Wait::Nothing);
    let mut rig = Rig::new(hello);
    rig.wire().room = Some(10);
    rig.arrive(GET);
    rig.wire().broken = true;
    assert_eq!(rig.turn(GONE), Wait::Nothing);
}

#[test]
fn the_end_of_the_stream_is_fine_between_requests_and_400_within_one() {
    for (before, want) in [
        ("", vec![]),
        (GET, vec![200]),
        ("GET / HT", vec![400]),
        (&post(5)[..], vec![400]),
    ] {
        let mut rig = Rig::new(echo);
        if !before.is_empty() {
            rig.arrive(before);
        }
        rig.wire().incoming.push_back(Incoming::End);
        assert_eq!(
            (rig.turn(READABLE), rig.statuses()),
            (Wait::Nothing, want),
            "{before}"
        );
    }
}

#[test]
fn other_expectations_and_unknown_methods_are_refused_and_their_bodies_dropped() {
    let mut rig = Rig::of_its_methods(hello);
    for (request, want) in [
        (
            "GET / HTTP/1.1\r\nHost: a\r\nExpect: tea\r\nContent-Length: 3\r\n\r\nabc",
            417,
        ),
        ("BREW / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", 405),
        ("TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", 405),
        ("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", 204),
    ] {
        assert_eq!(
            (rig.arrive(request), rig.statuses()),
            (Wait::Read, vec![want]),
            "{request}"
        );
        assert!(rig.connection.phase() == Phase::Idle);
    }
}
