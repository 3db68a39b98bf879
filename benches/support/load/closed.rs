//! A closed loop: each connection asks again when all it asked for has come.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use multiplex::{Events, Interest, Poller, Token, Trigger};

use super::client::{Client, Received, closed};
use super::{EVENTS, PATIENCE, READ, Requests, greet_all};

/// Connections that each keep `depth` requests under way.
pub struct Closed {
    poller: Poller,
    events: Events,
    clients: Vec<Client>,
    requests: Requests,
    depth: usize,
    buffer: Vec<u8>,
}

impl Closed {
    /// Makes `count` connections, each of which is answered once.
    ///
    /// # Errors
    ///
    /// When one is not made or not answered rightly.
    pub fn connect(
        address: SocketAddr,
        count: usize,
        depth: usize,
        mut requests: Requests,
    ) -> io::Result<Self> {
        let streams = greet_all(address, count, requests.pick())?;
        Self::over(streams, depth, requests)
    }

    fn over(streams: Vec<TcpStream>, depth: usize, requests: Requests) -> io::Result<Self> {
        let poller = Poller::new()?;
        for (index, stream) in streams.iter().enumerate() {
            poller.add(stream, Token::new(index), Interest::READABLE, Trigger::Level)?;
        }
        let clients = streams.into_iter().map(Client::new).collect();
        Ok(Self {
            poller,
            events: Events::with_capacity(EVENTS),
            clients,
            requests,
            depth,
            buffer: vec![0; READ],
        })
    }

    /// Asks for so long, waits for what is owed then, and returns how many requests were answered.
    ///
    /// # Errors
    ///
    /// When an answer is wrong, does not come, or the server closes.
    pub fn run(&mut self, duration: Duration) -> io::Result<u64> {
        let start = Instant::now();
        let mut asking = self.clients.len();
        for index in 0..self.clients.len() {
            self.ask(index)?;
        }
        let mut answered = 0;
        while asking > 0 {
            self.poller.wait(&mut self.events, Some(PATIENCE))?;
            if self.events.is_empty() {
                return Err(io::Error::new(
                    io::ErrorKind::TimedOut,
                    format!("{asking} connections wait in vain"),
                ));
            }
            let goes_on = start.elapsed() < duration;
            for at in 0..self.events.len() {
                let Some(event) = self.events.get(at) else { break };
                let index = event.token().value();
                match self.clients[index].receive(&mut self.buffer)? {
                    Received::Nothing => continue,
                    Received::End => return Err(closed()),
                    Received::Answers(count) => answered += count as u64,
                }
                if self.clients[index].owed == 0 {
                    if goes_on { self.ask(index)? } else { asking -= 1 }
                }
            }
        }
        Ok(answered)
    }

    fn ask(&mut self, index: usize) -> io::Result<()> {
        let request = self.requests.pick();
        if self.depth == 1 {
            return self.clients[index].ask_one(request);
        }
        let bytes = request.bytes.repeat(self.depth);
        self.clients[index].ask(&bytes, request.expected, self.depth)
    }
}
