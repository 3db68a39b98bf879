//! A prepared head: the same bytes and the same connection as the ordinary way, whatever the request and the response.

use crate::{asked, get, misuse};
use http_core::{Body, Connection, DateLine, Limits, Misuse, PreparedHead, ResponseHead};
use proptest::prelude::*;
use proptest::sample::select;

const DATE: DateLine = DateLine::new(b"Sun, 06 Nov 1994 08:49:37 GMT");

/// The written bytes, and all that can be asked of the connection afterwards.
type Written = (Result<(), Misuse>, Vec<u8>, [bool; 6]);

fn written(
    mut conn: Connection,
    answer: impl FnOnce(&mut Connection, &mut Vec<u8>) -> Result<(), Misuse>,
) -> Written {
    let mut out = b"before".to_vec();
    let result = answer(&mut conn, &mut out);
    let state = [
        conn.is_idle(),
        conn.must_close(),
        conn.request_ended(),
        conn.response_due(),
        conn.response_ended(),
        conn.sends_body(),
    ];
    (result, out, state)
}

/// Connections in every state that a response can meet.
fn connections() -> Vec<Connection> {
    let mut all: Vec<Connection> = [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n",
    ]
    .into_iter()
    .map(asked)
    .collect();
    all.push(Connection::server(Limits::default()));
    let mut closing = get();
    closing.close_after_response();
    all.push(closing);
    let mut answered = get();
    answered
        .respond(&mut Vec::new(), &ResponseHead::new(200), Body::Known(1))
        .expect("a response");
    all.push(answered);
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_prepared_head_is_sent_as_the_ordinary_one_is(
        status in prop_oneof![select(vec![200, 204, 205, 206, 304, 404, 299, 500]), 200..600u16],
        names in proptest::collection::vec(select(vec!["etag", "content-type", "x-a", "upgrade", "last-modified"]), 0..5),
        body in proptest::collection::vec(any::<u8>(), 0..40),
        dated in any::<bool>(),
        conn in select(connections()),
    ) {
        let mut head = ResponseHead::new(status);
        for name in names {
            head.push(name, "v").expect("a field");
        }
        let date = dated.then_some(&DATE);
        let mut ordinary = head.clone();
        date.into_iter().for_each(|date| ordinary.push_date(date));
        let length = body.len() as u64;
        let Ok(prepared) = PreparedHead::new(&head, length) else {
            prop_assert!(matches!(status, 204 | 205) && length > 0);
            return Ok(());
        };
        prop_assert_eq!((prepared.status(), prepared.length()), (status, length));
        prop_assert_eq!(
            written(conn.clone(), |c, out| c.reply_prepared(out, &prepared, date, &body)),
            written(conn.clone(), |c, out| c.reply(out, &ordinary, &body))
        );
        prop_assert_eq!(
            written(conn.clone(), |c, out| c.respond_prepared(out, &prepared, date)),
            written(conn, |c, out| c.respond(out, &ordinary, Body::Known(length)))
        );
    }
}

#[test]
fn what_no_response_can_have_is_told_when_it_is_prepared() {
    for status in [0, 100, 101, 199, 600] {
        let made = PreparedHead::new(&ResponseHead::new(status), 0);
        assert_eq!(made, Err(Misuse::BadStatus), "{status}");
    }
    for status in [204, 205] {
        let made = PreparedHead::new(&ResponseHead::new(status), 1);
        assert_eq!(made, Err(Misuse::ContentForbidden), "{status}");
    }
}

#[test]
fn a_body_of_another_length_than_was_prepared_for_is_a_misuse() {
    let prepared = PreparedHead::new(&ResponseHead::new(200), 3).expect("a head");
    for conn in [get, || asked("GET / HTTP/1.0\r\n\r\n")] {
        let with = |body| misuse(&mut conn(), |c, out| c.reply_prepared(out, &prepared, None, body));
        assert_eq!(with(b"ab"), Misuse::BodyTooShort);
        assert_eq!(with(b"abcd"), Misuse::BodyTooLong);
    }
    // To HEAD the length is told, and no body is needed for it.
    let mut out = Vec::new();
    let mut conn = crate::head();
    conn.reply_prepared(&mut out, &prepared, None, b"")
        .expect("no body");
    assert!(out.ends_with(b"content-length: 3\r\n\r\n") && conn.is_idle());
}
