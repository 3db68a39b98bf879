//! Bytes in, events out: the request side of a connection.

use super::refuse::saturated;
use super::{Connection, Event, Flags, Received};
use crate::request::Fault;
use crate::request::body::{Part, Reading};
use crate::request::head;
use crate::request::parts::{Framing, Version};
use crate::request::section::{Progress, Section};
use crate::request::table::{Fields, MethodKind, Slot, Table};
use crate::request::view::{Head, Trailers};
use crate::response::body::Sending;
use crate::rules::{Rejection, Rule};
use crate::state::{Input, State};

impl Connection {
    /// Returns the first fact in `input`, which is all bytes received and not yet consumed.
    ///
    /// Call it again with the bytes that were not consumed until it returns [`Event::NeedMore`], [`Event::Paused`],
    /// [`Event::Closed`] or [`Event::Upgraded`]. These bytes have to be the same at each call; new ones are appended. `input`
    /// may be empty, and `fields` may be another one at each call. The facts and the verdict never depend on how the bytes were
    /// cut into calls; only the pieces of `Data` do.
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
            State::Receiving | State::Early | State::Skipping => self.receive_body(input, table),
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
        self.parse_head(input, table)
    }

    /// Skips an empty line before a request line (RFC 9112 section 2.2), and after it up to
    /// [`EMPTY_LINES`](crate::limits::EMPTY_LINES) in all.
    #[cold]
    fn receive_empty_line<'a>(
        &mut self,
        input: &'a [u8],
        table: &'a mut Table<[Slot]>,
    ) -> Result<Received<'a>, Rejection> {
        match input {
            [] | [_] => self.need_more(0),
            [b'\r', b'\n', rest @ ..] if self.reading.skips_line() => {
                let received = self.receive_head(rest, table)?;
                Ok(Received {
                    consumed: received.consumed + 2,
                    ..received
                })
            }
            _ => Err(self.reject_head(0, Rule::BadMethod, input)),
        }
    }

    #[inline(never)]
    fn receive_more_head<'a>(
        &mut self,
        input: &'a [u8],
        table: &'a mut Table<[Slot]>,
    ) -> Result<Received<'a>, Rejection> {
        debug_assert!(matches!(self.reading, Reading::Head(_)), "no head is being read");
        let Reading::Head(progress) = &mut self.reading else {
            return self.need_more(0);
        };
        if progress.grows_by_one(input) && !self.flags.has(Flags::END_OF_INPUT) {
            // As `Progress::resume` counts a byte: it is looked at for its LF, and once more in its line.
            table.work.add(2);
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
        let section = Section::Head(self.targets());
        if let Reading::Head(progress) = &mut self.reading
            && !progress.resume(input, section, &self.caps, table)
        {
            return self.part_of_head(input);
        }
        self.parse_head(input, table)
    }

    #[inline(always)]
    fn parse_head<'a>(
        &mut self,
        input: &'a [u8],
        table: &'a mut Table<[Slot]>,
    ) -> Result<Received<'a>, Rejection> {
        match head::parse(input, &self.caps, self.targets(), table) {
            Ok(length) => {
                self.begin(length, table);
                Ok(Received {
                    consumed: length,
                    event: Event::Request(Head::new(input, table)),
                })
            }
            Err(fault) => self.no_head(fault, input),
        }
    }

    /// Remembers how far a head was scanned, or refuses it.
    #[cold]
    fn no_head<'a>(&mut self, fault: Fault, input: &[u8]) -> Result<Received<'a>, Rejection> {
        match fault {
            Fault::Broken(at, rule) => Err(self.reject_head(at, rule, input)),
            Fault::Incomplete => {
                let section = Section::Head(self.targets());
                self.reading = Reading::Head(Progress::of(input, section, &self.caps));
                self.part_of_head(input)
            }
        }
    }

    /// All of `input` was scanned, and the head is not whole.
    #[cold]
    fn part_of_head<'a>(&mut self, input: &[u8]) -> Result<Received<'a>, Rejection> {
        // If an error response comes before the rest of the head, it must have no body either.
        if let Reading::Head(progress) = self.reading
            && progress.first_line_ended()
            && input.starts_with(b"HEAD ")
        {
            self.flags.set(Flags::HEAD);
        }
        self.step(Input::PartOfHead);
        self.need_more(0)
    }

    /// Begins a cycle with the head in `table`, which has `length` bytes.
    #[inline(always)]
    fn begin(&mut self, length: usize, table: &Table<[Slot]>) {
        let info = &table.info;
        // CLOSE can only be set here if the close was asked for between the cycles.
        let mut flags = self.flags.0 & (Flags::LASTING | Flags::CLOSE);
        match (info.version, info.keep_alive) {
            (Version::Http11, true) => {}
            (Version::Http11, false) => flags |= Flags::CLOSE,
            (Version::Http10, true) => flags |= Flags::MAYBE_HTTP10 | Flags::TELL_KEEP,
            (Version::Http10, false) => flags |= Flags::MAYBE_HTTP10 | Flags::CLOSE,
        }
        match info.method {
            MethodKind::Head => flags |= Flags::HEAD,
            MethodKind::Connect => flags |= Flags::CONNECT,
            _ => {}
        }
        if info.upgrade {
            flags |= Flags::UPGRADE;
        }
        self.flags = Flags(flags);
        self.sending = Sending::Nothing;
        match info.framing {
            Framing::Empty => {
                self.reading = Reading::START;
                self.step(Input::BareHead);
                return;
            }
            Framing::Length(body) => self.reading = Reading::length(body.get(), self.body_limit),
            Framing::Chunked => self.reading = Reading::chunked(self.body_limit),
        }
        self.received = length as u32;
        self.step(Input::HeadBeforeBody);
    }

    #[inline(never)]
    fn receive_body<'a>(
        &mut self,
        input: &'a [u8],
        table: &'a mut Table<[Slot]>,
    ) -> Result<Received<'a>, Rejection> {
        // The fast path is worth its lines: a chunk costs a fifth less.
        if let Reading::Chunked(chunked) = &mut self.reading
            && let Some((consumed, data)) = chunked.data(input)
        {
            table.work.add(consumed - data.len());
            self.consume(consumed);
            let event = Event::Data(data);
            return Ok(Received { consumed, event });
        }
        self.receive_part(input, table)
    }

    #[inline(never)]
    fn receive_part<'a>(
        &mut self,
        input: &'a [u8],
        table: &'a mut Table<[Slot]>,
    ) -> Result<Received<'a>, Rejection> {
        let part = match self.reading.body(input, &self.caps, table) {
            Ok(part) => part,
            Err(breach) => return Err(self.reject_body(breach)),
        };
        let (consumed, event) = match part {
            Part::More(consumed) => {
                self.consume(consumed);
                return self.need_more(consumed);
            }
            Part::Data(consumed, data) => (consumed, Event::Data(data)),
            Part::Trailers(start, end) => {
                let section = input.get(start..end).unwrap_or(&[]);
                (end, Event::Trailers(Trailers::new(section, table)))
            }
            Part::End(consumed) => {
                self.step(Input::EndOfBody);
                self.forget_cycle();
                (consumed, Event::End)
            }
        };
        self.consume(consumed);
        Ok(Received { consumed, event })
    }

    /// Counts the bytes of the request, for [`Rejection::offset`].
    #[inline(always)]
    fn consume(&mut self, bytes: usize) {
        self.received = self.received.saturating_add(saturated(bytes));
    }

    /// Lets the body of this request have up to `limit` bytes of data more than were received of it. Called after
    /// [`Event::Request`] and before `receive` is called again, it replaces [`Limits::body`](crate::Limits::body) for this
    /// one request, by a smaller or by a larger limit.
    ///
    /// The verdict on a body comes when it is read, not with the head: a Content-Length over the limit is
    /// [`Rule::BodyTooLong`] at the next `receive`, even without a byte of input, and a chunked body when a chunk is
    /// announced that passes the limit. So a caller can set the limit of one resource, or answer 404, 405 or 417, before.
    /// The call has no effect while no body is being received.
    ///
    /// ```
    /// # use http_core::{Connection, Event, Fields, Limits, Rule};
    /// let mut conn = Connection::server(Limits { body: 10, ..Limits::default() });
    /// let mut fields = Fields::<8>::new();
    /// let upload = b"PUT /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\nHello World";
    /// let received = conn.receive(upload, &mut fields)?;
    /// assert!(matches!(received.event, Event::Request(_)) && conn.body_is_over_limit());
    /// let rest = &upload[received.consumed..];
    /// let mut refused = conn.clone();
    /// assert_eq!(refused.receive(rest, &mut fields).unwrap_err().rule, Rule::BodyTooLong);
    /// conn.set_body_limit(64 * 1024);
    /// assert!(matches!(conn.receive(rest, &mut fields)?.event, Event::Data(b"Hello World")));
    /// # Ok::<(), http_core::Rejection>(())
    /// ```
    pub fn set_body_limit(&mut self, limit: u64) {
        self.reading.allow(limit);
    }

    /// Returns whether the Content-Length of the request that is being received is over its limit: the next
    /// [`receive`](Self::receive) will be [`Rule::BodyTooLong`] unless [`set_body_limit`](Self::set_body_limit) raises it.
    ///
    /// Such a body is never read, so [`continue_100`](Self::continue_100) is a `Misuse`, and a final response says
    /// `Connection: close`.
    #[must_use]
    pub const fn body_is_over_limit(&self) -> bool {
        self.reading.is_over_limit()
    }

    /// All input was looked at: more bytes are needed, or, if none will come, the request is truncated.
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
}
