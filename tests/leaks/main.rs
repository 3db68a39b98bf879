//! Nothing is left: under valgrind, and after very many connections.

#[cfg(target_os = "linux")]
mod many;

use std::fs;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use support::load::{Load, Place, Usage};
use support::tools;

/// Memcheck slows a program down by some twenty times.
const UNDER_VALGRIND: Duration = Duration::from_secs(60);

#[test]
fn valgrind_sees_no_wrong_access_and_no_leak_under_a_mixed_load() {
    if tools::tool("valgrind").is_none() {
        return;
    }
    thread::scope(|scope| {
        for usage in [Usage::Files, Usage::Log, Usage::Admin, Usage::Proxy] {
            scope.spawn(move || is_clean_under_valgrind(usage));
        }
    });
}

fn is_clean_under_valgrind(usage: Usage) {
    let place = Place::new();
    let log = place.path().join("valgrind");
    let log_file = format!("--log-file={}", log.display());
    let valgrind = [
        "valgrind",
        "--error-exitcode=99",
        "--leak-check=full",
        "--show-leak-kinds=definite,indirect",
        "--errors-for-leak-kinds=definite,indirect",
        "--fair-sched=yes",
        &log_file,
    ];
    let mut server = place.launch(usage).under(valgrind).start();
    let load = Load::new(usage, &place, &server, &[]);
    load.until_all_is_right(UNDER_VALGRIND);
    let waiting = load.waiting();
    for signal in [Signal::SIGHUP, Signal::SIGUSR1] {
        server.signal(signal);
    }
    load.until_all_is_right(UNDER_VALGRIND);
    drop(waiting);
    server.signal(Signal::SIGTERM);
    let status = server.ends_within(UNDER_VALGRIND);
    let said = fs::read_to_string(&log).expect("valgrind writes its log");
    assert!(status.success(), "{usage:?}: it ended with {status}:\n{said}");
    assert!(said.contains("ERROR SUMMARY: 0 errors"), "{usage:?}: {said}");
}
