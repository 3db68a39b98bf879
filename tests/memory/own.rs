//! What a server leaves of this process's memory: after a source that made far too much at once, and after many clients.

use std::io::Write as _;
use std::net::TcpStream;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use server_bin::handler::{BodySource, Decision, Notice, Pulled, Reply};
use server_bin::{Server, Settings};
use support::{Client, PATIENCE, crowd, process};

const MIB: usize = 1024 * 1024;
/// What may be left, of the clients as well, which are in this process.
const LEFT: usize = 2 * MIB;

/// The memory is the whole process's.
static ALONE: Mutex<()> = Mutex::new(());

/// Makes all of its bytes in one pull.
struct AtOnce(usize);

impl BodySource for AtOnce {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        out.resize(self.0, b'x');
        Pulled::End
    }
}

#[test]
fn a_source_that_makes_256_mib_at_once_is_cut_off_and_what_it_took_comes_back() {
    if !cfg!(target_os = "linux") {
        return support::tools::skipped("a_source_that_makes_256_mib", "Linux's proc(5)");
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let cut = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&cut);
    let server = Server::new(|head, _| match head.path() {
        b"/large" => Decision::Respond(Reply::Pull(Box::new(AtOnce(256 * MIB)))),
        b"/small" => Decision::Respond(Reply::Pull(Box::new(AtOnce(4 * MIB)))),
        _ => "hello".into(),
    });
    let settings = Settings {
        worker_memory: 64 * MIB,
        ..Settings::default()
    };
    let server = server.workers(1).settings(settings).on_notice(move |notice| {
        if matches!(notice, Notice::PullTooLarge(bytes) if *bytes == 256 * MIB) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    });
    let running = server
        .listen("127.0.0.1:0".parse().expect("an address"))
        .spawn()
        .expect("a free port");
    let address = running.addresses()[0].tcp().expect("a port");
    let get = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        Client::connect(address).exchange(request)
    };
    assert_eq!(get("/").expect("an answer").text(), "hello");
    let before = process::anonymous_memory(std::process::id());
    assert_eq!(get("/small").expect("what has room is sent").body.len(), 4 * MIB);
    for round in 1..=3 {
        let answer = get("/large");
        assert!(answer.is_err(), "an answer that seems whole");
        assert_eq!(cut.load(Ordering::Relaxed), round, "the operator is told");
        assert_eq!(get("/").expect("others are served").text(), "hello");
    }
    assert_eq!(get("/small").expect("what has room is sent").body.len(), 4 * MIB);
    comes_back_to(before + LEFT as u64);
    running.handle().stop();
    running.join().expect("an orderly end");
}

#[test]
fn what_two_thousand_half_heads_took_comes_back() {
    const HEADS: usize = 2_000;
    if !cfg!(target_os = "linux") {
        return support::tools::skipped("what_two_thousand_half_heads_took", "Linux's proc(5)");
    }
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    crowd::make_room(2 * HEADS as u64);
    // A busy machine may need long until all are there.
    let settings = Settings {
        head_timeout: 3 * PATIENCE,
        ..Settings::default()
    };
    let server = Server::new(|_, _| "hello").workers(1).settings(settings);
    let running = server
        .listen("127.0.0.1:0".parse().expect("an address"))
        .spawn()
        .expect("a free port");
    let address = running.addresses()[0].tcp().expect("a port");
    let mut streams: Vec<TcpStream> = (0..HEADS).map(|index| crowd::connect(address, index)).collect();
    let line = format!("X: {}\r\n", "x".repeat(995));
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{}", line.repeat(30));
    // The worker's own buffers and its slots are no part of what is to come back.
    let answer = Client::connect(address).exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(answer.expect("an answer").text(), "hello");
    until("the clients are accepted", || {
        running.counters().read(PATIENCE)[0].accepted > HEADS as u64
    });
    let before = process::anonymous_memory(std::process::id());
    for stream in &mut streams {
        stream.write_all(head.as_bytes()).expect("the kernel takes it");
    }
    until("the heads are read", || {
        running.counters().read(PATIENCE)[0].memory >= (HEADS * 30_000) as u64
    });
    let held = process::anonymous_memory(std::process::id()) - before;
    assert!(held > (HEADS * 30_000) as u64, "{held} bytes are held");
    drop(streams);
    comes_back_to(before + LEFT as u64);
    running.handle().stop();
    running.join().expect("an orderly end");
}

/// Waits until it is so.
#[track_caller]
fn until(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !is_so() {
        assert!(Instant::now() < end, "not in time: {what}");
        thread::sleep(Duration::from_millis(10));
    }
}

/// That this process has soon so many bytes of memory at most.
#[track_caller]
fn comes_back_to(most: u64) {
    let end = Instant::now() + PATIENCE;
    loop {
        let now = process::anonymous_memory(std::process::id());
        if now <= most {
            return;
        }
        assert!(Instant::now() < end, "{now} bytes, and {most} are allowed");
        thread::sleep(Duration::from_millis(100));
    }
}
