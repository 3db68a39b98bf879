//! Several threads wait on one poller: the shape of an answer to "how do worker threads share a multiplexer?"
//!
//! Each connection is one-shot: a single thread is told, and nobody is told again until that thread has done its work
//! and re-arms the connection with `modify`. So whichever worker is free takes the next event, a slow one delays nobody
//! but its own client, and no connection is ever in two hands. The price is one more system call per event, and a
//! table that all threads lock. `poller_per_worker` is the other shape, and `benches/shapes` measures both.
//!
//! A connection is armed for one direction at a time. Armed for both, it could be reported to two threads by a kqueue,
//! which disarms each direction by itself.
//!
//!     cargo run -p multiplex --example one_poller [ADDRESS] [THREADS]

use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

const LISTENER: Token = Token::new(0);
/// How long nothing is accepted when there is no fd for it.
const PAUSE: Duration = Duration::from_millis(100);

struct Server {
    poller: Poller,
    listener: TcpListener,
    table: Mutex<Table>,
}

#[derive(Default)]
struct Table {
    connections: HashMap<Token, Arc<Mutex<Connection>>>,
    accepted: usize,
    /// When the listener is added again; `None` while it is registered.
    resume_at: Option<Instant>,
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
    let server = Server {
        poller: Poller::new()?,
        listener,
        table: Mutex::default(),
    };
    server
        .poller
        .add_listener(&server.listener, LISTENER, Fanout::Shared)?;

    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(|| server.work())).collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().expect("a worker panicked"))
    })
}

impl Server {
    /// What each thread does. One event per wait: a batch would wait for this thread while others are free.
    fn work(&self) -> io::Result<()> {
        let mut events = Events::with_capacity(1);
        let mut buffer = vec![0; 16 * 1024];
        loop {
            self.poller.wait(&mut events, self.resume())?;
            for event in &events {
                if event.is_acceptable() {
                    self.accept();
                } else {
                    self.serve(event.token(), &mut buffer);
                }
            }
        }
    }

    /// Takes one connection. Several threads may have been woken for it; all but one find nothing.
    fn accept(&self) {
        match self.accept_one() {
            Err(e) if !matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) => {
                // Out of fds, most likely, and the listener stays ready. So it is left out for a while, and all threads go
                // on serving. Several may have been woken for the same connection: the first to fail does it.
                let mut table = lock(&self.table);
                if table.resume_at.is_none() {
                    eprintln!("accept: {e}");
                    self.poller.remove(&self.listener).ok();
                    table.resume_at = Some(Instant::now() + PAUSE);
                }
            }
            _ => {}
        }
    }

    /// Accepts again when it is time; otherwise says how long that is from now.
    fn resume(&self) -> Option<Duration> {
        let mut table = lock(&self.table);
        let left = table.resume_at?.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            return Some(left);
        }
        let added = self.poller.add_listener(&self.listener, LISTENER, Fanout::Shared);
        table.resume_at = added.is_err().then(|| Instant::now() + PAUSE);
        added.is_err().then_some(PAUSE)
    }

    fn accept_one(&self) -> io::Result<()> {
        let (stream, _) = self.listener.accept()?;
        stream.set_nonblocking(true)?;
        let unsent = Vec::new();
        let connection = Arc::new(Mutex::new(Connection { stream, unsent }));
        let mut table = lock(&self.table);
        table.accepted += 1;
        let token = Token::new(table.accepted);
        table.connections.insert(token, connection.clone());
        drop(table);
        // Last of all: from here on another thread may be at work on it.
        let added = self.poller.add(
            &lock(&connection).stream,
            token,
            Interest::READABLE,
            Trigger::OneShot,
        );
        added.inspect_err(|_| drop(lock(&self.table).connections.remove(&token)))
    }

    fn serve(&self, token: Token, buffer: &mut [u8]) {
        let Some(connection) = lock(&self.table).connections.get(&token).cloned() else {
            return;
        };
        // Nobody else wants this lock but a thread that is told while we re-arm, and that is soon over.
        let mut connection = lock(&connection);
        let open = connection.echo(buffer).and_then(|open| {
            // Also when the interest is the same as before: a one-shot source is silent until it is armed again.
            if open {
                let interest = connection.interest();
                self.poller
                    .modify(&connection.stream, token, interest, Trigger::OneShot)?;
            }
            Ok(open)
        });
        if !matches!(open, Ok(true)) {
            // Always before the close. After a failed `modify`, or an event too many, it may be done already.
            self.poller.remove(&connection.stream).ok();
            lock(&self.table).connections.remove(&token);
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

    /// Reads into the thread's buffer and writes, once; false when the connection has ended.
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

/// A thread that panicked spoiled its own connection at most; the others go on.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
