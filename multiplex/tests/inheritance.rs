//! What a started program inherits of a poller and its wakers: nothing. Alone in its file, because the fds of tests that run
//! beside it would be counted too.

mod support;

use std::process::Command;

use multiplex::{Poller, Token, Waker};

use support::ffi;

/// Set for the started program, so that it knows that it is one.
const STARTED: &str = "MULTIPLEX_INHERITANCE_TEST_STARTED";

#[test]
fn a_program_that_is_started_inherits_no_fd() {
    if std::env::var_os(STARTED).is_some() {
        println!("{MARK}{:?}", ffi::open_fds());
        return;
    }
    let before = inherited_fds();
    let poller = Poller::new().unwrap();
    let _wakers = [0, 1].map(|token| Waker::new(&poller, Token::new(token)).unwrap());
    assert_eq!(inherited_fds(), before);
}

const MARK: &str = "open: ";

/// What this program finds open when it is started anew: the standard streams, and what it inherited.
fn inherited_fds() -> String {
    let started = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "a_program_that_is_started_inherits_no_fd",
            "--nocapture",
        ])
        .env(STARTED, "1")
        .output()
        .unwrap();
    let said = String::from_utf8(started.stdout).unwrap();
    let fds = said.split_once(MARK).expect("it says what is open").1;
    fds.lines().next().expect("a line").to_owned()
}
