//! One connection, server side: octets in, events out; decisions in, octets out.

use crate::limits::{Caps, Limits, TargetPolicy};
use crate::request::body::Reading;
use crate::request::view::{Head, Trailers};
use crate::response::body::Sending;
use crate::state::{Input, State};

mod receive;
mod respond;

/// What a call of [`Connection::receive`] found, and how many octets of its input are done with.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// So many octets from the start of the input must not be handed in again. It can be more than 0 with any event but
    /// [`Event::Paused`] and [`Event::Upgraded`].
    pub consumed: usize,
    /// What was found.
    pub event: Event<'a>,
}

/// A fact about the request. Each cycle is `Request`, then, if its framing is not [`Framing::Empty`](crate::Framing::Empty), any number of
/// `Data`, at most one `Trailers`, and `End`.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The head of a request.
    Request(Head<'a>),
    /// Octets of the body; never empty.
    Data(&'a [u8]),
    /// The trailer section of a chunked body.
    Trailers(Trailers<'a>),
    /// The body has ended.
    End,
    /// Nothing more can be said before more octets come: append them to what was not consumed.
    NeedMore,
    /// The request is complete: finish its response first. Pipelined octets wait.
    Paused,
    /// Nothing will be read any more: discard the octets.
    Closed,
    /// The octets belong to the protocol that the connection was upgraded to; none was consumed.
    Upgraded,
}

/// What a connection has to remember about its cycle, in one octet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flags(u8);

impl Flags {
    /// The request is HTTP/1.0, or could not be read: no interim response, no chunks.
    const HTTP10: u8 = 1;
    /// The method is HEAD: the response has no body.
    const HEAD: u8 = 2;
    /// The method is CONNECT: 2xx begins a tunnel.
    const CONNECT: u8 = 4;
    /// The client asked for an upgrade.
    const UPGRADE: u8 = 8;
    /// The connection closes when the response has ended.
    const CLOSE: u8 = 16;
    /// An HTTP/1.0 client has to be told that the connection persists.
    const TELL_KEEP: u8 = 32;
    /// The peer sends nothing more than what it has sent. Survives the cycle.
    const END_OF_INPUT: u8 = 64;
    /// Targets may hold what browsers send ([`TargetPolicy::Browsers`]). Survives the cycle.
    const BROWSERS: u8 = 128;
    /// What a rejection leaves of the flags.
    const LASTING: u8 = Self::END_OF_INPUT | Self::BROWSERS;

    const fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    fn set(&mut self, flag: u8) {
        self.0 |= flag;
    }
}

/// One HTTP/1.x connection, seen from the server: a state machine without input or output of its own.
///
/// It parses from the caller's buffer and borrows from it, and writes into the caller's buffer. It allocates nothing and
/// never panics, whatever it is called with.
#[derive(Clone, Debug)]
pub struct Connection {
    body_limit: u64,
    reading: Reading,
    sending: Sending,
    caps: Caps,
    /// How many bytes of the request were consumed, while its body is being read; it stays at its largest value.
    received: u32,
    state: State,
    flags: Flags,
}

// An idle connection is held by the ten thousand.
const _: () = assert!(size_of::<Connection>() <= 64);

impl Connection {
    /// A connection on which nothing has been received.
    #[must_use]
    pub fn server(limits: Limits) -> Self {
        Self {
            body_limit: limits.body,
            reading: Reading::START,
            sending: Sending::Nothing,
            caps: Caps::from(limits),
            received: 0,
            state: State::Idle,
            flags: Flags(match limits.targets {
                TargetPolicy::Rfc3986 => 0,
                TargetPolicy::Browsers => Flags::BROWSERS,
            }),
        }
    }

    /// Takes the step that the peer's octets made. They are read only in states where that step exists.
    #[inline(always)]
    fn step(&mut self, input: Input) {
        let next = self.state.next(input);
        debug_assert!(next.is_some(), "{input:?} has no place in {:?}", self.state);
        if let Some(next) = next {
            self.state = next;
        }
    }

    /// Which bytes a target may hold.
    #[inline(always)]
    const fn targets(&self) -> TargetPolicy {
        if self.flags.has(Flags::BROWSERS) {
            TargetPolicy::Browsers
        } else {
            TargetPolicy::Rfc3986
        }
    }

    /// Between two cycles only the end of the input is remembered, and a close that was asked for behind the response.
    #[inline(always)]
    fn forget_cycle(&mut self) {
        if self.state == State::Idle {
            self.flags.0 &= Flags::LASTING | Flags::CLOSE;
        }
    }

    /// Whether the response that was begun has a body: call [`data`](Self::data) or [`sent`](Self::sent). It has none
    /// after HEAD and with 204, 205 and 304.
    #[must_use]
    pub const fn sends_body(&self) -> bool {
        self.sending.has_body()
    }

    /// Closes the connection after the response that is due or under way, or after the next one if none is; unless it was
    /// begun before, the response says `Connection: close` (RFC 9112 section 9.6).
    pub fn close_after_response(&mut self) {
        self.flags.set(Flags::CLOSE);
    }

    /// Whether the connection closes when the response that is due or under way has ended, or, if there is none, at once.
    /// A close that was asked for between two requests waits for the next response, which tells of it.
    #[must_use]
    pub const fn must_close(&self) -> bool {
        match self.state {
            State::Idle | State::Head | State::Draining | State::Upgraded => false,
            State::Closed => true,
            State::Receiving
            | State::Due
            | State::Early
            | State::Answering
            | State::Refused
            | State::Refusing => self.flags.has(Flags::CLOSE),
        }
    }

    /// Whether the connection is between two cycles and no octet of the next one has been seen.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Whether a final response is due: there is a request, or a rejected one, that was not answered.
    #[must_use]
    pub const fn response_due(&self) -> bool {
        matches!(self.state, State::Receiving | State::Due | State::Refused)
    }

    /// Whether the request of this cycle was received to its end.
    #[must_use]
    pub const fn request_ended(&self) -> bool {
        matches!(
            self.state,
            State::Idle | State::Due | State::Answering | State::Upgraded
        )
    }

    /// Whether no response is due or under way.
    #[must_use]
    pub const fn response_ended(&self) -> bool {
        matches!(
            self.state,
            State::Idle | State::Head | State::Draining | State::Upgraded | State::Closed
        )
    }
}

#[cfg(test)]
mod tests;
