//! The connection as a state machine: points 1 to 8.

use std::thread;
use std::time::{Duration, Instant};

use support::{Launch, find};

use crate::case::{Case, Want, case, chunked, get, post, refused, run, served};

const BODY: &str = "Content-Length: 5\r\n";

#[test]
fn every_prefix_of_a_request_gets_silence_and_the_rest_gets_the_answer() {
    let server = Launch::new().start();
    let request = post("Content-Length: 5\r\nX: a b\r\n", "hello");
    let chunks = chunked("5;a=\"b\"\r\nhello\r\n0\r\nX: a\r\n\r\n");
    // All cuts wait at the same time, each on a connection of its own.
    thread::scope(|scope| {
        for request in [&request, &chunks] {
            for cut in 1..request.len() {
                let server = &server;
                scope.spawn(move || {
                    let mut client = server.connect();
                    client.send(&request[..cut]).expect("a prefix is taken");
                    let silent = client
                        .is_silent_for(Duration::from_millis(500))
                        .expect("the connection stays");
                    assert!(silent, "answered after {:?}", &request[..cut]);
                    let response = client
                        .exchange(&request[cut..])
                        .expect("the whole request is answered");
                    assert_eq!(
                        (response.status, response.text().as_str()),
                        (200, "hello"),
                        "cut at {cut}"
                    );
                });
            }
        }
    });
}

#[test]
fn for_five_seconds_the_server_waits_for_idle_and_half_sent_requests() {
    let server = Launch::new().start();
    let head = get("");
    thread::scope(|scope| {
        for sent in ["", "G", "GET / HT", &head[..head.len() - 1]] {
            let server = &server;
            scope.spawn(move || {
                let mut client = server.connect();
                client.send(sent).expect("a prefix is taken");
                let started = Instant::now();
                assert!(
                    client
                        .is_silent_for(Duration::from_millis(5100))
                        .expect("no reset"),
                    "after {sent:?}"
                );
                assert!(
                    started.elapsed() > Duration::from_secs(5),
                    "it closed after {:?}",
                    started.elapsed()
                );
            });
        }
    });
}

#[test]
fn pipelined_requests_are_answered_in_their_order() {
    let body = post(BODY, "hello");
    let chunks = chunked("5\r\nhello\r\n0\r\n\r\n");
    run(vec![
        case(
            "point 3",
            [get(""), body.clone(), get("")].concat(),
            Want::Pipeline(&[200, 200, 200]),
        ),
        case(
            "point 3, chunked",
            [chunks.clone(), body.clone(), chunks].concat(),
            Want::Pipeline(&[200, 200, 200]),
        ),
        case("point 3, sixteen", get("").repeat(16), Want::Pipeline(&[200; 16])),
        case(
            "point 3, a body behind a body",
            body.repeat(3),
            Want::Pipeline(&[200; 3]),
        )
        .with_body("hello"),
    ]);
}

#[test]
fn pipelined_answers_belong_to_their_requests() {
    let server = Launch::new().start();
    let mut client = server.connect();
    let request = |index: usize| format!("GET /echo/{index} HTTP/1.1\r\nHost: a\r\n\r\n");
    client
        .send((0..100).map(request).collect::<String>())
        .expect("the server reads");
    for index in 0..100 {
        let response = client.response().expect("every request is answered");
        assert_eq!(
            (response.status, response.text()),
            (200, format!("/echo/{index}"))
        );
    }
}

#[test]
fn an_error_is_answered_once_and_the_client_reads_it_though_it_still_sends() {
    let server = Launch::new().start();
    thread::scope(|scope| {
        for broken in [
            "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
            "X\0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n",
        ] {
            for extra in [0, 1_000, 100_000] {
                let server = &server;
                scope.spawn(move || {
                    let mut client = server.connect();
                    client.send(broken).expect("the server reads");
                    for _ in 0..extra / 1000 {
                        // It may end while we send, but never by a reset that takes the answer away.
                        let _ = client.send(get("").repeat(20));
                        thread::sleep(Duration::from_micros(200));
                    }
                    let all = client.rest().expect("an orderly end");
                    assert!(
                        all.starts_with(b"HTTP/1.1 400 "),
                        "{broken:?} and {extra}: {}",
                        all.escape_ascii()
                    );
                    assert_eq!(
                        find(&all[1..], b"HTTP/1."),
                        None,
                        "one response only: {}",
                        all.escape_ascii()
                    );
                });
            }
        }
    });
}

#[test]
fn garbage_behind_a_request_does_not_cost_that_request_its_answer() {
    let garbage = [
        "\0",
        "garbage\r\n\r\n",
        "GET  /\r\n",
        "\x16\x03\x01",
        "GET / HTTP/1.1\r\n\r\n",
    ];
    run(garbage
        .iter()
        .map(|garbage| {
            case("point 5", get("") + garbage, Want::PipelineEnds(&[200, 400])).with_body("Hello, World!")
        })
        .chain([case(
            "point 5, behind a body",
            post(BODY, "hello\0"),
            Want::PipelineEnds(&[200, 400]),
        )])
        .collect());
}

#[test]
fn the_connection_field_is_a_list_in_which_close_wins() {
    let mut rows: Vec<Case> = Vec::new();
    let ended = Want::Refused(&[200]);
    for close in [
        "Connection: close\r\n",
        "Connection: CLOSE\r\n",
        "connection:close\r\n",
        "Connection: \tclose\t \r\n",
        "Connection: ,, close ,\r\n",
        "Connection: keep-alive, close\r\n",
        "Connection: close, keep-alive\r\n",
        "Connection: x,Close\r\n",
        "Connection: keep-alive\r\nConnection: close\r\n",
        "Connection: close\r\nX: a\r\nConnection: keep-alive\r\n",
    ] {
        rows.push(case("point 6, close", get(close), ended));
        rows.push(case(
            "point 6, nothing behind it is answered",
            get(close) + &get(""),
            Want::AskedToEnd(&[200]),
        ));
    }
    for open in [
        "Connection: keep-alive\r\n",
        "Connection: closed\r\n",
        "Connection: xclose\r\n",
        "Connection: close-x\r\n",
        "Connection: \"close\"\r\n",
        "Connection: close;a\r\n",
        "Connection: x\r\n",
        "Connection:\r\n",
        "Connection: ,\r\n",
        "Proxy-Connection: close\r\n",
        "X-Connection: close\r\n",
        "Keep-Alive: close\r\n",
    ] {
        rows.push(served("point 6, not close", get(open)));
    }
    run(rows);
}

#[test]
fn http_1_0_closes_unless_it_is_asked_not_to() {
    let old = |lines: &str| format!("GET /plaintext HTTP/1.0\r\n{lines}\r\n");
    let ended = Want::Refused(&[200]);
    run(vec![
        case("point 7", old(""), ended),
        case("point 7, with Host", old("Host: a\r\n"), ended),
        case(
            "point 7, nothing behind it is answered",
            old("") + &old(""),
            Want::AskedToEnd(&[200]),
        ),
        served("point 7, keep-alive", old("Connection: keep-alive\r\n")),
        served("point 7, Keep-Alive", old("Connection: Keep-Alive\r\n")),
        case(
            "point 7, close wins",
            old("Connection: keep-alive, close\r\n"),
            ended,
        ),
        refused("point 7, two hosts", old("Host: a\r\nHost: a\r\n")),
        refused("point 7, a bad host", old("Host: a b\r\n")),
        case(
            "point 7, never a 1xx",
            old("Expect: 100-continue\r\nContent-Length: 5\r\n") + "hello",
            ended,
        ),
        case(
            "point 7, a body",
            "POST /echo HTTP/1.0\r\nContent-Length: 5\r\n\r\nhello",
            ended,
        )
        .with_body("hello"),
    ]);
}

#[test]
fn a_body_is_consumed_whatever_the_method_and_the_status() {
    // The body reads as a request: whoever does not consume it answers it.
    let body = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
    let length = format!("Content-Length: {}\r\n", body.len());
    let mut rows = Vec::new();
    for line in [
        "GET /plaintext",
        "GET /nowhere",
        "HEAD /plaintext",
        "DELETE /plaintext",
        "OPTIONS /plaintext",
        "PUT /plaintext",
        "POST /plaintext",
        "POST /nowhere",
        "BREW /plaintext",
        "POST /stream",
    ] {
        let any = Want::Answered(&[200, 204, 400, 404, 405, 413, 501]);
        rows.push(case(
            "point 8",
            format!("{line} HTTP/1.1\r\nHost: a\r\n{length}\r\n{body}"),
            any,
        ));
        let chunk = format!("{line} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        rows.push(case(
            "point 8, chunked",
            chunk + &format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()),
            any,
        ));
    }
    let teapot = format!("POST /echo HTTP/1.1\r\nHost: a\r\nExpect: tea\r\n{length}\r\n{body}");
    rows.push(case(
        "point 8, an unknown expectation",
        teapot,
        Want::Answered(&[417]),
    ));
    run(rows);
}
