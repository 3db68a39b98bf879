//! Pipes, and FIFOs with a name: what either end is told when the other one goes.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;

use multiplex::{Event, Token, Trigger};

use super::support::*;

#[test]
fn a_pipe_whose_writer_has_gone_is_readable() {
    for trigger in TRIGGERS {
        let mut watch = Watch::new();
        let (reader, writer) = pipe();
        watch
            .poller
            .add(&reader, Token::new(1), READABLE, trigger)
            .unwrap();
        drop(writer);
        watch.expect(1, Event::is_readable);
        assert!(drain(&reader));
        watch
            .poller
            .modify(&reader, Token::new(1), READABLE, trigger)
            .unwrap();
        watch.expect(1, Event::is_readable);
    }
}

#[test]
fn a_full_pipe_whose_reader_has_gone_is_writable() {
    for trigger in TRIGGERS {
        let mut watch = Watch::new();
        let (reader, writer) = pipe();
        fill(&writer);
        watch
            .poller
            .add(&writer, Token::new(1), WRITABLE, trigger)
            .unwrap();
        watch.expect_not(1, Event::is_write_closed);
        drop(reader);
        watch.expect(1, Event::is_writable);
        assert_eq!(
            (&writer).write(b"x").unwrap_err().kind(),
            io::ErrorKind::BrokenPipe
        );
    }
}

#[test]
fn a_pipe_whose_reader_has_gone_is_writable_at_every_wait_and_then_removed() {
    for (is_full, modified) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut watch = Watch::new();
        let (reader, writer) = pipe();
        if is_full {
            fill(&writer);
        }
        watch
            .poller
            .add(&writer, Token::new(1), WRITABLE, Trigger::Level)
            .unwrap();
        if modified {
            watch
                .poller
                .modify(&writer, Token::new(1), WRITABLE, Trigger::Edge)
                .unwrap();
            watch
                .poller
                .modify(&writer, Token::new(1), WRITABLE, Trigger::Level)
                .unwrap();
        }
        drop(reader);
        for _ in 0..3 {
            watch.expect(1, Event::is_writable);
        }
        watch.poller.remove(&writer).unwrap();
        watch.expect_silence();
        expect_not_registered(&watch.poller, &writer);
    }
}

#[test]
fn a_pipe_whose_reader_has_gone_tells_a_writer_that_asks_for_both_at_every_wait() {
    for is_full in [false, true] {
        let mut watch = Watch::new();
        let (reader, writer) = pipe();
        if is_full {
            fill(&writer);
        }
        watch
            .poller
            .add(&writer, Token::new(1), BOTH, Trigger::Level)
            .unwrap();
        watch.expect_not(1, Event::is_readable);
        drop(reader);
        for _ in 0..3 {
            watch.expect(1, Event::is_readable);
        }
        watch.poller.remove(&writer).unwrap();
        watch.expect_silence();
    }
}

#[test]
fn the_writer_of_a_pipe_is_not_told_of_what_it_did_not_ask_for() {
    for trigger in TRIGGERS {
        let mut watch = Watch::new();
        let (reader, writer) = pipe();
        watch
            .poller
            .add(&writer, Token::new(1), WRITABLE, trigger)
            .unwrap();
        watch.expect(1, Event::is_writable);
        (&writer).write_all(b"abc").unwrap();
        watch.expect_not(1, Event::is_readable);
        watch.expect_not(1, Event::is_write_closed);
        // Readable is no more than is told with an error, on epoll.
        drop(reader);
        for event in (0..4).flat_map(|_| watch.look()) {
            assert!(!event.is_wake() && !event.is_acceptable(), "{event:?}");
        }
    }
}

#[test]
fn a_one_shot_writer_of_a_pipe_is_told_at_most_once_more_when_the_reader_goes() {
    let mut watch = Watch::new();
    let (reader, writer) = pipe();
    watch
        .poller
        .add(&writer, Token::new(1), WRITABLE, Trigger::OneShot)
        .unwrap();
    watch.expect(1, Event::is_writable);
    watch.expect_silence();
    drop(reader);
    // `Trigger`, Portability.
    assert!(watch.count(20, 1, any) <= usize::from(!EPOLL));
    match watch
        .poller
        .modify(&writer, Token::new(1), WRITABLE, Trigger::OneShot)
    {
        Ok(()) => drop(watch.expect(1, Event::is_writable)),
        Err(error) => assert_eq!(error.kind(), io::ErrorKind::BrokenPipe),
    }
}

#[test]
fn nobody_sleeps_on_a_pipe_whose_reader_had_gone_before() {
    for (trigger, interest) in TRIGGERS
        .into_iter()
        .flat_map(|trigger| [(trigger, WRITABLE), (trigger, BOTH)])
    {
        for again in [false, true] {
            let mut watch = Watch::new();
            let (reader, writer) = pipe();
            if again {
                watch
                    .poller
                    .add(&writer, Token::new(9), WRITABLE, Trigger::Level)
                    .unwrap();
            }
            drop(reader);
            match watch.poller.add(&writer, Token::new(1), interest, trigger) {
                Ok(()) => drop(watch.expect(1, Event::is_writable)),
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
                    // Neither direction is left.
                    watch.expect_silence();
                    expect_not_registered(&watch.poller, &writer);
                }
            }
        }
    }
}

/// It is another file than a pipe for every BSD: only its own filters are right for it.
#[test]
fn the_writer_of_a_fifo_with_a_name_is_told_of_space_and_of_the_end_alone() {
    let folder = folder("contract-fifo");
    let path = folder.join("fifo");
    ffi::make_fifo(&path);
    let open = |read| {
        let mut options = OpenOptions::new();
        options.read(read).write(!read).custom_flags(libc::O_NONBLOCK);
        options.open(&path).unwrap()
    };
    let (reader, writer) = (open(true), open(false));
    std::fs::remove_dir_all(folder).unwrap();
    let mut watch = Watch::new();
    watch
        .poller
        .add(&writer, Token::new(1), WRITABLE, Trigger::Level)
        .unwrap();
    watch.expect(1, Event::is_writable);
    fill(&writer);
    watch.expect_silence();
    assert!(!drain(&reader), "no end");
    watch.expect(1, Event::is_writable);
    fill(&writer);
    drop(reader);
    for _ in 0..3 {
        watch.expect(1, Event::is_writable);
    }
    watch.poller.remove(&writer).unwrap();
    watch.expect_silence();
}
