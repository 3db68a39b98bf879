//! What callers get wrong: an error that says what, never a hang.

use std::fs::File;
use std::io::{self, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;

use multiplex::{Event, Fanout, Token, Trigger, Waker};

use super::support::*;

#[test]
fn a_token_past_the_largest_is_invalid_input() {
    let mut watch = Watch::new();
    let (a, _b) = pair();
    let Some(larger) = Token::MAX.value().checked_add(1) else {
        return; // each `usize` is a token here, as the next test shows
    };
    let token = Token::new(larger);
    let results = [
        watch.poller.add(&a, token, READABLE, Trigger::Level),
        watch.poller.modify(&a, token, READABLE, Trigger::Level),
        watch.poller.add_listener(&a, token, Fanout::Shared).map(drop),
        Waker::new(&watch.poller, token).map(drop),
        Waker::new(&watch.poller, Token::new(usize::MAX)).map(drop),
    ];
    for result in results {
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
    expect_not_registered(&watch.poller, &a);
    watch.expect_silence();
}

/// An address in memory, as runtimes take it for a token; and on 32 bits every address for an epoll, which keeps 64.
#[test]
fn a_token_is_as_wide_as_what_the_kernel_keeps() {
    let whole = EPOLL && usize::BITS == 32;
    let largest = if whole { usize::MAX } else { usize::MAX >> 2 };
    assert_eq!(Token::MAX.value(), largest);
    for value in [0, 1 << (usize::BITS - 3), largest] {
        let mut watch = Watch::new();
        let ((a, b), listener) = (pair(), tcp_listener());
        (&b).write_all(b"!").unwrap();
        let waker = Waker::new(&watch.poller, Token::new(value)).unwrap();
        watch
            .poller
            .add(&a, Token::new(value), READABLE, Trigger::Level)
            .unwrap();
        watch.expect(value, Event::is_readable);
        waker.wake().unwrap();
        watch.expect(value, Event::is_wake);
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let token = Token::new(value);
        watch
            .poller
            .add_listener(&listener, token, Fanout::Shared)
            .unwrap();
        watch.expect(value, Event::is_acceptable);
    }
}

#[test]
fn a_number_that_names_no_file_is_an_error() {
    let watch = Watch::new();
    let fd = ffi::closed_fd();
    for result in [
        watch.poller.add(fd, Token::new(1), BOTH, Trigger::Level),
        watch.poller.modify(fd, Token::new(1), WRITABLE, Trigger::OneShot),
        watch
            .poller
            .add_listener(fd, Token::new(1), Fanout::Exclusive)
            .map(drop),
        watch.poller.remove(fd),
    ] {
        let errno = result.unwrap_err().raw_os_error();
        assert!(matches!(errno, Some(libc::EBADF | libc::ENOENT)), "{errno:?}");
    }
}

#[test]
fn a_file_that_is_always_ready_is_unsupported_and_the_error_says_so() {
    let file = std::env::current_exe().unwrap();
    for path in [file.as_path(), file.parent().unwrap(), "/dev/null".as_ref()] {
        let mut watch = Watch::new();
        let file = File::open(path).unwrap();
        for interest in [READABLE, WRITABLE, BOTH] {
            for trigger in TRIGGERS {
                for result in [
                    watch.poller.add(&file, Token::new(1), interest, trigger),
                    watch.poller.modify(&file, Token::new(1), interest, trigger),
                ] {
                    let error = result.expect_err("no kernel waits for it");
                    assert_eq!(error.kind(), io::ErrorKind::Unsupported, "{path:?}");
                    assert!(error.to_string().contains("always ready"), "{error}");
                }
            }
            expect_not_registered(&watch.poller, &file);
            watch.expect_silence();
        }
    }
}

#[test]
fn a_poller_in_itself_is_invalid_input() {
    let mut watch = Watch::new();
    for result in [
        watch
            .poller
            .add(&watch.poller, Token::new(1), READABLE, Trigger::Level),
        watch
            .poller
            .modify(watch.poller.as_fd(), Token::new(1), READABLE, Trigger::Edge),
        watch
            .poller
            .add_listener(&watch.poller, Token::new(1), Fanout::Exclusive)
            .map(drop),
    ] {
        assert_eq!(result.unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
    watch.expect_silence();
}

#[test]
fn writable_of_another_poller_is_invalid_input_or_allowed_but_nothing_between() {
    let (mut watch, other) = (Watch::new(), Watch::new());
    for interest in [WRITABLE, BOTH] {
        match watch
            .poller
            .add(&other.poller, Token::new(1), interest, Trigger::Level)
        {
            Ok(()) => watch.poller.remove(&other.poller).unwrap(),
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
                // Nor is it registered for readable.
                expect_not_registered(&watch.poller, &other.poller);
            }
        }
        watch.expect_silence();
    }
}
