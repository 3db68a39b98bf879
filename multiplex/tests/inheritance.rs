//! What a started program inherits of a poller and its wakers: nothing. Alone in its file, because the fds of tests that run
//! beside it would be counted too.

use std::process::Command;

use multiplex::{Poller, Token, Waker};

#[test]
fn a_program_that_is_started_inherits_no_fd() {
    let before = inherited_fds();
    let poller = Poller::new().unwrap();
    let _wakers = [0, 1].map(|token| Waker::new(&poller, Token::new(token)).unwrap());
    assert_eq!(inherited_fds(), before);
}

/// What `ls` finds open: the standard streams, the directory, and what it inherited.
fn inherited_fds() -> String {
    let listing = Command::new("ls").arg("/dev/fd/").output().unwrap();
    assert!(listing.status.success());
    String::from_utf8(listing.stdout).unwrap()
}
