//! Edge-triggered sources. Edges may be spurious, so what is tested is that none is lost and that they end.

use std::io::Write;

use multiplex::{Event, Token, Trigger};

use super::support::*;

#[test]
fn edge_reports_each_arrival_at_least_once() {
    let mut watch = Watch::new();
    let (a, mut b) = pair();
    watch
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::Edge)
        .unwrap();
    for _ in 0..20 {
        b.write_all(b"abc").unwrap();
        watch.expect(1, Event::is_readable);
    }
    drain(&a);
    for _ in 0..20 {
        b.write_all(b"abc").unwrap();
        watch.expect(1, Event::is_readable);
        drain(&a);
    }
}

#[test]
fn edge_reports_each_arrival_in_a_pipe_at_least_once() {
    let mut watch = Watch::new();
    let (reader, mut writer) = pipe();
    watch
        .poller
        .add(&reader, Token::new(1), READABLE, Trigger::Edge)
        .unwrap();
    for _ in 0..20 {
        writer.write_all(b"abc").unwrap();
        watch.expect(1, Event::is_readable);
    }
    drain(&reader);
    writer.write_all(b"abc").unwrap();
    watch.expect(1, Event::is_readable);
}

#[test]
fn edge_is_calm_while_nothing_arrives() {
    let mut watch = Watch::new();
    let (a, mut b) = pair();
    b.write_all(b"abc").unwrap();
    watch.poller.add(&a, Token::new(1), BOTH, Trigger::Edge).unwrap();
    watch.expect(1, Event::is_readable);
    watch.expect_calm(1, any);
}

#[test]
fn edge_reports_space_after_the_peer_drained() {
    let mut watch = Watch::new();
    let (a, b) = pair();
    watch
        .poller
        .add(&a, Token::new(1), WRITABLE, Trigger::Edge)
        .unwrap();
    watch.expect(1, Event::is_writable);
    for _ in 0..10 {
        fill(&a);
        while watch.count(5, 1, any) > 0 {}
        drain(&b);
        watch.expect(1, Event::is_writable);
    }
}

#[test]
fn edge_reports_space_in_a_pipe_after_the_reader_drained() {
    let mut watch = Watch::new();
    let (reader, writer) = pipe();
    watch
        .poller
        .add(&writer, Token::new(1), WRITABLE, Trigger::Edge)
        .unwrap();
    watch.expect(1, Event::is_writable);
    fill(&writer);
    while watch.count(5, 1, any) > 0 {}
    drain(&reader);
    watch.expect(1, Event::is_writable);
}

#[test]
fn edge_reports_both_directions_of_one_source() {
    let mut watch = Watch::with_capacity(1);
    let (a, mut b) = pair();
    fill(&a);
    watch.poller.add(&a, Token::new(1), BOTH, Trigger::Edge).unwrap();
    for _ in 0..10 {
        drain(&b);
        b.write_all(b"abc").unwrap();
        // In one event or in two, in this wait or in the next.
        let (mut readable, mut writable) = (false, false);
        while !(readable && writable) {
            let event = watch.expect(1, any);
            readable |= event.is_readable();
            writable |= event.is_writable();
        }
        drain(&a);
        fill(&a);
        while watch.count(5, 1, any) > 0 {}
    }
}

#[test]
fn an_edge_in_one_direction_leaves_the_other_as_it_was() {
    let mut watch = Watch::new();
    let (a, mut b) = pair();
    watch.poller.add(&a, Token::new(1), BOTH, Trigger::Edge).unwrap();
    watch.expect(1, Event::is_writable);
    for _ in 0..10 {
        b.write_all(b"abc").unwrap();
        watch.expect(1, Event::is_readable);
    }
    watch.expect_calm(1, any);
}

#[test]
fn what_was_pending_before_is_an_edge() {
    let mut watch = Watch::new();
    let (a, mut b) = pair();
    b.write_all(b"abc").unwrap();
    watch
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::Edge)
        .unwrap();
    watch.expect(1, Event::is_readable);
    for _ in 0..5 {
        watch
            .poller
            .modify(&a, Token::new(1), READABLE, Trigger::Edge)
            .unwrap();
        watch.expect(1, Event::is_readable);
        watch
            .poller
            .add(&a, Token::new(1), READABLE, Trigger::Edge)
            .unwrap();
        watch.expect(1, Event::is_readable);
    }
}
