//! fork(2).

use std::cell::Cell;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;

use multiplex::{Event, Token, Trigger, Waker};

use super::support::*;

const ALONE: &str = "MULTIPLEX_FORK_TEST_ALONE";

#[test]
fn a_child_makes_a_poller_of_its_own_and_leaves_the_parents_alone() {
    if std::env::var_os(ALONE).is_none() {
        return run_alone("a_child_makes_a_poller_of_its_own_and_leaves_the_parents_alone");
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

#[test]
fn a_dropped_waker_is_silent_although_a_child_still_has_it() {
    if std::env::var_os(ALONE).is_none() {
        return run_alone("a_dropped_waker_is_silent_although_a_child_still_has_it");
    }
    let mut watch = Watch::new();
    let waker = Waker::new(&watch.poller, Token::new(1)).unwrap();
    let (parent, child) = UnixStream::pair().unwrap();
    [&parent, &child]
        .iter()
        .for_each(|side| side.set_read_timeout(Some(PATIENCE)).unwrap());
    let said = |mut side: &UnixStream| side.read_exact(&mut [0; 1]).is_ok();
    let say = |mut side: &UnixStream| side.write_all(b"x").is_ok();
    let waker = Cell::new(Some(waker));
    let in_child = || {
        let waker = waker.take().expect("the child has its own copy");
        let dropped = said(&child);
        // A kqueue is not inherited, and then this fails.
        let _ = waker.wake();
        std::mem::forget(waker);
        dropped && say(&child) && said(&child)
    };
    let child_was_right = ffi::in_child(in_child, || {
        drop(waker.take());
        assert!(say(&parent) && said(&parent));
        watch.expect_silence();
        assert!(say(&parent));
    });
    assert!(child_was_right);
}

#[test]
fn a_waker_dropped_by_a_child_still_wakes_its_parent() {
    if std::env::var_os(ALONE).is_none() {
        return run_alone("a_waker_dropped_by_a_child_still_wakes_its_parent");
    }
    let mut watch = Watch::new();
    let waker = Cell::new(Some(Waker::new(&watch.poller, Token::new(1)).unwrap()));
    let in_child = || {
        drop(waker.take());
        true
    };
    assert!(ffi::in_child(in_child, || ()));
    let waker = waker.take().expect("the parent's own");
    waker.wake().unwrap();
    watch.expect(1, Event::is_wake);
}

/// Runs a test of this file in a process in which no other test runs, because a fork takes the locks of other threads along.
fn run_alone(test: &str) {
    let module = module_path!()
        .split_once("::")
        .expect("the crate's name comes first")
        .1;
    let name = format!("{module}::{test}");
    let test = Command::new(std::env::current_exe().unwrap())
        .args([&name, "--exact"])
        .env(ALONE, "1")
        .output()
        .unwrap();
    let output = String::from_utf8_lossy(&test.stdout);
    assert!(test.status.success() && output.contains("1 passed"), "{output}");
}
