//! The demonstration's `/`: what it shows is what the server does, and its stream ends with the server.

use std::io::{Read as _, Write as _};
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::{Client, Launch, PATIENCE, Server, process};

fn get(client: &mut Client, path: &str) -> String {
    let answer = client.exchange(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 200, "{path}: {answer:?}");
    answer.text()
}

/// Reads the stream until an event has what is wanted, and returns that event.
fn event_with(stream: &mut Client, mut wanted: impl FnMut(&str) -> bool) -> String {
    let started = Instant::now();
    let mut text = String::new();
    stream
        .stream()
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout");
    loop {
        let mut piece = [0; 4096];
        let count = stream.stream().read(&mut piece).expect("events come");
        assert!(count > 0 && started.elapsed() < PATIENCE, "in vain: {text}");
        text += &String::from_utf8_lossy(&piece[..count]);
        let found = text.lines().filter_map(|line| line.strip_prefix("data: "));
        if let Some(found) = found
            .filter(|event| event.ends_with('}'))
            .find(|event| wanted(event))
        {
            return found.to_owned();
        }
    }
}

/// The number behind a name in a line of JSON.
fn number(event: &str, name: &str) -> u64 {
    let (_, rest) = event.split_once(&format!("\"{name}\":")).expect("the name");
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().expect("a number")
}

fn watch(server: &Server) -> Client {
    let mut stream = server.connect();
    stream
        .stream()
        .write_all(b"GET /live HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("the server reads");
    let head = stream.response_to(true).expect("an answer");
    assert_eq!(head.field("content-type"), Some("text/event-stream"));
    stream
}

#[test]
fn the_page_s_table_counts_requests_and_connections_without_a_script() {
    let server = Launch::new().args(["--workers", "2"]).start();
    let mut idle: Vec<Client> = (0..5).map(|_| server.connect()).collect();
    for client in &mut idle {
        get(client, "/plaintext");
    }
    let page = get(&mut server.connect(), "/");
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("<tr><th>")).collect();
    assert_eq!(rows.len(), 3, "two workers and their sum: {rows:?}");
    // Its own connection waits for it, with the five that are idle.
    assert!(
        rows[2].starts_with("<tr><th>all<td>6<td>6<td>requests: "),
        "{rows:?}"
    );
    assert!(rows[..2].iter().any(|row| row.contains("1 later")), "{rows:?}");
}

#[test]
fn the_stream_tells_of_requests_latency_and_phases_as_they_come() {
    let server = Launch::new().args(["--workers", "1"]).start();
    let mut stream = watch(&server);
    let first = event_with(&mut stream, |_| true);
    let before = number(&first, "requests");
    let mut client = server.connect();
    for _ in 0..100 {
        get(&mut client, "/plaintext");
    }
    let event = event_with(&mut stream, |event| number(event, "requests") >= before + 100);
    let (_, phases) = event.split_once("\"phases\":[").expect("phases");
    let phases: Vec<&str> = phases.split([',', ']']).collect();
    assert_eq!(
        (phases[2], phases[9]),
        ("1", "1"),
        "one idle and one starved: {event}"
    );
    let (_, latencies) = event.split_once("\"latencies\":[").expect("latencies");
    let (latencies, _) = latencies.split_once(']').expect("their end");
    let rounds: u64 = latencies
        .split(',')
        .map(|count| count.parse::<u64>().expect("a number"))
        .sum();
    assert!((50..=101).contains(&rounds), "{rounds} rounds: {event}");
}

#[test]
fn a_drain_ends_the_stream_and_nobody_who_watches_costs_nothing() {
    let mut server = Launch::new().args(["--workers", "1"]).start();
    let mut stream = watch(&server);
    event_with(&mut stream, |_| true);
    drop(stream);
    std::thread::sleep(Duration::from_millis(1500));
    let before = process::cpu_time(server.pid());
    std::thread::sleep(Duration::from_secs(2));
    let spent = process::cpu_time(server.pid()) - before;
    assert!(spent <= Duration::from_millis(20), "{spent:?} for nobody");
    let mut stream = watch(&server);
    server.signal(Signal::SIGTERM);
    let rest = stream.rest().expect("an orderly end");
    assert!(rest.ends_with(b"0\r\n\r\n"), "{}", rest.escape_ascii());
    assert!(server.ends_within(PATIENCE).success());
}
