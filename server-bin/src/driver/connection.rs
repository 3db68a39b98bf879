//! One connection, from its first byte to its close.
//!
//! The driver knows neither the poller nor the clock: its worker tells it what the socket is [`Ready`] for and lends
//! it a [`Kit`] that says what time it is; the driver reads, answers and writes as far as it goes without blocking,
//! and says in a [`Turn`] what it waits for and until when. It is generic over its [`Socket`], so a test can drive it
//! through any schedule of partial reads and writes.
//!
//! What it is doing is its [`Phase`]:
//!
//! ```text
//! Receiving ──► Waiting ──► Sending ──► Receiving      one cycle; most skip the two in the middle
//!     │            │           │
//!     │            └───────────┴──► Discarding         answered, but the request body is still coming
//!     ▼                                  │
//!  Closing ◄─────────────────────────────┘             the last answer is on its way out
//!     │
//!     ▼
//! Lingering                                            reads on briefly, so that the answer is not destroyed
//! ```

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use multiplex::timers::TimerId;

use super::buffers::{Inlet, Kit, Work};
use super::settings::{TURN_BYTES, TURN_REQUESTS};
use crate::handler::Completion;

use super::socket::{Ready, Socket};
use super::timing::Timing;

/// What a connection waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// For bytes to read.
    Read,
    /// For room to write, or only for its next turn.
    Write,
    /// For an answer from elsewhere; of its socket only that the peer goes away, once per arrival.
    Hangup,
    /// For nothing: it is to be dropped.
    Close,
}

/// What came of a turn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Turn {
    /// What the connection waits for.
    pub next: Next,
    /// Whether its deadline is nearer than the one before.
    pub nearer: bool,
}

/// What a connection is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Reads heads, and the bodies that handlers asked for.
    Receiving,
    /// Has answered, and drops the rest of the request's body.
    Discarding,
    /// Waits for an answer that was promised for later.
    Waiting,
    /// Sends a response body that does not fit into one write.
    Sending,
    /// Has made its last answer, and closes when it has left.
    Closing,
    /// Has shut its side, and reads on for a while.
    Lingering,
}

/// How a step of the driver went on.
pub(super) enum Step {
    /// The phase may have changed: go on at once.
    Again,
    /// This turn is over.
    Stop(Next),
}

/// What a turn may still do before it is another connection's turn.
pub(super) struct Budget {
    pub(super) requests: u32,
    pub(super) bytes: usize,
}

/// One connection.
pub struct Connection<S> {
    pub(super) socket: S,
    pub(super) http: http_core::Connection,
    /// What an idle connection does not own.
    pub(super) work: Option<Box<Work>>,
    /// Since when the present timeout runs.
    pub(super) since: Instant,
    /// Its worker's timer for it, never later than its deadline.
    pub(crate) timer: Option<TimerId>,
    pub(super) peer: Peer,
    /// Requests so far.
    pub(super) cycles: u32,
    /// Bytes dropped by the present `Discarding` or `Lingering`.
    pub(super) dropped: u32,
    pub(super) phase: Phase,
    pub(super) timing: Timing,
    pub(super) armed: Next,
    /// The saved input cannot be understood without more bytes.
    pub(super) hungry: bool,
    /// Closing has to linger, because the peer may still be sending.
    pub(super) lingers: bool,
}

impl<S: Socket> Connection<S> {
    /// A connection that was just accepted and waits for its first byte.
    pub fn new(socket: S, peer: Option<SocketAddr>, kit: &Kit) -> Self {
        Self {
            socket,
            http: http_core::Connection::server(kit.settings.limits),
            work: None,
            since: kit.now,
            timer: None,
            peer: Peer::new(peer),
            cycles: 0,
            dropped: 0,
            phase: Phase::Receiving,
            timing: Timing::Idle,
            armed: Next::Read,
            hungry: true,
            lingers: false,
        }
    }

    /// The socket.
    pub fn socket(&self) -> &S {
        &self.socket
    }

    /// What the connection is doing.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// What the connection waits for.
    pub fn armed(&self) -> Next {
        self.armed
    }

    /// Whether it is between two requests, with nothing received and nothing to send.
    pub fn is_idle(&self) -> bool {
        self.phase == Phase::Receiving && self.http.is_idle()
    }

    /// Goes on as far as the socket allows. `key` is the number under which its worker finds this connection.
    pub fn turn(&mut self, key: usize, ready: Ready, inlet: &mut Inlet, kit: &mut Kit) -> Turn {
        let cycles = self.cycles;
        kit.moved = 0;
        let next = self.run(key, ready, inlet, kit);
        if self.work.as_ref().is_some_and(|work| work.is_done())
            && let Some(work) = self.work.take()
        {
            kit.pool.give(work);
        }
        self.armed = next;
        Turn {
            next,
            nearer: self.settle(next, self.cycles != cycles, kit),
        }
    }

    fn run(&mut self, key: usize, ready: Ready, inlet: &mut Inlet, kit: &mut Kit) -> Next {
        // Who does not take what was sent before gets no more made: its socket's buffer and this one are the bound.
        match self.flush_rest(kit) {
            Ok(true) => {}
            Ok(false) => {
                // An answer from elsewhere, or to a deadline, may have been made before this turn.
                self.keep(kit, 0);
                return Next::Write;
            }
            Err(_) => {
                kit.out.clear();
                return Next::Close;
            }
        }
        let mut budget = Budget {
            requests: TURN_REQUESTS,
            bytes: TURN_BYTES,
        };
        // Armed for writing, the socket was not asked for this; it is read when the backlog here has been served.
        let mut readable = ready.readable && self.armed != Next::Write;
        let next = loop {
            let step = match self.phase {
                Phase::Receiving | Phase::Discarding => {
                    self.receive(key, &mut readable, inlet, kit, &mut budget)
                }
                Phase::Waiting => Step::Stop(self.wait_for_reply(ready)),
                Phase::Sending => self.send(inlet, kit, &mut budget),
                Phase::Closing => self.close(kit),
                Phase::Lingering => self.linger(&mut readable, inlet),
            };
            if let Step::Stop(next) = step {
                break next;
            }
        };
        if next == Next::Close {
            kit.out.clear();
            return next;
        }
        match self.flush(kit, false) {
            Ok(true) => next,
            Ok(false) => Next::Write,
            Err(_) => Next::Close,
        }
    }

    /// A peer that shuts its side may still wait for the answer (RFC 9112 section 9.6); one that is gone does not.
    /// Bytes behind the request stay in the socket: an edge tells of each arrival once, so they cannot storm.
    fn wait_for_reply(&self, ready: Ready) -> Next {
        match ready {
            Ready { gone: true, .. } => Next::Close,
            Ready { readable: true, .. } => Next::Hangup,
            _ if self.armed == Next::Hangup => Next::Hangup,
            _ => Next::Read,
        }
    }

    /// Takes an answer that was promised for later. One that comes too late is dropped.
    pub(crate) fn complete(
        &mut self,
        key: usize,
        reply: Completion,
        inlet: &mut Inlet,
        kit: &mut Kit,
    ) -> Turn {
        if self.phase != Phase::Waiting || self.cycles != reply.cycle {
            return Turn {
                next: self.armed,
                nearer: false,
            };
        }
        self.phase = Phase::Receiving;
        kit.head = reply.head;
        self.answer(reply.content.into(), None, kit);
        self.turn(key, Ready::default(), inlet, kit)
    }

    /// What this connection owns while it has something unfinished.
    pub(super) fn work(&mut self, kit: &mut Kit) -> &mut Work {
        self.work.get_or_insert_with(|| kit.pool.take())
    }
}

/// A peer's address in 20 bytes instead of 32. An IPv6 scope is not kept.
#[derive(Clone, Copy)]
pub(crate) enum Peer {
    None,
    V4([u8; 4], u16),
    V6([u8; 16], u16),
}

impl Peer {
    fn new(address: Option<SocketAddr>) -> Self {
        match address {
            None => Self::None,
            Some(SocketAddr::V4(v4)) => Self::V4(v4.ip().octets(), v4.port()),
            Some(SocketAddr::V6(v6)) => Self::V6(v6.ip().octets(), v6.port()),
        }
    }

    pub(crate) fn address(self) -> Option<SocketAddr> {
        match self {
            Self::None => None,
            Self::V4(ip, port) => Some(SocketAddr::new(IpAddr::from(ip), port)),
            Self::V6(ip, port) => Some(SocketAddr::new(IpAddr::from(ip), port)),
        }
    }
}
