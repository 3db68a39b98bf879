//! Waits for a bare number that some C library calls its fd.
//!
//! Sources are lent as `impl AsFd`, so the compiler knows that they are open. About a number it knows nothing; whoever
//! holds it vouches for it with one `unsafe` block. Here the number is 0, standard input, read by hand as foreign code
//! would give it; what comes from there goes to all clients that are connected. One that does not keep up is cut off,
//! and that one has gone is noticed when there is something to tell it.
//!
//!     cargo run -p multiplex --example raw_fd [ADDRESS]
#![allow(unsafe_code)]

use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::fd::{BorrowedFd, RawFd};
use std::thread;
use std::time::Duration;

const LISTENER: Token = Token::new(0);
const INPUT: Token = Token::new(1);

/// What a C header would say: `int library_fd(void); /* stays open until the process exits */`.
fn library_fd() -> RawFd {
    0
}

fn main() -> io::Result<()> {
    let address = std::env::args().nth(1).unwrap_or("127.0.0.1:0".into());
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    println!("listening on {}", listener.local_addr()?);

    // SAFETY: `library_fd` documents that its fd stays open until the process exits, and nothing here closes it.
    let input = unsafe { BorrowedFd::borrow_raw(library_fd()) };
    let poller = Poller::new()?;
    poller.add_listener(&listener, LISTENER, Fanout::Shared)?;
    // A duplicate to read from. `io::stdin()` would read more than it gives, and the poller cannot see what it keeps.
    let mut reader = File::from(input.try_clone_to_owned()?);
    match poller.add(input, INPUT, Interest::READABLE, Trigger::Level) {
        // A regular file (`raw_fd < file`) is always ready, and no kernel waits for it: it is read at once.
        Err(e) if e.kind() == ErrorKind::Unsupported => {
            let bytes = io::copy(&mut reader, &mut io::sink())?;
            println!("the input is a file of {bytes} bytes");
            return Ok(());
        }
        other => other?,
    }

    let mut events = Events::with_capacity(16);
    let mut clients = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        poller.wait(&mut events, None)?;
        for event in &events {
            if event.is_acceptable() {
                let accepted = listener.accept().and_then(|(client, _)| {
                    client.set_nonblocking(true)?;
                    Ok(client)
                });
                match accepted {
                    Ok(client) => clients.push(client),
                    Err(e) => accept_failed(&e),
                }
            } else if event.is_readable() {
                // One read per event. This fd was not made non-blocking, because it is not ours alone: this read
                // waits if somebody else who has it reads first, and after an event that came for nothing.
                match reader.read(&mut buffer) {
                    Ok(0) => return poller.remove(input),
                    // Clients that have gone are noticed here; so are those whose buffer is full.
                    Ok(n) => clients.retain_mut(|client| client.write_all(&buffer[..n]).is_ok()),
                    Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
                    Err(e) => return Err(e),
                }
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
