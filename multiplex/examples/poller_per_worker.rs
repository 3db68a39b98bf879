//! Several threads, each with a poller of its own: the shape of a server that shares nothing on its hot path.
//!
//! The twin of `one_poller`. A connection stays with the worker that accepted it, so it needs no lock, no re-arming and
//! no table that others see: three system calls for a message instead of four. The price: while a handler is at work,
//! the other connections of its worker wait, though other workers may be idle. `benches/shapes` measures both.
//!
//!     cargo run -p multiplex --example poller_per_worker [ADDRESS] [THREADS]

use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

const LISTENER: Token = Token::new(0);
/// After how many accepts a worker goes to the end of the kernel's queue of those to wake; see `shared_listener`.
const TURN: usize = 16;

struct Worker<'a> {
    poller: Poller,
    listener: &'a TcpListener,
    connections: HashMap<Token, Connection>,
    accepted: usize,
    buffer: Vec<u8>,
}

struct Connection {
    stream: TcpStream,
    unsent: Vec<u8>,
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:0".into());
    let threads = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(4);
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);

    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| scope.spawn(|| Worker::new(&listener)?.work()))
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().expect("a worker panicked"))
    })
}

impl<'a> Worker<'a> {
    fn new(listener: &'a TcpListener) -> io::Result<Self> {
        let poller = Poller::new()?;
        poller.add_listener(listener, LISTENER, Fanout::Exclusive)?;
        Ok(Self {
            poller,
            listener,
            connections: HashMap::new(),
            accepted: 0,
            buffer: vec![0; 16 * 1024],
        })
    }

    fn work(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(256);
        loop {
            self.poller.wait(&mut events, None)?;
            for event in &events {
                if event.is_acceptable() {
                    self.accept()?;
                } else {
                    self.serve(event.token());
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        match self.accept_one() {
            Ok(()) if self.accepted.is_multiple_of(TURN) => {
                self.poller.remove(self.listener)?;
                self.poller
                    .add_listener(self.listener, LISTENER, Fanout::Exclusive)
                    .map(drop)
            }
            // Out of fds, most likely: the listener stays ready, and a loop that went on would spin. So this worker
            // pauses, its connections too; `echo_level` pauses the accepting alone.
            Err(e) if !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) => {
                eprintln!("accept: {e}");
                thread::sleep(Duration::from_millis(100));
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn accept_one(&mut self) -> io::Result<()> {
        let (stream, _) = self.listener.accept()?;
        stream.set_nonblocking(true)?;
        self.accepted += 1;
        let token = Token::new(self.accepted);
        self.poller
            .add(&stream, token, Interest::READABLE, Trigger::Level)?;
        let unsent = Vec::new();
        self.connections.insert(token, Connection { stream, unsent });
        Ok(())
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

    /// Reads into the worker's buffer and writes, once; false when the connection has ended.
    fn echo(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        let not_now = |e: &io::Error| matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted);
        if self.unsent.is_empty() {
            match self.stream.read(buffer) {
                Ok(0) => return Ok(false),
                Ok(n) => self.unsent.extend_from_slice(&buffer[..n]),
                Err(e) if not_now(&e) => return Ok(true),
                Err(e) => return Err(e),
            }
            if self.unsent == b"slow\n" {
                // A stand-in for a handler that blocks.
                thread::sleep(Duration::from_millis(10));
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
