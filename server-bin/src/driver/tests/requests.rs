//! Requests in, answers out, however the bytes come and go.

use std::sync::Arc;

use http_core::{Head, ResponseHead};

use super::rig::{GET, GONE, Incoming, READABLE, Rig, answers, echo, hello, post};
use crate::driver::phase::{Phase, Wait};
use crate::driver::settings::COPIED_BODY;
use crate::driver::socket::Ready;
use crate::handler::{Context, Decision, Handler, Methods, Prepared, plain};

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

/// Serves POST and PURGE on `/` and nothing elsewhere.
#[derive(Clone)]
struct Posts;

impl Handler for Posts {
    fn methods(&self, head: &Head<'_>) -> Methods {
        match head.target().path() {
            "/" => Methods::of("POST, PURGE"),
            _ => Methods::GET_HEAD,
        }
    }

    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        match (head.target().path(), head.method().as_str()) {
            ("/", "PURGE") => "purged".into(),
            ("/", _) => Decision::buffer(10, |body, _| body.to_vec().into()),
            _ => plain::reply(cx, 404).into(),
        }
    }
}

#[test]
fn methods_that_a_target_does_not_name_are_405_and_those_that_it_names_reach_the_handler() {
    for (request, status, allow) in [
        ("PURGE / HTTP/1.1\r\nHost: a\r\n\r\n", 200, None),
        (
            "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
            405,
            Some("POST, PURGE, OPTIONS"),
        ),
        (
            "PURGE /b HTTP/1.1\r\nHost: a\r\n\r\n",
            405,
            Some("GET, HEAD, OPTIONS"),
        ),
        (
            "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n",
            204,
            Some("POST, PURGE, OPTIONS"),
        ),
        (
            "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
            204,
            Some("GET, HEAD, OPTIONS"),
        ),
        (
            "CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\n",
            405,
            Some("GET, HEAD, OPTIONS"),
        ),
    ] {
        let mut rig = Rig::of_its_methods(Posts);
        rig.arrive(request);
        let sent = rig.sent();
        assert!(
            sent.starts_with(&format!("HTTP/1.1 {status} ")),
            "{request} {sent}"
        );
        let found = sent.lines().find_map(|line| line.strip_prefix("allow: "));
        assert_eq!(found, allow, "{request}");
    }
}

#[test]
fn what_a_handler_would_refuse_anyway_is_said_before_413() {
    let long = "Host: a\r\nContent-Length: 99999999\r\n";
    for (line, fields, status) in [
        ("GET /", "", 405),
        ("POST /b", "", 405),
        ("GET /b", "", 404),
        ("POST /", "Expect: tea\r\n", 417),
        ("POST /", "", 413),
        ("POST /", "Expect: 100-continue\r\n", 413),
    ] {
        let mut rig = Rig::of_its_methods(Posts);
        rig.arrive(format!("{line} HTTP/1.1\r\n{long}{fields}\r\n"));
        assert_eq!(
            (rig.statuses(), rig.wait),
            (vec![status], Wait::Read),
            "{line} {fields}"
        );
        assert_eq!(
            rig.connection.phase(),
            Phase::Lingering,
            "the answer has to be read"
        );
    }
}

#[test]
fn a_method_that_is_not_served_is_said_before_an_expectation_that_nobody_fulfils() {
    for (line, status) in [
        ("GET /", 405),
        ("BREW /b", 405),
        ("CONNECT b:1", 405),
        ("POST /", 417),
        ("OPTIONS /", 417),
        ("OPTIONS *", 417),
    ] {
        let mut rig = Rig::of_its_methods(Posts);
        rig.arrive(format!("{line} HTTP/1.1\r\nHost: b:1\r\nExpect: tea\r\n\r\n"));
        assert_eq!(rig.statuses(), [status], "{line}");
    }
}

#[test]
fn a_rejection_names_the_rule_and_its_clause() {
    for (request, status, words) in [
        ("GET / HTTP/1.1\r\n\r\n", 400, "Host"),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400, "RFC 9112"),
        ("GET / HTTP/9.1\r\nHost: a\r\n\r\n", 505, "RFC"),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505, "RFC"),
        (
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n",
            413,
            "RFC",
        ),
    ] {
        let mut rig = Rig::of_its_methods(Posts);
        rig.arrive(request);
        let answers = answers(&rig.sent());
        assert_eq!(
            (answers.len(), answers[0].0),
            (1, status),
            "{request} {answers:?}"
        );
        let (first, rest) = answers[0].1.split_once('\n').unwrap();
        assert!(first.starts_with(&status.to_string()), "{first}");
        assert!(rest.contains(words) && rest.contains("RFC 91"), "{rest}");
    }
}

/// Answers with the same thing, prepared or in parts, behind a field of a handler around it if `wrapped`.
fn greets(prepared: bool, wrapped: bool, status: u16, body: &'static [u8]) -> Rig {
    let mut parts = ResponseHead::new(status);
    parts.push("x-own", "1").expect("a field");
    let whole = Arc::new(Prepared::new(&parts, body).expect("a final response"));
    Rig::new(move |_: &Head<'_>, cx: &mut Context<'_>| {
        if wrapped {
            cx.field("x-outer", "1");
        }
        if prepared {
            return Decision::from(Arc::clone(&whole));
        }
        cx.set_status(status).field("x-own", "1");
        body.into()
    })
}

#[test]
fn a_prepared_answer_is_the_one_that_its_parts_make() {
    static LARGE: [u8; COPIED_BODY + 1] = [b'x'; COPIED_BODY + 1];
    let close = GET.replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1);
    let requests = [
        GET.to_owned(),
        GET.replacen("GET", "HEAD", 1),
        GET.replacen("HTTP/1.1", "HTTP/1.0", 1),
        close,
        GET.repeat(3),
        post(3) + "abc",
    ];
    for request in requests {
        for (status, body) in [(200, &b"hello"[..]), (200, &LARGE[..]), (304, b""), (404, b"no")] {
            for wrapped in [false, true] {
                let [made, prepared] = [false, true].map(|prepared| {
                    let mut rig = greets(prepared, wrapped, status, body);
                    rig.arrive(&request);
                    (rig.sent(), rig.wait, rig.kit.tally.body_bytes)
                });
                assert_eq!(made, prepared, "{request} {status} {wrapped}");
                assert!(made.0.starts_with(&format!("HTTP/1.1 {status} ")), "{}", made.0);
            }
        }
    }
}
