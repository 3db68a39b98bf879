//! Response bodies that do not fit into one write.

use std::io::{self, Write as _};
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use http_core::Head;

use super::rig::{GET, Rig};
use crate::driver::phase::{Phase, Wait};
use crate::driver::socket::Ready;
use crate::handler::{BodySource, Context, Decision, FileGuard, FileSlice, Handler, Pulled, Reply};

/// A source that counts how often it is asked.
struct Counted(Arc<AtomicUsize>, usize);

impl BodySource for Counted {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        if self.0.fetch_add(1, Ordering::Relaxed) == self.1 {
            return Pulled::End;
        }
        out.extend_from_slice(&[b'x'; 10_000]);
        Pulled::More
    }
}

fn counted(pieces: usize) -> (Arc<AtomicUsize>, impl Handler) {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let handler = move |_: &Head<'_>, _: &mut Context<'_>| {
        Decision::Respond(Reply::Pull(Box::new(Counted(Arc::clone(&counter), pieces))))
    };
    (count, handler)
}

#[test]
fn a_body_is_pulled_only_as_the_socket_takes_it() {
    let (count, handler) = counted(100);
    let mut rig = Rig::new(handler);
    rig.wire().room = Some(20_000);
    assert_eq!(rig.arrive(GET), Wait::Write);
    let pulled = count.load(Ordering::Relaxed);
    assert!(pulled <= 7, "{pulled}");
    assert_eq!(rig.room(0), Wait::Write);
    assert_eq!(count.load(Ordering::Relaxed), pulled);
    while matches!(rig.room(1_000_000), Wait::Write | Wait::Yield) {}
    let sent = rig.sent();
    assert_eq!(sent.matches("\r\n2710\r\n").count(), 100, "chunks of 10,000");
    assert!(sent.ends_with("\r\n0\r\n\r\n"));
    assert!(rig.connection.phase() == Phase::Idle && rig.owns_nothing());
}

#[test]
fn head_gets_no_body_and_nothing_is_pulled_for_it() {
    let (count, handler) = counted(100);
    let mut rig = Rig::new(handler);
    assert_eq!(rig.arrive("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n"), Wait::Read);
    assert!(rig.sent().ends_with("\r\n\r\n"));
    assert_eq!(count.load(Ordering::Relaxed), 0);
}

#[test]
fn a_source_that_fails_or_has_nothing_closes_before_the_end_of_the_body() {
    struct Failing(Pulled);
    impl BodySource for Failing {
        fn pull(&mut self, _: &mut Vec<u8>) -> Pulled {
            self.0
        }
    }
    for pulled in [Pulled::Failed, Pulled::More] {
        let mut rig = Rig::new(move |_: &Head<'_>, _: &mut Context<'_>| {
            Decision::Respond(Reply::Pull(Box::new(Failing(pulled))))
        });
        assert_eq!(rig.arrive(GET), Wait::Nothing);
        assert!(!rig.sent().contains("\r\n0\r\n\r\n"));
    }
}

pub(super) fn file(length: usize, promised: u64) -> impl Handler {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&vec![b'f'; length]).expect("written");
    let file = std::sync::Arc::new(file);
    move |_: &Head<'_>, _: &mut Context<'_>| {
        let file = file.try_clone().expect("a descriptor");
        Decision::Respond(Reply::File(FileSlice {
            file: file.into(),
            offset: 0,
            len: promised,
            guard: None,
        }))
    }
}

#[test]
fn a_turn_sends_a_slice_of_a_file_and_then_it_is_the_turn_of_others() {
    let mut rig = Rig::new(file(600_000, 600_000));
    assert_eq!(rig.arrive(GET), Wait::Yield);
    assert!(rig.wire().sent.len() < 300_000);
    assert_eq!(rig.turn(Ready::NOTHING), Wait::Yield);
    assert_eq!(rig.turn(Ready::NOTHING), Wait::Read);
    let sent = rig.sent();
    assert_eq!(sent.len() - sent.find("\r\n\r\n").expect("a head") - 4, 600_000);
    assert!(rig.connection.phase() == Phase::Idle && rig.owns_nothing());
}

#[test]
fn a_file_that_became_shorter_closes_before_the_promised_end() {
    let mut rig = Rig::new(file(1000, 2000));
    assert_eq!(rig.arrive(GET), Wait::Nothing);
}

/// Holds for as long as the file begins with what it began with.
#[derive(Debug)]
struct Contents;

impl FileGuard for Contents {
    fn is_unchanged(&self, file: BorrowedFd<'_>) -> io::Result<bool> {
        let mut first = [0];
        Ok(self.read(file, 0, &mut first)? == 1 && first == *b"f")
    }

    fn read(&self, file: BorrowedFd<'_>, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::pread(file, buffer, offset)?)
    }
}

/// Sends a file that must not change, and changes it after so many turns. Returns how many bytes of it arrived.
fn arrived_of_a_file_that_changes_after(turns: usize) -> usize {
    const LENGTH: usize = 600_000;
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(&vec![b'f'; LENGTH]).expect("written");
    let shared = std::sync::Arc::new(file.try_clone().expect("a descriptor"));
    let mut rig = Rig::new(move |_: &Head<'_>, _: &mut Context<'_>| {
        let file = shared.try_clone().expect("a descriptor");
        Decision::Respond(Reply::File(FileSlice {
            guard: Some(Box::new(Contents)),
            file: file.into(),
            offset: 0,
            len: LENGTH as u64,
        }))
    });
    let mut wait = rig.arrive(GET);
    for turn in 1.. {
        if turn == turns {
            std::os::unix::fs::FileExt::write_all_at(&file, b"changed", 0).expect("written");
        }
        match wait {
            Wait::Yield => wait = rig.turn(Ready::NOTHING),
            _ => break,
        }
    }
    let sent = rig.sent();
    sent.len() - sent.find("\r\n\r\n").expect("a head") - 4
}

#[test]
fn a_file_that_must_not_change_arrives_whole_or_is_cut() {
    assert_eq!(arrived_of_a_file_that_changes_after(usize::MAX), 600_000);
    for turns in [1, 2] {
        let arrived = arrived_of_a_file_that_changes_after(turns);
        assert!(
            arrived < 600_000,
            "{arrived} bytes after a change in turn {turns}"
        );
    }
}

#[test]
fn a_large_answer_from_memory_is_not_copied_and_survives_any_room() {
    let body: Arc<[u8]> = (0..100_000u32).map(|n| b'a' + (n % 26) as u8).collect();
    let shared = Arc::clone(&body);
    let mut rig = Rig::new(move |_: &Head<'_>, _: &mut Context<'_>| Decision::from(Arc::clone(&shared)));
    rig.wire().room = Some(100);
    rig.arrive(GET);
    let work = rig.connection.work.as_ref().expect("something is left");
    assert!(work.output.len() < 1000, "the body stays where it is");
    while rig.room(7_777) == Wait::Write {}
    let sent = rig.sent();
    let at = sent.find("\r\n\r\n").expect("a head") + 4;
    assert!(sent.as_bytes()[at..] == body[..]);
}

#[test]
fn http_1_0_streams_until_the_close() {
    let (_, handler) = counted(2);
    let mut rig = Rig::new(handler);
    assert_eq!(rig.arrive("GET / HTTP/1.0\r\n\r\n"), Wait::Nothing);
    let sent = rig.sent();
    assert!(sent.ends_with(&"x".repeat(20_000)) && !sent.to_lowercase().contains("transfer-encoding"));
}
