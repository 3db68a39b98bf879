//! A worker that does not come back: a handler, or a system call in it, does not return.

use std::fs;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Client, Launch, PATIENCE, Server, tools};

use super::REQUEST;

/// What holds a thread: a tracer that sleeps, at the next system call of that thread and for as long as it likes.
struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The worker's thread, by the name that proc(5) shows.
fn worker(server: &Server) -> Option<String> {
    let folder = format!("/proc/{}/task", server.pid());
    let threads = fs::read_dir(folder).ok()?.flatten();
    let mut names = threads.map(|thread| thread.path());
    let found =
        names.find(|path| fs::read_to_string(path.join("comm")).is_ok_and(|name| name == "worker 0\n"))?;
    Some(found.file_name()?.to_string_lossy().into_owned())
}

fn is_held(server: &Server, thread: &str) -> bool {
    let status = fs::read_to_string(format!("/proc/{}/task/{thread}/status", server.pid()));
    status.is_ok_and(|status| !status.contains("TracerPid:\t0\n"))
}

/// A server whose worker stands still in the middle of its first request, with the client that has made it.
fn stuck(drain: &str) -> Option<(Server, Client, Holder)> {
    let strace = tools::tool("strace")?;
    let server = Launch::new()
        .args(["--workers", "1", "--drain-timeout", drain, "--access-log", "off"])
        .start();
    let mut client = server.connect();
    assert_eq!(client.exchange(REQUEST).expect("an answer").status, 200);
    let thread = worker(&server).expect("a worker");
    let mut command = Command::new(strace);
    command
        .args(["-o", "/dev/null", "-p", &thread])
        .stderr(Stdio::null());
    let holder = Holder(command.spawn().expect("strace starts"));
    let deadline = Instant::now() + PATIENCE;
    while !is_held(&server, &thread) {
        assert!(Instant::now() < deadline, "strace may trace the server");
        thread::sleep(Duration::from_millis(10));
    }
    let pid = i32::try_from(holder.0.id()).expect("a process id");
    kill(Pid::from_raw(pid), Signal::SIGSTOP).expect("it is there");
    client.send(REQUEST).expect("the kernel takes it");
    assert!(
        client
            .is_silent_for(Duration::from_millis(300))
            .expect("no reset")
    );
    Some((server, client, holder))
}

/// Waits until the server says that it ends although a worker does not, then lets the tracer go, without which the kernel
/// keeps the dead thread. Returns how long that took and how it has ended.
fn end(server: &mut Server, holder: Holder) -> (Duration, ExitStatus) {
    let started = Instant::now();
    while !server.output().contains("a handler does not return") {
        assert!(started.elapsed() < PATIENCE, "{}", server.output());
        thread::sleep(Duration::from_millis(20));
    }
    let waited = started.elapsed();
    thread::sleep(Duration::from_millis(100));
    drop(holder);
    (waited, server.ends_within(Duration::from_secs(3)))
}

#[test]
fn a_worker_that_does_not_end_is_ended_with_the_program_and_the_exit_code_says_so() {
    let Some((mut server, _client, holder)) = stuck("1s") else {
        return;
    };
    server.signal(Signal::SIGTERM);
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
    server.signal(Signal::SIGTERM);
    let (waited, status) = end(&mut server, holder);
    assert_eq!(status.code(), Some(4), "{}", server.output());
    assert!(waited < Duration::from_secs(10), "{waited:?}");
}
