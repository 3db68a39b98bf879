extern crate std;
use super::*;
use crate::request::parts::{Expectation, Method, Target};
use crate::request::table::Fields;
use crate::response::body::Body;
use crate::response::head::ResponseHead;
use std::vec::Vec;
use std::{format, string::String, string::ToString, vec};

const LIMITS: Limits = Limits::DEFAULT;

/// The events of a connection that receives `wire`, handed in as pieces of `step` bytes, with each complete request answered at once.
fn told(wire: &[u8], step: usize, limits: Limits) -> Vec<String> {
    let mut conn = Connection::server(limits);
    let mut fields = Fields::<64>::new();
    let mut told: Vec<String> = vec![];
    let mut data: Vec<u8> = vec![];
    let (mut start, mut end) = (0, 0);
    let mut out = vec![];
    loop {
        let received = match conn.receive(&wire[start..end], &mut fields) {
            Ok(received) => received,
            Err(rejection) => {
                told.push(format!("{:?} {}", rejection.rule, rejection.status()));
                return told;
            }
        };
        match received.event {
            Event::Request(head) => told.push(format!("{} {}", head.method(), head.target_str())),
            Event::Data(bytes) => data.extend_from_slice(bytes),
            Event::Trailers(trailers) => told.push(format!("{trailers:?}")),
            Event::End => told.push(format!("{}|", data.escape_ascii())),
            Event::NeedMore if end == wire.len() => {
                told.push(format!("left {}", end - start - received.consumed));
                return told;
            }
            Event::NeedMore => end = (end + step).min(wire.len()),
            Event::Paused => {
                data.clear();
                conn.reply(&mut out, &ResponseHead::new(200), b"").unwrap();
            }
            Event::Closed | Event::Upgraded => {
                told.push(String::from("closed"));
                return told;
            }
        }
        start += received.consumed;
    }
}

#[track_caller]
fn tells(wire: &str, want: &[&str]) {
    tells_within(LIMITS, wire, want);
}

#[track_caller]
fn tells_within(limits: Limits, wire: &str, want: &[&str]) {
    for step in [wire.len().max(1), 1, 2, 3, 7] {
        assert_eq!(
            told(wire.as_bytes(), step, limits),
            want,
            "in steps of {step}: {wire:?}"
        );
    }
}

#[test]
fn a_plain_get_is_a_request() {
    tells("GET / HTTP/1.1\r\nHost: a\r\n\r\n", &["GET /", "left 0"]);
}

#[test]
fn pipelined_requests_are_told_in_order() {
    tells(
        "\r\nGET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc\r\nGET /3 HTTP/1.1\r\nhost:a\r\n\r\nGE",
        &["GET /1", "POST /2", "abc|", "GET /3", "left 2"],
    );
}

#[test]
fn a_chunked_body_is_told_with_its_trailers() {
    tells(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;a=\"b\\\"\" ; c\r\nhello\r\n1\r\n!\r\n0\r\nX: y \r\nHost: z\r\n\r\nPUT",
        &["POST /", "Trailers({\"X\": \"y\"})", "hello!|", "left 3"],
    );
    tells(
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n000\r\n\r\n",
        &["POST /", "|", "left 0"],
    );
}

#[test]
fn what_is_no_http_is_rejected_at_once() {
    tells("\x16\x03\x01\x02\x00", &["BadMethod 400"]);
    tells("SSH-2.0-OpenSSH_9.2\r\n", &["BadRequestLine 400"]);
    tells("GET / HTTP/1.1\n", &["BareLf 400"]);
    tells("GET / HTTP/1.1\r\nHost: a\nX", &["BareLf 400"]);
}

#[test]
fn a_head_shows_what_it_says() {
    let wire = b"OPTIONS http://u.example:80/p/a?q=%20 HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\n\
        Content-Length: 4\r\nConnection: x, Upgrade\r\nUpgrade: h2c, websocket\r\n\r\n";
    let mut conn = Connection::server(LIMITS);
    let mut fields = Fields::<64>::new();
    let received = conn.receive(wire, &mut fields).unwrap();
    assert_eq!(received.consumed, wire.len());
    let Event::Request(head) = received.event else {
        panic!("{received:?}")
    };
    assert_eq!(head.method(), Method::Options);
    let target = Target::Absolute {
        scheme: "http",
        authority: "u.example:80",
        path: "/p/a",
        query: Some("q=%20"),
    };
    assert_eq!(head.target(), target);
    assert_eq!(head.host(), Some("u.example:80"));
    assert_eq!(head.field("host"), Some(&b"h"[..]));
    assert_eq!(head.expectation(), Expectation::Continue);
    assert!(head.expects_continue() && head.keep_alive());
    assert!(head.upgrade().eq(["websocket"]));
}

#[test]
fn a_path_is_the_same_as_bytes_and_as_part_of_the_target() {
    for (method, target) in [
        ("GET", "/"),
        ("GET", "/a/b?c=/d"),
        ("GET", "//a"),
        ("GET", "http://a"),
        ("GET", "http://a?q"),
        ("GET", "http://a:80/"),
        ("GET", "https://a/b/c?d"),
        ("OPTIONS", "*"),
        ("CONNECT", "a:1"),
    ] {
        let wire = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n\r\n");
        let mut fields = Fields::<8>::new();
        let mut conn = Connection::server(LIMITS);
        let received = conn.receive(wire.as_bytes(), &mut fields).unwrap();
        let Event::Request(head) = received.event else {
            panic!("{received:?}")
        };
        assert_eq!(head.path(), head.target().path().as_bytes(), "{target}");
    }
}

#[test]
fn a_reply_is_written_whole() {
    let mut conn = Connection::server(LIMITS);
    let mut fields = Fields::<8>::new();
    conn.receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &mut fields)
        .unwrap();
    let mut out = vec![];
    let head = ResponseHead::new(200)
        .field("content-type", "text/plain")
        .unwrap();
    conn.reply(&mut out, &head, b"Hello, World!").unwrap();
    let want = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\nHello, World!";
    assert_eq!(
        out.escape_ascii().to_string(),
        want.as_bytes().escape_ascii().to_string()
    );
    assert!(conn.is_idle() && !conn.must_close());
}

/// The written bytes, and whether the connection closes, when `request` is answered as `answer` does.
fn written(request: &str, answer: impl FnOnce(&mut Connection, &mut Vec<u8>)) -> (String, bool, bool) {
    let mut conn = Connection::server(LIMITS);
    let mut fields = Fields::<8>::new();
    conn.receive(request.as_bytes(), &mut fields).unwrap();
    let mut out = vec![];
    answer(&mut conn, &mut out);
    (out.escape_ascii().to_string(), conn.must_close(), conn.is_idle())
}

#[test]
fn a_reply_is_a_response_with_its_data_and_its_end() {
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
        "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n",
    ] {
        for (status, body) in [(200, "Hello"), (200, ""), (404, "Hello"), (304, ""), (204, "")] {
            for name in ["x-a", "upgrade"] {
                let head = ResponseHead::new(status).field(name, "1").unwrap();
                let short = written(request, |conn, out| {
                    conn.reply(out, &head, body.as_bytes()).unwrap()
                });
                let long = written(request, |conn, out| {
                    conn.respond(out, &head, Body::Known(body.len() as u64)).unwrap();
                    if conn.sends_body() {
                        conn.data(out, body.as_bytes()).unwrap();
                    }
                    conn.end(out, None).unwrap();
                });
                assert_eq!(short, long, "{status} {body} to {request}");
            }
        }
    }
}
