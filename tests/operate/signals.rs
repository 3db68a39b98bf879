//! What each signal does, what is said, and which code the program ends with.

use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::{Launch, process};

use crate::{REQUEST, admin_address, get, wait_for};

#[test]
fn ctrl_c_says_what_it_waits_for_and_the_second_one_what_it_cut_off() {
    let mut server = Launch::new().args(["--workers", "1"]).start();
    let before = process::open_files(server.pid());
    let mut slow = server.connect();
    slow.send("GET /slow?ms=20000 HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    let mut idle = server.connect();
    assert_eq!(idle.exchange(REQUEST).expect("an answer").status, 200);
    // A browser opens connections that it may need later.
    let _fresh = server.connect();
    wait_for("it has accepted them", || {
        process::open_files(server.pid()) > before + 2
    });
    server.signal(Signal::SIGINT);
    wait_for("it says so", || {
        server
            .output()
            .contains("draining 3 connections; SIGTERM or Ctrl-C to stop at once")
    });
    server.signal(Signal::SIGINT);
    let status = server.ends_within(Duration::from_secs(5));
    assert_eq!(status.code(), Some(3), "{}", server.output());
    wait_for("it says so", || {
        server
            .output()
            .contains("1 connection cut off in the middle of a request")
    });
}

#[test]
fn sigquit_drains_and_however_often_it_comes_cuts_nothing_off() {
    let mut server = Launch::new().args(["--workers", "1"]).start();
    let mut slow = server.connect();
    slow.send("GET /slow?ms=1000 HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    std::thread::sleep(Duration::from_millis(100));
    for _ in 0..3 {
        server.signal(Signal::SIGQUIT);
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(slow.response().expect("the answer that was due").status, 200);
    assert_eq!(server.ends_within(Duration::from_secs(5)).code(), Some(0));
}

/// Linux keeps a signal that is ignored and held back; others throw it away. So it must not be ignored.
#[test]
#[cfg(target_os = "linux")]
fn signals_that_were_ignored_before_the_start_are_followed() {
    let script = "trap '' HUP INT QUIT TERM USR1 USR2; exec \"$0\" \"$@\"";
    let mut server = Launch::new().under(["/bin/sh", "-c", script]).start();
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = u64::from_str_radix(ignored.expect("Linux tells it").trim(), 16).expect("a set");
    for signal in [
        Signal::SIGHUP,
        Signal::SIGUSR1,
        Signal::SIGUSR2,
        Signal::SIGINT,
        Signal::SIGQUIT,
        Signal::SIGTERM,
    ] {
        assert_eq!(ignored >> (signal as u32 - 1) & 1, 0, "{signal}");
    }
    server.signal(Signal::SIGQUIT);
    assert_eq!(server.ends_within(Duration::from_secs(10)).code(), Some(0));
}

#[test]
fn signals_that_reopen_end_nothing() {
    let server = Launch::new().start();
    for signal in [Signal::SIGHUP, Signal::SIGUSR1] {
        server.signal(signal);
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(server.connect().exchange(REQUEST).expect("an answer").status, 200);
    }
    server.stop();
}

#[test]
fn for_the_drain_delay_it_says_that_it_is_not_ready_and_accepts() {
    let launch = Launch::new().args(["--admin", "127.0.0.1:0", "--drain-delay", "1.5s"]);
    let mut server = launch.start();
    let admin = admin_address(&server);
    assert_eq!(get(admin, "/readyz").0, 200);
    let started = Instant::now();
    server.signal(Signal::SIGTERM);
    wait_for("it is not ready", || get(admin, "/readyz").0 == 503);
    assert_eq!(get(admin, "/healthz").0, 200);
    let mut late = server.connect();
    let response = late.exchange(REQUEST).expect("it accepts");
    assert!(response.status == 200 && !response.says_close(), "{response:?}");
    let status = server.ends_within(Duration::from_secs(10));
    assert!(
        started.elapsed() >= Duration::from_millis(1500),
        "{:?}",
        started.elapsed()
    );
    assert_eq!(status.code(), Some(0));
}

#[test]
fn a_second_signal_within_the_delay_drains_at_once() {
    let mut server = Launch::new().args(["--drain-delay", "1h"]).start();
    server.signal(Signal::SIGTERM);
    wait_for("it is said", || server.output().contains("draining in 3600 s"));
    server.signal(Signal::SIGTERM);
    assert_eq!(server.ends_within(Duration::from_secs(10)).code(), Some(0));
}

#[test]
fn while_it_drains_the_admin_listener_answers() {
    let mut server = Launch::new()
        .args(["--admin", "127.0.0.1:0", "--workers", "1"])
        .start();
    let admin = admin_address(&server);
    let mut slow = server.connect();
    slow.send("GET /slow?ms=1500 HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("it reads");
    std::thread::sleep(Duration::from_millis(100));
    server.signal(Signal::SIGTERM);
    wait_for("it drains", || {
        std::net::TcpStream::connect(server.address()).is_err()
    });
    assert_eq!(get(admin, "/readyz").0, 503);
    assert!(
        get(admin, "/metrics")
            .1
            .contains("\nserver_connections{phase=\"later\"} 1\n")
    );
    assert_eq!(slow.response().expect("the answer that was due").status, 200);
    assert!(server.ends_within(Duration::from_secs(10)).success());
}

#[test]
fn the_idle_grace_is_a_flag() {
    let mut server = Launch::new().args(["--idle-grace", "0"]).start();
    let mut idle = server.connect();
    assert_eq!(idle.exchange(REQUEST).expect("an answer").status, 200);
    let started = Instant::now();
    server.signal(Signal::SIGTERM);
    assert!(server.ends_within(Duration::from_secs(10)).success());
    assert!(
        started.elapsed() < Duration::from_secs(3),
        "{:?}",
        started.elapsed()
    );
}
