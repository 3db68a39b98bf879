//! Instructions in user space: `multiplex` beside bare system calls, mio and polling.
//!
//! Prints a Markdown table; `benches/count` shows it. On Linux only: elsewhere there is no callgrind to count with.
#![cfg(target_os = "linux")]

use bench::count::{has_valgrind, per_operation};
use std::path::{Path, PathBuf};
use std::process::Command;

const CONTESTANTS: [&str; 4] = ["bare", "multiplex", "mio", "polling"];

/// The counted operations: the name, the repetitions, and the part of polling's instructions that is the limit.
///
/// None may take more than mio's. The waits and wakes stay below half of polling's. Half of what polling takes for a
/// registration is less than what libc's epoll_ctl takes alone, so there it is the whole.
const OPERATIONS: [(&str, u64, f64); 6] = [
    ("add and remove", 1000, 1.0),
    ("modify", 1000, 1.0),
    ("wait, 1 ready", 1000, 0.5),
    ("wait, 64 ready", 50, 0.5),
    ("wait, 1024 ready", 5, 0.5),
    ("wake and wait", 1000, 0.5),
];

/// What two counts of the same may differ by, for one operation.
const TOLERANCE: f64 = 0.5;

#[test]
fn nothing_takes_more_instructions_than_mios_and_waits_and_wakes_less_than_half_of_pollings() {
    let Some(program) = release_build("nothing_takes_more_instructions_than_mios") else {
        return;
    };
    println!(
        "| user instructions | {} | of mio's | of polling's |",
        CONTESTANTS.join(" | ")
    );
    println!("| --- |{}", " ---: |".repeat(CONTESTANTS.len() + 2));
    let mut failures = Vec::new();
    for (operation, times, part_of_polling) in OPERATIONS {
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
        if ours > mio + TOLERANCE || of_polling >= part_of_polling {
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
        // Past libtest, which swallows what a passing test prints.
        let line = format!("\nSKIPPED {test}: needs valgrind; nothing was measured\n");
        let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
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
