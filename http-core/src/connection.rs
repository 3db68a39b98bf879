//! One connection, server side: octets in, events out; decisions in, octets out.

use crate::limits::{Caps, Limits};
use crate::request::body::{self, Part, Reading};
use crate::request::head::{Head, Trailers};
use crate::request::parts::{Framing, Version};
use crate::request::scan::Progress;
use crate::request::table::{Fields, MethodKind, Slot, Table};
use crate::response::body::Sending;
use crate::rules::{Rejection, Rule};
use crate::state::{Input, State};

mod respond;

/// What a call of [`Connection::receive`] found, and how many octets of its input are done with.
#[derive(Clone, Copy, Debug)]
pub struct Received<'a> {
    /// So many octets from the start of the input must not be handed in again. It can be more than 0 with every event.
    pub consumed: usize,
    /// What was found.
    pub event: Event<'a>,
}

/// A fact about the request. Each cycle is `Request`, then, if its framing is not [`Framing::Empty`], any number of
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
    /// A CRLF before the request line was skipped.
    const SKIPPED: u8 = 128;

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
            state: State::Idle,
            flags: Flags(0),
        }
    }

    /// Looks at `input`, all octets received and not yet consumed, and says what comes first in them.
    ///
    /// Call it again with what was not consumed until it answers [`Event::NeedMore`] or [`Event::Paused`].
    /// The verdict never depends on how the octets were cut into calls.
    ///
    /// # Errors
    /// A [`Rejection`] if the peer broke a rule. Answer with its status by [`respond`](Self::respond) or
    /// [`reply`](Self::reply) if a response [is due](Self::response_due), then close; nothing more is read.
    #[inline]
    pub fn receive<'a, const N: usize>(
        &mut self,
        input: &'a [u8],
        fields: &'a mut Fields<N>,
    ) -> Result<Received<'a>, Rejection> {
        self.receive_into(input, &mut fields.table)
    }

    fn receive_into<'a>(
        &mut self,
        input: &'a [u8],
        table: &'a mut Table<[Slot]>,
    ) -> Result<Received<'a>, Rejection> {
        match self.state {
            State::Idle => self.receive_head(input, table),
            State::Head => self.receive_more_head(input, table),
            State::Receiving | State::Early | State::Draining => self.receive_body(input, table),
            State::Due | State::Answering => Ok(Received {
                consumed: 0,
                event: Event::Paused,
            }),
            State::Refused | State::Refusing | State::Closed => Ok(Received {
                consumed: input.len(),
                event: Event::Closed,
            }),
            State::Upgraded => Ok(Received {
                consumed: 0,
                event: Event::Upgraded,
            }),
        }
    }

    fn receive_head<'a>(
        &mut self,
        input: &'a [u8],
        table: &'a mut Table<[Slot]>,
    ) -> Result<Received<'a>, Rejection> {
        if let [] | [b'\r', ..] = input {
            return self.receive_empty_line(input, table);
        }
        let mut progress = Progress::NONE;
        let parsed = body::head(&mut progress, input, &self.caps, table);
        self.head_or_more(parsed, progress, input, table)
    }

    /// Skips one empty line before a request line (RFC 9112 section 2.2).
    #[cold]
    fn receive_empty_line<'a>(
        &mut self,
        input: &'a [u8],
        table: &'a mut Table<[Slot]>,
    ) -> Result<Received<'a>, Rejection> {
        match input {
            [] | [_] => self.need_more(0),
            [b'\r', b'\n', rest @ ..] if !self.flags.has(Flags::SKIPPED) => {
                self.flags.set(Flags::SKIPPED);
                let received = self.receive_head(rest, table)?;
                Ok(Received {
                    consumed: received.consumed + 2,
                    ..received
                })
            }
            _ => Err(self.reject(Rule::BadMethod, false)),
        }
    }

    #[inline(never)]
    fn receive_more_head<'a>(
        &mut self,
        input: &'a [u8],
        table: &'a mut Table<[Slot]>,
    ) -> Result<Received<'a>, Rejection> {
        let Reading::Head(progress) = &mut self.reading else {
            return self.need_more(0);
        };
        if progress.grows_by_one(input) && !self.flags.has(Flags::END_OF_INPUT) {
            return Ok(Received {
                consumed: 0,
                event: Event::NeedMore,
            });
        }
        self.scan_head(input, table)
    }

    #[inline(never)]
    fn scan_head<'a>(
        &mut self,
        input: &'a [u8],
        table: &'a mut Table<[Slot]>,
    ) -> Result<Received<'a>, Rejection> {
        let Reading::Head(mut progress) = self.reading else {
            return self.need_more(0);
        };
        let parsed = body::more_head(&mut progress, input, &self.caps, table);
        self.head_or_more(parsed, progress, input, table)
    }

    #[inline(always)]
    fn head_or_more<'a>(
        &mut self,
        parsed: Result<Option<usize>, Rule>,
        progress: Progress,
        input: &'a [u8],
        table: &'a mut Table<[Slot]>,
    ) -> Result<Received<'a>, Rejection> {
        match parsed {
            Ok(Some(length)) => {
                self.begin(table)?;
                Ok(Received {
                    consumed: length,
                    event: Event::Request(Head::new(input, table)),
                })
            }
            Ok(None) => {
                self.reading = Reading::Head(progress);
                self.step(Input::PartOfHead);
                self.need_more(0)
            }
            Err(rule) => Err(self.reject(rule, input.starts_with(b"HEAD "))),
        }
    }

    /// Begins a cycle with the head in `table`.
    #[inline(always)]
    fn begin(&mut self, table: &Table<[Slot]>) -> Result<(), Rejection> {
        let info = &table.info;
        // Closing was asked for between the cycles, or not at all.
        let mut flags = self.flags.0 & (Flags::END_OF_INPUT | Flags::CLOSE);
        if info.version == Version::Http10 {
            flags |= Flags::HTTP10 | if info.keep_alive { Flags::TELL_KEEP } else { 0 };
        }
        match info.method {
            MethodKind::Head => flags |= Flags::HEAD,
            MethodKind::Connect => flags |= Flags::CONNECT,
            _ => {}
        }
        flags |= if info.keep_alive { 0 } else { Flags::CLOSE };
        flags |= if info.upgrade { Flags::UPGRADE } else { 0 };
        self.flags = Flags(flags);
        self.sending = Sending::Nothing;
        match info.framing {
            Framing::Empty => {
                self.reading = Reading::START;
                self.step(Input::BareHead);
                return Ok(());
            }
            Framing::Length(length) if length.get() > self.body_limit => {
                return Err(self.reject(Rule::BodyTooLong, flags & Flags::HEAD != 0));
            }
            Framing::Length(length) => self.reading = Reading::Length(length.get()),
            Framing::Chunked => self.reading = Reading::chunked(self.body_limit),
        }
        self.step(Input::HeadBeforeBody);
        Ok(())
    }

    #[inline(never)]
    fn receive_body<'a>(
        &mut self,
        input: &'a [u8],
        table: &'a mut Table<[Slot]>,
    ) -> Result<Received<'a>, Rejection> {
        match self.reading.body(input, &self.caps, table) {
            Ok(Part::More(consumed)) => self.need_more(consumed),
            Ok(Part::Data(consumed, data)) => Ok(Received {
                consumed,
                event: Event::Data(data),
            }),
            Ok(Part::Trailers(start, end)) => {
                let section = input.get(start..end).unwrap_or(&[]);
                Ok(Received {
                    consumed: end,
                    event: Event::Trailers(Trailers::new(section, table)),
                })
            }
            Ok(Part::End(consumed)) => {
                self.step(Input::EndOfBody);
                self.forget_cycle();
                Ok(Received {
                    consumed,
                    event: Event::End,
                })
            }
            Err(rule) => Err(self.reject(rule, self.flags.has(Flags::HEAD))),
        }
    }

    /// Everything was looked at: more octets are needed, or, if none will come, the request is truncated.
    fn need_more<'a>(&mut self, consumed: usize) -> Result<Received<'a>, Rejection> {
        if self.flags.has(Flags::END_OF_INPUT) {
            self.end_of_input()?;
            return Ok(Received {
                consumed,
                event: Event::Closed,
            });
        }
        Ok(Received {
            consumed,
            event: Event::NeedMore,
        })
    }

    /// Tells that the peer has closed its side: no octets follow those that [`receive`](Self::receive) was given.
    ///
    /// Octets that wait behind an unfinished response are still served: go on as before, until `receive` answers
    /// [`Event::Closed`].
    ///
    /// # Errors
    /// [`Rule::TruncatedHead`] and [`Rule::TruncatedBody`] if a request is incomplete (RFC 9112 section 8).
    pub fn end_of_input(&mut self) -> Result<(), Rejection> {
        self.flags.set(Flags::END_OF_INPUT);
        let before = self.state;
        self.step(Input::Eof);
        match before {
            State::Head => {
                self.refuse(false);
                Err(Rule::TruncatedHead.into())
            }
            State::Receiving | State::Early | State::Draining => {
                self.refuse(self.flags.has(Flags::HEAD));
                Err(Rule::TruncatedBody.into())
            }
            State::Idle
            | State::Due
            | State::Answering
            | State::Refused
            | State::Refusing
            | State::Upgraded
            | State::Closed => Ok(()),
        }
    }

    /// A rule was broken: only an error response and the end can follow.
    #[cold]
    fn reject(&mut self, rule: Rule, to_head: bool) -> Rejection {
        self.step(Input::BrokenRule);
        self.refuse(to_head);
        rule.into()
    }

    /// The response, if it is not under way, is one that any client can read to its end.
    fn refuse(&mut self, to_head: bool) {
        let head = if to_head { Flags::HEAD } else { 0 };
        self.flags = Flags(Flags::HTTP10 | Flags::CLOSE | head | self.flags.0 & Flags::END_OF_INPUT);
    }

    /// Takes the step that the peer's octets made. They are read only in states where that step exists.
    #[inline(always)]
    fn step(&mut self, input: Input) {
        if let Some(next) = self.state.next(input) {
            self.state = next;
        }
    }

    /// Between two cycles only the end of the input is remembered.
    #[inline(always)]
    fn forget_cycle(&mut self) {
        if self.state == State::Idle {
            self.flags.0 &= Flags::END_OF_INPUT;
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

    /// Whether the connection closes when the response has ended, or at once if none is due.
    #[must_use]
    pub const fn must_close(&self) -> bool {
        match self.state {
            State::Idle | State::Head | State::Upgraded => false,
            State::Closed => true,
            State::Receiving
            | State::Due
            | State::Early
            | State::Answering
            | State::Draining
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
