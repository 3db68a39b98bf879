//! Echoes what each client sends, with level-triggered sources on one thread.
//!
//! Level is the trigger to begin with: an event comes again until its cause is gone, so nothing is lost by doing only a
//! part of the work now. Hence one `read` per event, and the interest always says what the connection waits for next.
//!
//!     cargo run -p multiplex --example echo_level [ADDRESS]

use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

const LISTENER: Token = Token::new(0);

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:0".into());
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);
    let poller = Poller::new()?;
    poller.add_listener(&listener, LISTENER, Fanout::Shared)?;
    let mut server = Server {
        poller,
        listener,
        accepting: true,
        connections: HashMap::new(),
        next_token: 1,
        buffer: vec![0; 16 * 1024],
    };

    let mut events = Events::with_capacity(256);
    loop {
        let pause = (!server.accepting).then_some(Duration::from_millis(100));
        server.poller.wait(&mut events, pause)?;
        for event in &events {
            if event.is_acceptable() {
                server.accept()?;
            } else {
                server.echo(event.token())?;
            }
        }
        if !server.accepting {
            server
                .poller
                .add_listener(&server.listener, LISTENER, Fanout::Shared)?;
            server.accepting = true;
        }
    }
}

struct Server {
    poller: Poller,
    listener: TcpListener,
    accepting: bool,
    connections: HashMap<Token, Connection>,
    /// Counted up and never used twice, so that a late event for a connection that is gone meets no other one.
    next_token: usize,
    /// One for all: what a connection has to keep goes to its own `unsent`.
    buffer: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    /// What was read and could not be written yet. While there is some, nothing more is read: a client that sends
    /// without reading fills its own buffers, not our memory.
    unsent: Vec<u8>,
}

impl Server {
    /// Takes one connection; if more wait, the listener is reported again.
    fn accept(&mut self) -> io::Result<()> {
        match self.listener.accept() {
            Ok((stream, _)) => {
                let token = Token::new(self.next_token);
                self.next_token += 1;
                stream.set_nonblocking(true)?;
                self.poller
                    .add(&stream, token, Interest::READABLE, Trigger::Level)?;
                self.connections.insert(
                    token,
                    Connection {
                        stream,
                        unsent: Vec::new(),
                    },
                );
            }
            // The client gave up meanwhile.
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) => {}
            // Out of fds, most likely. The listener would be reported at once again, so it is left out for a while.
            Err(e) => {
                eprintln!("accept: {e}");
                self.poller.remove(&self.listener)?;
                self.accepting = false;
            }
        }
        Ok(())
    }

    fn echo(&mut self, token: Token) -> io::Result<()> {
        let Some(connection) = self.connections.get_mut(&token) else {
            return Ok(());
        };
        let before = connection.interest();
        match connection.echo(&mut self.buffer) {
            Ok(true) if connection.interest() == before => Ok(()),
            Ok(true) => self
                .poller
                .modify(&connection.stream, token, connection.interest(), Trigger::Level),
            Ok(false) | Err(_) => {
                self.poller.remove(&connection.stream)?;
                self.connections.remove(&token);
                Ok(())
            }
        }
    }
}

impl Connection {
    /// What to wait for next.
    fn interest(&self) -> Interest {
        if self.unsent.is_empty() {
            Interest::READABLE
        } else {
            Interest::WRITABLE
        }
    }

    /// Reads once and writes once; false when the connection has ended.
    fn echo(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        // An event is a hint: the source may turn out not to be ready after all.
        let blocked = |e: &io::Error| e.kind() == ErrorKind::WouldBlock;
        if self.unsent.is_empty() {
            match self.stream.read(buffer) {
                Ok(0) => return Ok(false),
                Ok(n) => self.unsent.extend_from_slice(&buffer[..n]),
                Err(e) if blocked(&e) => return Ok(true),
                Err(e) => return Err(e),
            }
        }
        match self.stream.write(&self.unsent) {
            Ok(n) => drop(self.unsent.drain(..n)),
            Err(e) if blocked(&e) => {}
            Err(e) => return Err(e),
        }
        Ok(true)
    }
}
