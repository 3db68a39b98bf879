//! A poller in a poller: a component with an event loop of its own inside somebody else's.
//!
//! A poller has an fd that is readable while it has events. So a component can keep its sources to itself: its host
//! waits for that one fd among its own, and lets the component take a turn that never blocks. That is how `multiplex`
//! runs inside another event loop (GLib's, tokio's `AsyncFd`, …), and how sources can be told apart by importance. A
//! host that is edge-triggered, as `AsyncFd` is, repeats the turn until one brings no events.
//!
//! Here the component echoes, and the host answers on a second port how many clients the component has.
//!
//!     cargo run -p multiplex --example nested [ADDRESS]

use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
use std::thread;
use std::time::Duration;

const COMPONENT: Token = Token::new(0);
const STATUS: Token = Token::new(1);

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:0".into());
    let mut component = Component::new(TcpListener::bind(address)?)?;
    let status = TcpListener::bind("127.0.0.1:0")?;
    status.set_nonblocking(true)?;
    println!("listening on {}", component.listener.local_addr()?);
    println!("status on {}", status.local_addr()?);

    let host = Poller::new()?;
    host.add(&component, COMPONENT, Interest::READABLE, Trigger::Level)?;
    host.add_listener(&status, STATUS, Fanout::Shared)?;
    let mut events = Events::with_capacity(16);
    loop {
        host.wait(&mut events, None)?;
        for event in &events {
            match event.token() {
                // Level-triggered: if the component has more to do than one turn, we are told again.
                COMPONENT => component.turn()?,
                _ => match status.accept() {
                    // A line fits into the buffer of a new socket. If the client has gone, that is its own affair. One that
                    // sent something may lose the line: a close with bytes unread is a reset.
                    Ok((mut client, _)) => drop(writeln!(client, "{} clients", component.clients.len())),
                    Err(e) => accept_failed(&e),
                },
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

/// What a library would offer: an fd to wait for, and a turn to take when it is readable.
struct Component {
    poller: Poller,
    events: Events,
    listener: TcpListener,
    clients: HashMap<Token, TcpStream>,
    next_token: usize,
}

impl AsFd for Component {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.poller.as_fd()
    }
}

impl Component {
    fn new(listener: TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let poller = Poller::new()?;
        poller.add_listener(&listener, Token::new(0), Fanout::Shared)?;
        let events = Events::with_capacity(64);
        Ok(Self {
            poller,
            events,
            listener,
            clients: HashMap::new(),
            next_token: 1,
        })
    }

    /// Handles what is ready now, one buffer of events at most, and does not wait.
    fn turn(&mut self) -> io::Result<()> {
        self.poller.wait(&mut self.events, Some(Duration::ZERO))?;
        for event in &self.events {
            if event.is_acceptable() {
                let token = Token::new(self.next_token);
                self.next_token += 1;
                match accept(&self.listener, &self.poller, token) {
                    Ok(stream) => drop(self.clients.insert(token, stream)),
                    Err(e) => accept_failed(&e),
                }
            } else if let Some(stream) = self.clients.get_mut(&event.token())
                && !echo(stream)
            {
                // One that fails ends this connection, not the server.
                self.poller.remove(&*stream).ok();
                self.clients.remove(&event.token());
            }
        }
        Ok(())
    }
}

fn accept(listener: &TcpListener, poller: &Poller, token: Token) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept()?;
    stream.set_nonblocking(true)?;
    poller.add(&stream, token, Interest::READABLE, Trigger::Level)?;
    Ok(stream)
}

/// Reads once and writes that; false when the connection has ended, or the client reads so slowly that its answer does
/// not fit into the socket's buffer: `echo_level` waits for such a one.
fn echo(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Err(e) => matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted),
        Ok(0) => false,
        Ok(n) => stream.write_all(&buffer[..n]).is_ok(),
    }
}
