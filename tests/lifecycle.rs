//! How the server starts, refuses to start, and ends.

use std::net::TcpListener;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::sys::signal::Signal;
use support::{Client, Launch, PATIENCE, Server, process};

const REQUEST: &str = "GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n";

/// Starts it, and expects one line on standard error with that word in it, nothing on standard output, and a failure.
#[track_caller]
fn refuses(launch: Launch, word: &str) {
    let output = launch.fails();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success(), "it says success: {stderr}");
    assert_eq!(
        stderr.trim_end().lines().count(),
        1,
        "one line says what is wrong: {stderr}"
    );
    assert!(stderr.contains(word), "the line names {word}: {stderr}");
    assert!(
        output.stdout.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stdout)
    );
}

#[test]
fn a_taken_port_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    refuses(Launch::new().args(["--listen", &address]), &address);
}

#[test]
fn a_root_that_cannot_be_served_is_named() {
    refuses(Launch::of(Path::new("/nowhere/at/all")), "/nowhere/at/all");
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("file");
    fs::write(&file, "not a directory").expect("a file");
    refuses(Launch::of(&file), "file");
}

#[test]
fn a_flag_out_of_range_is_named() {
    refuses(Launch::new().args(["--workers", "0"]), "--workers");
    refuses(Launch::new().args(["--workers", "many"]), "--workers");
    refuses(Launch::new().args(["--workers=-1"]), "--workers");
    refuses(Launch::new().args(["--workers", "100000000"]), "--workers");
    refuses(Launch::new().args(["--listen", "nowhere"]), "--listen");
    refuses(Launch::new().args(["--listen", "127.0.0.1:99999"]), "--listen");
    refuses(Launch::new().args(["--no-such-flag"]), "--no-such-flag");
}

#[test]
fn a_variable_that_is_out_of_range_is_named_and_a_flag_goes_before_it() {
    let many = || Launch::new().env("SERVER_WORKERS", "many");
    refuses(many(), "SERVER_WORKERS");
    refuses(Launch::new().env("SERVER_LISTING", "perhaps"), "SERVER_LISTING");
    // What the arguments say is wrong is not the variable's fault.
    let output = many().args(["--workers", "0"]).fails();
    let line = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        line.contains("--workers") && !line.contains("SERVER_WORKERS"),
        "{line}"
    );
    let server = many().args(["--workers", "1"]).start();
    assert_eq!(server.connect().exchange(REQUEST).expect("an answer").status, 200);
}

#[test]
fn a_variable_without_a_value_is_none() {
    let mut launch = Launch::new();
    for name in [
        "ROOT",
        "LISTING",
        "LISTEN",
        "WORKERS",
        "ACCEPT",
        "MAX_BODY",
        "IDLE_TIMEOUT",
    ] {
        launch = launch.env(format!("SERVER_{name}"), "");
    }
    let server = launch.start();
    assert_eq!(
        server
            .connect()
            .exchange(REQUEST)
            .expect("the demonstration")
            .status,
        200
    );
}

#[test]
fn listing_is_switched_by_a_variable_that_says_so_in_any_usual_way() {
    let folder = tempfile::tempdir().expect("a directory");
    for (value, status) in [
        ("1", 200),
        ("true", 200),
        ("yes", 200),
        ("0", 404),
        ("false", 404),
        ("off", 404),
    ] {
        let server = Launch::of(folder.path()).env("SERVER_LISTING", value).start();
        let response = server.connect().exchange("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(response.expect("an answer").status, status, "{value}");
    }
}

#[test]
fn a_file_in_the_place_of_a_socket_is_left_alone_and_named_as_what_it_is() {
    let folder = tempfile::tempdir().expect("a directory");
    let file = folder.path().join("notes");
    fs::write(&file, "kept").expect("a file");
    let address = format!("unix:{}", file.display());
    refuses(
        Launch::new().args(["--listen", &address]),
        "a file of another kind",
    );
    assert_eq!(fs::read_to_string(&file).expect("it is there"), "kept");
}

#[test]
fn every_flag_is_an_environment_variable_too() {
    let help = Launch::new().arg("--help").fails();
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let workers = help
        .split_whitespace()
        .find(|word| word.ends_with("WORKERS=]") && word.starts_with("[env:"));
    assert!(
        workers.is_some() || help.contains("WORKERS="),
        "the help names the variable: {help}"
    );
}

#[test]
fn a_low_limit_of_open_files_is_raised() {
    let server = Launch::new().args(["--workers", "1"]).start();
    let limits = fs::read_to_string(format!("/proc/{}/limits", server.pid())).expect("the server runs");
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .expect("a line of that name");
    let numbers: Vec<_> = line
        .split_whitespace()
        .filter(|word| word.bytes().all(|byte| byte.is_ascii_digit()))
        .collect();
    assert_eq!(numbers[0], numbers[1], "the soft limit is the hard one: {line}");
}

#[test]
fn the_accept_mode_that_is_in_force_is_said() {
    for mode in ["reuseport", "exclusive", "shared"] {
        let server = Launch::new().args(["--workers", "2", "--accept", mode]).start();
        let summary = format!("2 workers, accept mode {mode}, at most ");
        let deadline = Instant::now() + PATIENCE;
        while !server.output().contains(&summary) {
            assert!(Instant::now() < deadline, "{}", server.output());
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(server.connect().exchange(REQUEST).expect("an answer").status, 200);
    }
}

/// A server, a connection that has been answered and is idle now, and one in the middle of a slow answer.
fn busy() -> (Server, Client, Client) {
    let server = Launch::new().args(["--workers", "1"]).start();
    let mut idle = server.connect();
    assert_eq!(idle.exchange(REQUEST).expect("an answer").status, 200);
    let mut slow = server.connect();
    slow.send("GET /slow?ms=1500 HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("the server reads");
    // The server has it before the signal comes: its answer to a later request says so.
    thread::sleep(Duration::from_millis(200));
    assert_eq!(server.connect().exchange(REQUEST).expect("an answer").status, 200);
    (server, idle, slow)
}

#[test]
fn a_signal_drains_the_server() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let (mut server, mut idle, mut slow) = busy();
        server.signal(signal);
        thread::sleep(Duration::from_millis(300));
        assert!(server.is_running(), "an answer is still due");
        let last = idle
            .exchange(REQUEST)
            .expect("an idle connection gets one more request");
        assert!(last.status == 200 && last.says_close(), "{last:?}");
        assert_eq!(idle.rest().expect("an orderly end"), b"");
        let late = std::net::TcpStream::connect(server.address());
        assert!(late.is_err(), "{signal}: the listener is closed");
        let answer = slow.response().expect("the answer that was due");
        assert!(answer.status == 200 && answer.says_close(), "{answer:?}");
        assert_eq!(slow.rest().expect("an orderly end"), b"");
        let status = server.ends_within(Duration::from_secs(3));
        assert!(status.success(), "{signal}: {status}");
    }
}

#[test]
fn idle_connections_do_not_keep_a_draining_server_for_long() {
    let server = Launch::new().start();
    let mut idle: Vec<_> = (0..50).map(|_| server.connect()).collect();
    assert_eq!(idle[0].exchange(REQUEST).expect("an answer").status, 200);
    let mut server = server;
    server.signal(Signal::SIGTERM);
    let started = Instant::now();
    assert!(server.ends_within(Duration::from_secs(8)).success());
    assert!(
        started.elapsed() < Duration::from_secs(7),
        "it took {:?}",
        started.elapsed()
    );
    for client in &mut idle {
        assert_eq!(client.rest().expect("an orderly end"), b"");
    }
}

#[test]
fn a_second_signal_stops_it_at_once() {
    for (first, second) in [
        (Signal::SIGTERM, Signal::SIGTERM),
        (Signal::SIGINT, Signal::SIGINT),
        (Signal::SIGTERM, Signal::SIGINT),
    ] {
        let (mut server, _idle, mut slow) = busy();
        server.signal(first);
        thread::sleep(Duration::from_millis(100));
        assert!(server.is_running(), "the first one drains");
        let started = Instant::now();
        server.signal(second);
        server.ends_within(Duration::from_secs(1));
        assert!(
            started.elapsed() < Duration::from_millis(700),
            "{first} then {second}: {:?}",
            started.elapsed()
        );
        assert!(slow.response().is_err(), "the answer that was due is lost");
    }
}

#[test]
fn connections_that_wait_to_be_accepted_are_served_before_the_listener_closes() {
    let mut server = Launch::new().args(["--workers", "2"]).start();
    let mut clients: Vec<_> = (0..200).map(|_| server.connect()).collect();
    server.signal(Signal::SIGTERM);
    // Until it has heard of the signal it rightly answers as ever.
    thread::sleep(Duration::from_millis(200));
    for client in &mut clients {
        let response = client.exchange(REQUEST).expect("it was accepted");
        assert!(response.status == 200 && response.says_close(), "{response:?}");
    }
    assert!(server.ends_within(PATIENCE).success());
}

#[test]
fn an_idle_server_costs_no_cpu() {
    let server = Launch::new().start();
    let _idle: Vec<_> = (0..100).map(|_| server.connect()).collect();
    thread::sleep(Duration::from_millis(300));
    let before = process::cpu_time(server.pid());
    thread::sleep(Duration::from_secs(2));
    let used = process::cpu_time(server.pid()) - before;
    assert!(
        used <= Duration::from_millis(20),
        "it used {used:?} in two idle seconds"
    );
}

#[test]
#[cfg(target_os = "linux")]
fn a_connection_that_somebody_else_still_has_is_heard_of_no_more_when_it_is_closed() {
    use std::collections::BTreeSet;

    use rustix::io::Errno;
    use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, pidfd_getfd, pidfd_open};

    let server = Launch::new().args(["--workers", "1"]).start();
    let pid = server.pid();
    let open = || -> BTreeSet<i32> {
        let entries = fs::read_dir(format!("/proc/{pid}/fd")).expect("the server runs");
        let names = entries.filter_map(|entry| entry.expect("an entry").file_name().into_string().ok());
        names.filter_map(|name| name.parse().ok()).collect()
    };
    let before = open();
    let mut client = server.connect();
    for _ in 0..2 {
        assert_eq!(client.exchange(REQUEST).expect("an answer").status, 200);
    }
    // A child that was forked and has started no program would have it the same way.
    let served = *open().difference(&before).next().expect("its descriptor");
    let process = Pid::from_raw(pid as i32).expect("a process");
    let copy = pidfd_open(process, PidfdFlags::empty())
        .and_then(|process| pidfd_getfd(&process, served, PidfdGetfdFlags::empty()));
    let copy = match copy {
        Ok(copy) => copy,
        // Yama or a filter of system calls may keep debuggers out, and a kernel before 5.6 does not know the call.
        Err(error @ (Errno::PERM | Errno::ACCESS | Errno::NOSYS)) => {
            let needs = format!("pidfd_getfd(2), which the system refuses ({error}); nothing was tested");
            return support::tools::skipped("a_connection_that_somebody_else_still_has", &needs);
        }
        Err(error) => panic!("no copy of descriptor {served}: {error}"),
    };
    let last = REQUEST.replace("Host", "Connection: close\r\nHost");
    assert_eq!(client.exchange(last).expect("an answer").status, 200);
    let deadline = Instant::now() + PATIENCE;
    while open().contains(&served) {
        assert!(Instant::now() < deadline, "it is not closed");
        thread::sleep(Duration::from_millis(5));
    }
    // The connection is there for the kernel, and readable.
    client.send("x").expect("the copy keeps it open");
    let before = process::cpu_time(pid);
    thread::sleep(Duration::from_secs(1));
    let used = process::cpu_time(pid) - before;
    assert!(
        used <= Duration::from_millis(50),
        "it used {used:?} in an idle second"
    );
    drop(copy);
    server.stop();
}

#[test]
fn the_command_of_the_readme_serves_the_demonstration_and_with_a_directory_that() {
    // As a user types it at the workspace's folder: the default member is the server.
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml");
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let words = [
        &cargo,
        "run",
        "--quiet",
        "--release",
        "--manifest-path",
        manifest,
        "--",
    ];
    let server = Launch::new().by(words).start();
    assert_eq!(
        server.connect().exchange(REQUEST).expect("an answer").text(),
        "Hello, World!"
    );
    server.stop();
    let folder = tempfile::tempdir().expect("a directory");
    fs::write(folder.path().join("a.txt"), "a file").expect("a file");
    let server = Launch::of(folder.path()).by(words).start();
    let response = server
        .connect()
        .exchange("GET /a.txt HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("an answer");
    assert_eq!(response.text(), "a file");
    server.stop();
}
