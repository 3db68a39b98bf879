//! The scenarios: what happens to a source, and what a wait says then.

use std::fs::File;
use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::fd::{AsFd, AsRawFd};
use std::thread;
use std::time::Duration;

use multiplex::{Event, Fanout, Interest, Token, Trigger, Waker};

use super::datagrams;
use super::support::{self, BOTH, READABLE, TRIGGERS, WRITABLE, Watch, drain, fill};
use super::table::Row;

/// Runs all of them.
pub(crate) fn run() -> Vec<Row> {
    let mut rows = Vec::new();
    for trigger in TRIGGERS {
        rows.extend(data_arrives(trigger));
    }
    for trigger in TRIGGERS {
        rows.extend(space_appears(trigger));
    }
    rows.extend(one_direction_at_a_time());
    for interest in [READABLE, WRITABLE, BOTH] {
        rows.extend(the_peer_ends(interest));
    }
    rows.extend(
        [closed_edges(), own_ends(), tcp_ends(), connecting()]
            .into_iter()
            .flatten(),
    );
    rows.extend(
        [pipe_readers(), pipe_writers(), listeners(), datagrams::run()]
            .into_iter()
            .flatten(),
    );
    rows.extend(
        [other_files(), registrations(), numbers(), wakers(), little_room()]
            .into_iter()
            .flatten(),
    );
    rows
}

/// One scenario as it is told.
pub(crate) struct Story {
    watch: Watch,
    scenario: String,
    pub(crate) rows: Vec<Row>,
}

impl Story {
    pub(crate) fn new(scenario: impl Into<String>) -> Self {
        Self {
            watch: Watch::new(),
            scenario: scenario.into(),
            rows: Vec::new(),
        }
    }

    /// Goes on with a new poller.
    pub(crate) fn renew(&mut self) {
        self.watch = Watch::new();
    }

    pub(crate) fn add(&self, source: &impl AsFd, interest: Interest, trigger: Trigger) {
        self.try_add(source, interest, trigger)
            .expect("a source that every kernel takes");
    }

    fn try_add(&self, source: &impl AsFd, interest: Interest, trigger: Trigger) -> io::Result<()> {
        self.watch.poller.add(source, Token::new(0), interest, trigger)
    }

    /// What a wait says after `step` has happened.
    pub(crate) fn then(&mut self, step: &str) {
        // TCP takes its time, also over loopback.
        thread::sleep(Duration::from_millis(20));
        let events = self.watch.look();
        let mut tokens: Vec<_> = events.iter().map(|event| event.token()).collect();
        tokens.sort_by_key(|token| token.value());
        tokens.dedup();
        let mut parts: Vec<_> = tokens.iter().map(|token| said(&events, *token)).collect();
        if tokens.len() > 1 {
            parts.iter_mut().zip(&tokens).for_each(|(part, token)| {
                *part = format!("{}: {part}", token.value());
            });
        }
        self.say(
            step,
            if parts.is_empty() {
                "-".to_owned()
            } else {
                parts.join("; ")
            },
        );
    }

    pub(crate) fn say(&mut self, step: &str, report: String) {
        assert!(
            self.rows.iter().all(|row| row.step != step),
            "two steps are called {step}"
        );
        self.rows.push(Row {
            scenario: self.scenario.clone(),
            step: step.to_owned(),
            report,
        });
    }

    /// What became of a call.
    fn outcome<T>(&mut self, step: &str, result: io::Result<T>) {
        let report = match result {
            Ok(_) => "done".to_owned(),
            Err(error) => format!("{:?}", error.kind()),
        };
        self.say(step, report);
    }
}

/// What the events of one source say together.
fn said(events: &[Event], token: Token) -> String {
    type Fact = (&'static str, fn(&Event) -> bool);
    const FACTS: [Fact; 7] = [
        ("acceptable", Event::is_acceptable),
        ("readable", Event::is_readable),
        ("writable", Event::is_writable),
        ("read closed", Event::is_read_closed),
        ("write closed", Event::is_write_closed),
        ("error", Event::is_error),
        ("wake", Event::is_wake),
    ];
    let of_it = || events.iter().filter(|event| event.token() == token);
    let facts = FACTS
        .iter()
        .filter(|(_, fact)| of_it().any(fact))
        .map(|(name, _)| (*name).to_owned());
    let backlog = of_it()
        .find_map(|event| event.backlog())
        .map(|length| format!("backlog {length}"));
    facts.chain(backlog).collect::<Vec<_>>().join(", ")
}

fn data_arrives(trigger: Trigger) -> Vec<Row> {
    let mut story = Story::new(format!("{trigger:?}, readable: data"));
    let (a, b) = support::pair();
    story.add(&a, READABLE, trigger);
    story.then("nothing has come");
    put(&b, 3);
    story.then("3 bytes came");
    story.then("nothing new, 3 unread");
    put(&b, 2);
    story.then("2 more came, 5 unread");
    take(&a, 2);
    story.then("2 were read, 3 unread");
    story
        .watch
        .poller
        .modify(&a, Token::new(0), READABLE, trigger)
        .expect("it is registered");
    story.then("modify asks the same again");
    drain(&a);
    story.then("all was read");
    put(&b, 1);
    story.then("1 byte came");
    story.rows
}

fn space_appears(trigger: Trigger) -> Vec<Row> {
    let mut story = Story::new(format!("{trigger:?}, writable: space"));
    let (a, b) = support::pair();
    story.add(&a, WRITABLE, trigger);
    story.then("nothing was written");
    story.then("again");
    fill(&a);
    story.then("the buffer was filled");
    drain(&b);
    story.then("the peer read all");
    story.then("nothing new, all read");
    story
        .watch
        .poller
        .modify(&a, Token::new(0), WRITABLE, trigger)
        .expect("it is registered");
    story.then("modify asks the same again");
    story.rows
}

fn one_direction_at_a_time() -> Vec<Row> {
    let mut story = Story::new("Edge and OneShot, both directions");
    let (a, b) = support::pair();
    story.add(&a, BOTH, Trigger::Edge);
    story.then("edge, writable only");
    put(&b, 1);
    story.then("a byte came");
    fill(&a);
    drain(&b);
    story.then("the buffer was filled and read, 1 unread");
    let (a, b) = support::pair();
    story.renew();
    story.add(&a, BOTH, Trigger::OneShot);
    story.then("one-shot, writable only");
    put(&b, 1);
    story.then("a byte came after that");
    story.rows
}

fn the_peer_ends(interest: Interest) -> Vec<Row> {
    let asked = match (interest.is_readable(), interest.is_writable()) {
        (true, true) => "both directions",
        (true, false) => "readable",
        _ => "writable",
    };
    let mut story = Story::new(format!("Level, {asked}: the peer of a Unix socket"));
    let (a, b) = support::pair();
    story.add(&a, interest, Trigger::Level);
    put(&b, 4);
    b.shutdown(Shutdown::Write).expect("shutdown");
    story.then("wrote 4 bytes and shut down its writing");
    drain(&a);
    story.then("all was read, the end too");
    drop(b);
    story.then("closed");
    let (a, b) = support::pair();
    story.renew();
    story.add(&a, interest, Trigger::Level);
    put(&a, 4);
    drop(b);
    story.then("closed with 4 bytes unread");
    let (a, b) = support::pair();
    story.renew();
    story.add(&a, interest, Trigger::Level);
    b.shutdown(Shutdown::Read).expect("shutdown");
    story.then("shut down its reading");
    story.rows
}

fn closed_edges() -> Vec<Row> {
    let mut story = Story::new("Edge, both directions: the peer of a Unix socket");
    let (a, b) = support::pair();
    story.add(&a, BOTH, Trigger::Edge);
    story.then("nothing was written");
    put(&b, 4);
    story.then("wrote 4 bytes");
    drop(b);
    story.then("closed");
    story.then("nothing new, 4 unread");
    drain(&a);
    story.then("all was read, the end too");
    story.rows
}

fn own_ends() -> Vec<Row> {
    let mut story = Story::new("Level, both directions: own shutdown of a Unix socket");
    for (how, step) in [
        (Shutdown::Read, "of reading"),
        (Shutdown::Write, "of writing"),
        (Shutdown::Both, "of both"),
    ] {
        let (a, _b) = support::pair();
        story.renew();
        story.add(&a, BOTH, Trigger::Level);
        a.shutdown(how).expect("shutdown");
        story.then(step);
    }
    story.rows
}

fn tcp_ends() -> Vec<Row> {
    let mut story = Story::new("Level, both directions: the peer of a TCP connection");
    let (a, b) = support::tcp_pair();
    story.add(&a, BOTH, Trigger::Level);
    story.then("is silent");
    support::ffi::send_urgent(&b);
    story.then("sent an urgent byte");
    put(&b, 4);
    b.shutdown(Shutdown::Write).expect("shutdown");
    story.then("wrote 4 bytes and shut down its writing");
    drop(b);
    drain(&a);
    story.then("closed, and all was read");
    let (a, b) = support::tcp_pair();
    story.renew();
    story.add(&a, BOTH, Trigger::Level);
    support::ffi::reset_on_close(&b);
    drop(b);
    story.then("reset the connection");
    story.then("nothing new, reset");
    story.rows
}

fn connecting() -> Vec<Row> {
    let mut story = Story::new("Level, both directions: a TCP connection that is being made");
    let listener = support::tcp_listener();
    let port = listener.local_addr().expect("bound").port();
    let stream = support::ffi::start_connecting(port);
    story.add(&stream, BOTH, Trigger::Level);
    story.then("it was made");
    drop((listener, stream));
    story.renew();
    let stream = support::ffi::start_connecting(port);
    story.add(&stream, BOTH, Trigger::Level);
    story.then("it was refused");
    story.then("nothing new, refused");
    story.rows
}

fn pipe_readers() -> Vec<Row> {
    let mut story = Story::new("Level, readable: a pipe");
    let (reader, writer) = support::pipe();
    story.add(&reader, READABLE, Trigger::Level);
    put(&writer, 4);
    story.then("4 bytes came");
    drop(writer);
    story.then("the writer has gone, 4 unread");
    drain(&reader);
    story.then("all was read");
    story.renew();
    story.add(&reader, READABLE, Trigger::Level);
    story.then("added after the writer had gone");
    story.rows
}

fn pipe_writers() -> Vec<Row> {
    let mut story = Story::new("Level, writable: a pipe");
    let (reader, writer) = support::pipe();
    story.add(&writer, WRITABLE, Trigger::Level);
    story.then("it is empty");
    drop(reader);
    story.then("the reader has gone");
    story.then("nothing new, the reader has gone");
    let removed = story.watch.poller.remove(&writer);
    story.outcome("remove after the reader has gone", removed);
    let (reader, writer) = support::pipe();
    story.renew();
    fill(&writer);
    story.add(&writer, WRITABLE, Trigger::Level);
    story.then("another one is full");
    drop(reader);
    story.then("its reader has gone");
    story.renew();
    let added = story.try_add(&writer, WRITABLE, Trigger::Level);
    story.outcome("add after the reader has gone", added);
    story.then("after that");
    story.rows
}

fn listeners() -> Vec<Row> {
    let mut story = Story::new("A listener");
    let listener = support::tcp_listener();
    let address = listener.local_addr().expect("bound");
    let fanout = story
        .watch
        .poller
        .add_listener(&listener, Token::new(0), Fanout::Exclusive);
    story.say(
        "add_listener asks for Exclusive",
        format!("{:?}", fanout.expect("a listener")),
    );
    story.then("nobody has come");
    let _clients: Vec<_> = (0..3)
        .map(|_| TcpStream::connect(address).expect("connect"))
        .collect();
    story.then("3 connections wait");
    drop(listener.accept());
    story.then("1 was accepted");
    drop(listener.accept());
    drop(listener.accept());
    story.then("all were accepted");
    story.rows
}

fn other_files() -> Vec<Row> {
    let mut story = Story::new("Files that are not streams");
    let program = std::env::current_exe().expect("it runs");
    let folder = program.parent().expect("it lies somewhere");
    for (path, step) in [
        (program.as_path(), "add a regular file"),
        (folder, "add a directory"),
        ("/dev/null".as_ref(), "add /dev/null"),
    ] {
        let file = File::open(path).expect("it can be read");
        let added = story.try_add(&file, READABLE, Trigger::Level);
        story.outcome(step, added);
        story.renew();
    }
    let added = story.try_add(&support::ffi::closed_fd(), READABLE, Trigger::Level);
    // The kind of EBADF has no name.
    story.say(
        "add a closed fd",
        added
            .err()
            .and_then(|error| error.raw_os_error())
            .map_or("done", ebadf)
            .to_owned(),
    );
    let poller = &story.watch.poller;
    let added = poller.add(poller, Token::new(0), READABLE, Trigger::Level);
    story.outcome("add the poller to itself", added);
    story.rows
}

fn ebadf(errno: i32) -> &'static str {
    if errno == libc::EBADF {
        "EBADF"
    } else {
        "another error"
    }
}

fn registrations() -> Vec<Row> {
    let mut story = Story::new("Level: registrations");
    let (a, b) = support::pair();
    put(&b, 1);
    let removed = story.watch.poller.remove(&a);
    story.outcome("remove what was not added", removed);
    story.add(&a, READABLE, Trigger::Level);
    let added = story.watch.poller.add(&a, Token::new(7), BOTH, Trigger::Edge);
    story.outcome("add again, both directions and edge", added);
    story.then("1 unread, added again");
    let modified = story
        .watch
        .poller
        .modify(&a, Token::new(0), WRITABLE, Trigger::Level);
    story.outcome("modify to writable and level", modified);
    story.then("1 unread, modified");
    let removed = story.watch.poller.remove(&a);
    story.outcome("remove", removed);
    story.then("1 unread, removed");
    let modified = story
        .watch
        .poller
        .modify(&a, Token::new(0), READABLE, Trigger::OneShot);
    story.outcome("modify what was removed", modified);
    story.then("1 unread, modified after that");
    let outer = Watch::new();
    let inner = std::mem::replace(&mut story.watch, outer);
    inner
        .poller
        .modify(&a, Token::new(0), READABLE, Trigger::Level)
        .expect("it is open");
    story.add(&inner.poller, READABLE, Trigger::Level);
    story.then("the poller in another poller, 1 unread");
    drain(&a);
    story.then("all was read");
    story.rows
}

fn numbers() -> Vec<Row> {
    let mut story = Story::new("Level, readable: numbers of descriptors");
    let (a, b) = support::pair();
    let duplicate = a.try_clone().expect("dup");
    let number = a.as_raw_fd();
    story.add(&a, READABLE, Trigger::Level);
    story
        .watch
        .poller
        .add(&duplicate, Token::new(1), READABLE, Trigger::Level)
        .expect("it is open");
    put(&b, 1);
    story.then("a source and its dup, 1 unread");
    story.watch.poller.remove(&a).expect("it was added");
    story.then("the source was removed");
    drop((a, duplicate));
    let (c, d) = support::pair();
    put(&d, 1);
    let reused = c.as_raw_fd() == number;
    story.then(if reused {
        "all were closed, and the number is another source's"
    } else {
        "all were closed"
    });
    story.rows
}

fn wakers() -> Vec<Row> {
    let mut story = Story::new("Wakers");
    let wakers =
        [1, 2].map(|token| Waker::new(&story.watch.poller, Token::new(token)).expect("fds are left"));
    story.then("nobody woke");
    wakers[0].wake().expect("no error is expected");
    story.then("one woke");
    story.then("again");
    for _ in 0..3 {
        wakers[0].wake().expect("no error is expected");
        wakers[1].wake().expect("no error is expected");
    }
    story.then("both woke three times");
    wakers[0].wake().expect("no error is expected");
    drop(wakers);
    story.then("one woke and was dropped");
    story.rows
}

fn little_room() -> Vec<Row> {
    let mut story = Story::new("Readable: 3 ready sources, room for 2 events");
    for trigger in TRIGGERS {
        story.watch = Watch::with_capacity(2);
        let pairs: Vec<_> = (0..3).map(|_| support::pair()).collect();
        for (token, (a, b)) in pairs.iter().enumerate() {
            put(b, 1);
            story
                .watch
                .poller
                .add(a, Token::new(token), READABLE, trigger)
                .expect("it is open");
        }
        for wait in ["first", "second", "third"] {
            let count = story.watch.look().len();
            story.say(&format!("{trigger:?}, {wait} wait"), format!("{count} of 3"));
        }
    }
    story.rows
}

fn put(mut sink: impl Write, count: usize) {
    sink.write_all(&vec![7; count]).expect("room for a few bytes");
}

fn take(mut source: impl Read, count: usize) {
    source
        .read_exact(&mut vec![0; count])
        .expect("so many bytes wait");
}
