//! Echoes what each client sends, with edge-triggered sources on one thread.
//!
//! An edge-triggered source is registered once, for both directions, and each arrival is reported once. That saves the
//! calls that change an interest, and moves two duties here. What was reported and not used up yet has to be remembered
//! (`readable`, `writable`), because nobody will tell again. And a client that sends without end must not keep the
//! others waiting, so each turn gives a connection a budget, and one that has more to do stands in the queue `busy`.
//!
//!     cargo run -p multiplex --example echo_edge [ADDRESS]

use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger};
use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// How many reads a connection may do before it is another one's turn.
const BUDGET: usize = 4;

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:0".into());
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);
    let poller = Poller::new()?;
    poller.add_listener(&listener, Token::new(0), Fanout::Shared)?;

    let mut events = Events::with_capacity(256);
    let mut connections = HashMap::new();
    let mut busy = VecDeque::new();
    let mut buffer = vec![0; 16 * 1024];
    let mut next_token = 1;
    loop {
        // With work left over from before, only look what is new.
        let timeout = (!busy.is_empty()).then_some(Duration::ZERO);
        poller.wait(&mut events, timeout)?;
        for event in &events {
            if event.is_acceptable() {
                if let Some(connection) = accept(&listener, &poller, Token::new(next_token)) {
                    connections.insert(Token::new(next_token), connection);
                    next_token += 1;
                }
            } else if let Some(connection) = connections.get_mut(&event.token()) {
                connection.readable |= event.is_readable();
                connection.writable |= event.is_writable();
                busy.push_back(event.token());
            }
        }
        for _ in 0..busy.len() {
            let Some(token) = busy.pop_front() else { break };
            let Some(connection) = connections.get_mut(&token) else {
                continue;
            };
            match connection.echo(&mut buffer) {
                Ok(Next::MoreToDo) => busy.push_back(token),
                Ok(Next::Blocked) => {}
                Ok(Next::Ended) | Err(_) => {
                    poller.remove(&connection.stream)?;
                    connections.remove(&token);
                }
            }
        }
    }
}

struct Connection {
    stream: TcpStream,
    unsent: Vec<u8>,
    readable: bool,
    writable: bool,
}

enum Next {
    MoreToDo,
    Blocked,
    Ended,
}

/// Takes one connection. A listener is level-triggered always, so it is reported again if more wait.
fn accept(listener: &TcpListener, poller: &Poller, token: Token) -> Option<Connection> {
    let accepted = listener.accept().and_then(|(stream, _)| {
        stream.set_nonblocking(true)?;
        poller.add(
            &stream,
            token,
            Interest::READABLE | Interest::WRITABLE,
            Trigger::Edge,
        )?;
        Ok(Connection {
            stream,
            unsent: Vec::new(),
            readable: false,
            writable: false,
        })
    });
    // What to do when the process is out of fds is shown in `echo_level`.
    accepted.inspect_err(|e| eprintln!("accept: {e}")).ok()
}

impl Connection {
    /// Reads and writes while both directions allow it and the budget lasts.
    fn echo(&mut self, buffer: &mut [u8]) -> io::Result<Next> {
        for _ in 0..BUDGET {
            if self.unsent.is_empty() && self.readable {
                match self.stream.read(buffer) {
                    Ok(0) => return Ok(Next::Ended),
                    Ok(n) => self.unsent.extend_from_slice(&buffer[..n]),
                    // Only this ends what an edge began: "nothing more, and the next arrival will be reported".
                    Err(e) if e.kind() == ErrorKind::WouldBlock => self.readable = false,
                    Err(e) => return Err(e),
                }
            }
            if self.unsent.is_empty() || !self.writable {
                return Ok(Next::Blocked);
            }
            match self.stream.write(&self.unsent) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(e) => return Err(e),
            }
        }
        Ok(Next::MoreToDo)
    }
}
