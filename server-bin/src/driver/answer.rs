//! Decisions out: from a handler's reply to a response on its way.

use std::io::{self, Write as _};

use http_core::{Body, Misuse};

use super::connection::{Connection, Phase};
use super::send::Outgoing;
use super::socket::Socket;
use crate::driver::buffers::Kit;
use crate::driver::held::{self, Held};
use crate::driver::settings::COPIED_BODY;
use crate::handler::{BodySource, Content, Reply, Ticket, plain};

impl<S: Socket> Connection<S> {
    /// Answers the request with `reply`, under the status and fields in the kit's head.
    #[inline(always)]
    pub(super) fn answer(&mut self, reply: Reply, misuse: Option<Misuse>, kit: &mut Kit) {
        if kit.draining {
            self.close_after_response();
        }
        if self.http.must_close() {
            // Behind a whole request that asked for the close nothing should follow, so that one closes at once.
            self.lingers |= !self.http.request_ended();
        }
        let begun = match (reply, misuse) {
            (Reply::Bytes(content), None) => self.begin_content(content, kit),
            (reply, misuse) => self.begin_other(reply, misuse, kit),
        };
        if let Err(misuse) = begun {
            self.own_up(misuse, kit);
        }
    }

    /// What is not a body in memory. Apart, so that what is asked for most is short.
    #[inline(never)]
    fn begin_other(&mut self, reply: Reply, misuse: Option<Misuse>, kit: &mut Kit) -> Result<(), Misuse> {
        match (reply, misuse) {
            (reply, Some(misuse)) => {
                held::discard(reply);
                Err(misuse)
            }
            (Reply::Bytes(content), None) => self.begin_content(content, kit),
            (Reply::File(slice), None) => self.begin(Body::Known(slice.len), Outgoing::File(slice), kit),
            (Reply::Pull(source), None) => self.begin_pull(Held::new(source), kit),
            (Reply::Later(Ticket { cycle }), None) => {
                self.await_reply(cycle, kit);
                Ok(())
            }
        }
    }

    fn begin_pull(&mut self, mut source: Held<Box<dyn BodySource>>, kit: &mut Kit) -> Result<(), Misuse> {
        let Some(length) = source.with(|source| source.length()) else {
            self.refuse(500, kit);
            return Ok(());
        };
        let body = length.map_or(Body::Stream, Body::Known);
        self.begin(body, Outgoing::Pull(source), kit)
    }

    /// Nothing was written: the handler made a response that no client may see.
    #[cold]
    fn own_up(&mut self, misuse: Misuse, kit: &mut Kit) {
        // Nobody may be reading, and eprintln! would panic for that.
        let _ = writeln!(
            io::stderr(),
            "server-bin: a handler's response was refused: {misuse}"
        );
        self.refuse(500, kit);
    }

    fn await_reply(&mut self, cycle: u32, kit: &mut Kit) {
        match cycle == self.cycles {
            true => self.phase = Phase::Waiting,
            // A ticket of another request: nobody would ever answer this one.
            false => self.refuse(500, kit),
        }
    }

    /// A small body is copied behind its head; a large one stays where it is.
    #[inline(always)]
    fn begin_content(&mut self, content: Content, kit: &mut Kit) -> Result<(), Misuse> {
        let bytes = content.as_ref();
        if bytes.len() > COPIED_BODY {
            let body = Body::Known(bytes.len() as u64);
            return self.begin(body, Outgoing::Content { content, at: 0 }, kit);
        }
        kit.head.push_date(&kit.date.line);
        self.http.reply(&mut kit.out, &kit.head, bytes)?;
        self.answered();
        Ok(())
    }

    /// Writes the head; the body follows as the socket takes it.
    fn begin(&mut self, body: Body, outgoing: Outgoing, kit: &mut Kit) -> Result<(), Misuse> {
        let is_empty = matches!(body, Body::Known(0));
        kit.head.push_date(&kit.date.line);
        self.http.respond(&mut kit.out, &kit.head, body)?;
        if is_empty || !self.http.sends_body() {
            return self.finish(kit);
        }
        self.work(kit).body = Some(outgoing);
        self.phase = Phase::Sending;
        Ok(())
    }

    /// Writes what belongs behind the body.
    pub(super) fn finish(&mut self, kit: &mut Kit) -> Result<(), Misuse> {
        self.http.end(&mut kit.out, None)?;
        self.answered();
        Ok(())
    }

    /// The response is complete: what becomes of the connection.
    fn answered(&mut self) {
        self.phase = if self.http.must_close() {
            Phase::Closing
        } else if self.http.is_idle() {
            Phase::Receiving
        } else {
            self.dropped = 0;
            Phase::Discarding
        };
    }

    /// The server wants to close, and cannot know what the client is about to send.
    pub(super) fn close_after_response(&mut self) {
        self.lingers = true;
        self.http.close_after_response();
    }

    /// Answers with an error that a later request on this connection can survive.
    pub(super) fn refuse_request(&mut self, status: u16, kit: &mut Kit) {
        kit.head.reset(status);
        plain::fields(&mut kit.head);
        self.answer(plain::text(status).into(), None, kit);
    }

    /// Answers with an error and closes.
    pub(super) fn refuse(&mut self, status: u16, kit: &mut Kit) {
        if let Some(work) = &mut self.work {
            work.collecting = None;
        }
        self.close_after_response();
        kit.head.reset(status);
        plain::fields(&mut kit.head);
        kit.head.push_date(&kit.date.line);
        // It can fail only when the response has begun, and then there is nothing to do but close.
        let _ = self
            .http
            .reply(&mut kit.out, &kit.head, plain::text(status).as_bytes());
        self.phase = Phase::Closing;
    }
}
