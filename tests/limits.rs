//! What an operator limits: connections, requests, sizes, time and rates.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::{Launch, PATIENCE, process};

const REQUEST: &str = "GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn connections_over_the_limit_wait_and_are_served_when_others_end() {
    let server = Launch::new()
        .args(["--workers", "1", "--max-connections", "10"])
        .start();
    let mut held: Vec<_> = (0..10).map(|_| server.connect()).collect();
    for client in &mut held {
        assert_eq!(client.exchange(REQUEST).expect("an answer").status, 200);
    }
    let mut waiting = server.connect();
    waiting.send(REQUEST).expect("the kernel takes it");
    assert!(
        waiting
            .is_silent_for(Duration::from_millis(500))
            .expect("no reset"),
        "an eleventh is served"
    );
    for client in &mut held {
        assert_eq!(client.exchange(REQUEST).expect("the ten go on").status, 200);
    }
    drop(held.pop());
    let started = Instant::now();
    assert_eq!(waiting.response().expect("its turn").status, 200);
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "it waited for {:?}",
        started.elapsed()
    );
}

#[test]
fn a_server_that_stood_still_calls_no_client_late_whose_request_is_there() {
    let server = Launch::new()
        .args(["--workers", "1", "--idle-timeout", "4s"])
        .start();
    let mut clients: Vec<_> = (0..300).map(|_| server.connect()).collect();
    for client in &mut clients {
        assert_eq!(client.exchange(REQUEST).expect("an answer").status, 200);
    }
    server.signal(Signal::SIGSTOP);
    for client in &mut clients {
        client.send(REQUEST).expect("the kernel takes it");
    }
    thread::sleep(Duration::from_millis(4500));
    server.signal(Signal::SIGCONT);
    for client in &mut clients {
        assert_eq!(client.response().expect("an answer, and no reset").status, 200);
    }
}

#[test]
fn a_connection_that_says_nothing_gets_the_time_of_a_head_and_one_that_has_asked_that_of_an_idle_one() {
    let server = Launch::new()
        .args(["--head-timeout", "1s", "--idle-timeout", "30s"])
        .start();
    let (mut silent, mut asked) = (server.connect(), server.connect());
    assert_eq!(asked.exchange(REQUEST).expect("an answer").status, 200);
    let started = Instant::now();
    assert_eq!(silent.rest().expect("an orderly end"), b"");
    let waited = started.elapsed();
    assert!(
        waited >= Duration::from_millis(900) && waited < PATIENCE,
        "{waited:?}"
    );
    assert_eq!(asked.exchange(REQUEST).expect("an answer").status, 200);
}

#[test]
fn the_last_request_that_a_connection_may_make_says_close() {
    let server = Launch::new().args(["--max-requests", "3"]).start();
    let mut client = server.connect();
    for _ in 0..2 {
        assert!(!client.exchange(REQUEST).expect("an answer").says_close());
    }
    assert!(client.exchange(REQUEST).expect("an answer").says_close());
    assert_eq!(client.rest().expect("an orderly end"), b"");
    // A pipeline of more than that gets as many answers.
    let mut client = server.connect();
    client.send(REQUEST.repeat(5)).expect("the server reads");
    let all = client.rest().expect("an orderly end");
    assert_eq!(String::from_utf8_lossy(&all).matches("HTTP/1.1 200 ").count(), 3);
}

#[test]
fn heads_and_bodies_are_taken_up_to_their_limits() {
    let server = Launch::new()
        .args(["--max-head", "2k", "--max-body", "1k"])
        .start();
    let post = |length: usize| {
        let body = "x".repeat(length);
        let request = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{body}");
        server.connect().exchange(request).expect("an answer").status
    };
    assert_eq!((post(1024), post(1025)), (200, 413));
    let chunked = |length: usize| {
        let head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let body = "x".repeat(length);
        let request = format!("{head}{length:x}\r\n{body}\r\n0\r\n\r\n");
        server.connect().exchange(request).expect("an answer").status
    };
    assert_eq!((chunked(1024), chunked(1025)), (200, 413));
    let get = |length: usize| {
        let request = format!(
            "GET /plaintext HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
            "x".repeat(length)
        );
        server.connect().exchange(request).expect("an answer").status
    };
    assert_eq!((get(1900), get(2100)), (200, 431));
}

#[test]
fn a_client_that_does_not_read_is_let_go() {
    let server = Launch::new()
        .args(["--workers", "1", "--write-timeout", "1"])
        .start();
    let before = process::open_files(server.pid());
    let client = server.connect();
    client
        .stream()
        .set_write_timeout(Some(Duration::from_millis(300)))
        .expect("a deadline can be set");
    let requests = REQUEST.repeat(1000);
    // Until the server has stopped reading, because its answers go nowhere.
    while std::io::Write::write(&mut client.stream(), requests.as_bytes()).is_ok() {}
    let deadline = Instant::now() + PATIENCE;
    while process::open_files(server.pid()) > before {
        assert!(Instant::now() < deadline, "its connection is still there");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn an_answer_that_does_not_come_in_time_is_503() {
    let server = Launch::new().env("SERVER_REPLY_TIMEOUT", "500ms").start();
    let started = Instant::now();
    let response = server
        .connect()
        .exchange("GET /slow?ms=9000 HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("an answer");
    assert!(response.status == 503 && response.says_close(), "{response:?}");
    let took = started.elapsed();
    assert!(
        took >= Duration::from_millis(500) && took < Duration::from_secs(5),
        "{took:?}"
    );
    let in_time = server
        .connect()
        .exchange("GET /slow?ms=50 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(in_time.expect("an answer").status, 200);
}

#[test]
fn a_body_that_arrives_too_slowly_gets_408() {
    let server = Launch::new()
        .args(["--body-timeout", "1s", "--min-body-rate", "1000"])
        .start();
    let head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n";
    let mut slow = server.connect();
    slow.send(head).expect("the server reads");
    let started = Instant::now();
    while slow
        .is_silent_for(Duration::from_millis(200))
        .expect("no reset before the answer")
    {
        assert!(started.elapsed() < PATIENCE, "a byte now and then holds it");
        slow.send("x").expect("the server reads");
    }
    let response = slow.response().expect("an answer");
    assert!(response.status == 408 && response.says_close(), "{response:?}");
    // In lumps that are worth more than the pauses between them it is served.
    let head = head.replace("1000", "3000");
    let mut steady = server.connect();
    steady.send(head).expect("the server reads");
    for _ in 0..5 {
        thread::sleep(Duration::from_millis(300));
        steady.send("x".repeat(600)).expect("the server reads");
    }
    assert_eq!(steady.response().expect("an answer").status, 200);
}
