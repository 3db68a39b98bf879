//! Clients that are slow, silent, greedy or malicious, and a machine that runs out of file descriptors.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::panic::resume_unwind;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::sys::stat::Mode;
use nix::unistd::mkfifo;
use support::{Client, Launch, PATIENCE, Server, find, is_once_in_time, process};

const REQUEST: &str = "GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n";

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// That the server answers others, and soon: what holds it up does so each time.
#[track_caller]
fn serves_others(server: &Server, path: &str) {
    let mut waited = Duration::ZERO;
    let is_soon = is_once_in_time(|| {
        let started = Instant::now();
        let response = server.connect().exchange(get(path)).expect("others are answered");
        assert_eq!(response.status, 200);
        waited = started.elapsed();
        waited < Duration::from_secs(1)
    });
    assert!(is_soon, "others waited for {waited:?}");
}

/// A root with a secret beside it and every kind of file in it.
fn tricky_root(folder: &Path) -> std::path::PathBuf {
    let root = folder.join("root");
    fs::create_dir_all(root.join("sub")).expect("a directory");
    fs::write(folder.join("secret.txt"), "SECRET").expect("a file");
    fs::write(root.join("a.txt"), "inside").expect("a file");
    fs::write(root.join("sub/b.txt"), "below").expect("a file");
    fs::write(root.join(".hidden"), "SECRET").expect("a file");
    symlink(folder.join("secret.txt"), root.join("absolute-link")).expect("a link");
    symlink("../secret.txt", root.join("relative-link")).expect("a link");
    symlink("..", root.join("up")).expect("a link");
    symlink("/proc/self/root", root.join("magic")).expect("a link");
    symlink("a.txt", root.join("inner-link")).expect("a link");
    symlink("loop", root.join("loop")).expect("a link");
    mkfifo(&root.join("fifo"), Mode::from_bits_truncate(0o644)).expect("a FIFO");
    root
}

#[test]
fn no_spelling_of_a_path_leaves_the_root() {
    let folder = tempfile::tempdir().expect("a directory");
    let root = tricky_root(folder.path());
    let server = Launch::of(&root).start();
    let spellings = [
        "/../secret.txt",
        "/../../../../../../etc/passwd",
        "/sub/../../secret.txt",
        "/./../secret.txt",
        "/%2e%2e/secret.txt",
        "/%2E%2E/secret.txt",
        "/.%2e/secret.txt",
        "/%2e./secret.txt",
        "/..%2fsecret.txt",
        "/..%2Fsecret.txt",
        "/%2e%2e%2fsecret.txt",
        "/%252e%252e/secret.txt",
        "/..%5csecret.txt",
        "/..\\secret.txt",
        "/..;/secret.txt",
        "/..%00/secret.txt",
        "/%00../secret.txt",
        "/a.txt%00",
        "/a.txt/",
        "/a.txt/../../secret.txt",
        "//../secret.txt",
        "///etc/passwd",
        "//etc/passwd",
        "/%2fetc/passwd",
        "/%c0%ae%c0%ae/secret.txt",
        "/%e0%80%ae%e0%80%ae/secret.txt",
        "/sub/..%2f..%2fsecret.txt",
        "/absolute-link",
        "/relative-link",
        "/up/secret.txt",
        "/magic/etc/passwd",
        "/loop",
        "/.hidden",
        "/%2ehidden",
        "http://a/../secret.txt",
        "http://a/%2e%2e/secret.txt",
        "/sub/%2e%2e/%2e%2e/secret.txt",
        "/....//secret.txt",
        "/../root/../secret.txt",
        "/../root/a.txt",
        "/proc/self/environ",
        "/~root",
    ];
    for spelling in spellings {
        let response = server.connect().exchange(get(spelling)).expect("an answer");
        assert!(
            matches!(response.status, 400 | 404),
            "{spelling} got {}",
            response.status
        );
        assert!(
            !response.text().contains("SECRET") && !response.text().contains("root:"),
            "{spelling}: {response:?}"
        );
    }
    for (path, want) in [
        ("/a.txt", "inside"),
        ("/sub/b.txt", "below"),
        ("/%61.txt", "inside"),
        ("/inner-link", "inside"),
    ] {
        let response = server.connect().exchange(get(path)).expect("an answer");
        assert_eq!((response.status, response.text().as_str()), (200, want), "{path}");
    }
}

#[test]
fn a_redirect_stays_on_its_host() {
    let folder = tempfile::tempdir().expect("a directory");
    let root = tricky_root(folder.path());
    fs::create_dir_all(root.join("evil.example/x")).expect("a directory");
    let server = Launch::of(&root).start();
    for path in [
        "//evil.example/x",
        "///evil.example/x",
        "/\\evil.example/x",
        "//evil.example/%2e%2e",
        "/evil.example/x",
        "/sub",
    ] {
        let response = server.connect().exchange(get(path)).expect("an answer");
        if let Some(location) = response.field("location") {
            assert!(
                location.starts_with("./") && !location.starts_with(".//"),
                "{path} is sent to {location}"
            );
            assert!(!location.contains('\\'), "{path} is sent to {location}");
        }
    }
}

#[test]
fn a_fifo_in_the_root_does_not_block_a_worker() {
    let folder = tempfile::tempdir().expect("a directory");
    let root = tricky_root(folder.path());
    let server = Launch::of(&root).args(["--workers", "1"]).start();
    for _ in 0..3 {
        let mut client = server.connect().patience(Duration::from_secs(2));
        assert_eq!(
            client.exchange(get("/fifo")).expect("an answer at once").status,
            404
        );
        serves_others(&server, "/a.txt");
    }
}

#[test]
fn odd_paths_are_no_error_of_the_server() {
    let folder = tempfile::tempdir().expect("a directory");
    let root = tricky_root(folder.path());
    let server = Launch::of(&root).start();
    for path in ["/sub/", "/sub", "/nowhere", "/a.txt/x", "/sub/nowhere/x"] {
        let response = server.connect().exchange(get(path)).expect("an answer");
        assert!(response.status < 500, "{path} got {}", response.status);
    }
    let long = format!("/{}", "a".repeat(5000));
    assert_eq!(
        server.connect().exchange(get(&long)).expect("an answer").status,
        404,
        "a name that no file can have"
    );
}

/// Whether this connection, which was opened then, is closed before `to`. Never before `from`, and with nothing or a 408 before the end.
fn ends_between(mut client: Client, started: Instant, from: Duration, to: Duration, what: &str) -> bool {
    let rest = client
        .rest()
        .unwrap_or_else(|error| panic!("{what}: no orderly end: {error}"));
    let took = started.elapsed();
    assert!(
        rest.is_empty() || rest.starts_with(b"HTTP/1.1 408 "),
        "{what}: {}",
        rest.escape_ascii()
    );
    assert!(took >= from, "{what} ended after {took:?}");
    println!("{what} ended after {took:?}, and should by {to:?}");
    took <= to
}

#[test]
fn slow_heads_silent_and_idle_connections_end_by_their_deadlines() {
    let timeouts = [
        "--head-timeout",
        "1",
        "--idle-timeout",
        "2",
        "--body-timeout",
        "1",
    ];
    let server = Launch::new().args(timeouts).args(["--workers", "1"]).start();
    assert!(is_once_in_time(|| all_end_by_their_deadlines(&server)));
    serves_others(&server, "/plaintext");
}

fn all_end_by_their_deadlines(server: &Server) -> bool {
    let (second, slack) = (Duration::from_secs(1), Duration::from_millis(1500));
    let early = Duration::from_millis(20);
    thread::scope(|scope| {
        let clients = [
            scope.spawn(|| {
                let (started, from) = (Instant::now(), second - early);
                let client = server.connect();
                ends_between(client, started, from, 2 * second + slack, "a silent connection")
            }),
            scope.spawn(|| {
                let (mut client, started) = (server.connect(), Instant::now());
                client
                    .send("GET / HTTP/1.1\r\nHost: a\r\n")
                    .expect("the server reads");
                ends_between(client, started, second - early, second + slack, "half a head")
            }),
            scope.spawn(|| a_slow_head_ends_within(second + slack, server)),
            scope.spawn(|| {
                // Its time begins with the answer, which may be there for a while before it is read.
                let (mut client, started) = (server.connect(), Instant::now());
                assert_eq!(client.exchange(REQUEST).expect("an answer").status, 200);
                let from = 2 * second - early;
                ends_between(client, started, from, 2 * second + slack, "an idle connection")
            }),
            scope.spawn(|| {
                let (mut client, started) = (server.connect(), Instant::now());
                client
                    .send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhe")
                    .expect("the server reads");
                let from = second - early;
                ends_between(client, started, from, second + slack, "half a body")
            }),
        ];
        let ends = clients.map(|client| client.join().unwrap_or_else(|cause| resume_unwind(cause)));
        ends.into_iter().all(|is_in_time| is_in_time)
    })
}

/// A byte now and then does not renew the head's deadline, and what comes behind it does not destroy the answer. Returns whether
/// that has come before `to`.
fn a_slow_head_ends_within(to: Duration, server: &Server) -> bool {
    let (mut client, started) = (server.connect(), Instant::now());
    let stream = client.stream().try_clone().expect("a second handle");
    thread::scope(|scope| {
        let came = scope.spawn(move || {
            stream
                .set_read_timeout(Some(PATIENCE))
                .expect("a deadline can be set");
            let first = stream.peek(&mut [0]).expect("an answer, though bytes come");
            assert_eq!(first, 1, "an answer before the end");
            started.elapsed()
        });
        while !came.is_finished() && client.send("G").is_ok() {
            thread::sleep(Duration::from_millis(100));
        }
        for _ in 0..5 {
            thread::sleep(Duration::from_millis(100));
            // By now the server may have closed for good.
            let _ = client.send("G");
        }
        assert_eq!(client.response().expect("an answer").status, 408);
        let came = came.join().unwrap_or_else(|cause| resume_unwind(cause));
        println!("a slow head was answered after {came:?}, and should be by {to:?}");
        came <= to
    })
}

#[test]
fn out_of_file_descriptors_it_serves_what_it_has_and_recovers() {
    let server = Launch::new().args(["--workers", "1"]).open_files(64).start();
    let mut kept: Vec<_> = (0..20).map(|_| server.connect()).collect();
    for client in &mut kept {
        assert_eq!(client.exchange(REQUEST).expect("an answer").status, 200);
    }
    // The kernel completes these; the server cannot accept most of them.
    let flood: Vec<TcpStream> = (0..200)
        .filter_map(|_| TcpStream::connect_timeout(&server.address(), Duration::from_secs(1)).ok())
        .collect();
    thread::sleep(Duration::from_millis(300));
    let before = process::cpu_time(server.pid());
    let started = Instant::now();
    let mut lost = vec![0; kept.len()];
    while started.elapsed() < Duration::from_secs(2) {
        for (client, lost) in kept.iter_mut().zip(&mut lost) {
            let Err(error) = client.exchange(REQUEST) else {
                continue;
            };
            // At the limit the place of one that is idle may have gone to a newcomer: before there was a request, and once, because
            // those that came later have been idle for longer by now.
            *lost += 1;
            assert!(
                was_closed_before_an_answer(client, &error) && *lost == 1,
                "{lost}: {error}"
            );
            *client = server.connect();
            let answer = client.exchange(REQUEST).expect("what it has is served");
            assert_eq!(answer.status, 200);
        }
        thread::sleep(Duration::from_millis(500));
    }
    let used = process::cpu_time(server.pid()) - before;
    assert!(
        used <= Duration::from_millis(100),
        "it used {used:?} of two seconds: it spins"
    );
    assert!(process::open_files(server.pid()) <= 64);
    drop(flood);
    let recovered = Instant::now();
    // The backlog is full of connections that have gone; ours is behind them.
    assert_eq!(
        server
            .connect()
            .exchange(REQUEST)
            .expect("new ones are served again")
            .status,
        200
    );
    // As soon as the server has looked at them, and not when the time of their heads is over, which is ten seconds.
    assert!(
        recovered.elapsed() < Duration::from_secs(5),
        "it recovered after {:?}",
        recovered.elapsed()
    );
    drop(kept);
    server.stop();
}

/// Whether the server has closed the connection without a word, and not while it answered, nor let the client wait in vain.
fn was_closed_before_an_answer(client: &Client, error: &io::Error) -> bool {
    let is_closed = match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::BrokenPipe => true,
        ErrorKind::InvalidData => error.to_string().contains("ended inside a response head"),
        _ => false,
    };
    is_closed && client.unread().is_empty()
}

#[test]
fn a_413_is_read_by_a_client_that_still_sends() {
    let server = Launch::new().start();
    let mut client = server.connect();
    client
        .send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\n")
        .expect("the server reads");
    for _ in 0..100 {
        let _ = client.send([b'x'; 1000]);
    }
    let all = client.rest().expect("an orderly end, no reset");
    assert!(all.starts_with(b"HTTP/1.1 413 "), "{}", all.escape_ascii());
    assert_eq!(find(&all[1..], b"HTTP/1."), None, "one response only");
}

#[test]
fn a_large_body_for_a_route_that_takes_none_does_not_reset_the_answer() {
    let server = Launch::new().start();
    for length in [1_000, 100_000, 10_000_000] {
        let mut client = server.connect();
        client
            .send(format!(
                "POST /plaintext HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n"
            ))
            .expect("taken");
        for _ in 0..length.min(100_000) / 1000 {
            let _ = client.send([b'x'; 1000]);
        }
        let answer = client.response().expect("an answer");
        assert!(matches!(answer.status, 405 | 413), "{answer:?}");
    }
}

#[test]
fn a_thousand_pipelined_requests_are_answered_in_order() {
    let server = Launch::new().args(["--workers", "1"]).start();
    let mut client = server.connect();
    let requests: String = (0..1000).map(|index| get(&format!("/echo/{index}"))).collect();
    let mut sender = Client::over(client.stream().try_clone().expect("a second handle"));
    thread::scope(|scope| {
        scope.spawn(move || sender.send(requests).expect("the server reads"));
        for index in 0..1000 {
            assert_eq!(
                client.response().expect("an answer").text(),
                format!("/echo/{index}")
            );
        }
    });
}

#[test]
fn a_client_that_never_reads_stops_being_read_from_and_holds_nobody_up() {
    let server = Launch::new().args(["--workers", "1"]).start();
    let client = server.connect();
    client
        .stream()
        .set_write_timeout(Some(Duration::from_millis(300)))
        .expect("a deadline can be set");
    let before = process::anonymous_memory(server.pid());
    let requests = REQUEST.repeat(1000);
    // Until both sides' socket buffers are full, or far more than they can hold has been taken.
    let mut taken = 0;
    while taken < 64 * 1024 * 1024 {
        match std::io::Write::write(&mut client.stream(), requests.as_bytes()) {
            Ok(count) => taken += count,
            Err(_) => break,
        }
    }
    assert!(
        taken < 64 * 1024 * 1024,
        "the server takes requests whose answers nobody reads"
    );
    serves_others(&server, "/plaintext");
    let grown = process::anonymous_memory(server.pid()).saturating_sub(before);
    assert!(
        grown < 4 * 1024 * 1024,
        "it keeps {grown} bytes for one client that does not read"
    );
}

#[test]
fn a_slow_reader_of_a_large_file_gets_all_of_it_while_others_are_served() {
    let folder = tempfile::tempdir().expect("a directory");
    let contents: Vec<u8> = (0..16_000_000_u32)
        .map(|index| index.to_le_bytes()[(index % 3) as usize])
        .collect();
    fs::write(folder.path().join("large"), &contents).expect("a file");
    fs::write(folder.path().join("small"), "small").expect("a file");
    let server = Launch::of(folder.path()).args(["--workers", "1"]).start();
    let mut client = server.connect();
    client
        .send("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .expect("the server reads");
    let (mut all, mut piece) = (Vec::new(), vec![0; 400_000]);
    let mut turns = 0;
    loop {
        let count = client.stream().read(&mut piece).expect("the file goes on");
        if count == 0 {
            break;
        }
        all.extend_from_slice(&piece[..count]);
        turns += 1;
        if turns % 8 == 0 {
            serves_others(&server, "/small");
            thread::sleep(Duration::from_millis(20));
        }
    }
    let body = find(&all, b"\r\n\r\n").expect("a head") + 4;
    assert!(
        all[body..] == contents[..],
        "{} bytes came, and they differ",
        all.len() - body
    );
}

#[test]
fn clients_that_vanish_leave_nothing_behind() {
    let server = Launch::new().args(["--workers", "1"]).start();
    serves_others(&server, "/plaintext");
    let before = process::open_files(server.pid());
    for index in 0..300 {
        let mut client = server.connect();
        let request = [
            REQUEST,
            "GET / HT",
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nh",
            "",
        ][index % 4];
        client.send(request).expect("the server reads");
        if index % 8 < 4 {
            // A reset instead of an orderly end.
            let socket = socket2::SockRef::from(client.stream());
            socket
                .set_linger(Some(Duration::ZERO))
                .expect("linger can be set");
        }
    }
    let deadline = Instant::now() + PATIENCE;
    while process::open_files(server.pid()) > before {
        assert!(
            Instant::now() < deadline,
            "{} files are open, {before} were",
            process::open_files(server.pid())
        );
        thread::sleep(Duration::from_millis(20));
    }
    serves_others(&server, "/plaintext");
}
