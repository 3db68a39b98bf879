//! At the limit of connections: who idles makes room, and who is served does not.

use std::io::{ErrorKind, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use support::{Client, Launch, PATIENCE, Server, is_once_in_time, process};

use super::{NEVER, REQUEST};

const PLACES: usize = 200;
const ATTACKING_THREADS: usize = 2;

fn server(places: usize, more: &[&str]) -> Server {
    let places = places.to_string();
    let launch = Launch::new().args(["--max-connections", &places, "--access-log", "off"]);
    more.iter().fold(launch, |launch, word| launch.arg(word)).start()
}

/// How long it takes a new client to be answered: the median and the longest of so many.
fn newcomers(server: &Server, count: usize) -> (Duration, Duration) {
    let mut times: Vec<Duration> = (0..count)
        .map(|_| {
            let started = Instant::now();
            let answer = server.connect().exchange(REQUEST).expect("an answer");
            assert_eq!(answer.status, 200);
            started.elapsed()
        })
        .collect();
    times.sort_unstable();
    (times[times.len() / 2], times[times.len() - 1])
}

/// Waits until the server has taken so many connections, as its descriptors show.
fn wait_for_files(server: &Server, connections: usize, before: usize) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let open = process::open_files(server.pid());
        if open >= before + connections {
            return;
        }
        assert!(
            Instant::now() < deadline,
            "the server takes {connections}, not {open} - {before}: {}",
            server.output()
        );
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn as_many_silent_connections_as_there_are_places_keep_nobody_out() {
    for workers in ["1", "2"] {
        for first in ["", "GET / HTTP/1.1\r\n"] {
            let keep_nobody_out = is_once_in_time(|| silent_connections_keep_nobody_out(workers, first));
            assert!(keep_nobody_out, "{workers} workers, silent after {first:?}");
        }
    }
}

fn silent_connections_keep_nobody_out(workers: &str, first: &str) -> bool {
    let server = server(PLACES, &["--workers", workers]);
    // Before any client, whose connection may stay open a little longer than the client itself.
    let before = process::open_files(server.pid());
    let (quiet, _) = newcomers(&server, 40);
    let mut silent: Vec<_> = (0..PLACES).map(|_| server.connect()).collect();
    for client in &mut silent {
        client.send(first).expect("the server reads");
    }
    wait_for_files(&server, PLACES - 5, before);
    if !first.is_empty() {
        // A head that was just begun is still waited for.
        thread::sleep(Duration::from_millis(1100));
    }
    let (usual, longest) = newcomers(&server, 40);
    println!("{workers} workers, silent after {first:?}: {usual:?} beside {quiet:?}, longest {longest:?}");
    usual < quiet * 20 + Duration::from_millis(20) && longest < Duration::from_secs(1)
}

/// The same beside so many connections that each begin with `first` and are made anew when the server closes them.
fn newcomers_beside(server: &Server, attackers: usize, first: &str) -> (Duration, Duration) {
    let ends = AtomicBool::new(false);
    thread::scope(|scope| {
        for part in 0..ATTACKING_THREADS {
            let ends = &ends;
            scope.spawn(move || {
                let begin = |index| {
                    let stream = support::crowd::connect(server.address(), index);
                    // One that was closed at once is made anew with the others.
                    let _ = (&stream).write_all(first.as_bytes());
                    stream.set_nonblocking(true).expect("it can be set");
                    stream
                };
                let indices = (part..attackers).step_by(ATTACKING_THREADS);
                let mut crowd: Vec<_> = indices.map(begin).collect();
                while !ends.load(Ordering::Relaxed) {
                    for (index, stream) in crowd.iter_mut().enumerate() {
                        match stream.read(&mut [0; 64]) {
                            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                            _ => *stream = begin(index),
                        }
                    }
                    thread::sleep(Duration::from_millis(1));
                }
            });
        }
        // The kernel lets them all wait, in places or in the backlog.
        thread::sleep(Duration::from_millis(500));
        let times = newcomers(server, 3);
        ends.store(true, Ordering::Relaxed);
        times
    })
}

#[test]
fn four_times_as_many_heads_that_do_not_go_on_as_there_are_places_keep_newcomers_out_for_a_moment() {
    const PLACES: usize = 50;
    for workers in ["1", "2"] {
        assert!(is_once_in_time(|| {
            let server = server(PLACES, &["--workers", workers]);
            let silent = newcomers_beside(&server, 4 * PLACES, "");
            let begun = newcomers_beside(&server, 4 * PLACES, "G");
            println!(
                "{workers} workers, median and longest: {silent:?} beside silent ones, {begun:?} beside heads"
            );
            // Were each waited for a second, this would be four: all that came before have to go.
            begun.0 < silent.0 * 2 + Duration::from_secs(1)
        }));
    }
}

#[test]
fn a_head_that_comes_in_two_parts_is_waited_for_at_the_limit_unless_most_places_are_held_so() {
    assert!(is_once_in_time(a_head_in_two_parts_is_answered));
}

fn a_head_in_two_parts_is_answered() -> bool {
    let server = server(4, &["--workers", "1", "--admin", "127.0.0.1:0"]);
    let mut busy: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    for client in &mut busy {
        client.send(NEVER).expect("the server reads");
    }
    server.wait_for_phase("later", 3);
    let mut slow = server.connect();
    let (first, second) = REQUEST.split_at(20);
    let begun = Instant::now();
    slow.send(first).expect("the server reads");
    server.wait_for_phase("head", 1);
    let mut new = server.connect();
    new.send(REQUEST).expect("the kernel takes it");
    // In a crowd of heads it would be closed after 50 ms, and as the only one it is waited for a second.
    let waits = new.is_silent_for(Duration::from_millis(150)).expect("no reset");
    let is_sent = slow.send(second).is_ok();
    if begun.elapsed() > Duration::from_millis(900) {
        return false;
    }
    assert!(
        waits && is_sent,
        "the one whose head is under way was closed for the newcomer"
    );
    // A server that did not get its turn for so long may find its time over before it looks at what has come.
    let Ok(answer) = slow.response() else {
        return false;
    };
    assert_eq!(answer.status, 200);
    // Now it is idle.
    assert_eq!(new.response().expect("its place").status, 200);
    true
}

#[test]
fn a_newcomer_for_whom_another_worker_has_to_make_room_gets_its_place_at_once() {
    assert!(is_once_in_time(|| {
        let server = server(1, &["--workers", "2"]);
        let mut kept = Vec::new();
        let mut times: Vec<Duration> = (0..41)
            .map(|_| {
                let started = Instant::now();
                let mut new = server.connect();
                assert_eq!(new.exchange(REQUEST).expect("a place").status, 200);
                kept.push(new);
                started.elapsed()
            })
            .collect();
        times.sort_unstable();
        println!("{times:?}");
        // A worker without an idle connection looks again after 200 ms.
        times[30] < Duration::from_millis(150)
    }));
}

#[test]
fn the_longest_idle_makes_room_and_those_who_are_served_do_not() {
    let server = server(4, &["--workers", "1"]);
    let mut owed = server.connect();
    owed.send("GET /slow?ms=2500 HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("the server reads");
    let mut idle: Vec<Client> = (0..3)
        .map(|_| {
            thread::sleep(Duration::from_millis(50));
            let mut client = server.connect();
            assert_eq!(client.exchange(REQUEST).expect("an answer").status, 200);
            client
        })
        .collect();
    // The first of them is not the longest idle any more.
    thread::sleep(Duration::from_millis(50));
    assert_eq!(idle[0].exchange(REQUEST).expect("an answer").status, 200);
    thread::sleep(Duration::from_millis(50));
    let mut new = server.connect();
    assert_eq!(new.exchange(REQUEST).expect("a place").status, 200);
    assert_eq!(idle[1].rest().expect("an orderly end"), b"", "the longest idle");
    for place in [0, 2] {
        assert_eq!(idle[place].exchange(REQUEST).expect("it stays").status, 200);
    }
    assert_eq!(owed.response().expect("its answer").status, 200);
}

#[test]
fn clients_that_ask_for_a_slow_answer_and_leave_keep_nobody_out() {
    assert!(is_once_in_time(|| {
        let server = server(PLACES, &["--workers", "2"]);
        let before = process::open_files(server.pid());
        for _ in 0..PLACES {
            let mut client = server.connect();
            client.send(NEVER).expect("the server reads");
            client.finish().expect("it is there");
            // It closes when it is dropped, and the kernel answers with a reset when the server sends.
        }
        wait_for_files(&server, PLACES - 5, before);
        let (_, longest) = newcomers(&server, 40);
        println!("longest {longest:?}");
        longest < Duration::from_secs(1)
    }));
}

#[test]
fn with_nobody_idle_a_newcomer_waits_and_hears_of_a_free_place_at_once() {
    for mode in ["reuseport", "exclusive", "shared"] {
        assert!(is_once_in_time(|| hears_of_a_free_place_at_once(mode)), "{mode}");
    }
}

fn hears_of_a_free_place_at_once(mode: &str) -> bool {
    let server = server(
        16,
        &["--workers", "2", "--accept", mode, "--admin", "127.0.0.1:0"],
    );
    let busy: Vec<Client> = (0..16)
        .map(|index| {
            // It ends by a reset: one that only shuts its side may still wait for its answer.
            let mut client = Client::over(support::crowd::connect(server.address(), index));
            client.send(NEVER).expect("the server reads");
            client
        })
        .collect();
    server.wait_for_phase("later", 16);
    let mut new: Vec<Client> = (0..8).map(|_| server.connect()).collect();
    for client in &mut new {
        // When it has its answer it is busy, and at no moment idle.
        let both = [REQUEST, NEVER].concat();
        client.send(both).expect("the kernel takes it");
        let silent = client.is_silent_for(Duration::from_millis(50)).expect("no reset");
        assert!(silent, "it has no place");
    }
    let mut times = Vec::new();
    let (tell, told) = mpsc::channel();
    thread::scope(|scope| {
        // Any of them may be the next one: each worker has a backlog of its own.
        for client in &mut new {
            let tell = tell.clone();
            scope.spawn(move || tell.send(client.response()));
        }
        // The workers look again each 200 ms: a place that becomes free at some other time is heard of at once.
        for gone in busy.into_iter().rev().take(8) {
            thread::sleep(Duration::from_millis(37));
            let started = Instant::now();
            drop(gone);
            let answer = told.recv_timeout(PATIENCE).expect("an answer");
            assert_eq!(answer.expect("a place").status, 200);
            times.push(started.elapsed());
        }
    });
    times.sort_unstable();
    println!("{mode}: {times:?}");
    times[4] < Duration::from_millis(40)
}

#[test]
fn connections_of_trusted_proxies_make_room_last() {
    // Everybody else's address is another one of the loopback network.
    let server = server(4, &["--workers", "1", "--trusted-proxies", "127.0.0.1/32"]);
    let mut proxy = server.connect();
    assert_eq!(proxy.exchange(REQUEST).expect("an answer").status, 200);
    thread::sleep(Duration::from_millis(50));
    for index in 0..12 {
        let mut stranger = Client::over(support::crowd::connect(server.address(), index));
        assert_eq!(stranger.exchange(REQUEST).expect("a place").status, 200);
        std::mem::forget(stranger);
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(proxy.exchange(REQUEST).expect("it is still there").status, 200);
}

#[test]
fn as_many_silent_connections_as_there_are_descriptors_keep_nobody_out() {
    assert!(is_once_in_time(|| {
        let server = Launch::new()
            .args(["--workers", "1", "--access-log", "off"])
            .open_files(128)
            .start();
        let before = process::open_files(server.pid());
        let silent: Vec<_> = (0..150).map(|_| server.connect()).collect();
        wait_for_files(&server, 80, before);
        let (_, longest) = newcomers(&server, 40);
        drop(silent);
        println!("longest {longest:?}");
        longest < Duration::from_secs(1)
    }));
}
