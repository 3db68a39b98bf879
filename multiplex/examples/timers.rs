//! Echoes what clients send, and ends the connection of one that is silent for too long.
//!
//! The loop sleeps until a source is ready or a timer is due, whichever comes first: `next_timeout` is the longest that
//! `wait` may take. The clock is read twice per turn: after the wait, because that took time, and before the next one,
//! because the work did. With the first reading alone a timer would be late by the length of a turn.
//!
//!     cargo run -p multiplex --example timers [ADDRESS] [MILLISECONDS]

use multiplex::timers::{TimerId, Timers};
use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:0".into());
    let patience = Duration::from_millis(arguments.next().and_then(|n| n.parse().ok()).unwrap_or(5000));
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);
    let poller = Poller::new()?;
    poller.add_listener(&listener, Token::new(0), Fanout::Shared)?;

    let mut events = Events::with_capacity(256);
    let mut server = Server {
        poller,
        patience,
        timers: Timers::new(Instant::now()),
        clients: HashMap::new(),
        next_token: 1,
    };
    loop {
        let longest = server.timers.next_timeout(Instant::now());
        server.poller.wait(&mut events, longest)?;
        let now = Instant::now();
        for event in &events {
            if !event.is_acceptable() {
                server.echo(event.token(), now)?;
            } else if let Err(e) = server.accept(&listener, now) {
                accept_failed(&e);
            }
        }
        // After the events: what arrived in time counts, even if this turn came late.
        while let Some((_, token)) = server.timers.expire(now) {
            server.end(token, "too silent\n")?;
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

struct Server {
    poller: Poller,
    patience: Duration,
    /// Each timer's value is the token of the client that it watches.
    timers: Timers<Token>,
    clients: HashMap<Token, (TcpStream, TimerId)>,
    next_token: usize,
}

impl Server {
    fn accept(&mut self, listener: &TcpListener, now: Instant) -> io::Result<()> {
        let (stream, _) = listener.accept()?;
        stream.set_nonblocking(true)?;
        let token = Token::new(self.next_token);
        self.next_token += 1;
        self.poller
            .add(&stream, token, Interest::READABLE, Trigger::Level)?;
        let timer = self.timers.insert(now + self.patience, token);
        self.clients.insert(token, (stream, timer));
        Ok(())
    }

    fn echo(&mut self, token: Token, now: Instant) -> io::Result<()> {
        let Some((stream, timer)) = self.clients.get_mut(&token) else {
            return Ok(());
        };
        let mut buffer = [0; 4096];
        match stream.read(&mut buffer) {
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => return Ok(()),
            // A client that does not read what is echoed is sent away too; `echo_level` waits for such a client.
            Ok(n) if n > 0 && stream.write_all(&buffer[..n]).is_ok() => {}
            Ok(_) | Err(_) => return self.end(token, ""),
        }
        self.timers.rearm(*timer, now + self.patience);
        Ok(())
    }

    fn end(&mut self, token: Token, farewell: &str) -> io::Result<()> {
        let Some((mut stream, timer)) = self.clients.remove(&token) else {
            return Ok(());
        };
        self.timers.cancel(timer);
        stream.write_all(farewell.as_bytes()).ok();
        self.poller.remove(&stream)
    }
}
