//! A worker that cannot be woken: the kernel refuses the write to its eventfd.

use std::time::Duration;

use support::{Launch, Server, tools};

/// The first write of each thread is let through: the main thread says where it listens. Answers are sent, not written.
const STRACE: [&str; 8] = [
    "strace",
    "-D",
    "-f",
    "-o",
    "/dev/null",
    "-e",
    "trace=write",
    "--inject=write:error=ENOMEM:when=2+",
];

#[test]
fn an_answer_from_elsewhere_comes_within_a_second_or_so_though_no_wake_gets_through() {
    if tools::tool("strace").is_none() {
        return;
    }
    let server = Launch::example("later").under(STRACE).start();
    for (number, status) in statuses(&server, "/bytes").enumerate() {
        assert_eq!(status, 200, "answer {number}");
    }
}

#[test]
fn the_demonstration_answers_though_its_own_thread_cannot_be_woken() {
    if tools::tool("strace").is_none() {
        return;
    }
    let server = Launch::new()
        .args(["--workers", "1", "--access-log", "off"])
        .under(STRACE)
        .start();
    let statuses: Vec<u16> = statuses(&server, "/slow?ms=10").collect();
    assert_eq!(statuses, [200, 500, 500, 500], "the first wake gets through");
}

/// Asks four times on one connection. A worker that sleeps no longer than a second answers each time long before the patience is over,
/// also under strace on a machine that is busy; one that sleeps until its next deadline does not.
fn statuses(server: &Server, path: &str) -> impl Iterator<Item = u16> {
    let mut client = server.connect().patience(Duration::from_secs(8));
    let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
    (0..4).map(move |_| client.exchange(&request).expect("an answer in time").status)
}
