//! The example `blocking`: a pool of one thread with room for one more, and a named pipe that its thread reads.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::libc::O_NONBLOCK;
use nix::sys::stat::Mode;
use support::{Client, Launch, PATIENCE, Server};

use super::{get, request};

const FILE: &str = "GET /file HTTP/1.1\r\nHost: a\r\n\r\n";

/// Opens the pipe for writing as soon as the pool's thread waits in it: before that there is no reader, and it fails.
fn opened_by_a_reader(pipe: &Path) -> File {
    let start = Instant::now();
    loop {
        match OpenOptions::new().write(true).custom_flags(O_NONBLOCK).open(pipe) {
            Ok(writer) => return writer,
            Err(error) => assert!(start.elapsed() < PATIENCE, "nobody reads the pipe: {error}"),
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Sends a request for the file. When this returns, the only worker has handed it to the pool: it has answered one behind it.
fn asked(server: &Server) -> Client {
    let mut client = server.connect();
    assert_eq!(request(&mut client, "GET", "/", "").text(), "at once\n");
    client.send(FILE).expect("the server reads");
    assert_eq!(
        get(server, "/").text(),
        "at once\n",
        "no worker waits for the thread"
    );
    client
}

#[test]
fn blocking_serves_others_while_it_waits_and_refuses_what_its_pool_has_no_room_for() {
    let folder = tempfile::tempdir().expect("a folder");
    let pipe = folder.path().join("slow");
    nix::unistd::mkfifo(&pipe, Mode::S_IRWXU).expect("a FIFO");
    let server = Launch::example("blocking").arg(&pipe).start();

    let mut first = asked(&server);
    let mut writer = opened_by_a_reader(&pipe);
    let mut second = asked(&server);
    for _ in 0..3 {
        let full = asked(&server).response().expect("an answer at once");
        assert_eq!((full.status, full.field("retry-after")), (503, Some("1")));
        assert_eq!(full.text(), "503 Service Unavailable\n");
    }

    writer.write_all(b"first\n").expect("the thread reads");
    drop(writer);
    let answer = first.response().expect("an answer");
    assert_eq!((answer.status, answer.text().as_str()), (200, "first\n"));
    // There is room again: for one that waits behind the second.
    let mut writer = opened_by_a_reader(&pipe);
    let mut third = asked(&server);
    writer.write_all(b"second\n").expect("the thread reads");
    drop(writer);
    assert_eq!(second.response().expect("an answer").text(), "second\n");
    let mut writer = opened_by_a_reader(&pipe);
    writer.write_all(b"third\n").expect("the thread reads");
    drop(writer);
    assert_eq!(third.response().expect("an answer").text(), "third\n");
}

#[test]
fn blocking_changes_the_status_from_the_thread() {
    let server = Launch::example("blocking").arg("/nowhere/at/all").start();
    let answer = get(&server, "/file");
    assert_eq!(answer.status, 404);
    assert!(
        answer.text().starts_with("/nowhere/at/all: "),
        "{}",
        answer.text()
    );
}
