//! What the tests share: a poller with its events, and sources to watch.
//!
//! The helpers allow what the contract allows: a source may report in several parts, edges may be spurious, and what is
//! expected may take more than one wait. A failure points at the test's line.
#![allow(dead_code)]

pub(crate) mod ffi;
mod skipped;

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::time::{Duration, Instant};

#[allow(unused_imports)] // not every test skips
pub(crate) use skipped::skipped;

use multiplex::{Event, Events, Interest, Poller, Token, Trigger};

/// No test waits longer for what has to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// Long enough for what must not come.
pub(crate) const MOMENT: Duration = Duration::from_millis(10);

pub(crate) const READABLE: Interest = Interest::READABLE;
pub(crate) const WRITABLE: Interest = Interest::WRITABLE;
pub(crate) const BOTH: Interest = Interest::BOTH;
pub(crate) const TRIGGERS: [Trigger; 3] = [Trigger::Level, Trigger::Edge, Trigger::OneShot];

/// Whether the backend at hand is epoll.
pub(crate) const EPOLL: bool =
    cfg!(any(target_os = "linux", target_os = "android")) && !cfg!(multiplex_kqueue);

/// Under chaos a signal may take a kqueue's answer away, and with it what a strict form is told by.
pub(crate) fn answers_get_lost() -> bool {
    std::env::var("KQUEUE_SHIM").is_ok_and(|mode| mode.contains("chaos"))
}

/// A poller and the events of its last wait.
pub(crate) struct Watch {
    pub(crate) poller: Poller,
    pub(crate) events: Events,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self::with_capacity(64)
    }

    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self {
            poller: Poller::new().unwrap(),
            events: Events::with_capacity(capacity),
        }
    }

    /// One wait.
    #[track_caller]
    pub(crate) fn wait(&mut self, timeout: impl Into<Option<Duration>>) -> Vec<Event> {
        self.poller.wait(&mut self.events, timeout.into()).unwrap();
        self.events.iter().collect()
    }

    /// One wait that does not wait.
    #[track_caller]
    pub(crate) fn look(&mut self) -> Vec<Event> {
        self.wait(Duration::ZERO)
    }

    /// Waits until `token` says `fact`.
    #[track_caller]
    pub(crate) fn expect(&mut self, token: usize, fact: fn(&Event) -> bool) -> Event {
        let end = Instant::now() + PATIENCE;
        loop {
            let events = self.wait(end.saturating_duration_since(Instant::now()));
            if let Some(event) = events
                .iter()
                .find(|event| event.token() == Token::new(token) && fact(event))
            {
                return *event;
            }
            assert!(
                Instant::now() < end,
                "token {token} did not report it; the last events were {events:?}"
            );
        }
    }

    /// Fails if `token` says `fact` although it is not so. Not for edges, which may be spurious.
    #[track_caller]
    pub(crate) fn expect_not(&mut self, token: usize, fact: fn(&Event) -> bool) {
        for timeout in [Duration::ZERO, Duration::ZERO, Duration::ZERO, MOMENT] {
            for event in self.wait(timeout) {
                assert!(event.token() != Token::new(token) || !fact(&event), "{event:?}");
            }
        }
    }

    /// Fails if there is any event. Not for edges, which may be spurious.
    #[track_caller]
    pub(crate) fn expect_silence(&mut self) {
        for timeout in [Duration::ZERO, Duration::ZERO, Duration::ZERO, MOMENT] {
            let events = self.wait(timeout);
            assert!(events.is_empty(), "{events:?}");
        }
    }

    /// Fails if the source reports again and again, as a level-triggered one would.
    #[track_caller]
    pub(crate) fn expect_calm(&mut self, token: usize, fact: fn(&Event) -> bool) {
        let reports = self.count(40, token, fact);
        assert!(reports <= 20, "40 looks gave {reports} reports");
    }

    /// How many of so many looks report the fact.
    #[track_caller]
    pub(crate) fn count(&mut self, looks: usize, token: usize, fact: fn(&Event) -> bool) -> usize {
        let says = |event: &Event| event.token() == Token::new(token) && fact(event);
        (0..looks).filter(|_| self.look().iter().any(says)).count()
    }
}

/// Fails if removing does not say `NotFound`.
#[track_caller]
pub(crate) fn expect_not_registered(poller: &Poller, source: &impl AsFd) {
    assert_eq!(
        poller.remove(source).map_err(|error| error.kind()),
        Err(io::ErrorKind::NotFound)
    );
}

pub(crate) fn any(_: &Event) -> bool {
    true
}

/// A folder of this process alone, for names in the file system.
pub(crate) fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("multiplex-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// Two connected stream sockets, non-blocking.
pub(crate) fn pair() -> (UnixStream, UnixStream) {
    let (a, b) = UnixStream::pair().unwrap();
    // By fcntl(2): std's ioctl(2) is beyond Miri.
    ffi::set_nonblocking(&a);
    ffi::set_nonblocking(&b);
    (a, b)
}

/// A TCP connection over loopback, non-blocking: its client and its server side.
pub(crate) fn tcp_pair() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let (server, _) = listener.accept().unwrap();
    client.set_nonblocking(true).unwrap();
    server.set_nonblocking(true).unwrap();
    (client, server)
}

pub(crate) fn tcp_listener() -> TcpListener {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    listener
}

/// A pipe, non-blocking on both sides.
pub(crate) fn pipe() -> (io::PipeReader, io::PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    ffi::set_nonblocking(&reader);
    ffi::set_nonblocking(&writer);
    (reader, writer)
}

/// Writes until the kernel takes no more.
#[track_caller]
pub(crate) fn fill(mut sink: impl Write) {
    for size in [16 * 1024, 1] {
        while would_not_block(sink.write(&vec![7; size])) {}
    }
}

/// The same until it stays so: elsewhere than on Linux a peer on loopback acknowledges after a while, and buffers grow.
#[track_caller]
pub(crate) fn fill_for_good(sink: &TcpStream) {
    let end = Instant::now() + PATIENCE;
    loop {
        fill(sink);
        std::thread::sleep(MOMENT);
        if ffi::poll(sink.as_fd(), libc::POLLOUT) & libc::POLLOUT == 0 {
            return;
        }
        assert!(Instant::now() < end, "there is always room to write");
    }
}

/// Reads until nothing is left. True if the end of the stream came.
#[track_caller]
pub(crate) fn drain(mut source: impl Read) -> bool {
    loop {
        match source.read(&mut [0; 16 * 1024]) {
            Ok(0) => return true,
            result => {
                if !would_not_block(result) {
                    return false;
                }
            }
        }
    }
}

#[track_caller]
fn would_not_block(result: io::Result<usize>) -> bool {
    match result {
        Ok(_) => true,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => false,
        Err(error) => panic!("{error}"),
    }
}
