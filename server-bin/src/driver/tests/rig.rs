//! A scripted socket, and a connection over it with a clock.

use std::collections::VecDeque;
use std::io;
use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http_core::Head;

use crate::driver::buffers::{Inlet, Kit, Watching};
use crate::driver::handler::mailbox::{Letter, Mailbox};
use crate::driver::preamble::Opening;
use crate::driver::settings::Settings;
use crate::driver::{
    connection::{Connection, Turn},
    phase::Wait,
    socket::{Ready, Socket},
};
use crate::handler::{Context, Decision, Handler, Methods, Outcome, Watch};

/// What the peer does next.
pub(crate) enum Incoming {
    Bytes(Vec<u8>),
    End,
    Reset,
}

/// A socket whose peer is a script.
#[derive(Default)]
pub(crate) struct Wire {
    pub(crate) incoming: VecDeque<Incoming>,
    pub(crate) sent: Vec<u8>,
    /// How many bytes the socket takes before it is full; none is no bound.
    pub(crate) room: Option<usize>,
    pub(crate) broken: bool,
    pub(crate) shut: bool,
    /// The kernel was told to reset it when it closes.
    pub(crate) given_up: bool,
    pub(crate) reads: usize,
    pub(crate) writes: usize,
}

impl Wire {
    fn take(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.broken || self.shut {
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        let n = self.room.unwrap_or(usize::MAX).min(bytes.len());
        if n == 0 && !bytes.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.room = self.room.map(|room| room - n);
        self.sent.extend_from_slice(&bytes[..n]);
        Ok(n)
    }
}

impl Socket for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.reads += 1;
        match self.incoming.pop_front() {
            None => Err(io::ErrorKind::WouldBlock.into()),
            Some(Incoming::Bytes(mut bytes)) => {
                let n = bytes.len().min(buffer.len());
                buffer[..n].copy_from_slice(&bytes[..n]);
                if n < bytes.len() {
                    self.incoming.push_front(Incoming::Bytes(bytes.split_off(n)));
                }
                Ok(n)
            }
            Some(Incoming::End) => {
                self.incoming.push_front(Incoming::End);
                Ok(0)
            }
            Some(Incoming::Reset) => Err(io::ErrorKind::ConnectionReset.into()),
        }
    }

    fn write(&mut self, bytes: &[u8], _more: bool) -> io::Result<usize> {
        self.writes += 1;
        self.take(bytes)
    }

    fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        count: usize,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        let most = buffer.len().min(count);
        let n = rustix::io::pread(file, &mut buffer[..most], offset)?;
        self.take(&buffer[..n])
    }

    fn shutdown_write(&mut self) -> io::Result<()> {
        self.shut = true;
        Ok(())
    }

    fn has_unread(&self) -> bool {
        matches!(self.incoming.front(), Some(Incoming::Bytes(_)))
    }

    fn reset_on_close(&mut self) {
        self.given_up = true;
    }
}

pub(crate) const READABLE: Ready = Ready {
    readable: true,
    read_closed: false,
    gone: false,
};
/// The peer has shut its side.
pub(super) const SHUT: Ready = Ready {
    readable: true,
    read_closed: true,
    gone: false,
};
pub(super) const GONE: Ready = Ready {
    readable: true,
    read_closed: true,
    gone: true,
};

/// Lets every method reach the handler.
#[derive(Clone)]
pub(crate) struct AnyMethod<H>(pub(crate) H);

impl<H: Handler> Handler for AnyMethod<H> {
    fn methods(&self, _: &Head<'_>) -> Methods {
        Methods::ANY
    }

    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        self.0.head(head, cx)
    }

    fn done(&mut self, outcome: &Outcome<'_>) -> Watch {
        self.0.done(outcome)
    }
}

/// A connection over a [`Wire`], with a clock.
pub(crate) struct Rig {
    pub(crate) connection: Connection<Wire>,
    pub(crate) inlet: Inlet,
    pub(crate) kit: Kit,
    pub(crate) wait: Wait,
    /// When its worker looks at the connection again. As there, it comes nearer only when a turn says so.
    alarm: Instant,
}

impl Rig {
    pub(crate) fn new(handler: impl Handler) -> Self {
        Self::with(handler, Settings::default())
    }

    pub(crate) fn with(handler: impl Handler, settings: Settings) -> Self {
        Self::as_it_is(AnyMethod(handler), settings)
    }

    /// One whose handler sees only requests with methods that it names.
    pub(crate) fn of_its_methods(handler: impl Handler) -> Self {
        Self::as_it_is(handler, Settings::default())
    }

    fn as_it_is(handler: impl Handler, settings: Settings) -> Self {
        let mailbox = Arc::new(Mailbox::new(None));
        let start = Instant::now();
        let kit = Kit::new(
            Box::new(handler),
            Arc::new(settings),
            &Watching {
                counts: true,
                ..Watching::default()
            },
            mailbox,
            Box::new(move || start),
            SystemTime::UNIX_EPOCH,
        );
        let connection = Connection::new(Wire::default(), None, Opening::Request, &kit);
        Self {
            alarm: connection.deadline(&kit),
            connection,
            inlet: Inlet::default(),
            kit,
            wait: Wait::Read,
        }
    }

    pub(crate) fn wire(&mut self) -> &mut Wire {
        &mut self.connection.socket
    }

    pub(crate) fn took(&mut self, turn: Turn) -> Wait {
        assert!(
            self.kit.out.is_empty(),
            "nothing of one connection stays in its worker's buffer"
        );
        if turn.needs.has_nearer_deadline() {
            self.alarm = self.connection.deadline(&self.kit);
        }
        self.kit.end_round(None, Instant::now);
        self.wait = turn.wait;
        turn.wait
    }

    pub(crate) fn turn(&mut self, ready: Ready) -> Wait {
        let turn = self.connection.turn(0, ready, &mut self.inlet, &mut self.kit);
        self.took(turn)
    }

    /// Bytes arrive, and the worker hears of it.
    pub(super) fn arrive(&mut self, bytes: impl AsRef<[u8]>) -> Wait {
        self.wire()
            .incoming
            .push_back(Incoming::Bytes(bytes.as_ref().to_vec()));
        self.turn(READABLE)
    }

    /// The socket takes so many bytes more, and the worker hears of it.
    pub(super) fn room(&mut self, bytes: usize) -> Wait {
        self.wire().room = Some(bytes);
        self.turn(Ready::NOTHING)
    }

    /// Time passes. Returns what the connection does about it, if its deadline is over.
    pub(super) fn pass(&mut self, time: Duration) -> Option<Wait> {
        let now = self.kit.lent.now + time;
        self.kit.begin(now, || SystemTime::UNIX_EPOCH);
        if self.alarm > now {
            return None;
        }
        let is_over = self.connection.deadline(&self.kit) <= now;
        let wait = is_over.then(|| {
            let turn = self.connection.expire(0, &mut self.inlet, &mut self.kit);
            self.took(turn)
        });
        self.alarm = self.connection.deadline(&self.kit);
        wait
    }

    /// The server drains.
    pub(super) fn drain(&mut self) -> Wait {
        self.kit.lent.draining = true;
        let turn = self.connection.drain(0, &mut self.inlet, &mut self.kit);
        self.took(turn)
    }

    /// Answers that came from elsewhere are delivered.
    pub(crate) fn deliver(&mut self) -> usize {
        self.kit.lent.mailbox.wake_up();
        let mut letters = Vec::new();
        self.kit.lent.mailbox.collect(&mut letters);
        let count = letters.len();
        for letter in letters {
            let turn = match letter {
                Letter::Answer(answer) => self.connection.deliver(0, answer, &mut self.inlet, &mut self.kit),
                Letter::News { serial, .. } => {
                    self.connection.notify(0, serial, &mut self.inlet, &mut self.kit)
                }
            };
            self.took(turn);
        }
        count
    }

    pub(crate) fn sent(&mut self) -> String {
        String::from_utf8(std::mem::take(&mut self.wire().sent)).expect("text")
    }

    pub(super) fn statuses(&mut self) -> Vec<u16> {
        let sent = self.sent();
        let lines = sent.lines().filter_map(|line| line.split_once("HTTP/1.1 "));
        lines
            .map(|(_, rest)| rest[..3].parse().expect("a status"))
            .collect()
    }

    pub(super) fn owns_nothing(&self) -> bool {
        self.connection.work.is_none()
    }
}

/// The answers in what was sent: status and body, chunks put together.
pub(super) fn answers(mut sent: &str) -> Vec<(u16, String)> {
    let mut all = Vec::new();
    while let Some((head, rest)) = sent.split_once("\r\n\r\n") {
        let status = head["HTTP/1.1 ".len()..][..3].parse().expect("a status");
        let head = head.to_lowercase();
        let mut body = String::new();
        sent = rest;
        if let Some((_, length)) = head.split_once("content-length: ") {
            let length = length.lines().next().expect("a line").parse().expect("a length");
            let (text, behind) = sent.split_at_checked(length).unwrap_or((sent, ""));
            (body, sent) = (text.to_owned(), behind);
        } else if head.contains("transfer-encoding") {
            while let Some((size, behind)) = sent.split_once("\r\n") {
                let size = usize::from_str_radix(size, 16).expect("a chunk's size");
                body.push_str(&behind[..size]);
                sent = &behind[size + 2..];
                if size == 0 {
                    break;
                }
            }
        }
        all.push((status, body));
    }
    all
}

pub(super) fn hello(_: &Head<'_>, cx: &mut Context<'_>) -> Decision {
    cx.field("content-type", "text/plain");
    "Hello".into()
}

pub(super) fn echo(_: &Head<'_>, _: &mut Context<'_>) -> Decision {
    Decision::buffer(1000, |body, _| body.to_vec().into())
}

pub(super) const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

pub(super) fn post(length: usize) -> String {
    format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")
}

pub(super) fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}
