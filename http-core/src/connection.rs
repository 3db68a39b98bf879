//! One connection, server side: bytes in, events out; decisions in, bytes out.

use crate::limits::{Caps, Limits, TargetPolicy};
use crate::request::body::Reading;
use crate::request::view::{Head, Trailers};
use crate::response::body::{Sending, response_has_body};
use crate::state::{Input, State};

mod receive;
mod refuse;
mod respond;

/// The result of [`Connection::receive`]: a fact about the request, and how many bytes of the input it used up.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// How many bytes of the input were consumed: remove them from its beginning before the next call, also with
    /// [`Event::NeedMore`]. Always 0 with [`Event::Paused`] and [`Event::Upgraded`], and all of them with [`Event::Closed`].
    pub consumed: usize,
    /// The fact that comes first in the input.
    pub event: Event<'a>,
}

/// A fact about the request, borrowed from the input and the [`Fields`](crate::Fields).
///
/// Each cycle is `Request`, then, if its framing is not [`Framing::Empty`](crate::Framing::Empty), any number of `Data`, at
/// most one `Trailers`, and `End`. A request without a body has no `End`.
#[derive(Clone, Copy, Debug)]
pub enum Event<'a> {
    /// The head of a request.
    Request(Head<'a>),
    /// Bytes of the body; never empty.
    Data(&'a [u8]),
    /// The trailer section of a chunked body.
    Trailers(Trailers<'a>),
    /// The body has ended.
    End,
    /// The next fact needs more bytes: append them to those that were not consumed.
    NeedMore,
    /// The request is complete: finish its response first. Pipelined bytes wait.
    Paused,
    /// Nothing is read any more: discard the input.
    Closed,
    /// The bytes belong to the protocol that the connection was upgraded to; none was consumed.
    Upgraded,
}

/// Facts about the cycle that a connection has to remember, in one byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Flags(u8);

impl Flags {
    /// The request is HTTP/1.0, or could not be read: no interim response, no chunks.
    const MAYBE_HTTP10: u8 = 1;
    /// The method is HEAD: the response has no body.
    const HEAD: u8 = 2;
    /// The method is CONNECT: 2xx begins a tunnel.
    const CONNECT: u8 = 4;
    /// The client asked for an upgrade.
    const UPGRADE: u8 = 8;
    /// The connection closes when the response has ended.
    const CLOSE: u8 = 16;
    /// The response has to say `keep-alive` to an HTTP/1.0 client, because the connection persists.
    const TELL_KEEP: u8 = 32;
    /// The peer has closed its side: no more bytes will come. Survives the cycle.
    const END_OF_INPUT: u8 = 64;
    /// Targets may hold what browsers send ([`TargetPolicy::Browsers`]). Survives the cycle.
    const BROWSERS: u8 = 128;
    /// The flags that no rejection and no new cycle clears.
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
/// It parses from the caller's buffer and borrows from it, and writes into the caller's buffer. It allocates nothing but what
/// `Vec` needs for the output, and never panics, whatever it is called with.
///
/// # Receiving
///
/// - [`receive`](Self::receive) returns the next fact about the request, from the bytes that the caller has read.
/// - [`set_body_limit`](Self::set_body_limit) and [`body_is_over_limit`](Self::body_is_over_limit): between the head of a
///   request and its body, its limit can be raised or lowered.
/// - [`end_of_input`](Self::end_of_input): the peer has closed its side.
///
/// # Responding
///
/// - A response at once: [`reply`](Self::reply), or [`reply_prepared`](Self::reply_prepared) with a head that was made before.
/// - A response in parts: [`respond`](Self::respond) or [`respond_prepared`](Self::respond_prepared) writes the head; then
///   [`data`](Self::data) writes its body, or [`sent`](Self::sent) counts what the caller sends itself, if
///   [`sends_body`](Self::sends_body); and [`end`](Self::end) ends it, always.
/// - Before it: [`continue_100`](Self::continue_100) and [`interim`](Self::interim).
/// - In its place: [`upgrade`](Self::upgrade) hands the connection to another protocol.
/// - [`close_after_response`](Self::close_after_response): the connection will not persist.
///
/// Each but `close_after_response` returns a [`Misuse`](crate::Misuse) where it has no place, and then nothing is written and
/// nothing changes.
///
/// # Asking
///
/// [`response_due`](Self::response_due), [`request_ended`](Self::request_ended), [`response_ended`](Self::response_ended),
/// [`is_idle`](Self::is_idle) and [`must_close`](Self::must_close) say where the cycle stands.
///
/// # The order of calls
///
/// A cycle is one request and its response. Call `receive` until it returns [`Event::NeedMore`], and then with more bytes. From
/// [`Event::Request`] on a response may begin, also before the body has been received; the rest of the body is then received
/// and can be ignored. With [`Event::Paused`] the response has to end first. After each response look at `must_close`: send the
/// output and close, or go on with `receive` for the next cycle. After an `Err` of `receive` or `end_of_input`, write an error
/// response if `response_due`, finish the one under way if not, and close.
///
/// ```
/// use http_core::{Body, Connection, Event, Fields, Limits, ResponseHead};
/// let mut conn = Connection::server(Limits::default());
/// let (mut fields, mut out) = (Fields::<16>::new(), Vec::new());
/// let input = b"POST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n1+2";
/// let received = conn.receive(input, &mut fields)?;
/// assert!(matches!(received.event, Event::Request(_)) && conn.response_due());
/// let mut at = received.consumed;
/// let received = conn.receive(&input[at..], &mut fields)?;
/// assert!(matches!(received.event, Event::Data(b"1+2")));
/// at += received.consumed;
/// let received = conn.receive(&input[at..], &mut fields)?;
/// assert!(matches!(received.event, Event::End) && conn.request_ended());
/// conn.respond(&mut out, &ResponseHead::new(200), Body::Known(1))?;
/// conn.data(&mut out, b"3")?;
/// conn.end(&mut out, None)?;
/// assert!(conn.is_idle() && !conn.must_close());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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

// A server holds ten thousand idle connections and more.
const _: () = assert!(size_of::<Connection>() <= 64);

impl Connection {
    /// Makes a connection on which nothing has been received.
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

    /// Takes the step of an input. Bytes are read only in states that have a step for them.
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

    /// Clears the flags of the cycle that has ended; a close that was asked for while its body was skipped stays.
    #[inline(always)]
    fn forget_cycle(&mut self) {
        if self.state == State::Idle {
            self.flags.0 &= Flags::LASTING | Flags::CLOSE;
        }
    }

    /// Returns whether the response that was begun has a body: call [`data`](Self::data) or [`sent`](Self::sent). It has none
    /// after HEAD and with 204, 205 and 304.
    #[must_use]
    pub const fn sends_body(&self) -> bool {
        self.sending.has_body()
    }

    /// Returns whether a final response with this status to the present request has a body: not to HEAD, and not with 204, 205
    /// and 304 (RFC 9110 section 6.4.1). It serves to count what [`reply`](Self::reply) is about to write.
    #[must_use]
    pub const fn response_has_body(&self, status: u16) -> bool {
        response_has_body(status, self.flags.has(Flags::HEAD))
    }

    /// Closes the connection after the response that is due or under way, or, if there is none, after the next one. That
    /// response says `Connection: close` (RFC 9112 section 9.6), unless its head was written before this call.
    pub fn close_after_response(&mut self) {
        self.flags.set(Flags::CLOSE);
    }

    /// Returns whether the connection closes. While a response is due or under way, send it to its end first; if there is
    /// none, send the output that waits and close now. A close that was asked for between two requests waits for the next
    /// response: until a request has come it is `false`. It is also `false` after an upgrade.
    #[must_use]
    pub const fn must_close(&self) -> bool {
        match self.state {
            State::Idle | State::Head | State::Skipping | State::Upgraded => false,
            State::Closed => true,
            State::Receiving
            | State::Due
            | State::Early
            | State::Answering
            | State::Refused
            | State::Refusing => self.flags.has(Flags::CLOSE),
        }
    }

    /// Returns whether the connection is between two cycles and no byte of the next one has been seen.
    #[must_use]
    pub const fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Returns whether a final response is due: there is a request, or a rejected one, that was not answered.
    #[must_use]
    pub const fn response_due(&self) -> bool {
        matches!(self.state, State::Receiving | State::Due | State::Refused)
    }

    /// Returns whether the request of this cycle was received to its end.
    #[must_use]
    pub const fn request_ended(&self) -> bool {
        matches!(
            self.state,
            State::Idle | State::Due | State::Answering | State::Upgraded
        )
    }

    /// Returns whether no response is due or under way.
    #[must_use]
    pub const fn response_ended(&self) -> bool {
        matches!(
            self.state,
            State::Idle | State::Head | State::Skipping | State::Upgraded | State::Closed
        )
    }
}

#[cfg(test)]
mod tests;
