//! Level-triggered sources.

use std::io::{Read, Write};
use std::net::UdpSocket;

use multiplex::{Event, Token, Trigger};

use super::support::*;

#[test]
fn level_repeats_until_drained() {
    let mut watch = Watch::new();
    let (mut a, mut b) = pair();
    watch
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::Level)
        .unwrap();
    watch.expect_silence();
    b.write_all(b"abc").unwrap();
    for _ in 0..3 {
        watch.expect(1, Event::is_readable);
    }
    a.read_exact(&mut [0; 1]).unwrap();
    for _ in 0..3 {
        watch.expect(1, Event::is_readable);
    }
    assert!(!drain(&a));
    watch.expect_silence();
    b.write_all(b"d").unwrap();
    watch.expect(1, Event::is_readable);
}

#[test]
fn level_repeats_until_a_pipe_is_drained() {
    let mut watch = Watch::new();
    let (reader, mut writer) = pipe();
    watch
        .poller
        .add(&reader, Token::new(1), READABLE, Trigger::Level)
        .unwrap();
    watch.expect_silence();
    writer.write_all(b"abc").unwrap();
    for _ in 0..3 {
        watch.expect(1, Event::is_readable);
    }
    assert!(!drain(&reader));
    watch.expect_silence();
}

#[test]
fn level_reports_writable_as_long_as_there_is_space() {
    let mut watch = Watch::new();
    let (a, b) = pair();
    watch
        .poller
        .add(&a, Token::new(1), WRITABLE, Trigger::Level)
        .unwrap();
    for _ in 0..3 {
        watch.expect(1, Event::is_writable);
    }
    fill(&a);
    watch.expect_silence();
    drain(&b);
    watch.expect(1, Event::is_writable);
}

#[test]
fn level_reports_writable_as_long_as_a_pipe_has_space() {
    let mut watch = Watch::new();
    let (reader, writer) = pipe();
    watch
        .poller
        .add(&writer, Token::new(1), WRITABLE, Trigger::Level)
        .unwrap();
    watch.expect(1, Event::is_writable);
    fill(&writer);
    watch.expect_silence();
    drain(&reader);
    watch.expect(1, Event::is_writable);
}

#[test]
fn level_reports_both_directions() {
    let mut watch = Watch::new();
    let (a, mut b) = pair();
    watch.poller.add(&a, Token::new(1), BOTH, Trigger::Level).unwrap();
    b.write_all(b"abc").unwrap();
    for _ in 0..3 {
        watch.expect(1, Event::is_readable);
        watch.expect(1, Event::is_writable);
    }
    fill(&a);
    watch.expect_not(1, Event::is_writable);
    watch.expect(1, Event::is_readable);
    drain(&a);
    watch.expect_silence();
}

#[test]
fn a_direction_that_was_not_asked_for_is_not_reported_of_an_open_source() {
    let mut watch = Watch::new();
    let (a, mut b) = pair();
    b.write_all(b"abc").unwrap();
    watch
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::Level)
        .unwrap();
    watch.expect_not(1, Event::is_writable);
    watch.expect(1, Event::is_readable);
    watch
        .poller
        .modify(&a, Token::new(1), WRITABLE, Trigger::Level)
        .unwrap();
    watch.expect_not(1, Event::is_readable);
    watch.expect(1, Event::is_writable);
}

#[test]
fn an_open_and_quiet_source_says_nothing_else() {
    let mut watch = Watch::new();
    let (a, mut b) = pair();
    b.write_all(b"abc").unwrap();
    watch.poller.add(&a, Token::new(1), BOTH, Trigger::Level).unwrap();
    for said in [
        Event::is_acceptable,
        Event::is_read_closed,
        Event::is_write_closed,
        Event::is_error,
        Event::is_wake,
        |event: &Event| event.backlog().is_some(),
    ] {
        watch.expect_not(1, said);
    }
}

#[test]
fn datagrams_are_reported_until_they_are_read() {
    let mut watch = Watch::new();
    let (a, b) = (
        UdpSocket::bind("127.0.0.1:0").unwrap(),
        UdpSocket::bind("127.0.0.1:0").unwrap(),
    );
    a.set_nonblocking(true).unwrap();
    watch
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::Level)
        .unwrap();
    watch.expect_silence();
    b.send_to(b"one", a.local_addr().unwrap()).unwrap();
    b.send_to(b"two", a.local_addr().unwrap()).unwrap();
    for _ in 0..2 {
        watch.expect(1, Event::is_readable);
        assert_eq!(a.recv(&mut [0; 9]).unwrap(), 3);
    }
    watch.expect_silence();
}

#[test]
fn urgent_data_is_not_readable() {
    let mut watch = Watch::new();
    let (client, server) = tcp_pair();
    watch
        .poller
        .add(&server, Token::new(1), READABLE, Trigger::Level)
        .unwrap();
    ffi::send_urgent(&client);
    watch.wait(MOMENT);
    // A peer could let a reader spin with one byte otherwise. A read would step over it.
    watch.expect_calm(1, any);
    drain(&server);
    watch.expect_silence();
}

#[test]
fn a_connection_is_writable_when_it_is_made() {
    let mut watch = Watch::new();
    let listener = tcp_listener();
    let stream = ffi::start_connecting(listener.local_addr().unwrap().port());
    watch
        .poller
        .add(&stream, Token::new(1), WRITABLE, Trigger::Level)
        .unwrap();
    watch.expect(1, Event::is_writable);
    assert!(stream.take_error().unwrap().is_none());
    assert!(stream.peer_addr().is_ok());
}
