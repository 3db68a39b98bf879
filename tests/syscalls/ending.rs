//! A server that is ended, or restarted, while one of its system calls fails: it ends in its time, or serves on and says why.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::load::{Load, Place, Usage};
use support::{Client, PATIENCE, Server, process};

use crate::inject::{Fault, Injection, When};

/// How the server is to end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum End {
    /// SIGTERM drains it.
    Drain,
    /// SIGUSR2 starts another one in its place.
    Restart,
}

/// A call that always fails at the end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) end: End,
    pub(crate) usage: Usage,
    pub(crate) thread: &'static str,
    pub(crate) fault: Fault,
}

use End::{Drain, Restart};
use Usage::{Demo, Unix};

/// How it ends, the usage, the threads and the call, and errors of its man page. CI takes the first of each row.
#[rustfmt::skip]
const ROWS: &[(End, Usage, &str, &str, &str)] = &[
    (Drain, Demo, "", "write", "EIO EINTR"),
    (Drain, Demo, "worker", "epoll_ctl", "ENOMEM EBADF"),
    (Drain, Demo, "worker", "close", "EIO EINTR"),
    (Drain, Demo, "worker", "read", "EAGAIN EIO EINTR ECONNRESET"),
    (Drain, Demo, "worker", "sendto", "EAGAIN EPIPE EINTR ENOBUFS"),
    (Drain, Demo, "worker", "accept4", "EMFILE EINTR EAGAIN ECONNABORTED EBADF"),
    // A Unix socket's file is looked at, tried and removed: stat(2), connect(2), unlink(2), flock(2).
    (Drain, Unix, "", "unlink", "EACCES ENOENT EROFS"),
    (Drain, Unix, "", "connect", "EAGAIN EACCES ECONNREFUSED"),
    (Drain, Unix, "", "flock", "ENOLCK"),
    // fcntl(2), socketpair(2), execve(2), sendmsg(2), recvmsg(2): the handover; and the new program's own start.
    (Restart, Demo, "", "fcntl", "EMFILE"),
    (Restart, Demo, "", "clone3", "EAGAIN"),
    (Restart, Demo, "", "socketpair", "EMFILE ENFILE"),
    (Restart, Demo, "", "execve", "ENOENT EACCES ENOEXEC ENOMEM EIO"),
    (Restart, Demo, "", "sendmsg", "EPIPE ENOBUFS ENOMEM EINTR"),
    (Restart, Demo, "", "recvmsg", "ENOMEM EINTR"),
    (Restart, Demo, "", "epoll_create1", "EMFILE ENOMEM"),
];

/// All cases of the table.
pub(crate) fn all() -> Vec<Case> {
    ROWS.iter()
        .flat_map(|row| row.4.split(' ').map(|errno| case(row, errno)))
        .collect()
}

/// Those that CI takes.
pub(crate) fn chosen() -> Vec<Case> {
    let first =
        |row: &'static (_, _, _, _, &'static str)| row.4.split(' ').next().map(|errno| case(row, errno));
    ROWS.iter().filter_map(first).collect()
}

/// The calls that have a row.
pub(crate) fn calls() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.3)
}

fn case(row: &(End, Usage, &'static str, &'static str, &str), errno: &'static str) -> Case {
    let &(end, usage, thread, call, _) = row;
    let fault = Fault {
        call,
        errno,
        when: When::Always,
    };
    Case {
        end,
        usage,
        thread,
        fault,
    }
}

/// Runs a case; panics when the server does anything else than promised. Returns how often the call failed.
pub(crate) fn run(case: Case) -> usize {
    match case.end {
        Drain => drain(case),
        Restart => restart(case),
    }
}

/// With idle connections and an answer that is still to come, it ends by its deadlines, whatever fails.
fn drain(case: Case) -> usize {
    let place = Place::new();
    let launch = place
        .launch(case.usage)
        .args(["--drain-timeout", "1s", "--idle-grace", "300ms"]);
    let mut server = launch.start();
    let load = Load::new(case.usage, &place, &server, &[]);
    load.until_all_is_right(PATIENCE);
    let mut clients: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    clients[0]
        .exchange("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("an answer");
    // It is due when strace is there, and before the drain is over.
    clients[1]
        .send("GET /slow?ms=700 HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    thread::sleep(Duration::from_millis(50));
    let injection = Injection::into(server.pid(), case.thread, case.fault, None);
    let _backlog = server.connect();
    server.signal(Signal::SIGTERM);
    // One more request of a connection that was idle.
    let _ = clients[0].send("GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n");
    let status = server.ends_within(PATIENCE);
    // 3: something was cut off, as what cannot be sent has to be.
    assert!(matches!(status.code(), Some(0 | 3)), "it ended with {status}");
    hits(injection)
}

/// The restart fails and the old process says so and serves on; later one succeeds.
fn restart(case: Case) -> usize {
    let place = Place::new();
    let mut server = place.launch(case.usage).start();
    let load = Load::new(case.usage, &place, &server, &[]);
    load.until_all_is_right(PATIENCE);
    thread::sleep(Duration::from_millis(50));
    let before = process::open_files(server.pid());
    let injection = Injection::into(server.pid(), case.thread, case.fault, None);
    server.signal(Signal::SIGUSR2);
    wait_for(&server, "no restart");
    load.until_all_is_right(PATIENCE);
    let injected = hits(injection);
    let left = children(server.pid());
    assert_eq!(left, "", "a child is left");
    let deadline = Instant::now() + PATIENCE;
    while process::open_files(server.pid()) > before {
        assert!(Instant::now() < deadline, "descriptors are left");
        thread::sleep(Duration::from_millis(10));
    }
    server.signal(Signal::SIGUSR2);
    wait_for(&server, " serves now");
    assert!(
        server.ends_within(PATIENCE).success(),
        "the old process ends in order"
    );
    load.until_all_is_right(PATIENCE);
    injected
}

fn hits(injection: Injection) -> usize {
    let log = injection.end();
    let injected = log.matches("(INJECTED)").count();
    assert!(injected > 0, "the call was never made:\n{log}");
    injected
}

/// The children of a process, those included that nobody has asked for their end.
fn children(pid: u32) -> String {
    let of_task =
        |id: &u32| fs::read_to_string(format!("/proc/{pid}/task/{id}/children")).unwrap_or_default();
    process::threads(pid, "").iter().map(of_task).collect()
}

#[track_caller]
fn wait_for(server: &Server, words: &str) {
    let deadline = Instant::now() + 2 * PATIENCE;
    while !server.output().contains(words) {
        assert!(
            Instant::now() < deadline,
            "it does not say {words:?}: {}",
            server.output()
        );
        thread::sleep(Duration::from_millis(10));
    }
}
