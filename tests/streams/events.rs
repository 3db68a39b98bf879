//! The example `events`: one publisher, ten thousand clients, slow ones, and the end.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::sys::signal::Signal;
use support::{Client, Launch, PATIENCE, Server, crowd, find, process, tools};

const SUBSCRIBE: &[u8] = b"GET /events HTTP/1.1\r\nHost: a\r\n\r\n";

/// One client of the stream, and what of it was not looked at yet.
struct Subscriber {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Subscriber {
    fn ask(server: &Server, index: usize) -> Self {
        Self::ask_by(SUBSCRIBE, server, index)
    }

    fn ask_by(request: &[u8], server: &Server, index: usize) -> Self {
        let mut stream = crowd::connect(server.address(), index);
        stream.write_all(request).expect("the server reads");
        Self {
            stream,
            bytes: Vec::new(),
        }
    }

    /// Reads some more. Returns false at the end of the stream.
    fn read(&mut self) -> bool {
        let mut piece = [0; 64 * 1024];
        let count = self.stream.read(&mut piece).expect("news in time");
        self.bytes.extend_from_slice(&piece[..count]);
        count > 0
    }

    /// Reads until these bytes have come, and drops what came before them.
    fn wait_for(&mut self, wanted: &[u8]) {
        loop {
            if let Some(at) = find(&self.bytes, wanted) {
                self.bytes.drain(..at + wanted.len());
                return;
            }
            assert!(self.read(), "the stream ended without {}", wanted.escape_ascii());
        }
    }

    fn wait_for_head(&mut self) {
        self.wait_for(b"\r\n\r\n");
    }

    /// Takes the numbers of all events that have come.
    fn numbers(&self) -> Vec<u64> {
        let text = String::from_utf8_lossy(&self.bytes);
        text.lines()
            .filter_map(|line| line.strip_prefix("id: "))
            .map(|number| number.parse().expect("a number"))
            .collect()
    }
}

fn publish(client: &mut Client, text: &str) {
    let length = text.len();
    let post = format!("POST /publish HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n{text}");
    assert_eq!(client.exchange(post).expect("an answer").status, 200);
}

fn subscribers(server: &Server, count: usize) -> Vec<Subscriber> {
    let mut all: Vec<Subscriber> = (0..count).map(|index| Subscriber::ask(server, index)).collect();
    all.iter_mut().for_each(Subscriber::wait_for_head);
    all
}

#[test]
fn every_event_reaches_ten_thousand_clients_in_order_and_a_drain_ends_their_streams() {
    const CLIENTS: usize = 10_000;
    const EVENTS: u64 = 10;
    crowd::make_room(CLIENTS as u64);
    let mut server = Launch::example("events").arg("2").start();
    let mut publisher = server.connect();
    publish(&mut publisher, "before anybody listens");
    let memory = process::anonymous_memory(server.pid());
    let mut all = subscribers(&server, CLIENTS);
    let memory = process::anonymous_memory(server.pid()) - memory;
    let processor = process::cpu_time(server.pid());
    let started = Instant::now();
    for number in 0..EVENTS {
        publish(&mut publisher, &format!("news {number}"));
        let last = format!("data: news {number}\n\n");
        for each in &mut all {
            each.wait_for(last.as_bytes());
            let come = each.numbers();
            assert!(
                come.is_empty(),
                "events {come:?} came out of order, after {number}"
            );
        }
    }
    let took = started.elapsed();
    let processor = process::cpu_time(server.pid()) - processor;
    println!(
        "{CLIENTS} clients: {} bytes each; {EVENTS} events in {took:?}, {:?} of CPU an event, {:.2} µs a client",
        memory / CLIENTS as u64,
        processor / u32::try_from(EVENTS).expect("a small number"),
        processor.as_secs_f64() * 1e6 / (EVENTS * CLIENTS as u64) as f64
    );
    assert!(
        memory / (CLIENTS as u64) < 2048,
        "{memory} bytes for {CLIENTS} clients"
    );
    let started = Instant::now();
    server.signal(Signal::SIGTERM);
    for each in &mut all {
        each.wait_for(b"0\r\n\r\n");
    }
    println!(
        "after SIGTERM the last stream had ended in {:?}",
        started.elapsed()
    );
    drop(all);
    let status = server.ends_within(PATIENCE);
    assert!(status.success(), "{status}");
}

#[test]
fn clients_that_do_not_read_cost_bounded_memory_and_lose_their_stream_while_others_get_all() {
    const SLOW: usize = 50;
    const EVENTS: u64 = 3000;
    let mut server = Launch::example("events").arg("1").start();
    let mut publisher = server.connect();
    let mut slow = subscribers(&server, SLOW);
    let mut quick = subscribers(&server, 1).remove(0);
    let before = process::anonymous_memory(server.pid());
    // Far more than kernels keep for a connection, and three times what the server keeps for all of them.
    let text = "x".repeat(8000);
    let post = format!("POST /publish HTTP/1.1\r\nHost: a\r\nContent-Length: 8000\r\n\r\n{text}");
    for last in (99..EVENTS).step_by(100) {
        publisher.send(post.repeat(100)).expect("the server reads");
        for _ in 0..100 {
            assert_eq!(publisher.response().expect("an answer").status, 200);
        }
        quick.wait_for(format!("id: {last}\n").as_bytes());
    }
    let grown = process::anonymous_memory(server.pid()).saturating_sub(before);
    println!(
        "{SLOW} clients that read nothing of 24 MB: {} KiB in all, the ring included",
        grown / 1024
    );
    assert!(grown < 16 * 1024 * 1024, "{grown} bytes for {SLOW} slow clients");
    // What one of them was sent is in order and without a gap, and ends before the last event.
    let mut late = slow.pop().expect("a slow client");
    let mut piece = [0; 64 * 1024];
    while let Ok(count @ 1..) = late.stream.read(&mut piece) {
        late.bytes.extend_from_slice(&piece[..count]);
    }
    let numbers = late.numbers();
    assert!(
        (1..EVENTS as usize).contains(&numbers.len()),
        "{} events",
        numbers.len()
    );
    assert!(numbers.iter().copied().eq(0..numbers.len() as u64), "{numbers:?}");
    // Those that read nothing at all lose their connection.
    let started = Instant::now();
    while process::open_files(server.pid()) > 30 {
        assert!(started.elapsed() < 2 * PATIENCE, "slow clients are cut off");
        thread::sleep(Duration::from_millis(100));
    }
    assert!(server.is_running());
}

#[test]
fn an_event_to_many_clients_of_one_worker_wakes_it_once() {
    const CLIENTS: usize = 200;
    const EVENTS: usize = 20;
    if tools::tool("strace").is_none() {
        return;
    }
    let folder = tempfile::tempdir().expect("a directory");
    let log = folder.path().join("strace");
    let strace = [
        "strace",
        "-D",
        "-f",
        "-y",
        "-qq",
        "-e",
        "trace=write",
        "-o",
        log.to_str().expect("a path of text"),
    ];
    let server = Launch::example("events").arg("1").under(strace).start();
    let mut all = subscribers(&server, CLIENTS);
    let mut publisher = server.connect();
    let read = || fs::read_to_string(&log).expect("strace writes its log");
    let wakes = || read().lines().filter(|line| line.contains("eventfd]>, ")).count();
    assert!(
        read().contains("listening on"),
        "strace writes what it sees as it sees it"
    );
    let before = wakes();
    for number in 0..EVENTS {
        publish(&mut publisher, "news");
        let last = format!("id: {number}\n");
        all.iter_mut().for_each(|each| each.wait_for(last.as_bytes()));
    }
    let wakes = wakes() - before;
    println!("{EVENTS} events to {CLIENTS} clients: {wakes} wakes");
    // None where the worker is still awake from the request that published the event.
    assert!(wakes <= EVENTS, "{wakes} wakes for {EVENTS} events");
}

#[test]
fn a_client_that_comes_back_says_how_far_it_had_come() {
    let server = Launch::example("events").start();
    let mut publisher = server.connect();
    let mut first = subscribers(&server, 1).remove(0);
    for number in 0..5 {
        publish(&mut publisher, &format!("line {number}\nand another"));
    }
    first.wait_for(b"id: 4\ndata: line 4\ndata: and another\n\n");
    let mut again = crowd::connect(server.address(), 1);
    again
        .write_all(b"GET /events HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 1\r\n\r\n")
        .expect("the server reads");
    let mut again = Subscriber {
        stream: again,
        bytes: Vec::new(),
    };
    again.wait_for_head();
    while again.numbers().len() < 3 {
        assert!(again.read(), "the stream goes on");
    }
    assert_eq!(again.numbers(), [2, 3, 4]);
}

#[test]
fn a_client_that_is_further_behind_than_the_ring_is_long_loses_its_stream() {
    let server = Launch::example("events").start();
    let mut publisher = server.connect();
    for _ in 0..1100 {
        publish(&mut publisher, "news");
    }
    // The publisher is a thread of its own, which may be behind: not before the last event has come are the first ones gone.
    let after = b"GET /events HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 1098\r\n\r\n";
    Subscriber::ask_by(after, &server, 0).wait_for(b"id: 1099\n");
    let mut client = server.connect();
    let again = "GET /events HTTP/1.1\r\nHost: a\r\nLast-Event-ID: 10\r\n\r\n";
    let ended = client.exchange(again).expect("a stream that ends at once");
    assert_eq!((ended.status, ended.text().as_str()), (200, ""));
}

#[test]
fn curl_prints_each_event_when_it_comes() {
    let Some(curl) = tools::tool("curl") else { return };
    let server = Launch::example("events").start();
    let url = server.url("/events");
    let reader = thread::spawn(move || {
        let arguments = ["--silent", "--no-buffer", "--max-time", "2", &url];
        tools::run(&curl, &arguments, PATIENCE)
    });
    let mut publisher = server.connect();
    // Until curl's time is over: it sees at least the later ones.
    for number in 0..20 {
        publish(&mut publisher, &format!("news {number}"));
        thread::sleep(Duration::from_millis(100));
    }
    let output = reader.join().expect("curl ran");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.matches("data: news ").count() >= 2, "{text}");
}
