//! Echoes what each client sends, with level-triggered sources on one thread.
//!
//! Level is the trigger to begin with: an event comes again until its cause is gone, so nothing is lost by doing only a
//! part of the work now. Hence one `read` per event, and the interest always says what the connection waits for next.
//!
//! It also shows what to do when the process is out of fds: the listener stays ready then, and is left out for a while.
//! A client that says nothing is never sent away: for that see `timers`.
//!
//!     cargo run -p multiplex --example echo_level [ADDRESS]

use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

const LISTENER: Token = Token::new(0);
/// How long nothing is accepted after an accept that failed, unless a connection ends before.
const PAUSE: Duration = Duration::from_millis(100);

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
        resume_at: None,
        connections: HashMap::new(),
        next_token: 1,
        buffer: vec![0; 16 * 1024],
    };

    let mut events = Events::with_capacity(256);
    loop {
        let pause = server
            .resume_at
            .map(|at| at.saturating_duration_since(Instant::now()));
        server.poller.wait(&mut events, pause)?;
        for event in &events {
            if event.is_acceptable() {
                server.accept();
            } else {
                server.serve(event.token());
            }
        }
        server.resume();
    }
}

struct Server {
    poller: Poller,
    listener: TcpListener,
    /// When the listener is added again; `None` while it is registered.
    resume_at: Option<Instant>,
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
    fn accept(&mut self) {
        match self.accept_one() {
            Ok(()) => {}
            // The event was a hint, or the client gave up meanwhile.
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) => {}
            Err(e) => self.pause(&e),
        }
    }

    fn accept_one(&mut self) -> io::Result<()> {
        let (stream, _) = self.listener.accept()?;
        stream.set_nonblocking(true)?;
        let token = Token::new(self.next_token);
        self.next_token += 1;
        self.poller
            .add(&stream, token, Interest::READABLE, Trigger::Level)?;
        let unsent = Vec::new();
        self.connections.insert(token, Connection { stream, unsent });
        Ok(())
    }

    /// Stops accepting for a while. Out of fds, which this is most likely, the connection stays in the listener's queue,
    /// and a listener that stayed registered would be reported without end.
    fn pause(&mut self, error: &io::Error) {
        eprintln!("accept: {error}");
        self.poller.remove(&self.listener).ok();
        self.resume_at = Some(Instant::now() + PAUSE);
    }

    /// Accepts again when it is time.
    fn resume(&mut self) {
        if self.resume_at.is_some_and(|at| at <= Instant::now()) {
            match self.poller.add_listener(&self.listener, LISTENER, Fanout::Shared) {
                Ok(_) => self.resume_at = None,
                Err(e) => self.pause(&e),
            }
        }
    }

    fn serve(&mut self, token: Token) {
        let Some(connection) = self.connections.get_mut(&token) else {
            return;
        };
        let before = connection.interest();
        let open = connection.echo(&mut self.buffer).and_then(|open| {
            let now = connection.interest();
            if open && now != before {
                self.poller
                    .modify(&connection.stream, token, now, Trigger::Level)?;
            }
            Ok(open)
        });
        if !matches!(open, Ok(true)) {
            // Always before the close. A `modify` that failed may have done it already.
            self.poller.remove(&connection.stream).ok();
            self.connections.remove(&token);
            // Its fd is free.
            self.resume_at = self.resume_at.map(|_| Instant::now());
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
        // An event is a hint: the source may turn out not to be ready after all. Whatever it is, we are told again.
        let not_now = |e: &io::Error| matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
        if self.unsent.is_empty() {
            match self.stream.read(buffer) {
                Ok(0) => return Ok(false),
                Ok(n) => self.unsent.extend_from_slice(&buffer[..n]),
                Err(e) if not_now(&e) => return Ok(true),
                Err(e) => return Err(e),
            }
        }
        match self.stream.write(&self.unsent) {
            Ok(n) => drop(self.unsent.drain(..n)),
            Err(e) if not_now(&e) => {}
            Err(e) => return Err(e),
        }
        Ok(true)
    }
}
