//! Waits for a bare number that some C library calls its fd.
//!
//! Sources are lent as `impl AsFd`, so the compiler knows that they are open. About a number it knows nothing; whoever
//! holds it vouches for it with one `unsafe` block. Here the number is 0, standard input, read by hand as foreign code
//! would give it; what comes from there goes to all clients that are connected.
//!
//!     cargo run -p multiplex --example raw_fd [ADDRESS]
#![allow(unsafe_code)]

use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger};
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::fd::{BorrowedFd, RawFd};

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
            println!(
                "the input is a file of {} bytes",
                reader.read_to_end(&mut Vec::new())?
            );
            return Ok(());
        }
        other => other?,
    }

    let mut events = Events::with_capacity(16);
    let mut clients = Vec::new();
    loop {
        poller.wait(&mut events, None)?;
        for event in &events {
            if event.is_acceptable() {
                match listener.accept() {
                    Ok((client, _)) => clients.push(client),
                    // What to do when the process is out of fds is shown in `echo_level`.
                    Err(e) => eprintln!("accept: {e}"),
                }
            } else if event.is_readable() {
                // One read per event never blocks, though this fd was not made non-blocking: it is not ours alone.
                let mut buffer = [0; 4096];
                let n = reader.read(&mut buffer)?;
                if n == 0 {
                    return poller.remove(input);
                }
                clients.retain_mut(|client| {
                    client.set_nonblocking(true).is_ok() && client.write_all(&buffer[..n]).is_ok()
                });
            }
        }
    }
}
