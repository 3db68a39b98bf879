//! A connection from its first byte to its end: what the peer's close means, what views of a head show, and what
//! happens when the caller does not keep its side of the contract.

mod generate;

use http_core::{
    Connection, Event, Expectation, Fields, Framing, KnownField, Limits, Method, Modifier, ResponseHead,
    Rule, Target, Version,
};
use proptest::collection::vec;
use proptest::prelude::*;

type Slots = Fields<16>;

/// Takes the next request off `wire` and answers it.
#[track_caller]
fn serve(conn: &mut Connection, wire: &mut &[u8]) {
    let received = conn
        .receive(wire, &mut Slots::new())
        .map(|r| (r.consumed, matches!(r.event, Event::Request(_))));
    let (consumed, is_request) = received.expect("a legal request");
    assert!(is_request);
    *wire = &wire[consumed..];
    conn.reply(&mut Vec::new(), &ResponseHead::new(404), b"")
        .expect("a response is due");
}

#[test]
fn requests_that_came_before_the_peers_close_are_all_answered() {
    let mut conn = Connection::server(Limits::default());
    let mut wire = &b"GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n"[..];
    let received = conn
        .receive(wire, &mut Slots::new())
        .map(|r| r.consumed)
        .expect("the first");
    wire = &wire[received..];
    conn.end_of_input().expect("a complete request is due");
    conn.reply(&mut Vec::new(), &ResponseHead::new(404), b"")
        .expect("a response is due");
    serve(&mut conn, &mut wire);
    let end = conn
        .receive(wire, &mut Slots::new())
        .map(|r| matches!(r.event, Event::Closed));
    assert_eq!(end, Ok(true), "nothing is left, and nothing will come");
}

#[test]
fn a_request_that_the_peers_close_cut_short_is_truncated() {
    for (rest, rule) in [
        ("GET /2 HTTP/1.1\r\nHo", Rule::TruncatedHead),
        ("", Rule::TruncatedBody),
    ] {
        let mut conn = Connection::server(Limits::default());
        let first = if rest.is_empty() {
            "Content-Length: 3\r\n\r\nab"
        } else {
            "\r\n"
        };
        let wire = format!("GET /1 HTTP/1.1\r\nHost: a\r\n{first}{rest}");
        let mut wire = wire.as_bytes();
        let mut slots = Slots::new();
        wire = &wire[conn
            .receive(wire, &mut slots)
            .map(|r| r.consumed)
            .expect("the first head")..];
        if rest.is_empty() {
            wire = &wire[conn
                .receive(wire, &mut slots)
                .map(|r| r.consumed)
                .expect("a part of the body")..];
        }
        let told = conn.end_of_input().and_then(|()| {
            conn.reply(&mut Vec::new(), &ResponseHead::new(404), b"")
                .expect("a response is due");
            conn.receive(wire, &mut slots).map(|_| ())
        });
        assert_eq!(told.map_err(|r| r.rule), Err(rule));
        assert!(conn.must_close());
        conn.reply(&mut Vec::new(), &ResponseHead::new(400), b"")
            .expect("an error is due");
    }
}

#[test]
fn a_body_that_has_arrived_whole_is_not_truncated_before_its_end_is_asked_for() {
    for body in [
        "Content-Length: 2\r\n\r\nab",
        "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n",
    ] {
        let wire = format!("POST / HTTP/1.1\r\nHost: a\r\n{body}");
        let mut rest = wire.as_bytes();
        let mut conn = Connection::server(Limits::default());
        let mut slots = Slots::new();
        while !rest.is_empty() {
            rest = &rest[conn.receive(rest, &mut slots).expect("legal").consumed..];
        }
        assert_eq!(conn.end_of_input(), Ok(()), "{body:?}");
        let end = conn
            .receive(b"", &mut slots)
            .map(|r| matches!(r.event, Event::End));
        assert_eq!(end, Ok(true), "{body:?}");
        conn.reply(&mut Vec::new(), &ResponseHead::new(200), b"")
            .expect("a response is due");
    }
}

#[test]
fn a_close_between_requests_is_no_error_and_said_twice_is_none_either() {
    let mut conn = Connection::server(Limits::default());
    serve(&mut conn, &mut &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..]);
    assert_eq!((conn.end_of_input(), conn.end_of_input()), (Ok(()), Ok(())));
    let end = conn
        .receive(b"", &mut Slots::new())
        .map(|r| matches!(r.event, Event::Closed));
    assert_eq!(end, Ok(true));
}

/// Shows the head of a wire to `look`.
#[track_caller]
fn head(wire: &str, look: impl FnOnce(http_core::Head<'_>)) {
    let mut slots = Slots::new();
    let mut conn = Connection::server(Limits::default());
    match conn
        .receive(wire.as_bytes(), &mut slots)
        .expect("a legal head")
        .event
    {
        Event::Request(head) => look(head),
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_part_of_a_head_can_be_looked_at() {
    let wire = "POST /a%20b?c=d HTTP/1.1\r\nHost: h:1\r\nX-A: 1\r\nx-a: 2\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n";
    head(wire, |head| {
        assert_eq!((head.method(), head.version()), (Method::Post, Version::Http11));
        assert_eq!(
            head.target(),
            Target::Origin {
                path: "/a%20b",
                query: Some("c=d")
            }
        );
        assert_eq!(
            (head.path(), head.target_str(), head.target().query()),
            (&b"/a%20b"[..], "/a%20b?c=d", Some("c=d"))
        );
        assert_eq!(
            (head.field("X-a"), head.field("x-A"), head.field("y")),
            (Some(&b"1"[..]), Some(&b"1"[..]), None)
        );
        assert_eq!(
            (head.host(), head.keep_alive(), head.fields().len()),
            (Some("h:1"), true, 5)
        );
        assert_eq!(
            (head.expectation(), head.expects_continue()),
            (Expectation::Continue, true)
        );
        assert!(matches!(head.framing(), Framing::Length(n) if n.get() == 3));
        let text = format!("{head:?}");
        assert!(text.contains("Post") && text.contains("\"X-A\": \"1\""), "{text}");
    });
}

#[test]
fn the_path_is_the_same_however_it_is_asked_for() {
    for (line, path, query, host) in [
        ("GET / HTTP/1.1", "/", None, "a"),
        ("GET /? HTTP/1.1", "/", Some(""), "a"),
        ("GET /x?y?z HTTP/1.1", "/x", Some("y?z"), "a"),
        ("GET http://b HTTP/1.1", "/", None, "b"),
        ("GET http://b?q HTTP/1.1", "/", Some("q"), "b"),
        ("GET https://b:1/p?q HTTP/1.1", "/p", Some("q"), "b:1"),
        ("OPTIONS * HTTP/1.1", "", None, "a"),
        ("CONNECT b:1 HTTP/1.1", "", None, "b:1"),
    ] {
        head(&format!("{line}\r\nHost: a\r\n\r\n"), |head| {
            assert_eq!(
                (head.target().path(), head.target().query()),
                (path, query),
                "{line}"
            );
            assert_eq!(head.path(), path.as_bytes(), "{line}");
            assert_eq!(head.host(), Some(host), "{line}");
            assert_eq!(line.split(' ').nth(1), Some(head.target_str()));
        });
    }
    head("GET / HTTP/1.0\r\n\r\n", |head| {
        assert_eq!((head.host(), head.version()), (None, Version::Http10))
    });
}

#[test]
fn modifiers_are_found_by_their_names_and_by_nothing_else() {
    let names = [
        ("If-Match", Some(Modifier::IfMatch)),
        ("IF-NONE-MATCH", Some(Modifier::IfNoneMatch)),
        ("if-modified-since", Some(Modifier::IfModifiedSince)),
        ("If-Unmodified-Since", Some(Modifier::IfUnmodifiedSince)),
        ("iF-rAnGe", Some(Modifier::IfRange)),
        ("RANGE", Some(Modifier::Range)),
        // As long as one of them, and different in one byte or two.
        ("If-Catch", None),
        ("If_Range", None),
        ("If-None-Matcx", None),
        ("Xf-None-Match", None),
        ("If-Modified-Sinbe", None),
        ("If-Modifxed-Since", None),
        ("If-Unmodified.Since", None),
        ("Rangf", None),
        ("Transfer-Encodinh", None),
        ("Accept-Language", None),
    ];
    for (name, modifier) in names {
        assert_eq!(Modifier::of(name.as_bytes()), modifier, "{name}");
        let wire = format!("GET / HTTP/1.1\r\nHost: a\r\n{name}: one\r\nX: y\r\n{name}: two\r\n\r\n");
        head(&wire, |head| {
            assert_eq!(head.has(KnownField::Modifier), modifier.is_some(), "{name}");
            assert!(!head.has(KnownField::AcceptEncoding), "{name}");
            let found: Vec<_> = head.modifiers().collect();
            let expected = modifier.map(|modifier| [(modifier, &b"one"[..]), (modifier, b"two")]);
            assert_eq!(
                found,
                expected.into_iter().flatten().collect::<Vec<_>>(),
                "{name}"
            );
        });
    }
}

#[test]
fn every_line_of_a_field_can_be_asked_for() {
    let wire = "GET / HTTP/1.1\r\nHost: a\r\nAccept-Encoding: br\r\nX: y\r\naccept-encoding: gzip\r\n\r\n";
    head(wire, |head| {
        assert!(head.has(KnownField::AcceptEncoding) && !head.has(KnownField::Modifier));
        let values: Vec<_> = head.values("ACCEPT-encoding").collect();
        assert_eq!(values, [b"br".as_slice(), b"gzip"]);
        assert_eq!(head.values("y").count(), 0);
    });
}

#[test]
fn every_method_has_its_name() {
    for name in [
        "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW",
    ] {
        head(&format!("{name} / HTTP/1.1\r\nHost: a\r\n\r\n"), |head| {
            assert_eq!(
                (head.method().as_str(), head.method().to_string().as_str()),
                (name, name)
            );
            assert_eq!(matches!(head.method(), Method::Extension(_)), name == "BREW");
        });
    }
}

#[test]
fn trailers_can_be_looked_at() {
    let wire =
        b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX-Sum: 1\r\nHost: b\r\n\r\n";
    let mut conn = Connection::server(Limits::default());
    let mut slots = Slots::default();
    let consumed = conn
        .receive(wire, &mut slots)
        .map(|r| r.consumed)
        .expect("a head");
    let Ok(Event::Trailers(trailers)) = conn.receive(&wire[consumed..], &mut slots).map(|r| r.event) else {
        panic!("trailers follow")
    };
    assert_eq!(
        (trailers.field("x-sum"), trailers.field("host")),
        (Some(&b"1"[..]), None)
    );
    assert_eq!(format!("{trailers:?}"), r#"Trailers({"X-Sum": "1"})"#);
}

#[test]
fn a_rejection_says_what_was_broken_and_where_it_stands() {
    let mut conn = Connection::server(Limits::default());
    let rejection = conn
        .receive(b"GET / HTTP/1.1\r\n\r\n", &mut Slots::new())
        .map(|_| ())
        .expect_err("no Host");
    assert_eq!((rejection.rule, rejection.status()), (Rule::MissingHost, 400));
    assert_eq!(
        rejection.to_string(),
        "MissingHost: an HTTP/1.1 request has no Host field (RFC 9112 section 3.2), at byte 17 in line 2"
    );
    let _: &dyn std::error::Error = &rejection;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// The contract is that what was not consumed comes again. Whoever breaks it may get any answer, and no panic.
    #[test]
    fn other_bytes_than_promised_may_be_misread_and_never_panic(
        shown in vec((prop_oneof![generate::mutated(), generate::heap()], any::<prop::sample::Index>(), 0..6u8), 1..24),
    ) {
        let mut conn = Connection::server(Limits::default());
        let mut slots = Slots::new();
        let mut out = Vec::new();
        for (wire, cut, call) in &shown {
            let end = cut.index(wire.len() + 1);
            if let Ok(received) = conn.receive(&wire[..end], &mut slots) {
                assert!(received.consumed <= end);
                if let Event::Request(head) = received.event {
                    let _ = (format!("{head:?}"), head.path(), head.target_str(), head.host(), head.upgrade().count());
                }
            }
            let _ = match call {
                0 => conn.reply(&mut out, &ResponseHead::new(404), b"no"),
                1 => conn.respond(&mut out, &ResponseHead::new(200), http_core::Body::Stream),
                2 => conn.data(&mut out, b"data"),
                3 => conn.end(&mut out, None),
                4 => conn.continue_100(&mut out),
                _ => Ok(()),
            };
        }
    }
}
