//! What a restart does when the new program does not take over. Beside no other test: a child of a test holds, between
//! fork(2) and exec(2), the descriptors of all.

use std::time::Duration;

use server_bin::operate::restart::{Handover, PATIENCE, Program};

#[test]
fn a_program_that_does_not_take_over_is_said_and_ended() {
    let nowhere = Program::new("/nowhere/at/all", []);
    let error = nowhere
        .start(&Handover::default())
        .expect_err("there is no such program");
    assert!(error.contains("/nowhere/at/all"), "{error}");
    let program = |script: &str| Program::new("/bin/sh", ["-c".into(), script.into()]);
    let ends = program("exit 3").start(&Handover::default());
    let error = match ends {
        Ok(successor) => successor.wait(PATIENCE).expect_err("it ends"),
        Err(error) => error,
    };
    assert!(error.contains('3'), "{error}");
    // One that takes everything over before it ends.
    let gives_up = program("dd bs=1 count=1 of=/dev/null 2>/dev/null; exit 4");
    let gives_up = gives_up.start(&Handover::default()).expect("it starts");
    let error = gives_up.wait(PATIENCE).expect_err("it ends");
    assert!(error.contains('4'), "{error}");
    let silent = program("exec sleep 600")
        .start(&Handover::default())
        .expect("it starts");
    let error = silent
        .wait(Duration::from_millis(200))
        .expect_err("it keeps silent");
    assert!(error.contains("did not serve"), "{error}");
    let ready = program("printf R >&0; sleep 0.1")
        .start(&Handover::default())
        .expect("it starts");
    let pid = ready.pid();
    assert_eq!(ready.wait(PATIENCE), Ok(pid));
}
