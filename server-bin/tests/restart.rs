//! What a restart does when the new program does not take over. Beside no other test: a child of a test holds, between
//! fork(2) and exec(2), the descriptors of all.

use std::sync::Arc;
use std::time::Duration;

use server_bin::operate::restart::{Handover, PATIENCE, Program};

#[test]
fn a_program_that_does_not_take_over_is_said_and_ended() {
    let nowhere = Program::new("/nowhere/at/all", []);
    let error = nowhere.start().expect_err("there is no such program");
    assert!(error.contains("/nowhere/at/all"), "{error}");
    let start = |script: &str| {
        let program = Program::new("/bin/sh", ["-c".into(), script.into()]);
        program.start().expect("it starts")
    };
    let sockets = Arc::new(Handover::default());
    let take_over = |script, patience| start(script).take_over(&Arc::downgrade(&sockets), patience);
    let error = take_over("exit 3", PATIENCE).expect_err("it ends");
    assert!(error.contains('3'), "{error}");
    // One that takes everything over before it ends.
    let script = "printf '?' >&0; dd bs=1 count=1 of=/dev/null 2>/dev/null; exit 4";
    let error = take_over(script, PATIENCE).expect_err("it ends");
    assert!(error.contains('4'), "{error}");
    for silent in ["exec sleep 600", "printf '?' >&0; exec sleep 600"] {
        let error = take_over(silent, Duration::from_millis(200)).expect_err("it keeps silent");
        assert!(error.contains("did not serve"), "{error}");
    }
    let error = take_over("printf '!' >&0; exec sleep 600", PATIENCE).expect_err("it says something else");
    assert!(error.contains("no server of this kind"), "{error}");
    // One that asks when they have gone, since the server drains.
    let gone = std::sync::Weak::new();
    let late = start("printf '?' >&0; exec sleep 600").take_over(&gone, PATIENCE);
    let error = late.expect_err("there are none");
    assert!(error.contains("the server ends"), "{error}");
    let ready = start("printf '?R' >&0; sleep 0.1");
    let pid = ready.pid();
    assert_eq!(ready.take_over(&Arc::downgrade(&sockets), PATIENCE), Ok(pid));
}
