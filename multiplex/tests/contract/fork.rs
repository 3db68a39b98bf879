//! fork(2).

use std::io::Write;
use std::process::Command;

use multiplex::{Event, Token, Trigger, Waker};

use super::support::*;

const ALONE: &str = "MULTIPLEX_FORK_TEST_ALONE";

#[test]
fn a_child_makes_a_poller_of_its_own_and_leaves_the_parents_alone() {
    if std::env::var_os(ALONE).is_none() {
        return run_alone();
    }
    let mut watch = Watch::new();
    let (a, mut b) = pair();
    watch
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::Level)
        .unwrap();
    let child = || {
        let mut own = Watch::new();
        let (c, mut d) = pair();
        own.poller
            .add(&c, Token::new(2), READABLE, Trigger::Edge)
            .unwrap();
        d.write_all(b"abc").unwrap();
        own.expect(2, Event::is_readable);
        let waker = Waker::new(&own.poller, Token::new(3)).unwrap();
        waker.wake().unwrap();
        own.expect(3, Event::is_wake);
        true
    };
    let child_was_right = ffi::in_child(child, || {
        b.write_all(b"abc").unwrap();
        watch.expect(1, Event::is_readable);
    });
    assert!(child_was_right);
    watch.expect(1, Event::is_readable);
    drain(&a);
    watch.expect_silence();
    watch.poller.remove(&a).unwrap();
}

/// Runs this test in a process in which no other test runs, because a fork takes the locks of other threads along.
fn run_alone() {
    let module = module_path!()
        .split_once("::")
        .expect("the crate's name comes first")
        .1;
    let name = format!("{module}::a_child_makes_a_poller_of_its_own_and_leaves_the_parents_alone");
    let test = Command::new(std::env::current_exe().unwrap())
        .args([&name, "--exact"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&test.stdout);
    assert!(test.status.success() && output.contains("1 passed"), "{output}");
}
