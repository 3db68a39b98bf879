//! A worker whose connections hold as much as they may, in a server of this process.

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use server_bin::handler::{Decision, Methods, Notice, function};
use server_bin::{Running, Server, Settings};
use support::{Client, PATIENCE};

const MIB: usize = 1024 * 1024;

/// A server of one worker with so much memory, which sends bodies back.
struct Small(Option<Running>);

impl Small {
    fn with(worker_memory: usize) -> Self {
        Self::of(Settings {
            worker_memory,
            ..Settings::default()
        })
    }

    fn of(settings: Settings) -> Self {
        let echo = function(|_, _| Decision::buffer(u64::MAX, |body, _| body.len().to_string().into()));
        let server = Server::with(echo.methods(Methods::of("GET, POST")))
            .workers(1)
            .settings(settings)
            .on_notice(|notice| {
                assert!(matches!(notice, Notice::MemoryReached { .. }), "{notice}");
            })
            .listen("127.0.0.1:0".parse().expect("an address"));
        Self(Some(server.spawn().expect("a free port")))
    }

    fn running(&self) -> &Running {
        self.0.as_ref().expect("it runs until it is dropped")
    }

    fn connect(&self) -> Client {
        let address: SocketAddr = self.running().addresses()[0].tcp().expect("a port");
        Client::connect(address)
    }

    /// Bytes that are held, and how many connections were given up.
    fn counted(&self) -> (u64, u64) {
        let counted = self.running().counters().read(PATIENCE);
        (counted[0].memory, counted[0].given_up)
    }

    /// An upload of so many bytes that lacks its last one.
    fn withhold(&self, bytes: usize) -> Client {
        let mut client = self.connect();
        let head = format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n");
        client
            .send(head + &"x".repeat(bytes - 1))
            .expect("the server reads");
        client
    }

    fn wait_until_held(&self, bytes: usize) {
        let until = Instant::now() + PATIENCE;
        while self.counted().0 < bytes as u64 {
            assert!(Instant::now() < until, "{:?}", self.counted());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        if let Some(running) = self.0.take() {
            running.handle().stop();
            let end = running.join();
            assert!(end.is_ok() || thread::panicking(), "a worker failed: {end:?}");
        }
    }
}

#[test]
fn when_all_is_held_those_that_stand_still_longest_are_refused_and_the_others_go_on() {
    let server = Small::with(2 * MIB);
    let line = format!("X: {}\r\n", "x".repeat(995));
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{}", line.repeat(30));
    let mut clients = Vec::new();
    for _ in 0..100 {
        let mut client = server.connect();
        client.send(&head).expect("the server reads");
        // What stands still longer is told by the rounds' times.
        thread::sleep(Duration::from_millis(2));
        clients.push(client);
    }
    let (held, given_up) = server.counted();
    assert!(held < 2 * MIB as u64 && given_up >= 30, "{held}, {given_up}");
    let last = clients.split_off(90);
    for mut client in clients.drain(..given_up as usize) {
        let answer = client.response().expect("an answer");
        assert_eq!((answer.status, answer.field("retry-after")), (503, Some("1")));
        assert!(answer.says_close());
    }
    for mut client in last {
        assert_eq!(client.exchange("\r\n").expect("an answer").status, 200);
    }
    assert_eq!(
        server
            .connect()
            .exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("an answer")
            .status,
        200
    );
}

#[test]
fn an_upload_that_waits_for_memory_goes_on_when_others_have_gone() {
    let started = Instant::now();
    let server = Small::with(4 * MIB);
    let others = [server.withhold(MIB + MIB / 2), server.withhold(MIB + MIB / 2)];
    server.wait_until_held(3 * MIB);
    let mut waits = server.connect();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n";
    waits
        .send(head.to_owned() + &"x".repeat(500_000))
        .expect("the kernel takes it");
    let is_silent = waits.is_silent_for(Duration::from_millis(200)).expect("no end");
    let (held, given_up) = server.counted();
    assert!(is_silent && held < 3 * MIB as u64 + 500_000, "{held}");
    // On a machine that is very busy the time may be over by now.
    assert!(given_up == 0 || started.elapsed() > Duration::from_secs(1));
    drop(others);
    let answer = waits.response().expect("an answer");
    assert_eq!((answer.status, answer.text().as_str()), (200, "500000"));
}

#[test]
fn when_memory_stays_tight_what_holds_it_is_refused_for_those_that_wait() {
    let server = Small::with(4 * MIB);
    let others = [server.withhold(MIB + MIB / 2), server.withhold(MIB + MIB / 2)];
    server.wait_until_held(3 * MIB);
    let mut waits = server.connect();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n";
    let started = Instant::now();
    let answer = waits.exchange(head.to_owned() + &"x".repeat(500_000));
    assert_eq!(answer.expect("an answer").status, 200);
    // Much earlier than by the timeout of the bodies that are withheld.
    assert!(
        started.elapsed() < Duration::from_secs(10),
        "{:?}",
        started.elapsed()
    );
    // Whichever came to its end first.
    let refused = others.into_iter().find_map(|mut other| {
        let is_silent = other.is_silent_for(Duration::from_millis(500)).expect("no reset");
        (!is_silent).then_some(other)
    });
    let answer = refused.expect("one of both").response().expect("an answer");
    assert_eq!((answer.status, answer.field("retry-after")), (503, Some("1")));
}

#[test]
fn the_kernel_keeps_no_more_than_the_receive_buffer_of_what_is_not_read() {
    if !cfg!(target_os = "linux") {
        return support::tools::skipped("the_kernel_keeps_no_more", "Linux's proc(5)");
    }
    let server = Small::of(Settings {
        worker_memory: MIB,
        receive_buffer: 16 * 1024,
        ..Settings::default()
    });
    let _others = [
        server.withhold(MIB / 2 - MIB / 8),
        server.withhold(MIB / 2 - MIB / 8),
    ];
    server.wait_until_held(MIB / 4 * 3);
    let mut waits = server.connect();
    let head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n\r\n";
    waits.send(head).expect("the kernel takes it");
    let stream = waits.stream();
    stream.set_nonblocking(true).expect("it need not wait");
    let piece = [b'x'; 64 * 1024];
    let (mut most, until) = (0, Instant::now() + Duration::from_millis(500));
    while Instant::now() < until {
        let _ = std::io::Write::write(&mut &*stream, &piece);
        let own = stream.local_addr().expect("an address");
        let address = stream.peer_addr().expect("an address");
        most = most.max(support::process::unread(address, own));
    }
    // Without a limit of ours it is 64 KiB at first, and megabytes later.
    assert!((1..=32 * 1024).contains(&most), "{most} bytes were not read");
}
