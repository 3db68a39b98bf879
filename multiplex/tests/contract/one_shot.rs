//! One-shot sources: single delivery for each direction.

use std::io::{Read, Write};

use multiplex::{Event, Token, Trigger};

use super::support::*;

#[test]
fn one_shot_reports_once_until_it_is_armed_again() {
    let mut watch = Watch::new();
    let (a, mut b) = pair();
    watch
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::OneShot)
        .unwrap();
    watch.expect_silence();
    b.write_all(b"abc").unwrap();
    watch.expect(1, Event::is_readable);
    watch.expect_silence();
    b.write_all(b"more, while it is not armed").unwrap();
    watch.expect_silence();
    watch
        .poller
        .modify(&a, Token::new(2), READABLE, Trigger::OneShot)
        .unwrap();
    watch.expect(2, Event::is_readable);
    watch.expect_silence();
}

#[test]
fn one_shot_reports_each_direction_once() {
    let mut watch = Watch::new();
    let (a, mut b) = pair();
    b.write_all(b"abc").unwrap();
    for _ in 0..10 {
        watch
            .poller
            .modify(&a, Token::new(1), BOTH, Trigger::OneShot)
            .unwrap();
        let (mut readable, mut writable) = (0, 0);
        // epoll disarms both directions with one event, kqueue the one that it reports.
        for timeout in [PATIENCE, MOMENT, MOMENT, MOMENT] {
            for event in watch.wait(timeout) {
                readable += usize::from(event.is_readable());
                writable += usize::from(event.is_writable());
            }
        }
        assert!(
            readable <= 1 && writable <= 1 && readable + writable >= 1,
            "{readable} and {writable} reports"
        );
    }
}

#[test]
fn arming_again_reports_what_is_pending() {
    let mut watch = Watch::new();
    let (mut a, mut b) = pair();
    b.write_all(&[1; 20]).unwrap();
    watch
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::OneShot)
        .unwrap();
    for _ in 0..20 {
        watch.expect(1, Event::is_readable);
        watch.expect_not(1, any);
        a.read_exact(&mut [0; 1]).unwrap();
        watch
            .poller
            .modify(&a, Token::new(1), READABLE, Trigger::OneShot)
            .unwrap();
    }
    watch.look();
    b.write_all(&[1; 20]).unwrap();
    watch
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::OneShot)
        .unwrap();
    watch.expect(1, Event::is_readable);
}

#[test]
fn arming_one_direction_does_not_arm_the_other() {
    let mut watch = Watch::new();
    let (a, mut b) = pair();
    b.write_all(b"abc").unwrap();
    watch
        .poller
        .add(&a, Token::new(1), BOTH, Trigger::OneShot)
        .unwrap();
    watch.expect(1, any);
    watch
        .poller
        .modify(&a, Token::new(1), READABLE, Trigger::OneShot)
        .unwrap();
    watch.expect(1, Event::is_readable);
    watch.expect_silence();
    watch
        .poller
        .modify(&a, Token::new(1), WRITABLE, Trigger::OneShot)
        .unwrap();
    watch.expect(1, Event::is_writable);
    watch.expect_silence();
}

#[test]
fn a_one_shot_source_stays_registered_after_its_report() {
    let mut watch = Watch::new();
    let (a, _b) = pair();
    watch
        .poller
        .add(&a, Token::new(1), WRITABLE, Trigger::OneShot)
        .unwrap();
    watch.expect(1, Event::is_writable);
    watch.poller.remove(&a).unwrap();
    watch.expect_silence();
}

#[test]
fn one_shot_reports_the_end_of_the_stream_once() {
    let mut watch = Watch::new();
    let (a, b) = pair();
    watch
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::OneShot)
        .unwrap();
    drop(b);
    watch.expect(1, Event::is_readable);
    watch.expect_silence();
    watch
        .poller
        .modify(&a, Token::new(1), READABLE, Trigger::OneShot)
        .unwrap();
    watch.expect(1, Event::is_readable);
    watch.expect_silence();
}
