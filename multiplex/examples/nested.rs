//! A poller in a poller: a component with an event loop of its own inside somebody else's.
//!
//! A poller has an fd that is readable while it has events. So a component can keep its sources to itself: its host
//! waits for that one fd among its own, and lets the component take a turn that never blocks. That is how `multiplex`
//! runs inside another event loop (GLib's, tokio's `AsyncFd`, …), and how sources can be told apart by importance.
//!
//! Here the component echoes, and the host answers on a second port how many clients the component has.
//!
//!     cargo run -p multiplex --example nested [ADDRESS]

use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger};
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, BorrowedFd};
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
                    Ok((mut client, _)) => {
                        writeln!(client, "{} clients", component.clients.len()).unwrap_or_default()
                    }
                    Err(e) => eprintln!("accept: {e}"),
                },
            }
        }
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

    /// Handles what is ready now, one buffer of events at most, and never blocks.
    fn turn(&mut self) -> io::Result<()> {
        self.poller.wait(&mut self.events, Some(Duration::ZERO))?;
        for event in &self.events {
            if event.is_acceptable() {
                // What to do when the process is out of fds is shown in `echo_level`.
                let Ok((stream, _)) = self.listener.accept() else {
                    continue;
                };
                stream.set_nonblocking(true)?;
                let token = Token::new(self.next_token);
                self.next_token += 1;
                self.poller
                    .add(&stream, token, Interest::READABLE, Trigger::Level)?;
                self.clients.insert(token, stream);
            } else if let Some(stream) = self.clients.get_mut(&event.token())
                && !echo(stream)
            {
                self.poller.remove(&*stream)?;
                self.clients.remove(&event.token());
            }
        }
        Ok(())
    }
}

/// Reads once and writes that; false when the connection is to end. `echo_level` shows what to do with a slow reader.
fn echo(stream: &mut TcpStream) -> bool {
    let mut buffer = [0; 4096];
    match stream.read(&mut buffer) {
        Err(e) => e.kind() == ErrorKind::WouldBlock,
        Ok(0) => false,
        Ok(n) => stream.write_all(&buffer[..n]).is_ok(),
    }
}
