//! Ends of streams, resets, and fds that are closed while registered.

use std::io::{self, Write};
use std::net::{Shutdown, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};

use multiplex::{Event, Token, Trigger};

use super::support::*;

#[test]
fn a_peer_that_shuts_down_its_writing_makes_the_source_readable() {
    for trigger in TRIGGERS {
        let mut watch = Watch::new();
        let (a, b) = pair();
        watch.poller.add(&a, Token::new(1), READABLE, trigger).unwrap();
        b.shutdown(Shutdown::Write).unwrap();
        watch.expect(1, Event::is_readable);
        assert!(drain(&a));
        (&a).write_all(b"the other direction is open").unwrap();
    }
}

#[test]
fn data_before_the_end_is_readable_and_then_the_end() {
    let mut watch = Watch::new();
    let (a, mut b) = pair();
    watch
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::Level)
        .unwrap();
    b.write_all(b"last words").unwrap();
    drop(b);
    watch.expect(1, Event::is_readable);
    assert!(drain(&a));
    for _ in 0..3 {
        watch.expect(1, Event::is_readable);
    }
}

#[test]
fn a_closed_peer_makes_both_directions_ready() {
    for trigger in [Trigger::Level, Trigger::Edge] {
        let mut watch = Watch::new();
        let (a, b) = pair();
        fill(&a);
        watch.poller.add(&a, Token::new(1), BOTH, trigger).unwrap();
        drop(b);
        watch.expect(1, Event::is_readable);
        watch.poller.modify(&a, Token::new(1), BOTH, trigger).unwrap();
        watch.expect(1, Event::is_writable);
        assert_eq!((&a).write(b"x").unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}

#[test]
fn a_closed_tcp_peer_is_readable_before_and_after_the_drain() {
    let mut watch = Watch::new();
    let (mut client, server) = tcp_pair();
    watch
        .poller
        .add(&server, Token::new(1), BOTH, Trigger::Level)
        .unwrap();
    client.write_all(b"last words").unwrap();
    drop(client);
    watch.expect(1, Event::is_readable);
    while !drain(&server) {
        watch.expect(1, Event::is_readable);
    }
    watch.expect(1, Event::is_readable);
}

#[test]
fn a_reset_makes_both_directions_ready() {
    for interest in [READABLE, WRITABLE] {
        let mut watch = Watch::new();
        let (client, server) = tcp_pair();
        fill_for_good(&server);
        watch
            .poller
            .add(&server, Token::new(1), interest, Trigger::Level)
            .unwrap();
        watch.expect_silence();
        ffi::reset_on_close(&client);
        drop(client);
        let event = watch.expect(1, any);
        match interest {
            READABLE => assert!(event.is_readable(), "{event:?}"),
            _ => assert!(event.is_writable(), "{event:?}"),
        }
        assert!(server.take_error().unwrap().is_some());
    }
}

#[test]
fn a_refused_connection_is_writable_and_has_an_error() {
    let mut watch = Watch::new();
    let port = tcp_listener().local_addr().unwrap().port();
    let stream = ffi::start_connecting(port);
    watch
        .poller
        .add(&stream, Token::new(1), BOTH, Trigger::Level)
        .unwrap();
    watch.expect(1, Event::is_writable);
    match stream.take_error().unwrap() {
        Some(error) => assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused),
        // Where connect(2) itself says so, the error has been taken.
        None if cfg!(not(target_os = "linux")) => {}
        None => panic!("no error is left"),
    }
}

#[test]
fn the_end_of_what_was_not_asked_for_is_no_storm() {
    let mut watch = Watch::new();
    let (a, b) = pair();
    fill(&a);
    watch
        .poller
        .add(&a, Token::new(1), WRITABLE, Trigger::Level)
        .unwrap();
    b.shutdown(Shutdown::Write).unwrap();
    watch.expect_silence();
}

#[test]
fn shutting_down_this_side_makes_a_read_not_block() {
    let mut watch = Watch::new();
    let (a, _b) = pair();
    watch
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::Level)
        .unwrap();
    a.shutdown(Shutdown::Read).unwrap();
    watch.expect(1, Event::is_readable);
    assert!(drain(&a));
}

#[test]
fn the_details_of_an_end_imply_that_a_call_does_not_block() {
    let mut watch = Watch::new();
    let (a, b) = pair();
    watch.poller.add(&a, Token::new(1), BOTH, Trigger::Level).unwrap();
    drop(b);
    for _ in 0..20 {
        for event in watch.look() {
            assert!(!event.is_read_closed() || event.is_readable(), "{event:?}");
            assert!(!event.is_write_closed() || event.is_writable(), "{event:?}");
            assert!(
                !event.is_error() || event.is_readable() || event.is_writable(),
                "{event:?}"
            );
        }
    }
}

#[test]
fn a_closed_source_reports_nothing_more() {
    for trigger in TRIGGERS {
        let mut watch = Watch::new();
        let (a, mut b) = pair();
        watch.poller.add(&a, Token::new(1), BOTH, trigger).unwrap();
        b.write_all(b"abc").unwrap();
        drop(a);
        watch.expect_silence();
        drop(b);
        watch.expect_silence();
    }
}

#[test]
fn an_error_alone_makes_a_read_not_block() {
    for trigger in TRIGGERS {
        let mut watch = Watch::new();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_nonblocking(true).unwrap();
        let closed_port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        socket.connect(closed_port).unwrap();
        watch
            .poller
            .add(&socket, Token::new(1), READABLE, trigger)
            .unwrap();
        socket.send(b"is anybody there?").unwrap();
        // The answer is an error of the socket, with neither data nor an end beside it.
        watch.expect(1, Event::is_readable);
        let error = socket.recv(&mut [0; 9]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}

#[test]
fn a_reused_fd_number_begins_clean() {
    for trigger in TRIGGERS {
        let mut watch = Watch::new();
        let mut was_reused = false;
        // Other tests open and close files at the same time, so the number has to be won.
        for _ in 0..1_000 {
            let (a, _b) = pair();
            let number = a.as_raw_fd();
            watch.poller.add(&a, Token::new(1), BOTH, trigger).unwrap();
            drop(a);
            let (c, mut d) = pair();
            if c.as_raw_fd() != number {
                continue;
            }
            d.write_all(b"abc").unwrap();
            watch.expect_silence();
            expect_not_registered(&watch.poller, &c);
            watch
                .poller
                .add(&c, Token::new(2), READABLE, Trigger::Level)
                .unwrap();
            for _ in 0..3 {
                watch.expect(2, Event::is_readable);
            }
            watch.expect_not(1, any);
            was_reused = true;
            break;
        }
        assert!(was_reused);
    }
}

#[test]
fn two_fds_of_one_file_are_two_sources() {
    let mut watch = Watch::new();
    let (a, mut b) = pair();
    let twin = OwnedFd::from(a.try_clone().unwrap());
    watch
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::Level)
        .unwrap();
    watch
        .poller
        .add(&twin, Token::new(2), READABLE, Trigger::Level)
        .unwrap();
    b.write_all(b"abc").unwrap();
    watch.expect(1, Event::is_readable);
    watch.expect(2, Event::is_readable);
    watch.poller.remove(&a).unwrap();
    drop(a);
    watch.expect_not(1, any);
    watch.expect(2, Event::is_readable);
}
