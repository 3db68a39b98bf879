//! Forwards each connection to another address, with back-pressure in both directions.
//!
//! Each direction is a `Flow` with one buffer, and what a side is waited for follows from the buffers alone: it is read
//! from while the buffer behind it has room, and written to while the buffer before it holds something. So a side that
//! does not read soon stops the other one from being read, and the kernels stop the sender. A side that is waited for
//! neither way leaves the poller: to be told of it could only cost.
//!
//! There are no timeouts, so a pair that is silent stays for ever (`timers` has them), and a reset is passed on as an end.
//!
//!     cargo run -p multiplex --example tcp_proxy [ADDRESS] [UPSTREAM]

use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger};
use socket2::{Domain, Socket, Type};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

/// What a direction holds at most.
const ROOM: usize = 64 * 1024;

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:0".into());
    let upstream = arguments.next().unwrap_or("127.0.0.1:8080".into());
    let upstream = upstream
        .parse()
        .map_err(|e| io::Error::new(ErrorKind::InvalidInput, e))?;
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);
    let poller = Poller::new()?;
    poller.add_listener(&listener, Token::new(0), Fanout::Shared)?;

    let mut events = Events::with_capacity(256);
    let mut pairs = HashMap::new();
    let mut next_number = 1;
    let mut buffer = vec![0; ROOM];
    loop {
        poller.wait(&mut events, None)?;
        for event in &events {
            let number = event.token().value() / 2;
            if event.is_acceptable() {
                match listener.accept() {
                    Ok((client, _)) => match Pair::open(client, upstream, next_number, &poller) {
                        Ok(pair) => drop(pairs.insert(next_number, pair)),
                        // The server cannot be reached, or is refused a fd: this client is closed, and no other.
                        Err(e) => eprintln!("{upstream}: {e}"),
                    },
                    Err(e) => accept_failed(&e),
                }
                next_number += 1;
            } else if let Some(pair) = pairs.get_mut(&number)
                && !matches!(pair.turn(&poller, &mut buffer), Ok(true))
            {
                pair.client.forget(&poller);
                pair.server.forget(&poller);
                pairs.remove(&number);
            }
        }
    }
}

/// Out of fds the listener stays ready, and a loop that went on would spin. So everything pauses: coarse, but short.
/// `echo_level` pauses the accepting alone.
fn accept_failed(e: &io::Error) {
    if !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) {
        eprintln!("accept: {e}");
        thread::sleep(Duration::from_millis(100));
    }
}

/// A client, and the server that it reaches through us. Their tokens are twice the pair's number, and one more.
struct Pair {
    client: Side,
    server: Side,
    connecting: bool,
    up: Flow,
    down: Flow,
}

impl Pair {
    fn open(client: TcpStream, upstream: SocketAddr, number: usize, poller: &Poller) -> io::Result<Self> {
        client.set_nonblocking(true)?;
        let server = Socket::new(Domain::for_address(upstream), Type::STREAM, None)?;
        server.set_nonblocking(true)?;
        match server.connect(&upstream.into()) {
            Err(e) if e.raw_os_error() != Some(libc::EINPROGRESS) => return Err(e),
            Ok(()) | Err(_) => {}
        }
        let side = |stream, token| Side {
            stream,
            token: Token::new(token),
            interest: None,
        };
        let mut pair = Self {
            client: side(client, number * 2),
            server: side(server.into(), number * 2 + 1),
            connecting: true,
            up: Flow::default(),
            down: Flow::default(),
        };
        pair.register(poller)?;
        Ok(pair)
    }

    /// Moves what can be moved; false when both directions have ended.
    fn turn(&mut self, poller: &Poller, buffer: &mut [u8]) -> io::Result<bool> {
        let (client, server) = (&mut self.client.stream, &mut self.server.stream);
        if self.connecting {
            // connect(2): when the socket is writable, this tells how it went.
            server.take_error()?.map_or(Ok(()), Err)?;
            self.connecting = server.peer_addr().is_err();
        }
        if !self.connecting {
            self.up.forward(client, server, buffer)?;
            self.down.forward(server, client, buffer)?;
        }
        self.register(poller)?;
        Ok(!(self.up.end_told && self.down.end_told))
    }

    /// Waits for what the buffers allow. A server that is not connected yet is waited for until it is writable.
    fn register(&mut self, poller: &Poller) -> io::Result<()> {
        let (up, down) = (&self.up, &self.down);
        self.client
            .watch(poller, up.has_room() && !self.connecting, !down.bytes.is_empty())?;
        self.server.watch(
            poller,
            down.has_room() && !self.connecting,
            !up.bytes.is_empty() || self.connecting,
        )
    }
}

struct Side {
    stream: TcpStream,
    token: Token,
    /// What the poller waits for now.
    interest: Option<Interest>,
}

impl Side {
    fn watch(&mut self, poller: &Poller, read: bool, write: bool) -> io::Result<()> {
        let wanted = match (read, write) {
            (true, true) => Some(Interest::READABLE | Interest::WRITABLE),
            (true, false) => Some(Interest::READABLE),
            (false, true) => Some(Interest::WRITABLE),
            (false, false) => None,
        };
        match (std::mem::replace(&mut self.interest, wanted), wanted) {
            (before, now) if before == now => Ok(()),
            (_, None) => poller.remove(&self.stream),
            (None, Some(interest)) => poller.add(&self.stream, self.token, interest, Trigger::Level),
            (Some(_), Some(interest)) => poller.modify(&self.stream, self.token, interest, Trigger::Level),
        }
    }

    /// Always before the close. A `modify` that failed may have done it already.
    fn forget(&self, poller: &Poller) {
        if self.interest.is_some() {
            poller.remove(&self.stream).ok();
        }
    }
}

/// One direction.
#[derive(Default)]
struct Flow {
    bytes: Vec<u8>,
    ended: bool,
    /// The end comes after the last byte, so the other side is told when that is written.
    end_told: bool,
}

impl Flow {
    fn has_room(&self) -> bool {
        !self.ended && self.bytes.len() < ROOM
    }

    fn forward(&mut self, from: &mut TcpStream, to: &mut TcpStream, buffer: &mut [u8]) -> io::Result<()> {
        let not_now = |e: &io::Error| matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
        if self.has_room() {
            let buffer = &mut buffer[self.bytes.len()..];
            match from.read(buffer) {
                Ok(0) => self.ended = true,
                Ok(n) => self.bytes.extend_from_slice(&buffer[..n]),
                Err(e) if not_now(&e) => {}
                Err(e) => return Err(e),
            }
        }
        if !self.bytes.is_empty() {
            match to.write(&self.bytes) {
                Ok(n) => drop(self.bytes.drain(..n)),
                Err(e) if not_now(&e) => {}
                // It takes no more, but what it said before may still be on its way: only this direction is over.
                Err(_) => {
                    self.bytes.clear();
                    self.ended = true;
                }
            }
        }
        if self.ended && self.bytes.is_empty() && !self.end_told {
            self.end_told = true;
            // Fails if the connection is gone, and then there is nobody to be told.
            to.shutdown(Shutdown::Write).ok();
        }
        Ok(())
    }
}
