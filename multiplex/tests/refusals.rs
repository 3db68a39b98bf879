//! What a kernel, or a filter in front of it, refuses: tried by letting strace answer in the kernel's place.
//!
//! `work` does something and prints what came of it; the tests run it under strace with a refusal injected.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

#[path = "budgets/tools.rs"]
#[allow(dead_code)]
mod tools;

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use multiplex::{Events, Fanout, Poller, Token};

#[test]
fn work() {
    match std::env::var(tools::WORK).as_deref() {
        Ok("waits") => waits([1, 500, 1_500, 2_700]),
        Ok("whole_waits") => waits([1_000, 5_000, 2_000, 1_000]),
        Ok("exclusive") => exclusive(),
        _ => {}
    }
}

/// Waits for so many microseconds, none of which may be short.
fn waits(timeouts: [u64; 4]) {
    let (poller, mut events) = (Poller::new().unwrap(), Events::with_capacity(1));
    for micros in timeouts {
        let (timeout, start) = (Duration::from_micros(micros), Instant::now());
        poller.wait(&mut events, Some(timeout)).unwrap();
        assert!(events.is_empty() && start.elapsed() >= timeout);
    }
}

fn exclusive() {
    let poller = Poller::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let fanout = poller
        .add_listener(&listener, Token::new(1), Fanout::Exclusive)
        .unwrap();
    println!("fanout in force: {fanout:?}");
    poller.remove(&listener).unwrap();
}

/// What `work` printed under strace with `inject`, and strace's lines.
fn under(inject: &str, work: &str) -> Option<(String, Vec<String>)> {
    tools::has("strace")?;
    let log = std::env::temp_dir().join(format!("multiplex-{}-{work}-{inject}", std::process::id()));
    let output = Command::new("strace")
        .args([
            "-f",
            "-qq",
            "-e",
            "trace=epoll_ctl,epoll_wait,epoll_pwait,epoll_pwait2",
            "-e",
        ])
        .arg(format!("inject={inject}"))
        .arg("-o")
        .arg(&log)
        .arg(std::env::current_exe().unwrap())
        .args(["work", "--exact", "--nocapture"])
        .env(tools::WORK, work)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    let calls = std::fs::read_to_string(&log).unwrap();
    let _ = std::fs::remove_file(&log);
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{inject}: {text}\n{calls}"
    );
    Some((text, calls.lines().map(str::to_owned).collect()))
}

#[test]
fn epoll_pwait2_is_asked_once_where_it_is_refused() {
    for errno in ["ENOSYS", "EPERM", "EACCES", "EOPNOTSUPP"] {
        let Some((_, calls)) = under(&format!("epoll_pwait2:error={errno}"), "waits") else {
            return;
        };
        let count = |name: &str| calls.iter().filter(|line| line.contains(name)).count();
        assert_eq!(
            (count("epoll_pwait2("), count("epoll_wait(")),
            (1, 4),
            "{errno}: {calls:#?}"
        );
    }
}

#[test]
fn epoll_pwait2_is_asked_each_time_where_it_works() {
    let Some((_, calls)) = under("epoll_wait:error=EIO", "waits") else {
        return;
    };
    assert_eq!(
        calls.iter().filter(|line| line.contains("epoll_pwait2(")).count(),
        4,
        "{calls:#?}"
    );
}

#[test]
fn a_wait_that_the_kernel_ends_early_goes_on() {
    for (inject, work) in [
        ("epoll_wait:retval=0:when=2", "whole_waits"),
        ("epoll_wait:error=EINTR:when=2", "whole_waits"),
        ("epoll_pwait2:retval=0:when=2", "waits"),
        ("epoll_pwait2:error=EINTR:when=2", "waits"),
    ] {
        // On a busy machine the time of a wait may be over before it could go on.
        let mut calls = Vec::new();
        for _ in 0..5 {
            let Some((_, seen)) = under(inject, work) else {
                return;
            };
            calls = seen;
            if calls.len() >= 5 {
                break;
            }
        }
        assert!(calls.len() >= 5, "{inject}: {calls:#?}");
    }
}

#[test]
fn a_kernel_that_refuses_exclusive_gets_a_shared_listener() {
    // As a Linux emulation does that does not know the flag: the first of the calls is the one with it.
    if let Some((text, calls)) = under("epoll_ctl:error=EINVAL:when=1", "exclusive") {
        assert!(text.contains("fanout in force: Shared"), "{text}\n{calls:#?}");
    }
}

#[test]
fn a_kernel_that_ignores_exclusive_is_found_out() {
    // As kernels before 4.5 do: they take the flag without a word, and then let the entry be modified.
    if let Some((text, calls)) = under("epoll_ctl:retval=0:when=2", "exclusive") {
        assert!(text.contains("fanout in force: Shared"), "{text}\n{calls:#?}");
    }
}

#[test]
fn a_kernel_that_knows_exclusive_is_asked_only_once() {
    if let Some((text, calls)) = under("epoll_pwait2:error=EIO", "exclusive") {
        assert!(text.contains("fanout in force: Exclusive"), "{text}");
        // Added, found to be exclusive, removed.
        assert_eq!(calls.len(), 3, "{calls:#?}");
    }
}
