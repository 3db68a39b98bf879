//! The server loop that `serve_blocking`, `serve_multiplex` and `serve_tokio` share: no socket, no clock, no thread.

use http_core::{Connection, Event, Fields, Limits, Misuse, Rejection, ResponseHead};

/// One client: its connection, and the bytes that wait.
pub(crate) struct Client {
    conn: Connection,
    input: Vec<u8>,
    /// The bytes that are still to be sent.
    pub(crate) output: Vec<u8>,
}

impl Client {
    /// A client that has sent nothing.
    pub(crate) fn new() -> Self {
        Self {
            conn: Connection::server(Limits::default()),
            input: Vec::new(),
            output: Vec::new(),
        }
    }

    /// Takes what the client sent, nothing at the end of its stream, and appends the answers to `output`. `false` says to
    /// close when they are sent.
    pub(crate) fn take(&mut self, received: &[u8]) -> Result<bool, Misuse> {
        if received.is_empty() {
            if let Err(rejection) = self.conn.end_of_input() {
                self.refuse(rejection)?;
            }
            return Ok(false);
        }
        self.input.extend_from_slice(received);
        let mut fields = Fields::<64>::new();
        let mut done = 0;
        loop {
            let received = match self.conn.receive(&self.input[done..], &mut fields) {
                Ok(received) => received,
                Err(rejection) => return self.refuse(rejection).map(|()| false),
            };
            done += received.consumed;
            match received.event {
                Event::Request(head) if head.expects_continue() && done == self.input.len() => {
                    self.conn.continue_100(&mut self.output)?;
                }
                Event::Request(_) | Event::Data(_) | Event::Trailers(_) | Event::End => {}
                Event::Paused => self.answer()?,
                Event::NeedMore => break,
                Event::Closed | Event::Upgraded => return Ok(false),
            }
        }
        self.input.drain(..done);
        Ok(true)
    }

    fn answer(&mut self) -> Result<(), Misuse> {
        let head = ResponseHead::new(200).field("content-type", "text/plain")?;
        self.conn.reply(&mut self.output, &head, b"Hello, World!")
    }

    fn refuse(&mut self, rejection: Rejection) -> Result<(), Misuse> {
        if !self.conn.response_due() {
            return Ok(());
        }
        let head = ResponseHead::new(rejection.status()).field("content-type", "text/plain")?;
        self.conn
            .reply(&mut self.output, &head, rejection.to_string().as_bytes())
    }
}
