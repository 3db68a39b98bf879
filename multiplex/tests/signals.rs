//! Signals: what stops and continues a process, and a handler that wakes. Alone in its file, because signals are for a whole
//! process.

mod support;

use std::io::{BufRead, BufReader, ErrorKind, Read};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use multiplex::{Event, Events, Poller, Token, Waker};

use support::*;

/// Set for the started program: the kind of wait that it makes.
const WAITS: &str = "MULTIPLEX_SIGNALS_TEST_WAITS";
const LONG: Duration = Duration::from_millis(600);

/// The process of its own: it waits, and says how that ended.
fn waits(how: &str) {
    let (poller, mut events) = (Poller::new().unwrap(), Events::default());
    println!("\nwaiting");
    let start = Instant::now();
    let result = match how {
        "wait" => poller.wait(&mut events, Some(LONG)),
        _ => poller.wait_interruptible(&mut events, Some(LONG)),
    };
    println!(
        "\n{:?} early {}",
        result.map_err(|error| error.kind()),
        start.elapsed() < LONG
    );
}

/// Starts this program so that it waits, stops it and lets it continue. Returns what it says then.
fn stopped_and_continued(how: &str) -> String {
    let mut waiting = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_process_that_was_stopped_and_continued",
            "--nocapture",
        ])
        .env(WAITS, how)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(waiting.stdout.take().unwrap());
    let mut line = String::new();
    while line.trim() != "waiting" {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it says that it waits");
    }
    thread::sleep(LONG / 6);
    ffi::kill(waiting.id(), libc::SIGSTOP);
    thread::sleep(LONG / 6);
    ffi::kill(waiting.id(), libc::SIGCONT);
    let mut rest = String::new();
    said.read_to_string(&mut rest).unwrap();
    assert!(waiting.wait().unwrap().success(), "{rest}");
    rest
}

/// `Poller::wait_interruptible`, Errors.
#[test]
fn a_process_that_was_stopped_and_continued() {
    if let Ok(how) = std::env::var(WAITS) {
        return waits(&how);
    }
    let by_wait = stopped_and_continued("wait");
    assert!(by_wait.contains("Ok(()) early false"), "{by_wait}");
    let by_interruptible = stopped_and_continued("wait_interruptible");
    let interrupted = format!("Err({:?}) early true", ErrorKind::Interrupted);
    assert!(
        by_interruptible.contains(&interrupted) || !EPOLL && by_interruptible.contains("early"),
        "{by_interruptible}"
    );
}

static WAKER: OnceLock<Waker> = OnceLock::new();

extern "C" fn wakes(_: libc::c_int) {
    if let Some(waker) = WAKER.get() {
        let _ = waker.wake();
    }
}

/// `Waker::wake`. Nothing for the emulation of a kqueue, whose kevent is no system call and takes locks.
#[test]
fn a_signal_handler_may_wake() {
    let mut watch = Watch::new();
    assert!(
        WAKER
            .set(Waker::new(&watch.poller, Token::new(1)).unwrap())
            .is_ok()
    );
    ffi::catch(libc::SIGUSR2, wakes);
    for _ in 0..20 {
        ffi::kill(std::process::id(), libc::SIGUSR2);
        watch.expect(1, Event::is_wake);
    }
    // After the poller has gone the handler has nothing to wake, and nothing fails.
    drop(watch);
    ffi::kill(std::process::id(), libc::SIGUSR2);
}
