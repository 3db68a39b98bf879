//! A model of the contract: random sequences of what callers do, after each step of which a level-triggered wait has to say
//! of every source what poll(2) says of its fd.
//!
//! `PROPTEST_CASES` sets the number of sequences. A failing one shrinks; its seed is kept in `model.regressions` and is the
//! first to run from then on.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;

use multiplex::{Event, Interest, Token, Trigger};
use proptest::prelude::*;
use proptest::test_runner::FileFailurePersistence;

use support::*;

/// An action on one end of one connection.
#[derive(Clone, Copy, Debug)]
enum Step {
    Register(Form, Interest, Trigger),
    Remove,
    Write(usize),
    Fill,
    Read(usize),
    Drain,
    Shutdown(Shutdown),
    Close,
    /// Closes both ends, and opens a connection in their place.
    Reopen,
}

/// The four calls that register a source.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Form {
    Add,
    Modify,
    AddNew,
    ModifyExisting,
}

const CONNECTIONS: usize = 4;

/// Which connection, which of its ends, and what.
type Act = (usize, usize, Step);

fn act() -> impl Strategy<Value = Act> {
    (0..CONNECTIONS, 0..2_usize, step())
}

fn step() -> impl Strategy<Value = Step> {
    let interest = prop_oneof![Just(READABLE), Just(WRITABLE), Just(BOTH)];
    // Level is what can be compared; the others are there to be changed into it.
    let trigger =
        prop_oneof![6 => Just(Trigger::Level), 1 => Just(Trigger::Edge), 1 => Just(Trigger::OneShot)];
    let wanted = (interest, trigger);
    let form = prop_oneof![
        3 => Just(Form::Add),
        3 => Just(Form::Modify),
        1 => Just(Form::AddNew),
        2 => Just(Form::ModifyExisting),
    ];
    prop_oneof![
        12 => (form, wanted).prop_map(|(form, (interest, trigger))| Step::Register(form, interest, trigger)),
        2 => Just(Step::Remove),
        4 => (1..5_000_usize).prop_map(Step::Write),
        2 => Just(Step::Fill),
        3 => (1..5_000_usize).prop_map(Step::Read),
        3 => Just(Step::Drain),
        2 => prop_oneof![Just(Shutdown::Read), Just(Shutdown::Write), Just(Shutdown::Both)].prop_map(Step::Shutdown),
        2 => Just(Step::Close),
        1 => Just(Step::Reopen),
    ]
}

/// An end of a connection: of a socket pair, or of a pipe, which goes one way.
enum End {
    Socket(UnixStream),
    Reader(std::io::PipeReader),
    Writer(std::io::PipeWriter),
    Closed,
}

impl End {
    fn fd(&self) -> Option<BorrowedFd<'_>> {
        match self {
            End::Socket(socket) => Some(socket.as_fd()),
            End::Reader(reader) => Some(reader.as_fd()),
            End::Writer(writer) => Some(writer.as_fd()),
            End::Closed => None,
        }
    }

    /// What may be asked of it. The other direction of a pipe is something else on every system.
    fn allows(&self, interest: Interest) -> bool {
        match self {
            End::Socket(_) => true,
            End::Reader(_) => interest == READABLE,
            End::Writer(_) => interest == WRITABLE,
            End::Closed => false,
        }
    }

    fn write(&self, size: usize) -> bool {
        let bytes = vec![7; size];
        let result = match self {
            End::Socket(socket) => (&*socket).write(&bytes),
            End::Writer(writer) => (&*writer).write(&bytes),
            End::Reader(_) | End::Closed => return false,
        };
        result.is_ok_and(|n| n > 0)
    }

    fn read(&self, size: usize) -> bool {
        let mut bytes = vec![0; size];
        let result = match self {
            End::Socket(socket) => (&*socket).read(&mut bytes),
            End::Reader(reader) => (&*reader).read(&mut bytes),
            End::Writer(_) | End::Closed => return false,
        };
        result.is_ok_and(|n| n > 0)
    }
}

/// The connections, and what the poller should have of them.
struct Model {
    watch: Watch,
    ends: Vec<End>,
    registered: Vec<Option<(Interest, Trigger)>>,
}

impl Model {
    fn new() -> Self {
        let mut model = Self {
            // Little room, so that one wait does not report all.
            watch: Watch::with_capacity(3),
            ends: Vec::new(),
            registered: vec![None; CONNECTIONS * 2],
        };
        for connection in 0..CONNECTIONS {
            model.ends.extend(open(connection));
        }
        model
    }

    fn act(&mut self, (connection, end, step): Act) {
        let index = connection * 2 + end;
        match step {
            Step::Register(form, interest, trigger) => self.register(index, form, interest, trigger),
            Step::Remove => self.remove(index),
            Step::Write(size) => drop(self.ends[index].write(size)),
            Step::Fill => while self.ends[index].write(4_096) || self.ends[index].write(1) {},
            Step::Read(size) => drop(self.ends[index].read(size)),
            Step::Drain => while self.ends[index].read(65_536) {},
            Step::Shutdown(how) => {
                if let End::Socket(socket) = &self.ends[index] {
                    // A socket whose peer has gone refuses it on some systems.
                    let _ = socket.shutdown(how);
                }
            }
            Step::Close => self.close(index),
            Step::Reopen => {
                let first = connection * 2;
                self.close(first);
                self.close(first + 1);
                for (place, end) in open(connection).into_iter().enumerate() {
                    self.ends[first + place] = end;
                }
            }
        }
    }

    fn register(&mut self, index: usize, form: Form, interest: Interest, trigger: Trigger) {
        let end = &self.ends[index];
        let Some(fd) = end.fd().filter(|_| end.allows(interest)) else {
            return;
        };
        let (poller, token) = (&self.watch.poller, Token::new(index));
        let result = match form {
            Form::Add => poller.add(fd, token, interest, trigger),
            Form::Modify => poller.modify(fd, token, interest, trigger),
            Form::AddNew => poller.add_new(fd, token, interest, trigger),
            Form::ModifyExisting => poller.modify_existing(fd, token, interest, trigger),
        };
        let before = self.registered[index];
        self.registered[index] = match result.map_err(|error| (error.kind(), error)) {
            Ok(()) => {
                let refused = before.is_some() && form == Form::AddNew
                    || before.is_none() && form == Form::ModifyExisting;
                assert!(!refused || answers_get_lost(), "{form:?} of {before:?} is Ok");
                Some((interest, trigger))
            }
            Err((ErrorKind::AlreadyExists, _)) if form == Form::AddNew && before.is_some() => {
                before.filter(|_| EPOLL)
            }
            Err((ErrorKind::NotFound, _)) if form == Form::ModifyExisting && before.is_none() => None,
            Err((_, error)) => {
                // What a kqueue may say of a pipe whose reader has gone.
                assert_eq!(error.kind(), ErrorKind::BrokenPipe);
                assert!(matches!(end, End::Writer(_)) && !matches!(self.ends[index ^ 1], End::Reader(_)));
                None
            }
        };
    }

    fn remove(&mut self, index: usize) {
        let Some(fd) = self.ends[index].fd() else { return };
        match self.registered[index].take() {
            Some(_) => self.watch.poller.remove(fd).unwrap(),
            None => expect_not_registered(&self.watch.poller, &fd),
        }
    }

    /// Without removing it first: nothing else refers to the file, so the kernel forgets it.
    fn close(&mut self, index: usize) {
        self.ends[index] = End::Closed;
        self.registered[index] = None;
    }

    /// Compares what waits say with what poll(2) says.
    fn check(&mut self) {
        let wanted: Vec<[bool; 2]> = (0..self.ends.len()).map(|index| self.by_poll(index)).collect();
        let mut seen = vec![[false; 2]; self.ends.len()];
        // Each look brings three events at least, if there are more than it brought.
        for _ in 0..40 {
            for event in self.watch.look() {
                self.check_event(&event, &wanted, &mut seen);
            }
            if seen == wanted {
                break;
            }
        }
        assert_eq!(
            seen, wanted,
            "[readable, writable] of each end by waits and by poll(2)"
        );
        // Once more, for what is reported although it is not so.
        for _ in 0..2 {
            for event in self.watch.look() {
                self.check_event(&event, &wanted, &mut seen);
            }
        }
    }

    fn check_event(&self, event: &Event, wanted: &[[bool; 2]], seen: &mut [[bool; 2]]) {
        let index = event.token().value();
        let (interest, trigger) = self.registered[index].expect("only what is registered reports");
        if trigger != Trigger::Level {
            return;
        }
        let said = [
            event.is_readable() && interest.is_readable(),
            event.is_writable() && interest.is_writable(),
        ];
        for direction in 0..2 {
            assert!(
                wanted[index][direction] || !said[direction],
                "{event:?}, but poll(2) says {:?}",
                wanted[index]
            );
            seen[index][direction] |= said[direction];
        }
    }

    /// Whether a read and a write would not block, of what is asked for and level-triggered.
    fn by_poll(&self, index: usize) -> [bool; 2] {
        let (Some(fd), Some((interest, Trigger::Level))) = (self.ends[index].fd(), self.registered[index])
        else {
            return [false; 2];
        };
        let said = |events| {
            let revents = ffi::poll(fd, events);
            revents & (events | libc::POLLHUP | libc::POLLERR) != 0
        };
        [
            interest.is_readable() && said(libc::POLLIN),
            interest.is_writable() && said(libc::POLLOUT),
        ]
    }
}

/// Every other connection is a pipe.
fn open(connection: usize) -> [End; 2] {
    if connection.is_multiple_of(2) {
        let (a, b) = pair();
        [End::Socket(a), End::Socket(b)]
    } else {
        let (reader, writer) = pipe();
        [End::Reader(reader), End::Writer(writer)]
    }
}

/// Regressions stand beside the manifest of the package that failed.
fn config() -> ProptestConfig {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/model.regressions");
    ProptestConfig {
        failure_persistence: Some(Box::new(FileFailurePersistence::Direct(file))),
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_level_triggered_wait_says_what_poll_says(acts in prop::collection::vec(act(), 1..40)) {
        #[cfg(multiplex_kqueue_crate)]
        kqueue_provider::begin_chaos_anew();
        let mut model = Model::new();
        for act in acts {
            model.act(act);
            model.check();
        }
    }
}
