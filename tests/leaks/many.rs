//! Very many connections of eight kinds, by proc(5).

use std::fs;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use support::{Client, Launch, PATIENCE, Server, crowd, process};

/// Wakes beyond this are no answers of `/slow` that are late: as many come from timers that are left, one for each connection.
const LATE: u64 = 300;

/// What a server holds.
#[derive(Debug)]
struct Held {
    files: usize,
    memory: u64,
    /// How often its worker wakes within three seconds in which nobody asks anything: a timer that is left would wake it.
    wakes: u64,
}

impl Held {
    fn by(server: &Server) -> Self {
        // The answers of `/slow?ms=50` come also when their clients have gone, and wake the worker.
        thread::sleep(Duration::from_secs(1));
        let before = switches(server.pid());
        thread::sleep(Duration::from_secs(3));
        Self {
            files: process::open_files(server.pid()),
            memory: process::anonymous_memory(server.pid()),
            wakes: switches(server.pid()) - before,
        }
    }

    /// That nothing of this is more than it was `before`, but for what an allocator keeps and for a chance wake.
    fn is_no_more_than(&self, before: &Self) -> bool {
        self.files <= before.files
            && self.memory <= before.memory + 2 * 1024 * 1024
            && self.wakes <= before.wakes + 3
    }
}

/// How often the process's workers have gone to sleep so far.
fn switches(pid: u32) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("the server runs");
    tasks.map(|task| switches_of(&task.expect("a task").path())).sum()
}

fn switches_of(task: &Path) -> u64 {
    let is_worker = fs::read_to_string(task.join("comm")).is_ok_and(|name| name.starts_with("worker"));
    let status = fs::read_to_string(task.join("status")).unwrap_or_default();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("voluntary_ctxt_switches:"));
    line.filter(|_| is_worker)
        .map_or(0, |count| count.trim().parse().expect("a number"))
}

/// One connection of its kind: what it sends, and whether it waits for an answer.
fn visit(address: SocketAddr, index: usize) {
    let stream = crowd::connect(address, index);
    let (request, is_answered): (&[u8], bool) = match index % 8 {
        0 => (b"", false),
        1 => (b"GET /plaintext HT", false),
        2 => (
            b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nhalf",
            false,
        ),
        3 => (b"GET /slow?ms=50 HTTP/1.1\r\nHost: a\r\n\r\n", false),
        4 => (b"GET /stream?lines=9999 HTTP/1.1\r\nHost: a\r\n\r\n", false),
        5 => (b"GET /plaintext HTTP/9.9\r\n\r\n", true),
        6 => (
            b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nwhole",
            true,
        ),
        _ => (b"GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n", true),
    };
    if is_answered {
        Client::over(stream).exchange(request).expect("an answer");
    } else {
        (&stream).write_all(request).expect("the server reads");
    }
}

fn visit_often(address: SocketAddr, count: usize) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        return;
                    }
                    visit(address, index);
                }
            });
        }
    });
}

/// Waits until the server has so many files open at most. Whether it comes to that is judged later.
fn wait_for_files(server: &Server, most: usize) {
    let deadline = Instant::now() + PATIENCE;
    while process::open_files(server.pid()) > most && Instant::now() < deadline {
        thread::sleep(Duration::from_millis(20));
    }
}

/// Connections of eight kinds come and go; afterwards the server holds what it held before.
#[track_caller]
fn comes_back_after(count: usize) {
    let server = Launch::new().args(["--workers", "1"]).start();
    visit(server.address(), 7);
    let idle = process::open_files(server.pid());
    // As many as grow what is kept for good: slots, rings, buffers of the pool.
    visit_often(server.address(), 5_000);
    // With connections of these still there, as many could stay of the others and nobody would see it.
    wait_for_files(&server, idle);
    let before = Held::by(&server);
    let start = Instant::now();
    visit_often(server.address(), count);
    let seconds = start.elapsed().as_secs_f64();
    wait_for_files(&server, before.files);
    // A busy server needs some time until it has given its memory back. What is left for good stays.
    let deadline = Instant::now() + 2 * PATIENCE;
    let after = loop {
        let after = Held::by(&server);
        let has_timers = after.wakes > before.wakes + LATE;
        if after.is_no_more_than(&before) || has_timers || Instant::now() > deadline {
            break after;
        }
    };
    println!(
        "| connections | seconds | files before, after | memory before, after | wakes in 3 s before, after |"
    );
    println!("| ---: | ---: | ---: | ---: | ---: |");
    println!(
        "| {count} | {seconds:.0} | {}, {} | {} kB, {} kB | {}, {} |",
        before.files,
        after.files,
        before.memory / 1024,
        after.memory / 1024,
        before.wakes,
        after.wakes
    );
    assert!(
        after.is_no_more_than(&before),
        "something is left: {after:?}, and {before:?} before"
    );
    server.stop();
}

#[test]
fn forty_thousand_connections_leave_nothing_behind() {
    let _alone = crate::alone();
    comes_back_after(40_000);
}

/// `CONNECTIONS=100000` makes them fewer.
#[test]
#[ignore = "by hand: a minute"]
fn a_million_connections_leave_nothing_behind() {
    let _alone = crate::alone();
    let wish = std::env::var("CONNECTIONS").ok();
    comes_back_after(wish.map_or(1_000_000, |count| count.parse().expect("CONNECTIONS is a number")));
}
