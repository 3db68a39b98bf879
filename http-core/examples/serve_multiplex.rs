//! The server loop with `multiplex`, all clients on one thread:
//! `cargo run -p http-core --example serve_multiplex [ADDRESS]`.

mod server_loop;

use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger};
use server_loop::Client;
use std::collections::HashMap;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:0".into());
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);
    let poller = Poller::new()?;
    poller.add_listener(&listener, Token::new(0), Fanout::Shared)?;
    let mut peers = HashMap::new();
    let mut events = Events::with_capacity(256);
    for next in 1.. {
        poller.wait(&mut events, None)?;
        for event in &events {
            if event.is_acceptable() {
                accept(&poller, &listener, Token::new(next), &mut peers)?;
            } else if let Some(peer) = peers.get_mut(&event.token())
                && !peer.turn(&poller, event.token()).unwrap_or(false)
            {
                poller.remove(&peer.stream)?;
                peers.remove(&event.token());
            }
        }
    }
    Ok(())
}

/// Accepts one client; the listener is reported again if more wait.
fn accept(
    poller: &Poller,
    listener: &TcpListener,
    token: Token,
    peers: &mut HashMap<Token, Peer>,
) -> io::Result<()> {
    let Ok((stream, _)) = listener.accept() else {
        return Ok(());
    };
    stream.set_nonblocking(true)?;
    poller.add(&stream, token, Interest::READABLE, Trigger::Level)?;
    peers.insert(
        token,
        Peer {
            stream,
            client: Client::new(),
            closes: false,
        },
    );
    Ok(())
}

struct Peer {
    stream: TcpStream,
    client: Client,
    closes: bool,
}

impl Peer {
    /// Sends what waits, else reads and answers. `false`: the connection is done with.
    fn turn(&mut self, poller: &Poller, token: Token) -> io::Result<bool> {
        if self.client.output.is_empty() {
            let mut buffer = [0; 8192];
            let received = match self.stream.read(&mut buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(true),
                received => received?,
            };
            self.closes = !self.client.take(&buffer[..received]).map_err(io::Error::other)?;
        }
        match self.stream.write(&self.client.output) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            sent => drop(self.client.output.drain(..sent?)),
        }
        // While something waits to be sent, nothing more is read from this client.
        let waits = !self.client.output.is_empty();
        let interest = if waits {
            Interest::WRITABLE
        } else {
            Interest::READABLE
        };
        poller.modify(&self.stream, token, interest, Trigger::Level)?;
        Ok(waits || !self.closes)
    }
}
