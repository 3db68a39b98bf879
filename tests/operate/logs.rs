//! The access log and the notices of the built server.

use std::fs;
use std::time::Duration;

use nix::sys::signal::Signal;
use support::Launch;

use crate::{REQUEST, read, wait_for};

fn paths() -> (tempfile::TempDir, std::path::PathBuf) {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("access.log");
    (folder, path)
}

#[test]
fn each_request_is_a_line_and_a_refusal_says_its_rule() {
    let (_folder, log) = paths();
    let server = Launch::new()
        .args(["--access-log", log.to_str().expect("text")])
        .start();
    let mut client = server.connect();
    let request = "GET /plaintext HTTP/1.1\r\nHost: a\r\nReferer: http://b/\r\nUser-Agent: x\"y\r\n\r\n";
    assert_eq!(client.exchange(request).expect("an answer").status, 200);
    assert_eq!(
        server
            .connect()
            .exchange("GET /no HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("an answer")
            .status,
        404
    );
    assert_eq!(
        server
            .connect()
            .exchange("GET / HTTP/1.1\nHost: a\n\n")
            .expect("an answer")
            .status,
        400
    );
    assert_eq!(
        server
            .connect()
            .exchange("HEAD /plaintext HTTP/1.1\r\nHost: a\r\n\r\n")
            .expect("one")
            .status,
        200
    );
    wait_for("four lines", || read(&log).lines().count() == 4);
    let text = read(&log);
    let has = |part: &str| assert!(text.contains(part), "{part}: {text}");
    has("\"GET /plaintext HTTP/1.1\" 200 13 \"http://b/\" \"x\\\"y\"\n");
    has("\"GET /no HTTP/1.1\" 404 ");
    has("\"\" 400 ");
    has(" rule=BareLf\n");
    has("\"HEAD /plaintext HTTP/1.1\" 200 0 \"-\" \"-\"\n");
    assert!(
        text.lines().all(|line| line.starts_with("127.0.0.1 - - [")),
        "{text}"
    );
}

#[test]
fn json_goes_to_standard_output_and_a_download_that_was_left_says_so() {
    let server = Launch::new()
        .args(["--access-log", "-", "--log-format", "json"])
        .start();
    let mut client = server.connect();
    client
        .send("GET /stream?lines=10000000 HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    std::thread::sleep(Duration::from_millis(100));
    drop(client);
    let line = |output: &str| {
        output
            .lines()
            .find(|line| line.starts_with("{\"time\":"))
            .map(str::to_owned)
    };
    wait_for("a line", || line(&server.output()).is_some());
    let line = line(&server.output()).expect("it is there");
    assert!(
        line.contains("\"end\":\"peer-gone\"") && line.contains("\"status\":200"),
        "{line}"
    );
}

#[test]
fn a_log_that_was_moved_is_made_anew_and_no_line_is_lost() {
    let (folder, log) = paths();
    let server = Launch::new()
        .args(["--access-log", log.to_str().expect("text")])
        .start();
    let mut client = server.connect();
    let mut asked = 0;
    for (number, signal) in [Signal::SIGHUP, Signal::SIGUSR1].into_iter().enumerate() {
        for _ in 0..10 {
            client.exchange(REQUEST).expect("an answer");
            asked += 1;
        }
        fs::rename(&log, folder.path().join(format!("old.{number}"))).expect("it is there");
        server.signal(signal);
        wait_for("a new file", || log.exists());
    }
    client.exchange(REQUEST).expect("an answer");
    let lines = |name: &str| read(&folder.path().join(name)).lines().count();
    wait_for("every line is in one of them", || {
        lines("old.0") + lines("old.1") + lines("access.log") == asked + 1
    });
    assert!(lines("access.log") > 0, "the last line is in the last file");
}

#[test]
fn a_log_that_cannot_be_opened_keeps_the_server_from_starting_with_a_line() {
    let output = Launch::new().args(["--access-log", "/nowhere/at/all"]).fails();
    let line = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        line.contains("/nowhere/at/all")
            && line.contains("create the directory")
            && line.lines().count() == 1,
        "{line}"
    );
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn a_fifo_that_nobody_reads_keeps_the_server_from_starting_and_a_log_open() {
    let (folder, log) = paths();
    let mode = nix::sys::stat::Mode::S_IRUSR | nix::sys::stat::Mode::S_IWUSR;
    let fifo = || nix::unistd::mkfifo(&log, mode).expect("a FIFO");
    fifo();
    let launch = || Launch::new().args(["--access-log", log.to_str().expect("text")]);
    let output = launch().fails();
    let line = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        line.contains("nobody reads this FIFO; start its reader first"),
        "{line}"
    );
    assert_eq!(output.status.code(), Some(1));
    fs::remove_file(&log).expect("it is there");
    let server = launch().start();
    let old = folder.path().join("old");
    fs::rename(&log, &old).expect("it is there");
    fifo();
    // The second one is obeyed, too.
    for said in 1..=2 {
        server.signal(Signal::SIGUSR1);
        wait_for("it is said", || {
            server.output().matches("nobody reads this FIFO").count() == said
        });
        assert_eq!(server.connect().exchange(REQUEST).expect("an answer").status, 200);
        wait_for("the old one is written on", || read(&old).lines().count() == said);
    }
    server.stop();
}

#[test]
fn a_log_at_the_limit_of_a_files_size_costs_lines_and_not_the_process() {
    let (_folder, log) = paths();
    let server = Launch::new()
        .args(["--access-log", log.to_str().expect("text"), "--workers", "1"])
        .under(["/bin/sh", "-c", "ulimit -f 1 && exec \"$0\" \"$@\""])
        .start();
    let mut client = server.connect();
    wait_for("it is said", || {
        assert_eq!(client.exchange(REQUEST).expect("an answer").status, 200);
        server
            .output()
            .contains("cannot write the access log: File too large")
    });
    assert_eq!(client.exchange(REQUEST).expect("an answer").status, 200);
    server.stop();
}

#[test]
fn a_full_disk_is_said_and_stops_nothing() {
    if !std::path::Path::new("/dev/full").exists() {
        return;
    }
    let server = Launch::new().args(["--access-log", "/dev/full"]).start();
    for _ in 0..20 {
        assert_eq!(server.connect().exchange(REQUEST).expect("an answer").status, 200);
    }
    wait_for("it is said", || {
        server
            .output()
            .contains("cannot write the access log: No space left")
    });
    server.stop();
}
