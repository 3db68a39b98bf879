//! Instructions in user space: `multiplex` beside bare system calls, mio and polling.
//!
//! Prints a Markdown table; `benches/count` shows it. On Linux only: elsewhere there is no callgrind to count with.
#![cfg(target_os = "linux")]

use bench::count::{has_valgrind, per_operation};
use std::path::{Path, PathBuf};
use std::process::Command;

const CONTESTANTS: [&str; 4] = ["bare", "multiplex", "mio", "polling"];

/// What is counted, how often, and how many instructions more than mio's it may take.
///
/// The waits and the wake may take none. A registration is a call of libc's epoll_ctl and hardly anything else with all
/// of them (polling goes without libc), so there is nothing to save: the check that a token leaves room for its kind,
/// and keeping what a second try needs, cost up to ten instructions a call.
const OPERATIONS: [(&str, u64, f64); 6] = [
    ("add and remove", 1000, 2.0 * 10.0),
    ("modify", 1000, 10.0),
    ("wait, 1 ready", 1000, 0.0),
    ("wait, 64 ready", 50, 0.0),
    ("wait, 1024 ready", 5, 0.0),
    ("wake and wait", 1000, 0.0),
];

#[test]
fn waits_and_wakes_take_no_more_instructions_than_mios_and_less_than_half_of_pollings() {
    let Some(program) = release_build("waits_and_wakes_take_no_more_instructions_than_mios") else {
        return;
    };
    println!(
        "| user instructions | {} | of mio's | of polling's |",
        CONTESTANTS.join(" | ")
    );
    println!("| --- |{}", " ---: |".repeat(CONTESTANTS.len() + 2));
    let mut failures = Vec::new();
    for (operation, times, allowance) in OPERATIONS {
        let is_wait = operation.starts_with("wait");
        let beside = if is_wait {
            count(&program, "nothing", operation, times)
        } else {
            0.0
        };
        let [bare, ours, mio, polling] =
            CONTESTANTS.map(|name| count(&program, name, operation, times) - beside);
        let (of_mio, of_polling) = (ours / mio, ours / polling);
        println!(
            "| {operation} | {bare:.0} | {ours:.0} | {mio:.0} | {polling:.0} | {of_mio:.2} | {of_polling:.2} |"
        );
        if ours > mio + allowance + 0.5 || (allowance == 0.0 && of_polling >= 0.5) {
            failures.push(operation);
        }
    }
    assert!(failures.is_empty(), "too many instructions: {failures:?}");
}

#[test]
fn timers_take_as_many_instructions_with_a_million_live_as_with_a_thousand() {
    let Some(program) = release_build("timers_take_as_many_instructions_with_a_million_live") else {
        return;
    };
    println!("| live timers | user instructions for cancel and insert |\n| ---: | ---: |");
    let counts = [1_000, 10_000, 100_000, 1_000_000].map(|live| {
        let count = count(&program, "timers", &live.to_string(), 200_000);
        println!("| {live} | {count:.0} |");
        count
    });
    let (least, most) = counts.iter().fold((f64::MAX, 0.0_f64), |(least, most), n| {
        (least.min(*n), most.max(*n))
    });
    assert!(most <= 1.1 * least, "not constant: {counts:?}");
}

fn count(program: &Path, contestant: &str, operation: &str, times: u64) -> f64 {
    per_operation(program, &[contestant, operation], times).expect("a count")
}

/// Builds what is counted as its users would build it, whatever profile this test has; nothing without valgrind.
fn release_build(test: &str) -> Option<PathBuf> {
    if !has_valgrind() {
        assert!(
            std::env::var("CI").as_deref() != Ok("true"),
            "{test} needs valgrind"
        );
        println!("SKIPPED {test}: needs valgrind");
        return None;
    }
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("counted");
    let built = Command::new(env!("CARGO"))
        .args([
            "build",
            "--quiet",
            "--release",
            "--locked",
            "-p",
            "bench",
            "--bin",
            "count-multiplex",
            "--target-dir",
        ])
        .arg(&directory)
        .status();
    assert!(
        built.is_ok_and(|status| status.success()),
        "the release build failed"
    );
    Some(directory.join("release/count-multiplex"))
}
