//! Counted instructions gate: wall times differ from run to run, these do not. Needs valgrind; without it the tests say
//! SKIPPED, to the standard error of the process, and pass; with CI=true they fail.

use http_core::{Connection, Event, Fields, Limits, ResponseHead, TargetPolicy};
use std::collections::HashMap;
use std::env;
use std::io::Write;
use std::process::Command;

/// Whether valgrind is there.
fn valgrind(test: &str) -> bool {
    let found = Command::new("valgrind")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    assert!(
        found || env::var("CI").as_deref() != Ok("true"),
        "{test} needs valgrind, which CI has to install"
    );
    if !found {
        // Not by `eprintln`, which libtest swallows in a test that passes. On a line of its own, also behind "test NAME ...".
        let line = format!("\nSKIPPED {test}: needs valgrind; nothing was measured\n");
        let _ = std::io::stderr().write_all(line.as_bytes());
    }
    found
}

#[test]
fn a_count_that_was_skipped_is_told_past_the_capture_of_a_passing_test() {
    let test = "what_a_request_and_a_response_cost_keeps_its_budget";
    let output = Command::new(env::current_exe().expect("this program"))
        .args(["--exact", test])
        .env("PATH", "")
        .env_remove("CI")
        .output()
        .expect("this program runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let skipped = format!("SKIPPED {test}: needs valgrind");
    assert!(output.status.success(), "{text}");
    assert!(text.lines().any(|line| line.starts_with(&skipped)), "{text}");
}

/// The counts of `examples/cost.rs`, built as the server builds it.
fn costs() -> HashMap<String, f64> {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args([
        "run",
        "--quiet",
        "--release",
        "--package",
        "http-core",
        "--features",
        "std",
        "--example",
        "cost",
    ]);
    let output = cargo.output().expect("cargo runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    println!("{text}");
    let lines = text
        .lines()
        .filter_map(|line| line.trim().split_once(" instructions: "));
    lines
        .map(|(count, name)| (name.to_owned(), count.parse().expect("a count")))
        .collect()
}

#[test]
fn what_a_request_and_a_response_cost_keeps_its_budget() {
    if !valgrind("what_a_request_and_a_response_cost_keeps_its_budget") {
        return;
    }
    let costs = costs();
    let cost = |name: &str| {
        *costs
            .get(name)
            .unwrap_or_else(|| panic!("examples/cost.rs counts no `{name}`"))
    };
    let mut failures = Vec::new();
    let mut within = |what: &str, count: f64, budget: f64| {
        if count > budget {
            failures.push(format!("{what}: {count} of at most {budget}"));
        }
    };
    for fields in [4, 12] {
        let bare = cost(&format!("httparse, {fields} fields"));
        within(
            &format!("receive, {fields} fields"),
            cost(&format!("receive, {fields} fields")),
            1.5 * bare,
        );
    }
    within(
        "one byte at a time, per call",
        cost("one byte at a time, per call"),
        40.0,
    );
    for chunk in ["1 byte", "64 bytes", "8 KiB"] {
        let name = format!("chunks of {chunk}, per chunk");
        within(&name, cost(&name), 150.0);
    }
    within(
        "write a head of 6 fields",
        cost("write a head of 6 fields"),
        400.0,
    );
    // A prepared head has to cost far less than one that is filled.
    within(
        "reply with a prepared head of 6 fields",
        cost("reply with a prepared head of 6 fields"),
        200.0,
    );
    for peer in ["hoot", "ureq-proto"] {
        within(
            "receive and reply, 3 fields",
            cost("receive and reply, 3 fields"),
            0.5 * cost(&format!("{peer}, whole exchange, 3 fields")),
        );
    }
    assert!(failures.is_empty(), "over budget:\n{}", failures.join("\n"));
}

/// The wires whose cost has to grow with their length and no faster.
const WIRES: [&str; 6] = ["value", "fields", "target", "chunks", "extension", "trailers"];

/// A wire of about `size` bytes.
fn wire(kind: &str, size: usize) -> Vec<u8> {
    let chunked = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    match kind {
        "value" => format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "v".repeat(size)),
        "fields" => format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            "X: 012345678901234567890123456789\r\n".repeat(size / 35)
        ),
        "target" => format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "t".repeat(size)),
        "chunks" => format!("{chunked}{}0\r\n\r\n", "a\r\n0123456789\r\n".repeat(size / 15)),
        "extension" => format!("{chunked}1;{}\r\nx\r\n0\r\n\r\n", "e".repeat(size)),
        "trailers" => format!(
            "{chunked}0\r\n{}\r\n",
            "X: 012345678901234567890123456789\r\n".repeat(size / 35)
        ),
        other => panic!("{other} is no wire"),
    }
    .into_bytes()
}

/// Where segments end that have `step` bytes each; 0 gives the whole at once, -1 halves what is left each time.
fn ends(len: usize, step: isize) -> Vec<usize> {
    match step {
        0 => vec![len],
        -1 => {
            let mut ends = vec![0];
            while let Some(last) = ends.last().filter(|last| **last < len) {
                ends.push(last + (len - last).div_ceil(2));
            }
            ends
        }
        step => (1..=len.div_ceil(step.unsigned_abs()))
            .map(|i| (i * step.unsigned_abs()).min(len))
            .collect(),
    }
}

/// Only what runs in here is counted.
#[inline(never)]
fn counted_feed(conn: &mut Connection, fields: &mut Fields<2048>, wire: &[u8], ends: &[usize]) -> usize {
    let mut at = 0;
    for end in ends {
        loop {
            let received = conn.receive(&wire[at..*end], fields).expect("a legal wire");
            at += received.consumed;
            if matches!(received.event, Event::NeedMore | Event::Paused) {
                break;
            }
        }
    }
    at
}

/// Not a test of its own: what the next test runs in callgrind.
#[test]
fn child_feeds_one_wire() {
    let Ok(order) = env::var("HTTP_CORE_COUNT") else {
        return;
    };
    let order: Vec<&str> = order.split(' ').collect();
    let wire = wire(order[0], order[1].parse().expect("a size"));
    let ends = ends(wire.len(), order[2].parse().expect("a step"));
    let limits = Limits {
        request_line: u32::MAX,
        field_line: u32::MAX,
        head: u32::MAX,
        fields: u16::MAX,
        body: u64::MAX,
        chunk_extensions: u16::MAX,
        chunk_overhead: u16::MAX,
        trailers: u16::MAX,
        targets: TargetPolicy::Browsers,
    };
    let mut conn = Connection::server(limits);
    let mut fields = Fields::<2048>::new();
    let consumed = counted_feed(&mut conn, &mut fields, &wire, &ends);
    assert_eq!(consumed, wire.len());
    assert!(conn.request_ended(), "the whole request was read");
    conn.reply(&mut Vec::new(), &ResponseHead::new(404), b"")
        .expect("a response is due");
}

/// Runs the child in callgrind and returns the cost of [`counted_feed`].
fn instructions(kind: &str, size: usize, step: isize) -> u64 {
    let mut command = Command::new("valgrind");
    command.args([
        "--tool=callgrind",
        "--callgrind-out-file=/dev/null",
        "--toggle-collect=*counted_feed*",
    ]);
    command
        .arg(env::current_exe().expect("this program"))
        .args(["--exact", "child_feeds_one_wire"]);
    let output = command
        .env("HTTP_CORE_COUNT", format!("{kind} {size} {step}"))
        .output()
        .expect("valgrind runs");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        output.status.success(),
        "{text}{}",
        String::from_utf8_lossy(&output.stdout)
    );
    let line = text
        .lines()
        .find(|line| line.contains("Collected : "))
        .expect("callgrind counts");
    line.rsplit(' ')
        .next()
        .and_then(|count| count.parse().ok())
        .expect("a count")
}

/// Eight times the bytes may cost 8.5 times the instructions, whatever the cuts.
fn grows_with_the_bytes(test: &str, steps: &[isize]) {
    if !valgrind(test) {
        return;
    }
    let mut failures = Vec::new();
    for kind in WIRES {
        for step in steps {
            // A trailer section has at most 64 KiB, and so have extensions; the larger wire stays just below.
            let (small, large) = (instructions(kind, 8000, *step), instructions(kind, 64_000, *step));
            let ratio = large as f64 / small as f64;
            println!("{kind} in steps of {step}: {small} and {large}, {ratio:.2} times");
            if ratio > 8.5 {
                failures.push(format!("{kind} in steps of {step}: {ratio:.2} times"));
            }
        }
    }
    assert!(
        failures.is_empty(),
        "more than 8.5 times the instructions for 8 times the bytes:\n{}",
        failures.join("\n")
    );
}

#[test]
fn eight_times_the_bytes_cost_eight_times_the_instructions_in_few_pieces() {
    let test = "eight_times_the_bytes_cost_eight_times_the_instructions_in_few_pieces";
    grows_with_the_bytes(test, &[0, -1]);
}

#[test]
fn eight_times_the_bytes_cost_eight_times_the_instructions_in_many_pieces() {
    let test = "eight_times_the_bytes_cost_eight_times_the_instructions_in_many_pieces";
    grows_with_the_bytes(test, &[1, 64]);
}
