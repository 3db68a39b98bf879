//! Reads what each client sends, and does nothing with it: the discard service of RFC 863.
//!
//! This is the program on the first screen of the documentation, but for the port. The rest, such as
//! answers that do not fit, is in `echo_level`.
//!
//!     cargo run -p multiplex --example discard

use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger};
use std::{collections::HashMap, io, io::Read, net::TcpListener, thread, time::Duration};

fn main() -> io::Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    println!("listening on {}", listener.local_addr()?);
    listener.set_nonblocking(true)?;
    let (poller, mut events) = (Poller::new()?, Events::with_capacity(64));
    poller.add_listener(&listener, Token::new(0), Fanout::Shared)?;
    let (mut clients, mut incoming) = (HashMap::new(), listener.incoming().zip((1..).map(Token::new)));
    loop {
        poller.wait(&mut events, None)?;
        for event in &events {
            if event.is_acceptable()
                && let Some((Ok(stream), token)) = incoming.next()
            {
                stream.set_nonblocking(true)?;
                poller.add(&stream, token, Interest::READABLE, Trigger::Level)?;
                clients.insert(token, stream);
            } else if event.is_acceptable() {
                thread::sleep(Duration::from_millis(1)); // out of fds, or client has gone
            } else if let Some(client) = clients.get_mut(&event.token())
                && let Ok(0) = client.read(&mut [0; 4096])
            {
                poller.remove(&*client).ok(); // always before the close
                clients.remove(&event.token());
            }
        }
    }
}
