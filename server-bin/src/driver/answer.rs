//! Decisions out: from a handler's reply to a response on its way.

use std::sync::Arc;

use http_core::{Body, FieldLine, Head, Method, Misuse, Rule, response_has_body};

use super::buffers::Kit;
use super::connection::Connection;
use super::handler::outcomes::records::Answered;
use super::handler::{BodySource, Content, End, Notice, Prepared, Reply, Ticket, status};
use super::held::{self, Held};
use super::phase::{Happening, Phase, Timeout};
use super::run::Part;
use super::settings::COPIED_BODY;
use super::socket::Socket;
use super::work::Outgoing;

impl<S: Socket> Connection<S> {
    /// Answers the request with `reply`, under the status and fields in the kit's head.
    pub(super) fn answer(&mut self, reply: Reply, kit: &mut Kit) -> Happening {
        self.answer_as::<true>(reply, kit)
    }

    /// As [`answer`](Self::answer); without `OBSERVED` where nobody wants to know of it, which is so usual that it is compiled
    /// apart.
    #[inline(always)]
    pub(super) fn answer_as<const OBSERVED: bool>(&mut self, reply: Reply, kit: &mut Kit) -> Happening {
        self.decide_close(kit);
        let begun = match reply {
            Reply::Bytes(content) if kit.lent.misuse.is_none() => {
                self.begin_content::<OBSERVED>(content, kit)
            }
            reply => self.begin_other(reply, kit),
        };
        begun.unwrap_or_else(|misuse| self.own_up(misuse, kit))
    }

    /// Writes the prepared response to the request of this head, and nothing else. Returns what happened.
    #[inline(always)]
    pub(super) fn answer_prepared<const OBSERVED: bool>(
        &mut self,
        prepared: &Prepared,
        (head, raw): (&Head<'_>, &[u8]),
        kit: &mut Kit,
    ) -> Happening {
        self.decide_close(kit);
        let date = Some(&kit.date.line);
        let written = self
            .http
            .reply_prepared(&mut kit.out, &prepared.head, date, &prepared.body);
        match written {
            Ok(()) => {
                if OBSERVED && kit.counts() {
                    count_prepared(prepared, head, kit);
                }
                if OBSERVED && kit.watched {
                    self.record_prepared(prepared, head, raw, kit);
                }
                self.answered()
            }
            Err(misuse) => {
                if OBSERVED && kit.watched {
                    self.begin_record(head, raw, kit);
                }
                self.own_up(misuse, kit)
            }
        }
    }

    /// Decides whether the answer is the connection's last, and whether it lingers then.
    #[inline(always)]
    fn decide_close(&mut self, kit: &Kit) {
        if kit.lent.draining {
            self.close_after_response();
        }
        if self.http.must_close() {
            // If the client asked to close and its request is complete, nothing more will come: close without lingering.
            self.lingers |= !self.http.request_ended();
        }
    }

    /// Begins an answer whose body is not in memory. A function of its own, so that the usual one is short.
    #[inline(never)]
    fn begin_other(&mut self, reply: Reply, kit: &mut Kit) -> Result<Happening, Misuse> {
        if let Some(misuse) = kit.lent.misuse.take() {
            held::discard(reply);
            return Err(misuse);
        }
        match reply {
            Reply::Bytes(content) => self.begin_content::<true>(content, kit),
            Reply::Prepared(prepared) => {
                kit.lent.head.set_status(prepared.head.status());
                kit.lent.head.push_all(&prepared.fields);
                self.begin_content::<true>(Content::Shared(Arc::clone(&prepared.body)), kit)
            }
            Reply::File(slice) => self.begin_answer(Body::Known(slice.len), Outgoing::File(slice), kit),
            Reply::Pull(source) => self.begin_pull(Held::new(source), kit),
            Reply::Later(ticket) => Ok(self.await_answer(ticket, kit)),
        }
    }

    fn begin_pull(
        &mut self,
        mut source: Held<Box<dyn BodySource>>,
        kit: &mut Kit,
    ) -> Result<Happening, Misuse> {
        let draining = kit.lent.draining;
        let length = source.with(|source| {
            if draining {
                source.drain();
            }
            source.length()
        });
        let Some(length) = length else {
            return Ok(self.refuse(500, kit));
        };
        let body = length.map_or(Body::Stream, Body::Known);
        self.begin_answer(body, Outgoing::Pull { source, begun: false }, kit)
    }

    /// Nothing was written: the handler made a response that no client may see.
    #[cold]
    pub(super) fn own_up(&mut self, misuse: Misuse, kit: &mut Kit) -> Happening {
        kit.notify(&Notice::ResponseRefused(misuse));
        self.refuse(500, kit)
    }

    /// Waits for the answer of a ticket; for one of another request, nobody would ever answer this one.
    fn await_answer(&mut self, ticket: Ticket, kit: &mut Kit) -> Happening {
        match self.work.as_mut().and_then(|work| work.elsewhere.as_mut()) {
            Some(elsewhere) if elsewhere.has_given(&ticket) => {
                elsewhere.awaited = ticket.number;
                Happening::Promised
            }
            _ => self.refuse(500, kit),
        }
    }

    /// Answers with what has come from elsewhere, if it has come.
    pub(super) fn answer_from_elsewhere(&mut self, kit: &mut Kit) -> Part {
        let elsewhere = self.work.as_mut().and_then(|work| work.elsewhere.as_mut());
        let Some(answer) = elsewhere.and_then(|elsewhere| elsewhere.take_awaited()) else {
            return Part::Wait;
        };
        kit.lent.begin_call();
        kit.lent.head = answer.head;
        // A head that was made from the context's has them already, at its beginning.
        let kept = &kit.lent.kept;
        if !kit.lent.head.fields().as_bytes().starts_with(kept.as_bytes()) {
            kit.lent.head.push_all(kept);
        }
        Part::Go(self.answer(answer.body.into(), kit))
    }

    /// A small body is copied behind its head; a large one stays where it is.
    #[inline(always)]
    fn begin_content<const OBSERVED: bool>(
        &mut self,
        content: Content,
        kit: &mut Kit,
    ) -> Result<Happening, Misuse> {
        let bytes = content.as_ref();
        if bytes.len() > COPIED_BODY {
            let body = Body::Known(bytes.len() as u64);
            return self.begin_answer(body, Outgoing::Content { content, at: 0 }, kit);
        }
        kit.lent.head.push_date(&kit.date.line);
        if OBSERVED {
            self.reply_noted(bytes, None, kit)?;
        } else {
            self.http.reply(&mut kit.out, &kit.lent.head, bytes)?;
        }
        Ok(self.answered())
    }

    /// Writes the head; the body follows as the socket takes it.
    fn begin_answer(&mut self, body: Body, outgoing: Outgoing, kit: &mut Kit) -> Result<Happening, Misuse> {
        let is_empty = matches!(body, Body::Known(0));
        kit.lent.head.push_date(&kit.date.line);
        if let Err(misuse) = self.http.respond(&mut kit.out, &kit.lent.head, body) {
            held::discard(outgoing);
            return Err(misuse);
        }
        if kit.observed {
            self.note_head(kit, None);
        }
        if is_empty || !self.http.sends_body() {
            held::discard(outgoing);
            return self.finish(kit);
        }
        self.work(kit).body = Some(outgoing);
        Ok(Happening::AnswerBegun)
    }

    /// Writes what belongs behind the body.
    pub(super) fn finish(&mut self, kit: &mut Kit) -> Result<Happening, Misuse> {
        self.http.end(&mut kit.out, None)?;
        if kit.observed {
            self.note_end(kit);
        }
        Ok(self.answered())
    }

    /// The response is complete: what becomes of the connection.
    #[inline(always)]
    fn answered(&mut self) -> Happening {
        self.drop_elsewhere();
        if self.http.is_idle() {
            Happening::Answered
        } else if self.http.must_close() {
            Happening::AnsweredLast
        } else {
            Happening::AnsweredEarly
        }
    }

    /// The server wants to close, and cannot know what the client is about to send.
    pub(super) fn close_after_response(&mut self) {
        self.lingers = true;
        self.http.close_after_response();
    }

    /// Answers with an error that a later request on this connection can survive.
    pub(super) fn refuse_request(&mut self, status: u16, kit: &mut Kit) -> Happening {
        status::refusal(&mut kit.lent.head, &kit.lent.kept, status);
        self.answer(status::text(status).into(), kit)
    }

    /// Answers with an error and closes.
    pub(super) fn refuse(&mut self, status: u16, kit: &mut Kit) -> Happening {
        self.refuse_with(status, status::text(status).as_bytes(), None, None, kit)
    }

    /// Answers a request that broke a rule: with its status, its sentence and its clause; and closes.
    #[cold]
    pub(super) fn refuse_for(&mut self, rule: Rule, kit: &mut Kit) -> Happening {
        let text = status::explanation(rule);
        self.refuse_with(rule.status(), text.as_bytes(), Some(rule), None, kit)
    }

    #[cold]
    pub(super) fn refuse_with(
        &mut self,
        status: u16,
        text: &[u8],
        rule: Option<Rule>,
        line: Option<FieldLine>,
        kit: &mut Kit,
    ) -> Happening {
        self.drop_taker();
        self.drop_elsewhere();
        self.close_after_response();
        status::refusal(&mut kit.lent.head, &kit.lent.kept, status);
        if let Some(line) = line {
            kit.lent.head.push_line(line);
        }
        kit.lent.head.push_date(&kit.date.line);
        // It can fail only when the response has begun, and then there is nothing to do but close.
        let _ = self.reply_noted(text, rule, kit);
        Happening::AnsweredLast
    }

    /// Answers the request that has to end because a timeout is over, if an answer is due.
    pub(super) fn refuse_the_late(&mut self, kit: &mut Kit) {
        let timeout = self.phase().timeout();
        if timeout == Timeout::Protocol {
            return self.report_all(End::TimedOut, kit);
        }
        if !self.owes_an_answer() {
            return;
        }
        match timeout {
            // Such a peer is slow, and may be sending all the same: the connection lingers, as after each refusal.
            Timeout::Head | Timeout::Body => self.refuse(408, kit),
            _ => self.refuse(503, kit),
        };
    }

    /// Whether an answer is due, and can be sent, if the connection ends now. Where not, there was no request, it was answered,
    /// or nothing gets through.
    pub(super) fn owes_an_answer(&self) -> bool {
        match self.phase().timeout() {
            Timeout::Head => !matches!(self.phase(), Phase::Preface | Phase::Fresh),
            Timeout::Body | Timeout::Own => self.http.response_due(),
            Timeout::Reply => true,
            Timeout::None
            | Timeout::Idle
            | Timeout::Write
            | Timeout::HalfClosed
            | Timeout::Protocol
            | Timeout::Linger => false,
        }
    }

    /// Writes an answer from memory, and remembers it if anybody wants to know.
    #[inline(always)]
    fn reply_noted(&mut self, body: &[u8], rule: Option<Rule>, kit: &mut Kit) -> Result<(), Misuse> {
        let status = kit.lent.head.status();
        let length = match self.http.response_has_body(status) {
            true => body.len() as u64,
            false => 0,
        };
        self.http.reply(&mut kit.out, &kit.lent.head, body)?;
        self.note_whole((status, rule), length, kit);
        Ok(())
    }

    /// Remembers an answer that was written whole, with so many bytes of body.
    #[inline(always)]
    fn note_whole(&self, (status, rule): (u16, Option<Rule>), length: u64, kit: &mut Kit) {
        if kit.counts() {
            kit.tally.response(status, rule);
            kit.tally.body_bytes += length;
        }
        if kit.watched {
            let answer = Answered {
                status,
                rule,
                body: length,
                end: kit.out.len(),
            };
            let client = self.client(kit);
            kit.lent.outcomes.answer_whole(client, kit.lent.now, answer);
        }
    }

    /// Remembers that an answer has begun.
    #[inline(always)]
    pub(super) fn note_head(&mut self, kit: &mut Kit, rule: Option<Rule>) {
        let status = kit.lent.head.status();
        if kit.counts() {
            kit.tally.response(status, rule);
        }
        if kit.watched {
            let client = self.client(kit);
            kit.lent.outcomes.open(client, kit.lent.now).answer(status, rule);
        }
    }

    /// Remembers where in the output the answer ends.
    #[inline(always)]
    fn note_end(&mut self, kit: &mut Kit) {
        if !kit.watched {
            return;
        }
        debug_assert!(self.work.as_ref().is_none_or(|work| work.output.is_empty()));
        kit.lent.outcomes.end(kit.out.len());
    }
}

/// Counts an answer that was prepared. A function of its own for the same reason as
/// [`record_prepared`](Connection::record_prepared).
#[inline(never)]
fn count_prepared(prepared: &Prepared, head: &Head<'_>, kit: &mut Kit) {
    let status = prepared.head.status();
    kit.tally.response(status, None);
    if response_has_body(status, matches!(head.method(), Method::Head)) {
        kit.tally.body_bytes += prepared.body.len() as u64;
    }
}
