//! Decisions in, bytes out: the response side of a connection.

use super::{Connection, Flags};
use crate::misuse::Misuse;
use crate::response::body::{Body, Sending};
use crate::response::fields::{DateLine, FieldBlock};
use crate::response::head::{FramingLine, Options, ResponseHead};
use crate::response::prepared::PreparedHead;
use crate::state::{Input, State};
use alloc::vec::Vec;

/// The Connection option of a response with an Upgrade field (RFC 9110 section 7.8).
const fn upgrade_option(head: &ResponseHead) -> Options {
    if head.has_upgrade() {
        Options::Upgrade
    } else {
        Options::None
    }
}

/// The state after a whole request and a whole response on a connection that persists.
const AFTER_WHOLE_CYCLE: State = match State::Due.next(Input::Final) {
    Some(answering) => match answering.next(Input::EndAndKeep) {
        Some(idle) => idle,
        None => State::Due,
    },
    None => State::Due,
};
const _: () = assert!(matches!(AFTER_WHOLE_CYCLE, State::Idle));

impl Connection {
    /// Appends an interim response: 100 to 199 but for 101, which is [`upgrade`](Self::upgrade)'s (RFC 9110 section 15.2).
    ///
    /// # Errors
    /// Nothing is written then. [`Misuse::BadStatus`] if the status is another one, [`Misuse::NothingDue`] if no response is
    /// due, [`Misuse::InterimToHttp10`] if the client speaks HTTP/1.0, [`Misuse::ContinueOverLimit`] if it is 100 and the body
    /// [is over its limit](Self::body_is_over_limit).
    pub fn interim(&mut self, out: &mut Vec<u8>, head: &ResponseHead) -> Result<(), Misuse> {
        if !(100..200).contains(&head.status()) || head.status() == 101 {
            return Err(Misuse::BadStatus);
        }
        self.may_interim()?;
        if head.status() == 100 {
            self.may_continue()?;
        }
        head.write(out, upgrade_option(head), FramingLine::None);
        Ok(())
    }

    /// Appends `100 Continue` (RFC 9110 section 15.2.1). Only useful while the body that
    /// [`expects_continue`](crate::Head::expects_continue) announced has not arrived.
    ///
    /// # Errors
    /// Nothing is written then. [`Misuse::NothingDue`] if no response is due, [`Misuse::InterimToHttp10`] if the client speaks
    /// HTTP/1.0, [`Misuse::ContinueOverLimit`] if the body [is over its limit](Self::body_is_over_limit).
    pub fn continue_100(&mut self, out: &mut Vec<u8>) -> Result<(), Misuse> {
        self.may_interim()?;
        self.may_continue()?;
        out.extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        Ok(())
    }

    fn may_interim(&self) -> Result<(), Misuse> {
        if self.state.next(Input::Interim).is_none() {
            return Err(Misuse::NothingDue);
        }
        if self.flags.has(Flags::MAYBE_HTTP10) {
            Err(Misuse::InterimToHttp10)
        } else {
            Ok(())
        }
    }

    /// Judges 100: it must not ask for a body that will be refused.
    fn may_continue(&self) -> Result<(), Misuse> {
        if self.body_is_over_limit() {
            Err(Misuse::ContinueOverLimit)
        } else {
            Ok(())
        }
    }

    /// Appends the head of the final response and fixes how its body is framed: by Content-Length if it is
    /// [`Body::Known`], else by chunks, or, for HTTP/1.0, by the close of the connection.
    ///
    /// Before a request, or after a rejection, only an error (400 to 599) can be sent, and the connection closes after it.
    /// It closes as well after a response that begins while the body [is over its limit](Self::body_is_over_limit).
    ///
    /// # Errors
    /// Nothing is written then. [`Misuse::NothingDue`] if no response is due, [`Misuse::BadStatus`] if the status is not from
    /// 200 to 599, [`Misuse::NotAnError`] if only an error can be sent, [`Misuse::TunnelNeedsUpgrade`] for 2xx to CONNECT,
    /// [`Misuse::ContentForbidden`] if 204 or 205 would have a body.
    pub fn respond(&mut self, out: &mut Vec<u8>, head: &ResponseHead, body: Body) -> Result<(), Misuse> {
        let sending = self.prepare(head.status(), body)?;
        let options = self.options(head.has_upgrade(), sending);
        head.write(
            out,
            options,
            FramingLine::of(head.status(), body, self.to_http10()),
        );
        self.commit(sending);
        Ok(())
    }

    /// Appends a whole response with a body of known length: [`respond`](Self::respond), the body unless the response has
    /// none (HEAD, 304), and [`end`](Self::end).
    ///
    /// # Errors
    /// As `respond`.
    pub fn reply(&mut self, out: &mut Vec<u8>, head: &ResponseHead, body: &[u8]) -> Result<(), Misuse> {
        if self.is_common_case() && head.status() == 200 && !head.has_upgrade() {
            head.write_common_200(out, body.len() as u64);
            out.extend_from_slice(body);
            self.state = AFTER_WHOLE_CYCLE;
            return Ok(());
        }
        self.reply_slowly(out, head, body)
    }

    /// The slow path of [`reply`](Self::reply); a separate function, so that the fast path saves no registers for it.
    #[inline(never)]
    fn reply_slowly(&mut self, out: &mut Vec<u8>, head: &ResponseHead, body: &[u8]) -> Result<(), Misuse> {
        self.respond(out, head, Body::Known(body.len() as u64))?;
        if self.sends_body() {
            out.extend_from_slice(body);
        }
        self.finish();
        Ok(())
    }

    /// Appends a head that was prepared, as [`respond`](Self::respond) does; the body has the length that the head was
    /// prepared for. Date is added if it is given.
    ///
    /// # Errors
    /// As `respond`.
    pub fn respond_prepared(
        &mut self,
        out: &mut Vec<u8>,
        head: &PreparedHead,
        date: Option<&DateLine>,
    ) -> Result<(), Misuse> {
        let sending = self.prepare(head.status(), Body::Known(head.length()))?;
        head.write(out, date, self.options(head.has_upgrade(), sending), 0);
        self.commit(sending);
        Ok(())
    }

    /// Appends a whole response with a head that was prepared, as [`reply`](Self::reply) does. Date is added if it is given.
    /// `body` is ignored if the response has none (HEAD, 204, 205, 304).
    ///
    /// # Errors
    /// As `reply`; and [`Misuse::BodyTooShort`] or [`Misuse::BodyTooLong`] if the response has a body and `body` has
    /// another length than the head was prepared for.
    pub fn reply_prepared(
        &mut self,
        out: &mut Vec<u8>,
        head: &PreparedHead,
        date: Option<&DateLine>,
        body: &[u8],
    ) -> Result<(), Misuse> {
        if self.is_common_case() && !head.has_upgrade() {
            let body = if head.has_content() {
                head.expects(body)?;
                body
            } else {
                &[]
            };
            head.write(out, date, Options::None, body.len());
            out.extend_from_slice(body);
            self.state = AFTER_WHOLE_CYCLE;
            return Ok(());
        }
        self.reply_prepared_slowly(out, head, date, body)
    }

    #[inline(never)]
    fn reply_prepared_slowly(
        &mut self,
        out: &mut Vec<u8>,
        head: &PreparedHead,
        date: Option<&DateLine>,
        body: &[u8],
    ) -> Result<(), Misuse> {
        let sending = self.prepare(head.status(), Body::Known(head.length()))?;
        if sending.has_body() {
            head.expects(body)?;
        }
        head.write(out, date, self.options(head.has_upgrade(), sending), body.len());
        if sending.has_body() {
            out.extend_from_slice(body);
        }
        self.commit(sending);
        self.finish();
        Ok(())
    }

    /// Whether the request leaves nothing to decide about a final response but the length of its body: it is whole,
    /// HTTP/1.1, no HEAD and no CONNECT, asks for no upgrade, and lets the connection persist.
    #[inline(always)]
    fn is_common_case(&self) -> bool {
        matches!(self.state, State::Due) && self.flags.0 & !Flags::BROWSERS == 0
    }

    /// Decides how a final response is sent, without changing anything.
    #[inline(always)]
    fn prepare(&self, status: u16, body: Body) -> Result<Sending, Misuse> {
        let Some(next) = self.state.next(Input::Final) else {
            return Err(Misuse::NothingDue);
        };
        if !(200..600).contains(&status) {
            return Err(Misuse::BadStatus);
        }
        if next == State::Refusing && status < 400 {
            return Err(Misuse::NotAnError);
        }
        if self.flags.has(Flags::CONNECT) && status < 300 {
            return Err(Misuse::TunnelNeedsUpgrade);
        }
        Sending::decide(status, body, self.flags.has(Flags::HEAD), self.to_http10())
    }

    /// Whether the client may know HTTP/1.0 only, as must be assumed before its first request.
    #[inline(always)]
    fn to_http10(&self) -> bool {
        self.flags.has(Flags::MAYBE_HTTP10) || matches!(self.state, State::Idle | State::Head)
    }

    /// Begins the response that was prepared.
    #[inline(always)]
    fn commit(&mut self, sending: Sending) {
        if self.cannot_persist(sending) {
            self.flags.set(Flags::CLOSE);
        }
        self.step(Input::Final);
        self.sending = sending;
    }

    /// Whether no request can follow the response that is about to begin: its body ends with the connection, nobody asked
    /// for it, or the body of its request will not be read.
    #[inline(always)]
    fn cannot_persist(&self, sending: Sending) -> bool {
        let unasked = matches!(self.state, State::Idle | State::Head);
        sending.closes() || unasked || self.body_is_over_limit()
    }

    /// Decides the Connection field of the response.
    #[inline(always)]
    fn options(&self, upgrade: bool, sending: Sending) -> Options {
        let close = self.flags.has(Flags::CLOSE) || self.cannot_persist(sending);
        match (close, upgrade) {
            (true, false) => Options::Close,
            (true, true) => Options::CloseAndUpgrade,
            (false, true) if self.flags.has(Flags::TELL_KEEP) => Options::KeepAliveAndUpgrade,
            (false, true) => Options::Upgrade,
            (false, false) if self.flags.has(Flags::TELL_KEEP) => Options::KeepAlive,
            (false, false) => Options::None,
        }
    }

    /// Appends `bytes` of the response's body, as one chunk if it is chunked. Without bytes nothing is appended.
    ///
    /// # Errors
    /// Nothing is written then. [`Misuse::NoBody`] if no response is under way, or there are bytes and the response [has no
    /// body](Self::sends_body); [`Misuse::BodyTooLong`] if the body would become longer than its Content-Length.
    pub fn data(&mut self, out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), Misuse> {
        self.body_under_way()?;
        self.sending.data(out, bytes)
    }

    /// Accounts for `n` bytes of the response's body that the caller sends itself, by sendfile or writev.
    ///
    /// # Errors
    /// As [`data`](Self::data); and [`Misuse::SentChunked`] if the body is chunked.
    pub fn sent(&mut self, n: u64) -> Result<(), Misuse> {
        self.body_under_way()?;
        self.sending.sent(n)
    }

    fn body_under_way(&self) -> Result<(), Misuse> {
        match self.state {
            State::Early | State::Answering | State::Refusing => Ok(()),
            State::Idle
            | State::Head
            | State::Receiving
            | State::Due
            | State::Skipping
            | State::Refused
            | State::Upgraded
            | State::Closed => Err(Misuse::NoBody),
        }
    }

    /// Ends the response: every response is ended once, also one without a body. Appends the last chunk and the trailers
    /// (RFC 9112 section 7.1.2) if it is chunked. Trailers are left out of a response without a body, and of a body that ends
    /// with the connection.
    ///
    /// # Errors
    /// Nothing is written then. [`Misuse::NoBody`] if no response is under way, [`Misuse::BodyTooShort`] if bytes of a known
    /// length are missing, [`Misuse::TrailersNotChunked`] if trailers are given to a body of known length,
    /// [`Misuse::ForbiddenTrailer`] if a trailer must not be one.
    pub fn end(&mut self, out: &mut Vec<u8>, trailers: Option<&FieldBlock>) -> Result<(), Misuse> {
        self.body_under_way()?;
        self.sending.end(out, trailers)?;
        self.finish();
        Ok(())
    }

    /// Ends the response: the next cycle begins, or the connection closes.
    #[inline(always)]
    fn finish(&mut self) {
        self.step(if self.flags.has(Flags::CLOSE) {
            Input::EndAndClose
        } else {
            Input::EndAndKeep
        });
        self.sending = Sending::Nothing;
        self.forget_cycle();
    }

    /// Appends 101 with an Upgrade field (RFC 9110 section 7.8), or 2xx to CONNECT (section 9.3.6). From then on the
    /// bytes belong to the other protocol and [`receive`](Self::receive) returns [`Event::Upgraded`](crate::Event::Upgraded).
    ///
    /// # Errors
    /// Nothing is written then. [`Misuse::NothingDue`] if no complete request waits for its response,
    /// [`Misuse::NoUpgradeAsked`] if it did not ask for it, [`Misuse::MissingUpgradeField`] if 101 has no Upgrade field,
    /// [`Misuse::BadStatus`] for any other status.
    pub fn upgrade(&mut self, out: &mut Vec<u8>, head: &ResponseHead) -> Result<(), Misuse> {
        let Some(next) = self.state.next(Input::Switch) else {
            return Err(Misuse::NothingDue);
        };
        let options = match head.status() {
            101 if !self.flags.has(Flags::UPGRADE) => return Err(Misuse::NoUpgradeAsked),
            101 if !head.has_upgrade() => return Err(Misuse::MissingUpgradeField),
            101 => Options::Upgrade,
            200..300 if !self.flags.has(Flags::CONNECT) => return Err(Misuse::NoUpgradeAsked),
            200..300 => upgrade_option(head),
            _ => return Err(Misuse::BadStatus),
        };
        head.write(out, options, FramingLine::None);
        self.state = next;
        Ok(())
    }
}
