//! Nothing is left: under valgrind, and after very many connections.

#[cfg(target_os = "linux")]
mod many;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use std::{fs, thread};

use nix::sys::signal::Signal;
use support::load::{Load, Place, Usage};
use support::tools;

/// How long each step may take under memcheck, which slows a program down by some twenty times.
const UNDER_VALGRIND: Duration = Duration::from_secs(120);
/// Servers under memcheck at once. Each keeps a processor busy while it starts.
const AT_ONCE: usize = 2;

/// One test at a time: the servers under memcheck take the processors on which the other test counts wakes.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn valgrind_sees_no_wrong_access_and_no_leak_under_a_mixed_load() {
    if tools::tool("valgrind").is_none() {
        return;
    }
    const USAGES: [Usage; 4] = [Usage::Files, Usage::Log, Usage::Admin, Usage::Proxy];
    let _alone = alone();
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(usage) = USAGES.get(next.fetch_add(1, Ordering::Relaxed)) {
                    is_clean_under_valgrind(*usage);
                }
            });
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
    let launch = place.launch(usage).under(valgrind).patience(UNDER_VALGRIND);
    // Nothing may be cut off at the end, however long that takes.
    let mut server = launch.args(["--drain-timeout", "60s"]).start();
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
