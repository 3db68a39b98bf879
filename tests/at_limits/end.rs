//! A worker that does not come back: a handler, or a system call in it, does not return.

use std::process::ExitStatus;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::{Client, Launch, PATIENCE, Server, Tracer, process, tools, wait_for};

use super::REQUEST;

/// A server whose worker stands still in the middle of its first request, with the client that has made it and with what holds the
/// worker: a tracer that sleeps, at the next system call of that thread and for as long as it likes.
fn stuck(drain: &str) -> Option<(Server, Client, Tracer)> {
    tools::tool("strace")?;
    let server = Launch::new()
        .args(["--workers", "1", "--drain-timeout", drain, "--access-log", "off"])
        .start();
    let mut client = server.connect();
    assert_eq!(client.exchange(REQUEST).expect("an answer").status, 200);
    let workers = process::threads(server.pid(), "worker 0");
    let arguments = ["-o", "/dev/null"].map(Into::into);
    let mut holder = Tracer::of_threads(server.pid(), &workers, arguments);
    holder.hold();
    client.send(REQUEST).expect("the kernel takes it");
    assert!(
        client
            .is_silent_for(Duration::from_millis(300))
            .expect("no reset")
    );
    Some((server, client, holder))
}

/// Asks the server to end, waits until it says that it does so although a worker does not, then lets the tracer go, without which the
/// kernel keeps the dead thread. Returns how long that took and how it has ended.
fn end(server: &mut Server, holder: Tracer) -> (Duration, ExitStatus) {
    let started = Instant::now();
    server.signal(Signal::SIGTERM);
    wait_for("it says that a worker does not end", || {
        server.output().contains("a handler does not return")
    });
    let waited = started.elapsed();
    // Its other threads have ended, and this one has to.
    wait_for("its first thread ends", || {
        process::state(server.pid()) == Some('Z')
    });
    drop(holder);
    (waited, server.ends_within(PATIENCE))
}

#[test]
fn a_worker_that_does_not_end_is_ended_with_the_program_and_the_exit_code_says_so() {
    let Some((mut server, _client, holder)) = stuck("1s") else {
        return;
    };
    let (waited, status) = end(&mut server, holder);
    assert_eq!(status.code(), Some(4), "{}", server.output());
    assert!(waited > Duration::from_secs(5), "it has its time: {waited:?}");
    assert!(
        server.output().contains("1 connection cut off"),
        "{}",
        server.output()
    );
}

#[test]
fn a_second_signal_leaves_such_a_worker_its_last_moments_only() {
    let Some((mut server, _client, holder)) = stuck("60s") else {
        return;
    };
    server.signal(Signal::SIGTERM);
    thread::sleep(Duration::from_millis(200));
    let (waited, status) = end(&mut server, holder);
    assert_eq!(status.code(), Some(4), "{}", server.output());
    assert!(waited < Duration::from_secs(10), "{waited:?}");
}
