//! The limit of one request's body: set behind the head, judged when the body is read, never in the way of an answer
//! that needs no body.

use crate::oracle::framing::values;
use crate::{asked, misuse, read, replied};
use http_core::{Connection, Event, Fields, Limits, Misuse, Rejection, ResponseHead, Rule};

const UPLOAD: &str = "PUT / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2000000\r\n\r\n";
const CHUNKED: &str = "PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";

/// All data and the verdict of a connection that is shown `wire` in pieces of `step` bytes.
fn read_body(conn: &mut Connection, wire: &[u8], step: usize) -> Result<Vec<u8>, Rule> {
    let (mut from, mut to, mut data) = (0, 0, Vec::new());
    loop {
        let mut fields = Fields::<4>::new();
        let received = match conn.receive(&wire[from..to], &mut fields) {
            Ok(received) => received,
            Err(Rejection { rule, .. }) => return Err(rule),
        };
        from += received.consumed;
        match received.event {
            Event::Data(bytes) => data.extend_from_slice(bytes),
            Event::End => return Ok(data),
            Event::NeedMore if to < wire.len() => to = wire.len().min(to + step),
            other => panic!("{other:?} in the middle of a body"),
        }
    }
}

#[test]
fn a_length_over_the_limit_is_413_at_the_first_receive_behind_the_head_even_without_a_byte() {
    let mut conn = asked(UPLOAD);
    assert!(conn.body_is_over_limit() && conn.response_due());
    assert_eq!(read_body(&mut conn, b"", 1), Err(Rule::BodyTooLong));
    let response = replied(&mut conn, "PUT", 413, b"too long");
    assert_eq!(values(&response.fields, "connection"), [b"close"]);
    assert!(conn.must_close());
}

#[test]
fn a_limit_that_is_raised_behind_the_head_lets_the_body_in() {
    let mut conn = asked(UPLOAD);
    conn.set_body_limit(2_000_000);
    assert!(!conn.body_is_over_limit());
    conn.continue_100(&mut Vec::new()).expect("the body is wanted");
    let body = vec![b'x'; 2_000_000];
    assert_eq!(read_body(&mut conn, &body, 65_536), Ok(body));
    assert!(!conn.must_close());
}

#[test]
fn a_limit_that_is_lowered_behind_the_head_refuses_what_the_default_takes() {
    let length = "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n";
    for (head, wire) in [
        (length, "Hello World"),
        (CHUNKED, "5\r\nHello\r\n6\r\n World\r\n0\r\n\r\n"),
    ] {
        for step in [1, 2, wire.len()] {
            let limited = |limit| {
                let mut conn = asked(head);
                conn.set_body_limit(limit);
                read_body(&mut conn, wire.as_bytes(), step)
            };
            assert_eq!(limited(11), Ok(b"Hello World".to_vec()), "{head}");
            assert_eq!(limited(10), Err(Rule::BodyTooLong), "{head}");
            assert_eq!(limited(0), Err(Rule::BodyTooLong), "{head}");
        }
    }
}

#[test]
fn a_limit_counts_from_where_it_is_set_and_lets_a_begun_chunk_end() {
    let mut conn = asked(CHUNKED);
    let mut fields = Fields::<4>::new();
    let event = conn
        .receive(b"5\r\nHel", &mut fields)
        .map(|r| matches!(r.event, Event::Data(b"Hel")));
    assert_eq!(event, Ok(true));
    conn.set_body_limit(0);
    let mut more = conn.clone();
    assert_eq!(read_body(&mut more, b"lo\r\n0\r\n\r\n", 1), Ok(b"lo".to_vec()));
    assert_eq!(
        read_body(&mut conn.clone(), b"lo\r\n1\r\n", 1),
        Err(Rule::BodyTooLong)
    );
    conn.set_body_limit(3);
    assert_eq!(
        read_body(&mut conn.clone(), b"lo\r\n2\r\n", 1),
        Err(Rule::BodyTooLong)
    );
    assert_eq!(
        read_body(&mut conn, b"lo\r\n1\r\n!\r\n0\r\n\r\n", 1),
        Ok(b"lo!".to_vec())
    );
}

#[test]
fn a_limit_is_that_of_one_request_and_the_next_one_has_the_default_again() {
    let limits = Limits {
        body: 3,
        ..Limits::default()
    };
    let mut conn = Connection::server(limits);
    conn.set_body_limit(100); // there is no request that it could be for
    for (length, limit, refused) in [(4, Some(4), false), (4, None, true)] {
        let mut fields = Fields::<4>::new();
        let head = format!("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
        let received = conn.receive(head.as_bytes(), &mut fields).expect("a head");
        assert!(matches!(received.event, Event::Request(_)));
        if let Some(limit) = limit {
            conn.set_body_limit(limit);
        }
        assert_eq!(read_body(&mut conn, b"abcd", 1).is_err(), refused);
        let status = if refused { 413 } else { 200 };
        replied(&mut conn, "PUT", status, b"");
    }
}

#[test]
fn no_100_asks_for_a_body_that_will_be_refused() {
    let mut conn = asked(UPLOAD);
    let refused = misuse(&mut conn, |c, out| c.continue_100(out));
    assert_eq!(refused, Misuse::ContinueOverLimit);
    let refused = misuse(&mut conn, |c, out| c.interim(out, &ResponseHead::new(100)));
    assert_eq!(refused, Misuse::ContinueOverLimit);
    conn.interim(&mut Vec::new(), &ResponseHead::new(103))
        .expect("early hints ask for nothing");
}

#[test]
fn an_answer_comes_before_413_and_closes_because_the_body_stays_unread() {
    for status in [404, 405, 417] {
        let mut conn = asked(UPLOAD);
        let response = replied(&mut conn, "PUT", status, b"no");
        assert_eq!(response.status, status);
        assert_eq!(values(&response.fields, "connection"), [b"close"]);
        assert!(conn.must_close());
        let mut fields = Fields::<4>::new();
        let after = conn.receive(b"GET / HTTP/1.1\r\n", &mut fields);
        assert!(matches!(after.map(|r| r.event), Ok(Event::Closed)));
    }
}

#[test]
fn an_answer_that_was_begun_goes_on_when_the_body_is_refused_behind_it() {
    let mut conn = asked(UPLOAD);
    let mut out = Vec::new();
    conn.respond(&mut out, &ResponseHead::new(200), http_core::Body::Known(2))
        .expect("an early answer");
    assert_eq!(read_body(&mut conn, b"x", 1), Err(Rule::BodyTooLong));
    assert!(!conn.response_due());
    conn.data(&mut out, b"ok").expect("the answer goes on");
    conn.end(&mut out, None).expect("and ends");
    let response = read(&out, "PUT");
    assert_eq!(values(&response.fields, "connection"), [b"close"]);
    assert!(conn.must_close());
}

#[test]
fn a_peer_that_leaves_behind_a_head_over_the_limit_is_told_of_the_limit() {
    let mut conn = asked(UPLOAD);
    let rule = conn.end_of_input().map_err(|rejection| rejection.rule);
    assert_eq!(rule, Err(Rule::BodyTooLong));
    replied(&mut conn, "PUT", 413, b"");
}
