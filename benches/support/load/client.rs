//! One connection of a load: what it asked, and what is still owed to it.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use super::{Answers, Expected, Request};

/// One connection.
pub(super) struct Client {
    pub(super) stream: TcpStream,
    answers: Answers,
    expected: Expected,
    /// How many answers are owed.
    pub(super) owed: usize,
}

/// What a read brought.
pub(super) enum Received {
    /// Nothing yet.
    Nothing,
    /// So many complete answers, perhaps none.
    Answers(usize),
    /// The end of the stream.
    End,
}

impl Client {
    pub(super) fn new(stream: TcpStream) -> Self {
        Self {
            stream,
            answers: Answers::default(),
            expected: Expected {
                status: 200,
                length: None,
            },
            owed: 0,
        }
    }

    /// Writes `bytes`, which hold `count` requests like `request`: few enough that an idle socket takes them at once.
    pub(super) fn ask(&mut self, bytes: &[u8], request: Expected, count: usize) -> io::Result<()> {
        self.expected = request;
        self.owed += count;
        match self.stream.write(bytes)? {
            written if written == bytes.len() => Ok(()),
            written => Err(io::Error::other(format!(
                "only {written} bytes of {} were taken",
                bytes.len()
            ))),
        }
    }

    /// Writes one request.
    pub(super) fn ask_one(&mut self, request: &Request) -> io::Result<()> {
        self.ask(&request.bytes, request.expected, 1)
    }

    /// Reads once.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        let count = match self.stream.read(buffer) {
            Ok(0) => return Ok(Received::End),
            Ok(count) => count,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Received::Nothing),
            Err(error) => return Err(error),
        };
        let complete = self.answers.take(&buffer[..count], self.expected)?;
        self.owed = self
            .owed
            .checked_sub(complete)
            .ok_or_else(|| io::Error::other("more answers than requests"))?;
        Ok(Received::Answers(complete))
    }
}

/// The error for a connection whose server closed it.
pub(super) fn closed() -> io::Error {
    io::Error::new(
        ErrorKind::UnexpectedEof,
        "the server closed a connection that it owed an answer",
    )
}
