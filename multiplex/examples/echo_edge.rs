//! Echoes what each client sends, with edge-triggered sources on one thread.
//!
//! An edge-triggered source is registered once, for both directions, and each arrival is reported once. That saves the
//! calls that change an interest, and moves two duties here. What was reported and not used up yet has to be remembered
//! (`readable`, `writable`), because nobody will tell again. And a client that sends without end must not keep the
//! others waiting, so each turn gives a connection a budget, and one that has more to do stands in the queue `busy`,
//! once.
//!
//!     cargo run -p multiplex --example echo_edge [ADDRESS]

use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger};
use std::collections::{HashMap, VecDeque};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
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
                match accept(&listener, &poller, Token::new(next_token)) {
                    Ok(connection) => drop(connections.insert(Token::new(next_token), connection)),
                    Err(e) => accept_failed(&e),
                }
                next_token += 1;
            } else if let Some(connection) = connections.get_mut(&event.token()) {
                connection.readable |= event.is_readable();
                connection.writable |= event.is_writable();
                // A client that causes many reports stands in the queue no more often than the others.
                if !std::mem::replace(&mut connection.queued, true) {
                    busy.push_back(event.token());
                }
            }
        }
        for _ in 0..busy.len() {
            let Some(token) = busy.pop_front() else { break };
            let Some(connection) = connections.get_mut(&token) else {
                continue;
            };
            match connection.echo(&mut buffer) {
                Ok(Next::MoreToDo) => busy.push_back(token),
                Ok(Next::Blocked) => connection.queued = false,
                Ok(Next::Ended) | Err(_) => {
                    // One that fails ends this connection, not the server.
                    poller.remove(&connection.stream).ok();
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
    /// Whether it stands in the queue of those that have something to do.
    queued: bool,
}

enum Next {
    MoreToDo,
    Blocked,
    Ended,
}

/// Takes one connection. A listener is level-triggered always, so it is reported again if more wait.
fn accept(listener: &TcpListener, poller: &Poller, token: Token) -> io::Result<Connection> {
    let (stream, _) = listener.accept()?;
    stream.set_nonblocking(true)?;
    let both = Interest::READABLE | Interest::WRITABLE;
    poller.add(&stream, token, both, Trigger::Edge)?;
    Ok(Connection {
        stream,
        unsent: Vec::new(),
        readable: false,
        writable: false,
        queued: false,
    })
}

/// Out of fds the listener stays ready, and a loop that went on would spin. So everything pauses: coarse, but short.
/// `echo_level` pauses the accepting alone.
fn accept_failed(e: &io::Error) {
    if !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) {
        eprintln!("accept: {e}");
        thread::sleep(Duration::from_millis(100));
    }
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
                    Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                    Err(e) => return Err(e),
                }
            }
            if self.unsent.is_empty() || !self.writable {
                return Ok(Next::Blocked);
            }
            match self.stream.write(&self.unsent) {
                Ok(n) => drop(self.unsent.drain(..n)),
                Err(e) if e.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(e),
            }
        }
        Ok(Next::MoreToDo)
    }
}
