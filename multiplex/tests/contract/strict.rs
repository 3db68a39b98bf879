//! The strict forms: `add_new` takes only what is not registered, `modify_existing` only what is.

use std::io::{ErrorKind, Write};
use std::os::fd::{AsFd, AsRawFd};

use multiplex::{Event, Fanout, Token, Trigger};

use super::support::*;

#[test]
fn a_strict_add_registers_what_is_not_registered() {
    for trigger in TRIGGERS {
        let mut watch = Watch::new();
        let (a, b) = pair();
        (&b).write_all(b"!").unwrap();
        for _ in 0..3 {
            watch.poller.add_new(&a, Token::new(1), BOTH, trigger).unwrap();
            watch.expect(1, Event::is_readable);
            watch.poller.remove(&a).unwrap();
        }
        watch.expect_silence();
    }
}

#[test]
fn a_strict_add_of_what_is_registered_already_exists() {
    if answers_get_lost() {
        return;
    }
    for interest in [READABLE, WRITABLE, BOTH] {
        let mut watch = Watch::new();
        let (a, b) = pair();
        (&b).write_all(b"!").unwrap();
        let token = Token::new(1);
        watch.poller.add(&a, token, interest, Trigger::Level).unwrap();
        let again = watch.poller.add_new(&a, Token::new(2), BOTH, Trigger::Level);
        assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyExists);
        watch.expect_not(2, any);
        if EPOLL {
            watch.expect(1, any);
            watch.poller.remove(&a).unwrap();
        }
        // On a kqueue it has lost its registration, as the documentation says.
        expect_not_registered(&watch.poller, &a);
    }
}

#[test]
fn a_strict_add_finds_a_listener_as_well() {
    if answers_get_lost() {
        return;
    }
    for fanout in [Fanout::Shared, Fanout::Exclusive] {
        let watch = Watch::new();
        let listener = tcp_listener();
        watch
            .poller
            .add_listener(&listener, Token::new(1), fanout)
            .unwrap();
        let again = watch
            .poller
            .add_new(&listener, Token::new(2), READABLE, Trigger::Level);
        assert_eq!(again.unwrap_err().kind(), ErrorKind::AlreadyExists);
    }
}

#[test]
fn a_strict_modify_changes_what_is_registered() {
    let mut watch = Watch::new();
    let (a, b) = pair();
    (&b).write_all(b"!").unwrap();
    watch
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::Level)
        .unwrap();
    for (token, interest, trigger) in [
        (2, WRITABLE, Trigger::OneShot),
        (3, BOTH, Trigger::Edge),
        (4, WRITABLE, Trigger::Level),
    ] {
        watch
            .poller
            .modify_existing(&a, Token::new(token), interest, trigger)
            .unwrap();
        watch.expect(token, Event::is_writable);
    }
    watch.expect_not(4, Event::is_readable);
}

#[test]
fn a_strict_modify_changes_a_listener_whose_entry_cannot_be_modified() {
    let mut watch = Watch::new();
    let listener = tcp_listener();
    watch
        .poller
        .add_listener(&listener, Token::new(1), Fanout::Exclusive)
        .unwrap();
    watch
        .poller
        .modify_existing(&listener, Token::new(2), READABLE, Trigger::Level)
        .unwrap();
    let _client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    watch.expect(2, Event::is_readable);
    watch.expect_not(1, any);
}

#[test]
fn a_strict_modify_of_what_is_not_registered_is_not_found_and_registers_nothing() {
    if answers_get_lost() {
        return;
    }
    let mut watch = Watch::new();
    let (a, b) = pair();
    (&b).write_all(b"!").unwrap();
    for interest in [READABLE, WRITABLE, BOTH] {
        let error = watch
            .poller
            .modify_existing(&a, Token::new(1), interest, Trigger::Level)
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        watch.expect_silence();
        expect_not_registered(&watch.poller, &a);
    }
}

#[test]
fn a_strict_modify_of_a_reused_number_takes_over_no_registration() {
    if answers_get_lost() {
        return;
    }
    let mut watch = Watch::new();
    let (a, _b) = pair();
    watch
        .poller
        .add(&a, Token::new(1), WRITABLE, Trigger::Level)
        .unwrap();
    let number = a.as_raw_fd();
    drop(a);
    let (c, d) = pair();
    let reused = [&c, &d].into_iter().find(|end| end.as_raw_fd() == number);
    let Some(reused) = reused else {
        return; // another test's thread was faster
    };
    let error = watch
        .poller
        .modify_existing(reused, Token::new(1), WRITABLE, Trigger::Level)
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
    watch.expect_silence();
}

#[test]
fn a_strict_form_says_the_other_errors_as_the_forgiving_one_does() {
    let watch = Watch::new();
    let file = std::fs::File::open(std::env::current_exe().unwrap()).unwrap();
    let poller = &watch.poller;
    let own = poller.as_fd();
    for (source, wanted) in [
        (file.as_fd(), ErrorKind::Unsupported),
        (own, ErrorKind::InvalidInput),
    ] {
        for result in [
            poller.add_new(source, Token::new(1), READABLE, Trigger::Level),
            poller.modify_existing(source, Token::new(1), READABLE, Trigger::Level),
        ] {
            assert_eq!(result.unwrap_err().kind(), wanted);
        }
    }
}
