//! A connection for each request.

use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use multiplex::{Events, Interest, Poller, Token, Trigger};

use super::client::{Client, Received, closed};
use super::{EVENTS, PATIENCE, READ, Request, connect};

/// The side that closes the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ends {
    /// The server, since the request says `Connection: close`.
    Server,
    /// The client: the server ignores that field.
    Client,
}

/// So many connections at once, each for one request.
pub struct EachTime {
    address: SocketAddr,
    request: Request,
    ends: Ends,
    poller: Poller,
    events: Events,
    clients: Vec<Option<Client>>,
    buffer: Vec<u8>,
}

impl EachTime {
    /// Makes a load of `count` connections at a time; `request` has to ask for the close.
    ///
    /// # Errors
    ///
    /// When the system has no poller left.
    pub fn new(address: SocketAddr, count: usize, request: Request, ends: Ends) -> io::Result<Self> {
        let clients = (0..count).map(|_| None).collect();
        let (poller, events) = (Poller::new()?, Events::with_capacity(EVENTS));
        Ok(Self {
            address,
            request,
            ends,
            poller,
            events,
            clients,
            buffer: vec![0; READ],
        })
    }

    /// Asks for so long, waits for what is owed then, and returns how many requests were answered.
    ///
    /// # Errors
    ///
    /// When a connection is not made, or its answer is wrong or does not come.
    pub fn run(&mut self, duration: Duration) -> io::Result<u64> {
        let start = Instant::now();
        for index in 0..self.clients.len() {
            self.begin(index)?;
        }
        let (mut open, mut answered) = (self.clients.len(), 0);
        while open > 0 {
            self.poller.wait(&mut self.events, Some(PATIENCE))?;
            if self.events.is_empty() {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("{open} connections wait in vain"),
                ));
            }
            let goes_on = start.elapsed() < duration;
            for at in 0..self.events.len() {
                let Some(event) = self.events.get(at) else { break };
                let index = event.token().value();
                if self.is_done(index)? {
                    answered += 1;
                    if goes_on { self.begin(index)? } else { open -= 1 }
                }
            }
        }
        Ok(answered)
    }

    fn begin(&mut self, index: usize) -> io::Result<()> {
        let stream = connect(self.address, 0)?;
        stream.set_nonblocking(true)?;
        let mut client = Client::new(stream);
        client.ask_one(&self.request)?;
        self.poller.add(
            &client.stream,
            Token::new(index),
            Interest::READABLE,
            Trigger::Level,
        )?;
        self.clients[index] = Some(client);
        Ok(())
    }

    /// Reads, and closes the connection if its answer and its end have come.
    fn is_done(&mut self, index: usize) -> io::Result<bool> {
        let Some(client) = &mut self.clients[index] else {
            return Ok(false);
        };
        match client.receive(&mut self.buffer)? {
            Received::End if client.owed > 0 => return Err(closed()),
            Received::Answers(_) if client.owed == 0 && self.ends == Ends::Client => {}
            Received::End => {}
            Received::Answers(_) | Received::Nothing => return Ok(false),
        }
        self.poller.remove(&client.stream)?;
        self.clients[index] = None;
        Ok(true)
    }
}
