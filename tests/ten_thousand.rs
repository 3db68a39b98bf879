//! The question of 2009: 10,000 keep-alive connections at once, on two workers, each answered.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::{Launch, Server, crowd, process};

const CONNECTIONS: usize = 10_000;
const REQUEST: &[u8] = b"GET /plaintext HTTP/1.1\r\nHost: a\r\nUser-Agent: test\r\nAccept: */*\r\n\r\n";

/// Reads one answer of the demonstration's `/plaintext`.
fn read_answer(stream: &mut TcpStream) {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\nHello, World!") {
        let mut piece = [0; 1024];
        let count = stream.read(&mut piece).expect("an answer in time");
        assert!(
            count > 0,
            "the server closed a connection: {}",
            answer.escape_ascii()
        );
        answer.extend_from_slice(&piece[..count]);
    }
    assert!(answer.starts_with(b"HTTP/1.1 200 "), "{}", answer.escape_ascii());
}

/// Asks on every connection before it reads the first answer.
fn ask_all(connections: &mut [TcpStream]) {
    for stream in connections.iter_mut() {
        stream.write_all(REQUEST).expect("the server reads");
    }
    connections.iter_mut().for_each(read_answer);
}

/// Others work meanwhile: eight connections, one request after the other. Answers how many were answered and the
/// longest that one took.
fn work_until(server: &Server, done: &AtomicBool) -> (u64, Duration) {
    let (answered, longest) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        for index in 0..8 {
            let (answered, longest) = (&answered, &longest);
            scope.spawn(move || {
                let mut stream = crowd::connect(server.address(), index);
                while !done.load(Ordering::Relaxed) {
                    let started = Instant::now();
                    stream.write_all(REQUEST).expect("the server reads");
                    read_answer(&mut stream);
                    let took = u64::try_from(started.elapsed().as_micros()).expect("a short time");
                    longest.fetch_max(took, Ordering::Relaxed);
                    answered.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    (answered.into_inner(), Duration::from_micros(longest.into_inner()))
}

#[test]
fn ten_thousand_connections_are_held_and_each_is_answered_twice_while_others_work() {
    crowd::make_room(CONNECTIONS as u64);
    let server = Launch::new().args(["--workers", "2"]).start();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let others = scope.spawn(|| work_until(&server, &done));
        let started = Instant::now();
        let mut connections: Vec<TcpStream> = (0..CONNECTIONS)
            .map(|index| crowd::connect(server.address(), index))
            .collect();
        ask_all(&mut connections);
        ask_all(&mut connections);
        assert!(
            process::open_files(server.pid()) >= CONNECTIONS,
            "the server holds them all at once"
        );
        let took = started.elapsed();
        done.store(true, Ordering::Relaxed);
        let (answered, longest) = others.join().expect("the others were answered too");
        println!(
            "20,000 answers on 10,000 connections in {took:?}; others got {answered}, the slowest in {longest:?}"
        );
        assert!(answered > 1000, "the others got only {answered} answers");
        assert!(
            longest < Duration::from_secs(5),
            "one of the others waited for {longest:?}"
        );
    });
    server.stop();
}
