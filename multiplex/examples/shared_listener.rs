//! Several workers, each with a poller of its own, share the accepting of connections: nothing else is shared.
//!
//! There are three ways, and `MODE` chooses:
//!
//! - `shared`: one listener in every poller. A connection may wake several workers; all but one find nothing.
//! - `exclusive`: the same, but the kernel wakes few of them. It prefers the worker that registered first, so that one
//!   would get nearly all; being registered anew after every 16 accepts puts it behind the others.
//! - `reuseport`: a listener for each worker on one port. The kernel deals connections out by a hash of their addresses.
//!
//! Each client is told who served it, and that is all: what it sends is not read.
//!
//!     cargo run -p multiplex --example shared_listener [ADDRESS] [shared|exclusive|reuseport] [WORKERS]

use multiplex::{Events, Fanout, Poller, Token};
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::thread;
use std::time::Duration;

const LISTENER: Token = Token::new(0);
/// After how many accepts an exclusive listener is registered anew.
const TURN: u64 = 16;

#[derive(Clone, Copy, PartialEq)]
enum Mode {
    OneListener(Fanout),
    ReusePort,
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or("127.0.0.1:0".into());
    let mode = match arguments.next().as_deref() {
        Some("shared") => Mode::OneListener(Fanout::Shared),
        Some("exclusive") | None => Mode::OneListener(Fanout::Exclusive),
        Some("reuseport") => Mode::ReusePort,
        Some(other) => {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                format!("no mode is called {other}"),
            ));
        }
    };
    let workers = arguments.next().and_then(|n| n.parse().ok()).unwrap_or(4);

    let address = address
        .parse()
        .map_err(|e| io::Error::new(ErrorKind::InvalidInput, e))?;
    let first = listen(address, mode)?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..workers {
        let next = if mode == Mode::ReusePort {
            listen(address, mode)?
        } else {
            listeners[0].try_clone()?
        };
        listeners.push(next);
    }
    println!("listening on {address}");

    let threads: Vec<_> = (0..)
        .zip(listeners)
        .map(|(id, l)| thread::spawn(move || work(id, &l, mode)))
        .collect();
    threads
        .into_iter()
        .try_for_each(|thread| thread.join().expect("a worker panicked"))
}

fn listen(address: SocketAddr, mode: Mode) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    // On Linux and DragonFly this deals connections out. On the other BSDs and on macOS one listener gets them all;
    // FreeBSD has SO_REUSEPORT_LB for it.
    socket.set_reuse_port(mode == Mode::ReusePort)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

fn work(id: usize, listener: &TcpListener, mode: Mode) -> io::Result<()> {
    let poller = Poller::new()?;
    let wanted = if let Mode::OneListener(fanout) = mode {
        fanout
    } else {
        Fanout::Shared
    };
    // The answer says what is in force: a kernel without EPOLLEXCLUSIVE makes it `Shared`.
    let in_force = poller.add_listener(listener, LISTENER, wanted)?;
    let mut events = Events::with_capacity(64);
    let mut accepted = 0;
    loop {
        poller.wait(&mut events, None)?;
        for event in events.iter().filter(|event| event.is_acceptable()) {
            debug_assert_eq!(event.token(), LISTENER);
            match listener.accept() {
                Ok((mut stream, _)) => {
                    accepted += 1;
                    // A dozen bytes fit into the buffer of a new socket. Here a server would add the stream to `poller`, and
                    // read: a client that sent something may lose the line, because a close with bytes unread is a reset.
                    let told = writeln!(stream, "worker {id}, its {accepted}.");
                    told.unwrap_or_else(|e| eprintln!("worker {id}: {e}"));
                    if in_force == Fanout::Exclusive && accepted % TURN == 0 {
                        poller.remove(listener)?;
                        poller.add_listener(listener, LISTENER, Fanout::Exclusive)?;
                    }
                }
                // Another worker was faster, or the client gave up meanwhile.
                Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::ConnectionAborted) => {}
                // Out of fds the listener stays ready, and a loop that went on would spin. So this worker pauses.
                Err(e) => {
                    eprintln!("worker {id}: accept: {e}");
                    thread::sleep(Duration::from_millis(100));
                }
            }
        }
    }
}
