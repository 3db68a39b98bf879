//! A drain that begins while clients wait in the backlog.

use std::thread;

use nix::sys::signal::Signal;
use support::{Client, Launch, PATIENCE};

use super::REQUEST;

#[test]
fn clients_that_wait_in_the_backlog_when_a_drain_begins_at_the_limit_are_answered() {
    // All at once, because each waits for eight seconds.
    thread::scope(|scope| {
        for (mode, workers) in [("reuseport", "1"), ("reuseport", "2"), ("shared", "2")] {
            scope.spawn(move || they_are_answered(mode, workers));
        }
    });
}

fn they_are_answered(mode: &str, workers: &str) {
    let mut server = Launch::new()
        .args(["--workers", workers, "--accept", mode])
        .args(["--max-connections", "4", "--access-log", "off"])
        .args(["--admin", "127.0.0.1:0"])
        .start();
    let mut busy: Vec<Client> = (0..4)
        .map(|_| {
            let mut client = server.connect();
            // Long enough that no answer comes before the drain begins, however busy the machine is.
            client
                .send("GET /slow?ms=8000 HTTP/1.1\r\nHost: a\r\n\r\n")
                .expect("the server reads");
            client
        })
        .collect();
    server.wait_for_phase("later", 4);
    let mut waiting: Vec<Client> = (0..20).map(|_| server.connect()).collect();
    for client in &mut waiting {
        client.send(REQUEST).expect("the kernel takes it");
    }
    server.signal(Signal::SIGTERM);
    for client in busy.iter_mut().chain(&mut waiting) {
        let answer = client.response().expect("an answer, and no reset");
        assert!(answer.status == 200 && answer.says_close(), "{mode} {workers}");
    }
    let status = server.ends_within(PATIENCE);
    assert!(status.success(), "{mode} {workers}: {status}");
}
