//! The content of the responses: points 29 to 33.

use std::fs;
use std::time::Duration;

use support::{Launch, Response, Server};

use crate::case::{Want, case, chunked, get, post, run, served};

fn ask(server: &Server, request: &str) -> Response {
    server.connect().exchange(request).expect("a whole response")
}

/// `Sun, 06 Nov 1994 08:49:37 GMT`
fn is_imf_fixdate(date: &str) -> bool {
    let shape = date
        .bytes()
        .map(|byte| if byte.is_ascii_digit() { b'0' } else { byte })
        .collect::<Vec<_>>();
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    date.len() == 29
        && days.contains(&&date[..3])
        && &shape[3..8] == b", 00 "
        && &shape[11..] == b" 0000 00:00:00 GMT"
}

#[test]
fn a_success_has_a_date_and_its_body_a_type_and_head_is_get_without_body() {
    let server = Launch::new().start();
    for path in ["/", "/plaintext", "/json", "/echo/a", "/stream"] {
        let got = ask(&server, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(got.status, 200, "{path}");
        assert!(
            got.field("date").is_some_and(is_imf_fixdate),
            "{path} has {:?}",
            got.field("date")
        );
        assert_eq!((got.count("date"), got.count("content-type")), (1, 1), "{path}");
        assert!(!got.body.is_empty(), "{path}");
        let head = ask(&server, &format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(
            head.count("content-length"),
            got.count("content-length"),
            "HEAD {path}"
        );
        // The page of `/` shows numbers, and they have more digits a moment later.
        let lasting = |response: &Response| {
            let mut fields = response.fields.clone();
            fields.retain(|(name, _)| {
                let name = name.to_ascii_lowercase();
                name != "date" && (name != "content-length" || path != "/")
            });
            fields
        };
        assert_eq!(
            (head.status, lasting(&head)),
            (got.status, lasting(&got)),
            "HEAD {path}"
        );
    }
    run(vec![
        case(
            "point 29, HEAD",
            "HEAD /plaintext HTTP/1.1\r\nHost: a\r\n\r\n",
            Want::Served(&[200]),
        ),
        case(
            "point 29, HEAD of a stream",
            "HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n",
            Want::Served(&[200]),
        ),
        case(
            "point 29, HEAD of nothing",
            "HEAD /nowhere HTTP/1.1\r\nHost: a\r\n\r\n",
            Want::Served(&[404]),
        ),
    ]);
}

#[test]
fn the_demonstration_answers_as_scripts_expect() {
    let server = Launch::new().start();
    let plain = ask(&server, &get(""));
    assert_eq!(plain.text(), "Hello, World!");
    assert!(
        plain
            .field("content-type")
            .is_some_and(|kind| kind.starts_with("text/plain"))
    );
    assert_eq!(plain.field("content-length"), Some("13"));
    let json = ask(&server, "GET /json HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        json.field("content-type")
            .is_some_and(|kind| kind.starts_with("application/json"))
    );
    let page = ask(&server, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        page.field("content-type")
            .is_some_and(|kind| kind.starts_with("text/html"))
    );
    let echo = ask(&server, "GET /echo/some/path?q=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(echo.text().starts_with("/echo/some/path"), "{}", echo.text());
    assert!(
        echo.field("content-type")
            .is_some_and(|kind| kind.starts_with("text/plain"))
    );
    let stream = ask(&server, "GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(stream.field("transfer-encoding"), Some("chunked"));
    let slow = ask(&server, "GET /slow?ms=100 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(slow.status, 200);
    assert_eq!(
        ask(&server, "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n").status,
        404
    );
    for path in ["/", "/echo"] {
        let request = format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
        assert_eq!(ask(&server, &request).text(), "hello", "POST {path}");
    }
}

#[test]
fn options_tells_the_methods_or_is_not_allowed() {
    let server = Launch::new().start();
    for target in ["/plaintext", "/echo", "*"] {
        let response = ask(&server, &format!("OPTIONS {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        match response.status {
            200..=299 => assert!(
                target == "*" || response.field("allow").is_some(),
                "{target}: {response:?}"
            ),
            status => assert_eq!(status, 405, "{target}"),
        }
    }
    let refused = ask(&server, "DELETE /plaintext HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(refused.status, 405);
    assert!(
        refused.field("allow").is_some_and(|allow| allow.contains("GET")),
        "{refused:?}"
    );
}

#[test]
fn a_continue_is_sent_only_while_the_body_is_still_missing() {
    let server = Launch::new().start();
    let head = post("Expect: 100-continue\r\nContent-Length: 5\r\n", "");
    let mut client = server.connect();
    client.send(&head).expect("the server reads");
    assert_eq!(client.response().expect("an interim response").status, 100);
    let response = client.exchange("hello").expect("the final response");
    assert_eq!((response.status, response.text().as_str()), (200, "hello"));
    let at_once = ask(&server, &(head + "hello"));
    assert_eq!(
        (at_once.status, at_once.text().as_str()),
        (200, "hello"),
        "with the body there already"
    );
    let mut client = server.connect();
    client
        .send(chunked("").replace("Host", "Expect: 100-Continue\r\nHost"))
        .expect("the server reads");
    assert_eq!(
        client.response().expect("an interim response").status,
        100,
        "before a chunked body"
    );
    run(vec![
        served("point 31, no body", get("Expect: 100-continue\r\n")),
        served(
            "point 31, an empty body",
            post("Expect: 100-continue\r\nContent-Length: 0\r\n", ""),
        ),
        case("point 31, another", get("Expect: tea\r\n"), Want::Served(&[417])),
        case(
            "point 31, both",
            get("Expect: 100-continue, tea\r\n"),
            Want::Answered(&[417]),
        ),
        case(
            "point 31, with a body",
            post("Expect: tea\r\nContent-Length: 5\r\n", "hello"),
            Want::Answered(&[417]),
        ),
    ]);
}

#[test]
fn the_protocol_is_never_switched_to_one_that_is_not_spoken() {
    let socket =
        "Upgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n";
    let old = format!("GET /plaintext HTTP/1.0\r\nHost: a\r\n{socket}Sec-WebSocket-Version: 13\r\n\r\n");
    run(vec![
        served(
            "point 32, unknown",
            get("Upgrade: tea/1\r\nConnection: upgrade\r\n"),
        ),
        served(
            "point 32, h2c",
            get("Upgrade: h2c\r\nConnection: upgrade, http2-settings\r\nHTTP2-Settings: AAMAAABk\r\n"),
        ),
        served(
            "point 32, without Connection",
            get("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"),
        ),
        case(
            "point 32, an unsupported version",
            get(&format!("{socket}Sec-WebSocket-Version: 12\r\n")),
            SPOKEN,
        ),
        case("point 32, HTTP/1.0", old, Want::Refused(&[200])),
        served(
            "point 32, POST",
            post(&format!("{socket}Content-Length: 5\r\n"), "hello"),
        )
        .with_body("hello"),
        served(
            "point 32, TLS",
            get("Upgrade: TLS/1.0\r\nConnection: Upgrade\r\n"),
        ),
    ]);
}

/// A route that speaks no WebSocket takes the request for a normal one.
const SPOKEN: Want = Want::Answered(&[200, 426]);

/// An entity tag without `W/`: the tag of a file that was just written is weak, and strong a moment later.
fn opaque(tag: &str) -> &str {
    tag.trim_start_matches("W/")
}

#[test]
fn ranges_and_conditions_apply_to_get_and_only_when_well_formed() {
    let root = tempfile::tempdir().expect("a directory");
    fs::write(root.path().join("a.txt"), "0123456789").expect("a file");
    let server = Launch::of(root.path()).start();
    let get = |lines: &str| ask(&server, &format!("GET /a.txt HTTP/1.1\r\nHost: a\r\n{lines}\r\n"));
    let whole = get("");
    assert_eq!((whole.status, whole.text().as_str()), (200, "0123456789"));
    for bad in [
        "bytes=x",
        "bytes=5-2",
        "bytes",
        "lines=0-1",
        "bytes=-",
        "bytes=0-1,x",
        "0-1",
        "bytes=1-2-3",
    ] {
        let response = get(&format!("Range: {bad}\r\n"));
        assert!(
            matches!(response.status, 200 | 416),
            "Range: {bad} got {}",
            response.status
        );
    }
    let etag = whole.field("etag").expect("a file has an ETag").to_owned();
    let modified = whole
        .field("last-modified")
        .expect("a file has a Last-Modified")
        .to_owned();
    assert!(is_imf_fixdate(&modified), "{modified}");
    for condition in [
        format!("If-None-Match: {etag}\r\n"),
        format!("If-Modified-Since: {modified}\r\n"),
    ] {
        let response = get(&condition);
        assert_eq!((response.status, response.body.len()), (304, 0), "{condition}");
        assert!(
            response.field("date").is_some() && response.field("etag").map(opaque) == Some(opaque(&etag)),
            "{response:?}"
        );
    }
    let post = "POST /a.txt HTTP/1.1\r\nHost: a\r\nRange: bytes=0-1\r\nContent-Length: 0\r\n\r\n";
    assert!(
        matches!(ask(&server, post).status, 405 | 200),
        "Range is ignored on POST"
    );
    assert_eq!(get("If-None-Match: \"other\"\r\n").status, 200);
    assert_eq!(get("If-Modified-Since: yesterday\r\n").status, 200);
    let mut client = server.connect().patience(Duration::from_secs(5));
    let conditional = format!("GET /a.txt HTTP/1.1\r\nHost: a\r\nIf-None-Match: {etag}\r\n\r\n");
    assert_eq!(client.exchange(&conditional).expect("a 304").status, 304);
    assert_eq!(
        client
            .exchange("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("the next")
            .text(),
        "0123456789"
    );
}
