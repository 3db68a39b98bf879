//! Whether a connection closes after a response, and what waits behind one.

use crate::oracle::framing::values;
use crate::{asked, get, get10, replied};
use http_core::{Body, Event, Fields, ResponseHead};

#[test]
fn a_close_is_told_once_and_kept() {
    let mut conn = get();
    conn.close_after_response();
    let response = replied(&mut conn, "GET", 200, b"");
    assert_eq!(values(&response.fields, "connection"), [b"close"]);
    let closing = asked("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    for mut conn in [conn, closing] {
        if !conn.response_ended() {
            let response = replied(&mut conn, "GET", 200, b"");
            assert_eq!(values(&response.fields, "connection"), [b"close"]);
        }
        assert!(conn.must_close() && !conn.is_idle());
        let received = conn
            .receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &mut Fields::<4>::new())
            .map(|r| matches!(r.event, Event::Closed));
        assert_eq!(received, Ok(true));
    }
    let mut keeping = asked("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!(
        values(&replied(&mut keeping, "GET", 200, b"").fields, "connection"),
        [b"keep-alive"]
    );
    assert_eq!(
        values(&replied(&mut get10(), "GET", 200, b"").fields, "connection"),
        [b"close"]
    );
    assert!(values(&replied(&mut get(), "GET", 200, b"").fields, "connection").is_empty());
}

#[test]
fn a_close_that_is_asked_for_while_a_body_is_skipped_is_told_by_the_next_response() {
    let mut conn = asked("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n");
    replied(&mut conn, "POST", 403, b"no");
    conn.close_after_response();
    assert!(!conn.must_close(), "no response has told of it");
    let mut fields = Fields::<4>::new();
    let mut rest = &b"abGET / HTTP/1.1\r\nHost: a\r\n\r\n"[..];
    while !rest.is_empty() {
        rest = &rest[conn.receive(rest, &mut fields).expect("legal").consumed..];
    }
    assert!(conn.must_close());
    let response = replied(&mut conn, "GET", 200, b"");
    assert_eq!(values(&response.fields, "connection"), [b"close"]);
}

#[test]
fn pipelined_bytes_wait_until_the_response_has_ended() {
    let mut conn = get();
    let mut fields = Fields::<4>::new();
    let next = b"GET /2 HTTP/1.1\r\nHost: a\r\n\r\n";
    for _ in 0..2 {
        let received = conn.receive(next, &mut fields).expect("they wait");
        assert!(matches!(received.event, Event::Paused) && received.consumed == 0);
        if conn.response_due() {
            conn.respond(&mut Vec::new(), &ResponseHead::new(200), Body::Known(1))
                .expect("legal");
        }
    }
    conn.sent(1).expect("legal");
    conn.end(&mut Vec::new(), None).expect("legal");
    assert!(matches!(
        conn.receive(next, &mut fields).expect("now").event,
        Event::Request(_)
    ));
}
