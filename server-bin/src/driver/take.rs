//! Bodies in: collecting them, handing them to a sink piece by piece, and dropping those before an upgrade.

use http_core::{Expectation, Framing, Head, Method, ResponseHead, Rule};

use super::buffers::Kit;
use super::connection::Connection;
use super::handler::{BodySink, Context, Decision, Protocol, Reply, Took};
use super::held::Held;
use super::phase::Happening;
use super::run::Part;
use super::settings::MAX_DISCARD;
use super::socket::Socket;
use super::work::{Outgoing, Taker, Taking};

/// The most that a body is trusted to be as long as its Content-Length says, when room is made for it.
const TRUSTED_LENGTH: usize = 64 * 1024;

impl<S: Socket> Connection<S> {
    /// Begins to take the body as the handler has decided. `more` says whether bytes of it have arrived.
    #[cold]
    pub(super) fn take_body(
        &mut self,
        key: usize,
        head: &Head<'_>,
        decision: Decision,
        more: bool,
        kit: &mut Kit,
    ) -> Happening {
        let (taker, limit, min_rate) = match self.make_taker(head, decision, kit) {
            Ok(made) => made,
            Err(happening) => return happening,
        };
        self.http.set_body_limit(limit);
        if self.http.body_is_over_limit() {
            return self.refuse_for(Rule::BodyTooLong, kit);
        }
        let waits_for_continue = match taker {
            // Before 101 it is sent in any case (RFC 9110 section 7.8).
            Taker::Upgrade { .. } => head.expectation() == Expectation::Continue,
            Taker::Collector { .. } | Taker::Sink(_) => head.expects_continue() && !more,
        };
        self.work(kit).taking = Some(Taking {
            taker,
            owes_continue: waits_for_continue,
            min_rate,
        });
        self.begin_body(key, head.framing(), kit)
    }

    /// Makes what takes the body. Returns it with the most bytes that the body may have, and the least that have to come in a
    /// second.
    ///
    /// # Errors
    ///
    /// There is nothing to take; this happened instead.
    fn make_taker(
        &mut self,
        head: &Head<'_>,
        decision: Decision,
        kit: &mut Kit,
    ) -> Result<(Taker, u64, u32), Happening> {
        let min_rate = kit.settings.min_body_rate;
        match decision {
            Decision::Buffer { limit, then } => {
                let (bytes, then) = (Vec::new(), Held::new(then));
                let limit = kit.settings.body_limit(Some(limit));
                let share = kit.memory.share() as u64;
                let length = match head.framing() {
                    Framing::Length(length) => usize::try_from(length.get()).ok(),
                    Framing::Chunked | Framing::Empty => None,
                };
                let taker = Taker::Collector { bytes, length, then };
                Ok((taker, limit.min(share), min_rate))
            }
            Decision::Stream(sink) => self.make_sink(sink, kit),
            Decision::Upgrade(protocol) => {
                let taker = self.upgrade_later(head, protocol, kit)?;
                Ok((taker, MAX_DISCARD, min_rate))
            }
            Decision::Respond(reply) => Err(self.answer(reply, kit)),
        }
    }

    fn make_sink(&mut self, sink: Box<dyn BodySink>, kit: &mut Kit) -> Result<(Taker, u64, u32), Happening> {
        let mut sink = Held::new(sink);
        let draining = kit.lent.draining;
        let asked = sink.with(|sink| {
            if draining {
                sink.drain();
            }
            (sink.limit(), sink.min_rate())
        });
        let Some((limit, rate)) = asked else {
            return Err(self.refuse(500, kit));
        };
        let min_rate = rate.unwrap_or(kit.settings.min_body_rate);
        Ok((Taker::Sink(sink), kit.settings.body_limit(limit), min_rate))
    }

    /// Asks a sink whether it wants the body at all, and tells the client to go on if it waits for that.
    fn begin_body(&mut self, key: usize, framing: Framing, kit: &mut Kit) -> Happening {
        if let Some(Taker::Collector {
            bytes,
            length: Some(length),
            ..
        }) = self.taker()
        {
            bytes.reserve_exact((*length).min(TRUSTED_LENGTH));
        }
        let began = match self.taker() {
            Some(Taker::Sink(_)) => self.call_sink(key, kit, |sink, cx| sink.begin(cx)),
            _ => Some(Took::More),
        };
        match began {
            Some(Took::More) => self.tell_to_continue(kit),
            Some(Took::Pause) if self.pause(kit) => return Happening::SinkPaused,
            Some(Took::Pause) => {}
            Some(Took::Answer(reply)) => return self.answer_early(reply, kit),
            None => return self.refuse(500, kit),
        }
        match framing {
            Framing::Empty => self.body_end(key, kit),
            _ => Happening::BodyWanted,
        }
    }

    /// Sends 100 Continue to a client that waits for it.
    #[cold]
    pub(super) fn tell_to_continue(&mut self, kit: &mut Kit) {
        if let Some(work) = &mut self.work
            && let Some(taking) = &mut work.taking
            && std::mem::take(&mut taking.owes_continue)
        {
            // It fails only where no interim response may be sent, and then the body comes unasked.
            let _ = self.http.continue_100(&mut kit.out);
        }
    }

    /// Hands bytes of the body to its taker.
    pub(super) fn body_data(&mut self, key: usize, bytes: &[u8], kit: &mut Kit) -> Part {
        match self.taker() {
            Some(Taker::Collector {
                bytes: all, length, ..
            }) => {
                make_room(all, bytes.len(), length.unwrap_or_else(|| kit.memory.share()));
                all.extend_from_slice(bytes);
                Part::On
            }
            Some(Taker::Sink(_)) => match self.call_sink(key, kit, |sink, cx| sink.data(bytes, cx)) {
                Some(Took::More) => Part::On,
                Some(Took::Pause) if self.pause(kit) => Part::Go(Happening::SinkPaused),
                Some(Took::Pause) => Part::On,
                Some(Took::Answer(reply)) => Part::Go(self.answer_early(reply, kit)),
                None => Part::Go(self.refuse(500, kit)),
            },
            Some(Taker::Upgrade { .. }) | None => Part::On,
        }
    }

    /// The body has ended: its taker answers. Without one the body was dropped.
    pub(super) fn body_end(&mut self, key: usize, kit: &mut Kit) -> Happening {
        let taking = self.work.as_mut().and_then(|work| work.taking.take());
        match taking.map(|taking| taking.taker) {
            Some(Taker::Collector { bytes, then, .. }) => {
                self.answer_with(key, kit, |cx| then.consume(|then| then(&bytes, cx)))
            }
            Some(Taker::Sink(sink)) => self.answer_with(key, kit, |cx| sink.consume(|sink| sink.end(cx))),
            Some(Taker::Upgrade { protocol, head }) => {
                kit.lent.head = head;
                self.upgrade(protocol, kit)
            }
            None => Happening::BodyDropped,
        }
    }

    /// Answers with what the body's taker returns.
    fn answer_with(
        &mut self,
        key: usize,
        kit: &mut Kit,
        code: impl FnOnce(&mut Context<'_>) -> Option<Reply>,
    ) -> Happening {
        kit.lent.begin_call();
        self.lend_elsewhere(kit);
        let reply = kit.call(key, &self.peer, |cx, _| code(cx));
        self.keep_elsewhere(kit);
        match reply.flatten() {
            Some(reply) => self.answer(reply, kit),
            None => self.refuse(500, kit),
        }
    }

    /// Calls the sink that takes the body. Nothing comes back when there is none, or when it panics.
    fn call_sink(
        &mut self,
        key: usize,
        kit: &mut Kit,
        code: impl FnOnce(&mut Box<dyn BodySink>, &mut Context<'_>) -> Took,
    ) -> Option<Took> {
        kit.lent.begin_call();
        self.lend_elsewhere(kit);
        let Some(Taker::Sink(sink)) = self
            .work
            .as_mut()
            .and_then(|work| work.taking.as_mut())
            .map(|taking| &mut taking.taker)
        else {
            return None;
        };
        let took = kit.call(key, &self.peer, |cx, _| sink.with(|sink| code(sink, cx)));
        self.keep_elsewhere(kit);
        took.flatten()
    }

    /// Begins a pause, and returns whether it has: without a notifier nobody could end it, so the body comes on.
    fn pause(&mut self, kit: &mut Kit) -> bool {
        let Some(work) = self.work.as_mut().filter(|work| work.can_be_notified()) else {
            self.tell_to_continue(kit);
            return false;
        };
        let timeout = match work.taking.as_mut().map(|taking| &mut taking.taker) {
            Some(Taker::Sink(sink)) => sink.with(|sink| sink.pause_timeout()).flatten(),
            _ => None,
        };
        self.begin_wait(timeout, kit);
        true
    }

    /// Answers before the body has ended: what remains of it is dropped, within a bound.
    fn answer_early(&mut self, reply: Reply, kit: &mut Kit) -> Happening {
        let owed_continue = self.drop_taker();
        self.http.set_body_limit(MAX_DISCARD);
        // The client may never send the body that it was not told to send; or it sends more than is dropped.
        if owed_continue || self.http.body_is_over_limit() {
            self.close_after_response();
        }
        self.answer(reply, kit)
    }

    /// Gives the body's taker up. Returns whether its client still waits for 100 Continue.
    pub(super) fn drop_taker(&mut self) -> bool {
        let taking = self.work.as_mut().and_then(|work| work.taking.take());
        taking.is_some_and(|taking| taking.owes_continue)
    }

    fn taker(&mut self) -> Option<&mut Taker> {
        let taking = self.work.as_mut()?.taking.as_mut()?;
        Some(&mut taking.taker)
    }

    /// Tells whoever takes or makes a body that the server drains.
    pub(super) fn tell_of_drain(&mut self) {
        let Some(work) = &mut self.work else { return };
        if let Some(Outgoing::Pull { source, .. }) = &mut work.body {
            let _ = source.with(|source| source.drain());
        }
        if let Some(Taker::Sink(sink)) = work.taking.as_mut().map(|taking| &mut taking.taker) {
            let _ = sink.with(|sink| sink.drain());
        }
    }

    /// Keeps the protocol, and the head of the answer, until the request's body has ended.
    fn upgrade_later(
        &mut self,
        head: &Head<'_>,
        protocol: Box<dyn Protocol>,
        kit: &mut Kit,
    ) -> Result<Taker, Happening> {
        let protocol = Held::new(protocol);
        if let Some(misuse) = kit.lent.misuse.take() {
            return Err(self.own_up(misuse, kit));
        }
        if kit.lent.head.status() == 200 && head.method() != Method::Connect {
            kit.lent.head.set_status(101);
        }
        let head = std::mem::replace(&mut kit.lent.head, ResponseHead::new(200));
        Ok(Taker::Upgrade { protocol, head })
    }

    /// Sends 101, or 2xx to CONNECT, and hands the connection over (RFC 9110 sections 7.8 and 9.3.6).
    fn upgrade(&mut self, protocol: Held<Box<dyn Protocol>>, kit: &mut Kit) -> Happening {
        kit.lent.head.push_date(&kit.date.line);
        if let Err(misuse) = self.http.upgrade(&mut kit.out, &kit.lent.head) {
            return self.own_up(misuse, kit);
        }
        if kit.observed {
            self.note_head(kit, None);
        }
        // The peer of another protocol may still be sending when that ends.
        self.lingers = true;
        let draining = kit.lent.draining;
        let work = self.work(kit);
        work.protocol = Some(protocol);
        work.untold.upgraded = true;
        // The drain may have begun before this protocol had its turn, or before its connection.
        work.untold.draining = draining;
        Happening::Switched
    }
}

/// Makes room for so many bytes more: twice as much as there is, so that a body is copied once on the average, but no more
/// than the body may have.
fn make_room(all: &mut Vec<u8>, more: usize, most: usize) {
    let needed = all.len() + more;
    if needed > all.capacity() {
        let doubled = (2 * all.capacity()).min(most);
        all.reserve_exact(doubled.max(needed) - all.len());
    }
}
