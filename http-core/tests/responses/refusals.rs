//! Responses to a request that is broken, or not there to its end.

use crate::oracle::framing::values;
use crate::{asked, get, misuse, refused, replied};
use http_core::{Connection, Event, Fields, Limits, Misuse, ResponseHead};

#[test]
fn a_refused_request_gets_an_error_and_a_close() {
    for status in [200, 204, 304, 399] {
        assert_eq!(
            misuse(&mut refused(), |c, out| c.reply(
                out,
                &ResponseHead::new(status),
                b""
            )),
            Misuse::NotAnError
        );
    }
    assert_eq!(
        misuse(&mut refused(), |c, out| c.continue_100(out)),
        Misuse::NothingDue
    );
    let mut conn = refused();
    assert!(conn.must_close());
    let response = replied(&mut conn, "GET", 400, b"no");
    assert_eq!(
        (values(&response.fields, "connection"), &response.body[..]),
        (vec![&b"close"[..]], &b"no"[..])
    );
    let mut fields = Fields::<4>::new();
    assert!(matches!(
        conn.receive(b"GET / ", &mut fields)
            .map(|r| matches!(r.event, Event::Closed)),
        Ok(true)
    ));
    assert_eq!(
        misuse(&mut conn, |c, out| c.reply(out, &ResponseHead::new(400), b"")),
        Misuse::NothingDue
    );
}

#[test]
fn a_broken_body_cannot_be_turned_into_a_success() {
    let mut conn = asked("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    conn.receive(b"3\r\nabcX", &mut Fields::<4>::new())
        .map(|r| r.consumed)
        .expect("the data comes first");
    conn.receive(b"X", &mut Fields::<4>::new())
        .map(|r| r.consumed)
        .expect_err("no CRLF behind the data");
    assert_eq!(
        misuse(&mut conn, |c, out| c.reply(out, &ResponseHead::new(200), b"")),
        Misuse::NotAnError
    );
    replied(&mut conn, "POST", 400, b"");
}

#[test]
fn a_body_that_ends_too_early_is_refused_when_the_peer_closes() {
    let mut conn = asked("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    conn.end_of_input().expect_err("the body is missing");
    assert_eq!(
        misuse(&mut conn, |c, out| c.reply(out, &ResponseHead::new(200), b"")),
        Misuse::NotAnError
    );
    replied(&mut conn, "POST", 400, b"");
    let mut conn = get();
    conn.end_of_input().expect("the request is complete");
    replied(&mut conn, "GET", 200, b"still answered");
}

#[test]
fn an_answer_before_the_end_of_the_body_lets_the_rest_be_drained() {
    let mut conn = asked("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    replied(&mut conn, "POST", 403, b"no");
    assert!(!conn.is_idle() && conn.response_ended() && !conn.request_ended());
    let mut fields = Fields::<4>::new();
    let mut rest = &b"helloGET / HTTP/1.1\r\nHost: a\r\n\r\n"[..];
    let mut heads = 0;
    while heads == 0 {
        let received = conn.receive(rest, &mut fields).expect("legal");
        rest = &rest[received.consumed..];
        heads += usize::from(matches!(received.event, Event::Request(_)));
        assert!(!matches!(received.event, Event::NeedMore | Event::Closed));
    }
    replied(&mut conn, "GET", 200, b"");
}

#[test]
fn an_unasked_error_after_a_drained_head_request_has_its_body() {
    let mut conn = asked("HEAD / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n");
    replied(&mut conn, "HEAD", 200, b"");
    let mut fields = Fields::<4>::new();
    let mut rest = &b"ab"[..];
    while !rest.is_empty() || !conn.is_idle() {
        rest = &rest[conn.receive(rest, &mut fields).expect("legal").consumed..];
    }
    assert_eq!(replied(&mut conn, "GET", 408, b"slow").body, b"slow");
}

#[test]
fn an_error_to_a_head_request_that_never_ends_has_no_body_however_it_was_cut() {
    let wire = b"HEAD / HTTP/1.1\r\nHost: a\r\n";
    for step in [1, 7, wire.len()] {
        let partial = || {
            let mut conn = Connection::server(Limits::default());
            for end in (step..wire.len()).step_by(step).chain([wire.len()]) {
                let more = conn
                    .receive(&wire[..end], &mut Fields::<4>::new())
                    .map(|r| matches!(r.event, Event::NeedMore));
                assert_eq!(more, Ok(true));
            }
            conn
        };
        let slow = replied(&mut partial(), "HEAD", 408, b"too slow");
        assert_eq!(values(&slow.fields, "content-length"), [b"8"]);
        let mut truncated = partial();
        truncated.end_of_input().expect_err("the head is not whole");
        replied(&mut truncated, "HEAD", 400, b"truncated");
    }
}
