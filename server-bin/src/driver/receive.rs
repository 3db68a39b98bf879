//! Bytes in: reading, understanding, and handing requests to the handler.

use http_core::{Event, Expectation, Fields, Framing, Head, Method, Received, Rejection};

use super::budget::Budget;
use super::buffers::{Inlet, Kit, MAX_FIELDS};
use super::connection::Connection;
use super::handler::{Decision, Elsewhere, Methods, Reply, Serial, status};
use super::held;
use super::phase::{Happening, Phase};
use super::run::Part;
use super::settings::{COPIED_BODY, MAX_DISCARD};
use super::socket::{Socket, is_temporary};

impl<S: Socket> Connection<S> {
    /// Reads once. Returns how many bytes have come, or what happened instead.
    #[inline(always)]
    pub(super) fn read(&mut self, inlet: &mut Inlet, kit: &mut Kit) -> Result<usize, Part> {
        match self.socket.read(&mut inlet.bytes) {
            Ok(0) => Err(Part::Go(self.end_of_input(kit))),
            Ok(n) => {
                kit.moved += n;
                Ok(n)
            }
            Err(error) if is_temporary(&error) => Err(Part::Wait),
            Err(_) => Err(Part::Go(Happening::PeerGone)),
        }
    }

    /// The peer has shut its side: fine between two requests, else the request cannot be completed any more.
    fn end_of_input(&mut self, kit: &mut Kit) -> Happening {
        let happened = match self.http.end_of_input() {
            Ok(()) => Happening::Unreadable,
            Err(rejection) => self.reject(rejection, kit),
        };
        self.do_not_linger();
        happened
    }

    /// For a peer that has nothing more to send, so that no reset can overtake the answer.
    pub(super) fn do_not_linger(&mut self) {
        self.lingers = false;
        if let Some(work) = &mut self.work {
            work.input.clear();
        }
    }

    /// Understands what comes first in `input`. Returns how many bytes that were, and what happened.
    #[inline(always)]
    pub(super) fn understand<const OBSERVED: bool>(
        &mut self,
        key: usize,
        input: &[u8],
        fields: &mut Fields<MAX_FIELDS>,
        kit: &mut Kit,
        budget: &mut Budget,
    ) -> (usize, Part) {
        if self.http.is_idle() {
            if input.is_empty() {
                // The usual end of a turn: it is idle, and stays so.
                let part = match self.phase() {
                    Phase::Fresh | Phase::Idle => Part::Wait,
                    _ => Part::Rest(Happening::InputUsed),
                };
                return (0, part);
            }
            if !budget.allows_request(kit) {
                return (0, Part::Rest(Happening::TurnSpent));
            }
        }
        let Received { consumed, event } = match self.http.receive(input, fields) {
            Ok(received) => received,
            Err(rejection) => return (0, Part::Go(self.reject(rejection, kit))),
        };
        let part = match event {
            Event::Request(head) => {
                budget.requests -= 1;
                let (raw, behind) = input.split_at(consumed);
                Part::Go(self.request::<OBSERVED>(key, &head, raw, !behind.is_empty(), kit))
            }
            Event::Data(bytes) => self.body_data(key, bytes, kit),
            Event::End => Part::Go(self.body_end(key, kit)),
            Event::Trailers(_) => Part::On,
            Event::NeedMore => self.needs_more(),
            // A sink has paused before a body that has no bytes.
            Event::Paused if self.phase() == Phase::Body => Part::Go(self.body_end(key, kit)),
            // http-core awaits a response that this phase knows nothing of, or reads no more: both end here.
            Event::Paused | Event::Closed | Event::Upgraded => Part::Go(Happening::Finished),
        };
        (consumed, part)
    }

    fn needs_more(&self) -> Part {
        if self.http.is_idle() {
            Part::Rest(Happening::InputUsed)
        } else if matches!(self.phase(), Phase::Body | Phase::Discarding) {
            Part::Wait
        } else {
            Part::Rest(Happening::HeadBegun)
        }
    }

    /// Lets the handler look at a head, which came in the bytes `raw`. `more` says whether bytes of the body have arrived
    /// with it.
    #[inline(always)]
    fn request<const OBSERVED: bool>(
        &mut self,
        key: usize,
        head: &Head<'_>,
        raw: &[u8],
        more: bool,
        kit: &mut Kit,
    ) -> Happening {
        self.requests = self.requests.wrapping_add(1);
        if self.requests >= kit.settings.max_requests {
            self.close_after_response();
        }
        kit.lent.begin();
        if OBSERVED {
            kit.lent.client = None;
        }
        let decision = kit.decide(key, &self.peer, head);
        let decision = match decision {
            // The most usual one, apart, so that nothing of it is moved about.
            Some(Ok(Decision::Respond(Reply::Prepared(prepared))))
                if kit.lent.is_untouched() && prepared.body.len() <= COPIED_BODY =>
            {
                self.keep_elsewhere(kit);
                self.discard_body(head);
                return self.answer_prepared::<OBSERVED>(&prepared, (head, raw), kit);
            }
            other => other,
        };
        if OBSERVED && kit.watched {
            self.begin_record(head, raw, kit);
        }
        self.keep_elsewhere(kit);
        match decision {
            Some(Ok(Decision::Respond(reply))) => {
                self.discard_body(head);
                self.answer_as::<OBSERVED>(reply, kit)
            }
            Some(Err(methods)) => self.answer_for_handler(head, methods, kit),
            Some(Ok(decision)) => self.take_body(key, head, decision, more, kit),
            None => self.refuse(500, kit),
        }
    }

    /// Answers what does not reach the handler: methods that it does not name, and expectations that nobody fulfils.
    #[cold]
    fn answer_for_handler(&mut self, head: &Head<'_>, methods: Methods, kit: &mut Kit) -> Happening {
        self.discard_body(head);
        let (list, lacks_options) = methods.allow();
        let is_options = head.method() == Method::Options;
        let unfulfilled = head.expectation() == Expectation::Unknown;
        if unfulfilled && (is_options || methods.allows(head.method())) {
            return self.refuse_request(417, kit);
        }
        let separator = if lacks_options { ", OPTIONS" } else { "" };
        kit.lent.head.reset(if is_options { 204 } else { 405 });
        kit.lent.misuse = kit.lent.head.push("allow", format!("{list}{separator}")).err();
        if is_options {
            return self.answer(Reply::EMPTY, kit);
        }
        kit.lent.head.push_line(status::TYPE);
        kit.lent.head.push_line(status::NO_CACHE);
        self.answer(status::text(405).into(), kit)
    }

    /// A body that nobody asked for is dropped where that is cheap, else the connection closes: when it is long, or
    /// when the client may never send it because it was not told to continue (RFC 9110 section 10.1.1).
    pub(super) fn discard_body(&mut self, head: &Head<'_>) {
        let long = match head.framing() {
            Framing::Empty => return,
            Framing::Chunked => false,
            Framing::Length(length) => length.get() > MAX_DISCARD,
        };
        if long || head.expects_continue() {
            self.close_after_response();
        }
        self.http.set_body_limit(MAX_DISCARD);
    }

    /// The peer broke the rules: one answer that says so, unless the request has its answer already.
    pub(super) fn reject(&mut self, rejection: Rejection, kit: &mut Kit) -> Happening {
        self.lingers = true;
        match self.phase() {
            Phase::Discarding => Happening::Unreadable,
            Phase::Body => self.refuse_for(rejection.rule, kit),
            _ => {
                // No handler has seen this request, and what an earlier one kept is not for it.
                kit.lent.forget_kept();
                kit.lent.client = None;
                self.refuse_for(rejection.rule, kit)
            }
        }
    }

    /// Takes what a handler's call has put elsewhere.
    #[inline(always)]
    pub(super) fn keep_elsewhere(&mut self, kit: &mut Kit) {
        if kit.lent.elsewhere.is_some() {
            self.work(kit).elsewhere = kit.lent.elsewhere.take();
        }
    }

    /// Lends what is elsewhere of the request to a handler's call; [`keep_elsewhere`](Self::keep_elsewhere) takes it back.
    pub(super) fn lend_elsewhere(&mut self, kit: &mut Kit) {
        kit.lent.elsewhere = self.work.as_mut().and_then(|work| work.elsewhere.take());
    }

    /// Returns the record of what is elsewhere of the present request, if that has this number.
    pub(super) fn elsewhere(&mut self, serial: Serial) -> Option<&mut Elsewhere> {
        let elsewhere = self.work.as_mut()?.elsewhere.as_deref_mut()?;
        (elsewhere.serial == serial).then_some(elsewhere)
    }

    /// The request is answered: nothing that is elsewhere can reach it any more.
    #[inline(always)]
    pub(super) fn drop_elsewhere(&mut self) {
        if let Some(work) = &mut self.work {
            // Answers that nobody waits for are the handler's values.
            held::discard(work.elsewhere.take());
        }
    }
}
