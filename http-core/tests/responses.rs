//! The response side: what is legal is written so that a client reads it, what is not is a `Misuse` before a byte is.

mod oracle;

use http_core::{Body, Connection, Event, FieldBlock, Fields, Limits, Misuse, Name, ResponseHead};
use oracle::framing::values;
use oracle::response::{self, Framing, Response};

/// A connection that has received `wire`, a head, and waits for its answer.
#[track_caller]
fn asked(wire: &str) -> Connection {
    let mut conn = Connection::server(Limits::default());
    let mut fields = Fields::<16>::new();
    let event = conn
        .receive(wire.as_bytes(), &mut fields)
        .expect("a legal request")
        .event;
    assert!(matches!(event, Event::Request(_)));
    conn
}

fn get() -> Connection {
    asked("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
}
fn head() -> Connection {
    asked("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
}
fn connect() -> Connection {
    asked("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n")
}
fn get10() -> Connection {
    asked("GET / HTTP/1.0\r\n\r\n")
}
fn upgrading() -> Connection {
    asked("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n")
}
fn refused() -> Connection {
    let mut conn = Connection::server(Limits::default());
    conn.receive(b"GET / HTTP/1.1\n", &mut Fields::<4>::new())
        .map(|_| ())
        .expect_err("a bare LF");
    conn
}

/// Makes a call that has to be refused: nothing may be written and nothing may change.
#[track_caller]
fn misuse(
    conn: &mut Connection,
    call: impl FnOnce(&mut Connection, &mut Vec<u8>) -> Result<(), Misuse>,
) -> Misuse {
    let mut out = b"already here".to_vec();
    let state = |c: &Connection| {
        (
            c.is_idle(),
            c.must_close(),
            c.request_ended(),
            c.response_ended(),
            c.sends_body(),
        )
    };
    let before = state(conn);
    let misuse = call(conn, &mut out).expect_err("this call is illegal");
    assert_eq!(out, b"already here", "{misuse:?} came after a byte was written");
    assert_eq!(state(conn), before, "{misuse:?} changed the connection");
    misuse
}

/// Reads all that was written as one response.
#[track_caller]
fn read(out: &[u8], method: &str) -> Response {
    let (response, len) =
        response::read(out, method).unwrap_or_else(|e| panic!("{e}: {}", out.escape_ascii()));
    assert_eq!(
        len,
        out.len(),
        "one response, and nothing behind it: {}",
        out.escape_ascii()
    );
    response
}

/// Answers with a whole body and reads the answer.
#[track_caller]
fn replied(conn: &mut Connection, method: &str, status: u16, body: &[u8]) -> Response {
    let mut out = Vec::new();
    conn.reply(&mut out, &ResponseHead::new(status), body)
        .expect("a legal reply");
    assert!(conn.response_ended());
    read(&out, method)
}

#[test]
fn a_reply_is_exactly_these_bytes() {
    let mut out = Vec::new();
    let head = ResponseHead::new(200)
        .field("content-type", "text/plain")
        .expect("a legal field");
    get()
        .reply(&mut out, &head, b"Hello, World!")
        .expect("a legal reply");
    let want = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\nHello, World!";
    assert_eq!(String::from_utf8_lossy(&out), want);
}

#[test]
fn nothing_can_be_answered_before_a_request_but_an_error_that_closes() {
    let idle = || Connection::server(Limits::default());
    let ok = ResponseHead::new(200);
    assert_eq!(
        misuse(&mut idle(), |c, out| c.reply(out, &ok, b"")),
        Misuse::NotAnError
    );
    assert_eq!(
        misuse(&mut idle(), |c, out| c.respond(out, &ok, Body::Stream)),
        Misuse::NotAnError
    );
    assert_eq!(
        misuse(&mut idle(), |c, out| c.continue_100(out)),
        Misuse::NothingDue
    );
    assert_eq!(
        misuse(&mut idle(), |c, out| c.interim(out, &ResponseHead::new(103))),
        Misuse::NothingDue
    );
    assert_eq!(
        misuse(&mut idle(), |c, out| c.upgrade(out, &ResponseHead::new(101))),
        Misuse::NothingDue
    );
    assert_eq!(misuse(&mut idle(), |c, out| c.data(out, b"a")), Misuse::NoBody);
    assert_eq!(misuse(&mut idle(), |c, out| c.end(out, None)), Misuse::NoBody);
    assert_eq!(misuse(&mut idle(), |c, _| c.sent(1)), Misuse::NoBody);
    let mut conn = idle();
    let timeout = replied(&mut conn, "GET", 408, b"slow");
    assert_eq!(values(&timeout.fields, "connection"), [b"close"]);
    assert!(conn.must_close());
}

#[test]
fn one_request_has_one_final_response() {
    let mut conn = get();
    replied(&mut conn, "GET", 200, b"");
    assert_eq!(
        misuse(&mut conn, |c, out| c.reply(out, &ResponseHead::new(200), b"")),
        Misuse::NotAnError
    );
    let mut conn = get();
    conn.respond(&mut Vec::new(), &ResponseHead::new(200), Body::Known(1))
        .expect("legal");
    assert_eq!(
        misuse(&mut conn, |c, out| c.respond(
            out,
            &ResponseHead::new(500),
            Body::Known(0)
        )),
        Misuse::NothingDue
    );
    assert_eq!(
        misuse(&mut conn, |c, out| c.continue_100(out)),
        Misuse::NothingDue
    );
}

#[test]
fn a_status_that_does_not_fit_its_call_is_refused() {
    for status in [0, 99, 100, 101, 103, 199, 600, 999, u16::MAX] {
        let head = ResponseHead::new(status);
        assert_eq!(
            misuse(&mut get(), |c, out| c.respond(out, &head, Body::Known(0))),
            Misuse::BadStatus,
            "{status}"
        );
        assert_eq!(
            misuse(&mut get(), |c, out| c.reply(out, &head, b"")),
            Misuse::BadStatus,
            "{status}"
        );
    }
    for status in [0, 99, 101, 200, 304, 404, 600, u16::MAX] {
        let head = ResponseHead::new(status);
        assert_eq!(
            misuse(&mut get(), |c, out| c.interim(out, &head)),
            Misuse::BadStatus,
            "{status}"
        );
    }
    for status in 200..600 {
        let body: &[u8] = if matches!(status, 204 | 205 | 304) {
            b""
        } else {
            b"x"
        };
        assert_eq!(replied(&mut get(), "GET", status, body).status, status);
    }
}

#[test]
fn interim_responses_come_before_the_final_one_and_never_to_http_1_0() {
    let mut conn = get();
    let mut out = Vec::new();
    conn.continue_100(&mut out).expect("legal");
    let hints = ResponseHead::new(103)
        .field("link", "</a>")
        .expect("a legal field");
    conn.interim(&mut out, &hints).expect("legal");
    let (first, at) = response::read(&out, "GET").expect("an interim response");
    assert_eq!((first.status, first.framing), (100, Framing::None));
    assert_eq!(read(&out[at..], "GET").status, 103);
    assert_eq!(replied(&mut conn, "GET", 200, b"x").body, b"x");
    assert_eq!(
        misuse(&mut get10(), |c, out| c.continue_100(out)),
        Misuse::InterimToHttp10
    );
    assert_eq!(
        misuse(&mut get10(), |c, out| c.interim(out, &hints)),
        Misuse::InterimToHttp10
    );
}

#[test]
fn a_response_to_head_tells_the_length_and_has_no_body() {
    let mut conn = head();
    let response = replied(&mut conn, "HEAD", 200, b"Hello");
    assert_eq!(
        (response.body.len(), values(&response.fields, "content-length")),
        (0, vec![&b"5"[..]])
    );
    let mut conn = head();
    let mut out = Vec::new();
    conn.respond(&mut out, &ResponseHead::new(200), Body::Stream)
        .expect("legal");
    assert!(!conn.sends_body());
    assert_eq!(misuse(&mut conn, |c, out| c.data(out, b"a")), Misuse::NoBody);
    assert_eq!(misuse(&mut conn, |c, _| c.sent(1)), Misuse::NoBody);
    conn.end(&mut out, None).expect("every response is ended once");
    assert_eq!(
        values(&read(&out, "HEAD").fields, "transfer-encoding"),
        [b"chunked"]
    );
}

#[test]
fn statuses_without_content_have_none() {
    for status in [204, 205] {
        let head = ResponseHead::new(status);
        assert_eq!(
            misuse(&mut get(), |c, out| c.reply(out, &head, b"x")),
            Misuse::ContentForbidden,
            "{status}"
        );
        assert_eq!(
            misuse(&mut get(), |c, out| c.respond(out, &head, Body::Known(1))),
            Misuse::ContentForbidden
        );
    }
    assert_eq!(
        misuse(&mut get(), |c, out| c.respond(
            out,
            &ResponseHead::new(205),
            Body::Stream
        )),
        Misuse::ContentForbidden
    );
    let no_content = replied(&mut get(), "GET", 204, b"");
    assert!(
        values(&no_content.fields, "content-length").is_empty(),
        "RFC 9110 section 8.6"
    );
    let reset = replied(&mut get(), "GET", 205, b"");
    assert_eq!(
        values(&reset.fields, "content-length"),
        [b"0"],
        "else a client may wait for a body"
    );
    let not_modified = replied(&mut get(), "GET", 304, b"Hello");
    assert_eq!(
        (
            not_modified.body.len(),
            values(&not_modified.fields, "content-length")
        ),
        (0, vec![&b"5"[..]])
    );
    let plain = replied(&mut get(), "GET", 304, b"");
    assert!(
        values(&plain.fields, "content-length").is_empty(),
        "0 would be the length of the 200"
    );
}

#[test]
fn a_tunnel_is_begun_by_upgrade_and_by_nothing_else() {
    let ok = ResponseHead::new(200);
    assert_eq!(
        misuse(&mut connect(), |c, out| c.reply(out, &ok, b"")),
        Misuse::TunnelNeedsUpgrade
    );
    assert_eq!(
        misuse(&mut connect(), |c, out| c.respond(out, &ok, Body::Stream)),
        Misuse::TunnelNeedsUpgrade
    );
    let mut conn = connect();
    let mut out = Vec::new();
    conn.upgrade(&mut out, &ok).expect("legal");
    assert_eq!(read(&out, "CONNECT").framing, Framing::None);
    let mut fields = Fields::<4>::new();
    let after = conn
        .receive(b"\x16\x03anything", &mut fields)
        .expect("other bytes");
    assert!(matches!(after.event, Event::Upgraded) && after.consumed == 0);
    assert_eq!(replied(&mut connect(), "CONNECT", 405, b"no").body, b"no");
    assert_eq!(
        misuse(&mut get(), |c, out| c.upgrade(out, &ok)),
        Misuse::NoUpgradeAsked
    );
}

#[test]
fn switching_protocols_needs_a_client_that_asked_and_the_field_that_names_one() {
    let named = || {
        ResponseHead::new(101)
            .field("upgrade", "other")
            .expect("a legal field")
    };
    let mut conn = upgrading();
    let mut out = Vec::new();
    conn.upgrade(&mut out, &named()).expect("legal");
    let switched = read(&out, "GET");
    assert_eq!(
        (switched.status, values(&switched.fields, "connection")),
        (101, vec![&b"upgrade"[..]])
    );
    assert_eq!(
        misuse(&mut upgrading(), |c, out| c.upgrade(out, &ResponseHead::new(101))),
        Misuse::MissingUpgradeField
    );
    assert_eq!(
        misuse(&mut upgrading(), |c, out| c.upgrade(out, &ResponseHead::new(404))),
        Misuse::BadStatus
    );
    assert_eq!(
        misuse(&mut get(), |c, out| c.upgrade(out, &named())),
        Misuse::NoUpgradeAsked
    );
    assert_eq!(
        misuse(&mut get10(), |c, out| c.upgrade(out, &named())),
        Misuse::NoUpgradeAsked
    );
    let mut unfinished =
        asked("POST / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: o\r\nContent-Length: 1\r\n\r\n");
    assert_eq!(
        misuse(&mut unfinished, |c, out| c.upgrade(out, &named())),
        Misuse::NothingDue
    );
}

#[test]
fn an_upgrade_field_is_named_by_the_connection_field_in_every_answer() {
    for status in [200, 426] {
        let head = ResponseHead::new(status)
            .field("upgrade", "other")
            .expect("a legal field");
        for (mut conn, want) in [
            (get(), &b"upgrade"[..]),
            (get10(), b"close, upgrade"),
            (
                asked("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
                b"keep-alive, upgrade",
            ),
        ] {
            let mut out = Vec::new();
            conn.reply(&mut out, &head, b"x").expect("legal");
            assert_eq!(
                values(&read(&out, "GET").fields, "connection"),
                [want],
                "{status}"
            );
        }
    }
}

#[test]
fn an_upgrade_field_never_goes_without_its_connection_option() {
    let with = |status| {
        ResponseHead::new(status)
            .field("upgrade", "other")
            .expect("a legal field")
    };
    let mut interim = Vec::new();
    get().interim(&mut interim, &with(103)).expect("legal");
    let mut tunnel = Vec::new();
    connect().upgrade(&mut tunnel, &with(200)).expect("legal");
    let mut last = Vec::new();
    get().reply(&mut last, &with(426), b"").expect("legal");
    for (out, method) in [(interim, "GET"), (tunnel, "CONNECT"), (last, "GET")] {
        let options = values(&read(&out, method).fields, "connection").concat();
        assert_eq!(options, b"upgrade", "{}", out.escape_ascii());
    }
}

#[test]
fn no_protocol_can_be_switched_to_where_none_was_named_or_only_h2c() {
    let named = ResponseHead::new(101)
        .field("upgrade", "other")
        .expect("a legal field");
    for protocols in ["h2c", "", ",", "H2C, h2c", "(no protocol)"] {
        let mut conn = asked(&format!(
            "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: {protocols}\r\n\r\n"
        ));
        let refused = misuse(&mut conn, |c, out| c.upgrade(out, &named));
        assert_eq!(refused, Misuse::NoUpgradeAsked, "{protocols:?}");
        replied(&mut conn, "GET", 200, b"as usual");
    }
}

#[test]
fn a_known_length_is_kept_to_the_octet() {
    let mut conn = get();
    let mut out = Vec::new();
    conn.respond(&mut out, &ResponseHead::new(200), Body::Known(5))
        .expect("legal");
    assert_eq!(misuse(&mut conn, |c, out| c.end(out, None)), Misuse::BodyTooShort);
    conn.data(&mut out, b"abc").expect("3 of 5");
    assert_eq!(
        misuse(&mut conn, |c, out| c.data(out, b"def")),
        Misuse::BodyTooLong
    );
    assert_eq!(misuse(&mut conn, |c, _| c.sent(3)), Misuse::BodyTooLong);
    assert_eq!(misuse(&mut conn, |c, _| c.sent(u64::MAX)), Misuse::BodyTooLong);
    assert_eq!(misuse(&mut conn, |c, out| c.end(out, None)), Misuse::BodyTooShort);
    conn.sent(2).expect("sent by the caller");
    out.extend(b"de");
    conn.end(&mut out, None).expect("complete");
    assert_eq!(read(&out, "GET").body, b"abcde");
    assert!(conn.is_idle());
}

#[test]
fn a_stream_is_chunked_to_http_1_1_and_until_close_to_http_1_0() {
    let stream = |mut conn: Connection| {
        let mut out = Vec::new();
        conn.respond(&mut out, &ResponseHead::new(200), Body::Stream)
            .expect("legal");
        for piece in [&b""[..], b"Hello, ", b"World!", b"0\r\n\r\n", &[b'x'; 300]] {
            conn.data(&mut out, piece).expect("legal");
        }
        conn.end(&mut out, None).expect("legal");
        (read(&out, "GET"), conn)
    };
    let want = [b"Hello, World!0\r\n\r\n", &[b'x'; 300][..]].concat();
    let (chunked, conn) = stream(get());
    assert_eq!((chunked.framing, &chunked.body), (Framing::Chunked, &want));
    assert!(conn.is_idle() && !conn.must_close());
    let keeping = asked("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    for conn in [get10(), keeping] {
        let (closed, conn) = stream(conn);
        assert_eq!((closed.framing, &closed.body), (Framing::UntilClose, &want));
        assert_eq!(values(&closed.fields, "connection"), [b"close"]);
        assert!(conn.must_close());
    }
}

#[test]
fn chunks_cannot_be_sent_past_the_connection() {
    let mut conn = get();
    conn.respond(&mut Vec::new(), &ResponseHead::new(200), Body::Stream)
        .expect("legal");
    assert_eq!(misuse(&mut conn, |c, _| c.sent(1)), Misuse::SentChunked);
}

#[test]
fn trailers_go_behind_the_last_chunk_and_nowhere_else() {
    let mut trailers = FieldBlock::new();
    trailers.push("x-sum", "1").expect("a legal field");
    let mut conn = get();
    let mut out = Vec::new();
    conn.respond(&mut out, &ResponseHead::new(200), Body::Stream)
        .expect("legal");
    conn.data(&mut out, b"a").expect("legal");
    conn.end(&mut out, Some(&trailers)).expect("legal");
    let response = read(&out, "GET");
    assert_eq!(
        response
            .trailers
            .iter()
            .map(|f| (f.name.as_str(), f.value.as_slice()))
            .collect::<Vec<_>>(),
        [("x-sum", &b"1"[..])]
    );
    let mut conn = get();
    conn.respond(&mut Vec::new(), &ResponseHead::new(200), Body::Known(0))
        .expect("legal");
    assert_eq!(
        misuse(&mut conn, |c, out| c.end(out, Some(&trailers))),
        Misuse::TrailersNotChunked
    );
    for name in [
        "host",
        "Authorization",
        "content-type",
        "set-cookie",
        "trailer",
        "te",
        "expect",
        "cache-control",
    ] {
        let mut forbidden = FieldBlock::new();
        forbidden.push(name, "x").expect("legal in a head");
        let mut conn = get();
        conn.respond(&mut Vec::new(), &ResponseHead::new(200), Body::Stream)
            .expect("legal");
        assert_eq!(
            misuse(&mut conn, |c, out| c.end(out, Some(&forbidden))),
            Misuse::ForbiddenTrailer,
            "{name}"
        );
    }
}

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

#[test]
fn field_names_and_values_are_checked_before_they_are_kept() {
    let mut head = ResponseHead::new(200);
    for name in ["", "a b", "a:", "a\r\nb", "a\0", "\u{e4}", "a(", " a", "a\t"] {
        assert_eq!(head.push(name, "v"), Err(Misuse::BadFieldName), "{name:?}");
    }
    for value in [
        &b"a\r\nb: c"[..],
        b"a\nb",
        b"a\rb",
        b"\0",
        b"\x7f",
        b"\x0b",
        b"a\r\n",
        b" a",
        b"a ",
        b"\ta",
        b"a\t",
    ] {
        assert_eq!(
            head.push("x", value),
            Err(Misuse::BadFieldValue),
            "{}",
            value.escape_ascii()
        );
    }
    for name in [
        "content-length",
        "Content-Length",
        "TRANSFER-ENCODING",
        "connection",
        "Connection",
    ] {
        assert_eq!(head.push(name, "5"), Err(Misuse::FramingField), "{name}");
    }
    assert_eq!(head, ResponseHead::new(200), "nothing was kept");
    head.push("x", b"caf\xc3\xa9\tb c")
        .expect("obs-text, HTAB and SP are legal inside");
    head.push("y", "").expect("an empty value is legal");
    head.push(Name::from_static("z"), "1").expect("a checked name");
    let mut out = Vec::new();
    get().reply(&mut out, &head, b"").expect("legal");
    assert_eq!(read(&out, "GET").fields[..3].len(), 3);
    assert_eq!(values(&read(&out, "GET").fields, "x"), [b"caf\xc3\xa9\tb c"]);
}

#[test]
fn a_head_can_be_changed_and_reused() {
    let mut head = ResponseHead::new(200);
    for (name, value) in [("a", "1"), ("B", "2"), ("b", "3"), ("bb", "4")] {
        head.push(name, value).expect("legal");
    }
    head.push_date(b"Sun, 06 Nov 1994 08:49:37 GMT");
    head.remove_all("b");
    assert!(head.contains("A") && head.contains("bb") && head.contains("date") && !head.contains("B"));
    head.set_status(404);
    let mut out = Vec::new();
    get().reply(&mut out, &head, b"").expect("legal");
    let response = read(&out, "GET");
    assert_eq!(
        values(&response.fields, "date"),
        [b"Sun, 06 Nov 1994 08:49:37 GMT"]
    );
    assert_eq!(
        response
            .fields
            .iter()
            .map(|f| f.name.as_str())
            .collect::<Vec<_>>(),
        ["a", "bb", "date", "content-length"]
    );
    head.reset(200);
    assert_eq!(head, ResponseHead::new(200));
    let mut evil = ResponseHead::new(200);
    evil.push_date(b"Sun, 06 Nov 1994\r\nEvil: 1\r\n  ");
    let mut out = Vec::new();
    get().reply(&mut out, &evil, b"").expect("legal");
    assert!(
        values(&read(&out, "GET").fields, "evil").is_empty(),
        "a date cannot smuggle a line"
    );
}

#[test]
fn lengths_are_written_right_at_every_number_of_digits() {
    for digits in 1..=19 {
        for length in [10u64.pow(digits) - 1, 10u64.pow(digits), u64::MAX] {
            let mut out = Vec::new();
            get()
                .respond(&mut out, &ResponseHead::new(200), Body::Known(length))
                .expect("legal");
            let (fields, _) = oracle::head::field_section(&out[17..]).expect("a field section");
            assert_eq!(values(&fields, "content-length"), [length.to_string().as_bytes()]);
        }
    }
}

#[test]
fn chunk_sizes_are_written_right_around_each_power_of_sixteen() {
    for size in [
        1,
        9,
        10,
        15,
        16,
        17,
        255,
        256,
        4095,
        4096,
        65_535,
        65_536,
        1 << 20,
    ] {
        let mut conn = get();
        let mut out = Vec::new();
        conn.respond(&mut out, &ResponseHead::new(200), Body::Stream)
            .expect("legal");
        conn.data(&mut out, &vec![b'x'; size]).expect("legal");
        conn.end(&mut out, None).expect("legal");
        let line = format!("\r\n\r\n{size:x}\r\nx");
        assert!(out.windows(line.len()).any(|w| w == line.as_bytes()), "{size}");
    }
}
