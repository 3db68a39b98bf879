//! Bytes in: reading, understanding, and handing requests to the handler.

use std::io;

use http_core::{Event, Expectation, Framing, Head, Method, Received, Rejection, Target};

use super::connection::{Budget, Connection, Next, Phase, Step};
use super::socket::Socket;
use crate::driver::buffers::{Collecting, Inlet, Kit, MAX_FIELDS};
use crate::driver::held::{self, Held};
use crate::driver::settings::{MAX_DISCARD, TURN_BYTES};
use crate::handler::{Accept, Collected, Context, Desk};

/// The methods that `OPTIONS *` tells of: what the server can do at all, not what a certain target allows.
const METHODS: &str = "GET, HEAD, OPTIONS, POST, PUT, PATCH, DELETE";

/// The most that a body is trusted to be as long as its Content-Length says, when room is made for it.
const TRUSTED_LENGTH: usize = 64 * 1024;

impl<S: Socket> Connection<S> {
    /// Understands what was saved, or reads once and understands that.
    pub(super) fn receive(
        &mut self,
        key: usize,
        readable: &mut bool,
        inlet: &mut Inlet,
        kit: &mut Kit,
        budget: &mut Budget,
    ) -> Step {
        let saved = self.work.as_ref().is_some_and(|work| !work.input.is_empty());
        if self.hungry || !saved {
            if !std::mem::take(readable) {
                return Step::Stop(Next::Read);
            }
            let n = match self.socket.read(&mut inlet.bytes) {
                Ok(0) => return self.end_of_input(kit),
                Ok(n) => n,
                Err(error) if is_temporary(&error) => return Step::Stop(Next::Read),
                Err(_) => return Step::Stop(Next::Close),
            };
            kit.moved += n;
            if !saved {
                // The usual way: nothing was saved, and nothing will be.
                let used = self.digest(key, &inlet.bytes[..n], &mut inlet.fields, kit, budget);
                if used < n {
                    self.work(kit).input.extend_from_slice(&inlet.bytes[used..n]);
                }
                return self.after_digest();
            }
            self.work(kit).input.extend_from_slice(&inlet.bytes[..n]);
        }
        let mut input = std::mem::take(&mut self.work(kit).input);
        let used = self.digest(key, &input, &mut inlet.fields, kit, budget);
        input.drain(..used);
        self.work(kit).input = input;
        self.after_digest()
    }

    fn after_digest(&self) -> Step {
        match self.phase {
            Phase::Receiving | Phase::Discarding if self.hungry => Step::Stop(Next::Read),
            // There is more, but this turn has done its part.
            Phase::Receiving | Phase::Discarding => Step::Stop(Next::Write),
            _ => Step::Again,
        }
    }

    /// The peer has shut its side: fine between two requests, else the request cannot be completed any more.
    fn end_of_input(&mut self, kit: &mut Kit) -> Step {
        match self.http.end_of_input() {
            Ok(()) => self.phase = Phase::Closing,
            Err(rejection) => self.reject(rejection, kit),
        }
        self.do_not_linger();
        Step::Again
    }

    /// For a peer that has nothing more to send, so that no reset can overtake the answer.
    pub(super) fn do_not_linger(&mut self) {
        self.lingers = false;
        if let Some(work) = &mut self.work {
            work.input.clear();
        }
    }

    /// Understands as much of `input` as it can, and answers how many bytes that were. It ends when the phase is
    /// another one, when it is hungry, or else because this turn has done its part.
    fn digest(
        &mut self,
        key: usize,
        input: &[u8],
        fields: &mut http_core::Fields<MAX_FIELDS>,
        kit: &mut Kit,
        budget: &mut Budget,
    ) -> usize {
        let mut at = 0;
        self.hungry = false;
        while matches!(self.phase, Phase::Receiving | Phase::Discarding) {
            // A body's end may be told without further bytes; a request may not.
            if at == input.len() && self.http.is_idle() {
                self.hungry = true;
                break;
            }
            if budget.requests == 0 || kit.out.len() >= TURN_BYTES {
                break;
            }
            let received = self.http.receive(&input[at..], fields);
            let Received { consumed, event } = match &received {
                Ok(received) => received,
                Err(rejection) => {
                    self.reject(*rejection, kit);
                    break;
                }
            };
            at += consumed;
            match event {
                Event::Request(head) => {
                    budget.requests -= 1;
                    self.request(key, head, at < input.len(), kit);
                }
                Event::NeedMore => {
                    self.hungry = true;
                    break;
                }
                other => self.react(other, key, kit),
            }
        }
        at
    }

    /// What has no head: a body's bytes and its end, and the end of the connection.
    fn react(&mut self, event: &Event<'_>, key: usize, kit: &mut Kit) {
        match event {
            Event::Data(bytes) => self.body_data(bytes, kit),
            Event::End => self.body_end(key, kit),
            Event::Request(_) | Event::Trailers(_) | Event::NeedMore => {}
            // A response is due that this phase knows nothing of, or nothing will be read: both end here.
            Event::Paused | Event::Closed | Event::Upgraded => self.phase = Phase::Closing,
        }
    }

    /// Lets the handler look at a head. `more` says whether bytes of the body have arrived with it.
    fn request(&mut self, key: usize, head: &Head<'_>, more: bool, kit: &mut Kit) {
        self.cycles = self.cycles.wrapping_add(1);
        if self.cycles >= kit.settings.max_requests {
            self.close_after_response();
        }
        let refused = match head.method() {
            Method::Connect | Method::Trace | Method::Extension(_) => Some(501),
            Method::Options if matches!(head.target(), Target::Asterisk) => return self.options(kit),
            _ if head.expectation() == Expectation::Unknown => Some(417),
            _ => None,
        };
        if let Some(status) = refused {
            self.abandon_body(head);
            return self.refuse_request(status, kit);
        }
        kit.head.reset(200);
        let desk = Desk {
            mailbox: &kit.mailbox,
            connection: key,
            cycle: self.cycles,
        };
        let mut cx = Context::new(&mut kit.head, kit.now, &self.peer, desk);
        // The worker's state is whole at every moment that a handler can panic: it holds only the head.
        let accept = held::run(|| kit.handler.head(head, &mut cx));
        let misuse = cx.misuse();
        match accept {
            Some(Accept::Respond(reply)) => {
                self.abandon_body(head);
                self.answer(reply, misuse, kit);
            }
            Some(Accept::Buffer { limit, then }) => {
                self.collect(key, head, more, (limit, Held::new(then)), kit);
            }
            Some(other @ (Accept::Stream(_) | Accept::Upgrade(_))) => {
                held::discard(other);
                self.abandon_body(head);
                self.refuse_request(501, kit);
            }
            None => self.refuse(500, kit),
        }
    }

    /// A body that nobody asked for is dropped where that is cheap, else the connection closes: when it is long, or
    /// when the client may never send it because it was not told to continue (RFC 9110 section 10.1.1).
    fn abandon_body(&mut self, head: &Head<'_>) {
        let long = match head.framing() {
            Framing::Empty | Framing::Chunked => false,
            Framing::Length(length) => length.get() > MAX_DISCARD,
        };
        if long || head.expects_continue() {
            self.close_after_response();
        }
    }

    fn collect(
        &mut self,
        key: usize,
        head: &Head<'_>,
        more: bool,
        (limit, then): (usize, Held<Collected>),
        kit: &mut Kit,
    ) {
        let expected = match head.framing() {
            Framing::Empty => return self.collected(key, &[], then, kit),
            Framing::Length(length) => usize::try_from(length.get()).unwrap_or(usize::MAX),
            Framing::Chunked => 0,
        };
        if expected > limit {
            return self.refuse(413, kit);
        }
        if head.expects_continue() && !more {
            // It fails only where no interim response may be sent, and then the body comes unasked.
            let _ = self.http.continue_100(&mut kit.out);
        }
        let bytes = Vec::with_capacity(expected.min(TRUSTED_LENGTH));
        self.work(kit).collecting = Some(Collecting { limit, bytes, then });
    }

    fn body_data(&mut self, bytes: &[u8], kit: &mut Kit) {
        match self.work.as_mut().and_then(|work| work.collecting.as_mut()) {
            Some(collecting) if bytes.len() > collecting.limit - collecting.bytes.len() => {
                self.refuse(413, kit)
            }
            Some(collecting) => collecting.bytes.extend_from_slice(bytes),
            None => {
                self.dropped = self.dropped.saturating_add(bytes.len() as u32);
                if u64::from(self.dropped) > MAX_DISCARD {
                    self.lingers = true;
                    self.phase = Phase::Closing;
                }
            }
        }
    }

    fn body_end(&mut self, key: usize, kit: &mut Kit) {
        match self.work.as_mut().and_then(|work| work.collecting.take()) {
            Some(Collecting { bytes, then, .. }) => self.collected(key, &bytes, then, kit),
            None => self.phase = Phase::Receiving,
        }
    }

    fn collected(&mut self, key: usize, bytes: &[u8], then: Held<Collected>, kit: &mut Kit) {
        kit.head.reset(200);
        let desk = Desk {
            mailbox: &kit.mailbox,
            connection: key,
            cycle: self.cycles,
        };
        let mut cx = Context::new(&mut kit.head, kit.now, &self.peer, desk);
        let reply = then.consume(|then| then(bytes, &mut cx));
        let misuse = cx.misuse();
        match reply {
            Some(reply) => self.answer(reply, misuse, kit),
            None => self.refuse(500, kit),
        }
    }

    fn options(&mut self, kit: &mut Kit) {
        kit.head.reset(204);
        let allowed = kit.head.push("allow", METHODS);
        self.answer(crate::handler::Reply::EMPTY, allowed.err(), kit);
    }

    /// The peer broke the rules: one answer that says so, unless the request has its answer already.
    fn reject(&mut self, rejection: Rejection, kit: &mut Kit) {
        self.lingers = true;
        match self.phase {
            Phase::Discarding => self.phase = Phase::Closing,
            _ => self.refuse(rejection.status(), kit),
        }
    }
}

pub(super) fn is_temporary(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
    )
}
