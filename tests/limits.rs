//! What an operator limits: connections, requests, sizes, time and rates.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::{Client, Launch, PATIENCE, Server, Tracer, is_once_in_time, process, tools};

const REQUEST: &str = "GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n";

/// A server of one worker that tells what it counts.
fn watched(arguments: &[&str]) -> Server {
    let launch = Launch::new().args(["--workers", "1", "--admin", "127.0.0.1:0"]);
    let launch = arguments.iter().fold(launch, Launch::arg);
    launch.start()
}

#[test]
fn connections_over_the_limit_wait_and_are_served_when_others_end() {
    let server = watched(&["--max-connections", "10"]);
    let mut held: Vec<_> = (0..10).map(|_| server.connect()).collect();
    for client in &mut held {
        // Long enough that it is not over before the rest was done, and the eleventh seen waiting.
        client
            .send("GET /slow?ms=8000 HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("the server reads");
    }
    server.wait_for_phase("later", 10);
    let mut waiting = server.connect();
    waiting.send(REQUEST).expect("the kernel takes it");
    assert!(
        waiting
            .is_silent_for(Duration::from_millis(500))
            .expect("no reset"),
        "an eleventh is served"
    );
    let answers = held.iter_mut().map(|client| client.response());
    assert_eq!(answers.filter(|answer| answer.is_ok()).count(), 10);
    let started = Instant::now();
    assert_eq!(waiting.response().expect("its turn").status, 200);
    let waited = started.elapsed();
    assert!(waited < Duration::from_secs(4), "it waited for {waited:?} more");
    // One of them has made room, when all were answered; no other has.
    let again = held.iter_mut().map(|client| client.exchange(REQUEST));
    assert_eq!(again.filter(|answer| answer.is_ok()).count(), 9);
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
fn a_server_that_stood_still_gives_its_own_answers_a_moment_to_catch_up() {
    if tools::tool("strace").is_some() {
        assert!(is_once_in_time(answers_are_caught_up_with));
    }
}

fn answers_are_caught_up_with() -> bool {
    let server = Launch::new()
        .args(["--workers", "1", "--reply-timeout", "1s"])
        .start();
    // The answers of the first clients become due while the server stands still, that of the last one long after its timeout.
    let ask = |milliseconds: u64| {
        let mut client = server.connect();
        let request = format!("GET /slow?ms={milliseconds} HTTP/1.1\r\nHost: a\r\n\r\n");
        client.send(request).expect("the server reads");
        client
    };
    let mut soon: Vec<Client> = (0..50).map(|_| ask(500)).collect();
    let mut never = ask(60_000);
    thread::sleep(Duration::from_millis(100));
    // The thread that makes the answers goes on later than the worker, or it might be done before that looks: it stands still at its
    // next system call, which it makes behind its wait. The worker gives it half a second.
    let answering = process::threads(server.pid(), "later");
    let mut held = Tracer::of_threads(server.pid(), &answering, ["-o", "/dev/null"].map(Into::into));
    held.hold();
    server.signal(Signal::SIGSTOP);
    thread::sleep(Duration::from_millis(2500));
    server.signal(Signal::SIGCONT);
    thread::sleep(Duration::from_millis(100));
    drop(held);
    let statuses = soon
        .iter_mut()
        .map(|client| client.response().expect("an answer").status);
    let are_in_time = statuses.filter(|&status| status == 200).count() == 50;
    assert_eq!(never.response().expect("an answer").status, 503, "once is enough");
    are_in_time
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
    // With the request line and the empty line.
    let get = |length: usize| {
        let empty = "GET /plaintext HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n";
        let value = "x".repeat(length - empty.len());
        let request = empty.replacen("X: ", &format!("X: {value}"), 1);
        assert_eq!(request.len(), length);
        server.connect().exchange(request).expect("an answer").status
    };
    assert_eq!((get(2048), get(2049)), (200, 431));
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

#[test]
fn fields_and_trailers_are_taken_up_to_their_limits_and_metrics_tell_of_both() {
    let server = watched(&["--max-fields", "10", "--max-trailers", "100"]);
    let fields = |count: usize| {
        let fields = "X: y\r\n".repeat(count - 1);
        let request = format!("GET /plaintext HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        server.connect().exchange(request).expect("an answer").status
    };
    assert_eq!((fields(10), fields(11)), (200, 431));
    // A section with one line of so many bytes; the empty line behind it counts.
    let trailers = |length: usize| {
        let head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let line = format!("X: {}\r\n", "x".repeat(length - 7));
        let request = format!("{head}1\r\nx\r\n0\r\n{line}\r\n");
        server.connect().exchange(request).expect("an answer").status
    };
    assert_eq!((trailers(100), trailers(101)), (200, 431));
    let metrics = server.metrics();
    for line in [
        "server_limit{limit=\"fields\"} 10\n",
        "server_limit{limit=\"trailers_bytes\"} 100\n",
        "server_rejections_total{rule=\"TooManyFields\"} 1\n",
    ] {
        assert!(metrics.contains(line), "{line} is not in {metrics}");
    }
}

#[test]
fn a_body_may_take_half_of_a_workers_memory_and_not_a_byte_more() {
    const HALF: usize = 512 * 1024;
    let server = Launch::new()
        .args(["--workers", "1", "--max-memory", "1M"])
        .start();
    let post = |framing: String, body: String| {
        let head = format!("POST /echo HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n");
        let answer = server.connect().exchange(head + &body).expect("an answer");
        assert!(answer.status != 200 || answer.body.len() == HALF);
        answer.status
    };
    let whole = |length: usize| post(format!("Content-Length: {length}"), "x".repeat(length));
    assert_eq!((whole(HALF), whole(HALF + 1)), (200, 413));
    // The last chunk is the one that is too long.
    let chunked = |length: usize| {
        let (size, chunk) = (length - 100_000, "x".repeat(100_000));
        let body = format!(
            "{size:x}\r\n{}\r\n{:x}\r\n{chunk}\r\n0\r\n\r\n",
            "x".repeat(size),
            100_000
        );
        post("Transfer-Encoding: chunked".into(), body)
    };
    assert_eq!((chunked(HALF), chunked(HALF + 1)), (200, 413));
}

#[test]
fn as_many_connections_as_open_files_allow_are_served_at_once_and_one_more_waits() {
    const OPEN_FILES: u64 = 200;
    let launch = |most: &str| {
        Launch::new()
            .args(["--workers", "1", "--max-connections", most])
            .open_files(OPEN_FILES)
    };
    let refusal = launch("1000").fails();
    let refusal = String::from_utf8_lossy(&refusal.stderr).into_owned();
    let (_, most) = refusal.split_once("ask for at most ").expect("it says how many");
    let most: usize = most.trim().parse().expect("a number");
    assert!(!launch(&(most + 1).to_string()).fails().status.success());
    let server = launch(&most.to_string()).start();
    let mut all: Vec<Client> = (0..most)
        .map(|index| Client::over(support::crowd::connect(server.address(), index)))
        .collect();
    for client in &mut all {
        assert_eq!(client.exchange(REQUEST).expect("a place").status, 200);
        client
            .send("GET /slow?ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("the server reads");
    }
    let mut one_more = server.connect();
    one_more.send(REQUEST).expect("the kernel takes it");
    let waits = one_more.is_silent_for(Duration::from_millis(300));
    assert!(waits.expect("no reset"), "it has no place");
    assert!(process::open_files(server.pid()) <= OPEN_FILES as usize);
    // It ends by a reset.
    drop(all.pop());
    assert_eq!(one_more.response().expect("its place").status, 200);
    assert!(
        !server.output().contains("no connection can be accepted"),
        "descriptors have not run out: {}",
        server.output()
    );
}

#[test]
fn a_pipeline_deeper_than_a_turn_is_answered_whole_in_as_many_turns_as_it_takes() {
    // No turn ends by its time, which a busy machine lets pass while the worker does nothing.
    let by_number = ["--turn-time", "1s", "--turn-requests", "4"];
    for (most, arguments) in [(32, &by_number[..2]), (4, &by_number)] {
        let server = watched(arguments);
        let mut client = server.connect();
        let mut ended = 0;
        for (depth, more) in [(most, 0), (most + 1, 1), (10 * most + 1, 10)] {
            client.send(REQUEST.repeat(depth)).expect("the server reads");
            for number in 0..depth {
                let answer = client.response().expect("an answer");
                assert_eq!(answer.status, 200, "answer {number} of {depth}");
            }
            ended += more;
            let metrics = server.metrics();
            let line = format!("server_turns_ended_total{{limit=\"turn_requests\"}} {ended}\n");
            assert!(metrics.contains(&line), "{depth}: {metrics}");
            for line in [
                format!("server_limit{{limit=\"turn_requests\"}} {most}\n"),
                "server_turns_ended_total{limit=\"turn_time\"} 0\n".into(),
            ] {
                assert!(metrics.contains(&line), "{line} is not in {metrics}");
            }
        }
    }
}

#[test]
fn a_turn_that_has_made_its_bytes_leaves_the_next_request_to_the_next_turn() {
    const MOST: usize = 4096;
    let server = watched(&["--turn-bytes", "4K", "--turn-time", "1s"]);
    let mut client = server.connect();
    let request = |length: usize| format!("GET /echo/{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(length));
    client.send(request(3000)).expect("the server reads");
    let body = client.response().expect("an answer").body.len();
    let mut client = server.connect();
    // Its head is as long as that of each answer with as many digits of length.
    client
        .send(request(3000).replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n"))
        .expect("the server reads");
    let whole = client.rest().expect("an orderly end").len() - "connection: close\r\n".len();
    let (path, head) = (3000, whole - body);
    let mut client = server.connect();
    for (answer, ended) in [(MOST - 1, 0), (MOST, 1)] {
        let first = request(path + answer - head - body);
        client.send(first.repeat(2)).expect("the server reads");
        for _ in 0..2 {
            let length = client.response().expect("an answer").body.len();
            assert_eq!(length + head, answer);
        }
        let metrics = server.metrics();
        let line = format!("server_turns_ended_total{{limit=\"turn_bytes\"}} {ended}\n");
        assert!(metrics.contains(&line), "{answer}: {metrics}");
        assert!(
            metrics.contains("server_limit{limit=\"turn_bytes\"} 4096\n"),
            "{metrics}"
        );
    }
}
