//! Measures how evenly connections are spread over workers, each with a poller of its own, for each way to share.
//!
//! Clients connect one after another, so that all workers are idle when one comes; and in bursts of 64. Each is told
//! that it was accepted and then resets its connection, so that no port is left in TIME_WAIT. The table says how many
//! connections each worker got, and how often a worker was woken and found none.
//!
//!     cargo run --release -p multiplex --example fanout_balance [CONNECTIONS] [WORKERS]

use multiplex::{Events, Fanout, Poller, Token, Waker};
use socket2::{Domain, SockRef, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// A way to share, and after how many accepts the listener is registered anew.
struct Way {
    name: &'static str,
    fanout: Fanout,
    turn: Option<usize>,
    one_listener_each: bool,
}

const WAYS: [Way; 4] = [
    Way {
        name: "Shared",
        fanout: Fanout::Shared,
        turn: None,
        one_listener_each: false,
    },
    Way {
        name: "Exclusive",
        fanout: Fanout::Exclusive,
        turn: None,
        one_listener_each: false,
    },
    Way {
        name: "Exclusive, added anew after 16",
        fanout: Fanout::Exclusive,
        turn: Some(16),
        one_listener_each: false,
    },
    Way {
        name: "a listener each, SO_REUSEPORT",
        fanout: Fanout::Shared,
        turn: None,
        one_listener_each: true,
    },
];

fn main() -> io::Result<()> {
    let mut arguments = std::env::args()
        .skip(1)
        .map_while(|argument| argument.parse().ok());
    let connections = arguments.next().unwrap_or(20_000);
    let workers = arguments.next().unwrap_or(4);
    println!(
        "| {connections} connections | at a time | accepted by each worker | most / mean | woken for nothing |"
    );
    println!("| --- | ---: | ---: | ---: | ---: |");
    for way in &WAYS {
        for burst in [1, 64] {
            let counts = measure(way, connections, burst, workers)?;
            let accepted: Vec<_> = counts.iter().map(|count| count.accepted).collect();
            let most =
                accepted.iter().copied().max().unwrap_or(0) as f64 * workers as f64 / connections as f64;
            let each = accepted
                .iter()
                .map(usize::to_string)
                .collect::<Vec<_>>()
                .join(" / ");
            let nothing: usize = counts.iter().map(|count| count.nothing).sum();
            println!("| {} | {burst} | {each} | {most:.2} | {nothing} |", way.name);
        }
    }
    Ok(())
}

#[derive(Default)]
struct Count {
    accepted: usize,
    nothing: usize,
}

/// Runs the workers while the clients connect.
fn measure(way: &Way, connections: usize, burst: usize, workers: usize) -> io::Result<Vec<Count>> {
    let first = listen((Ipv4Addr::LOCALHOST, 0).into(), way)?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..workers {
        listeners.push(if way.one_listener_each {
            listen(address, way)?
        } else {
            listeners[0].try_clone()?
        });
    }
    let done = &AtomicBool::new(false);
    thread::scope(|scope| {
        let (sender, wakers) = mpsc::channel();
        let start = |listener| {
            let sender = sender.clone();
            scope.spawn(move || work(&listener, way, sender, done))
        };
        let threads: Vec<_> = listeners.into_iter().map(start).collect();
        // Every worker that has not failed has sent its waker, and so is registered.
        drop(sender);
        let wakers: Vec<Waker> = wakers.iter().take(workers).collect();
        let result = connect(address, connections, burst);
        done.store(true, SeqCst);
        wakers.iter().try_for_each(Waker::wake)?;
        let counts = threads
            .into_iter()
            .map(|thread| thread.join().expect("a worker panicked"))
            .collect();
        result.and(counts)
    })
}

fn listen(address: SocketAddr, way: &Way) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_reuse_port(way.one_listener_each)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    Ok(socket.into())
}

/// Accepts until it is done, which a wake makes it look at.
fn work(
    listener: &TcpListener,
    way: &Way,
    wakers: mpsc::Sender<Waker>,
    done: &AtomicBool,
) -> io::Result<Count> {
    let poller = Poller::new()?;
    poller.add_listener(listener, Token::new(0), way.fanout)?;
    wakers
        .send(Waker::new(&poller, Token::new(1))?)
        .expect("they are waited for");
    drop(wakers);
    let mut events = Events::with_capacity(64);
    let mut count = Count::default();
    loop {
        poller.wait(&mut events, None)?;
        for event in &events {
            if event.is_wake() {
                // An event is a hint, and this one is no exception.
                if done.load(SeqCst) {
                    return Ok(count);
                }
                continue;
            }
            match listener.accept() {
                Ok((mut stream, _)) => {
                    stream.write_all(b"!")?;
                    count.accepted += 1;
                    if way.turn.is_some_and(|turn| count.accepted % turn == 0) {
                        poller.remove(listener)?;
                        poller.add_listener(listener, Token::new(0), way.fanout)?;
                    }
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => count.nothing += 1,
                Err(e) => return Err(e),
            }
        }
    }
}

/// Connects so many times, a burst at a time.
fn connect(address: SocketAddr, connections: usize, burst: usize) -> io::Result<()> {
    let mut left = connections;
    while left > 0 {
        let now = burst.min(left);
        let clients: Vec<_> = (0..now)
            .map(|_| TcpStream::connect(address))
            .collect::<io::Result<_>>()?;
        for mut client in clients {
            client.set_read_timeout(Some(Duration::from_secs(10)))?;
            client.read_exact(&mut [0])?;
            // A reset instead of a farewell: EADDRNOTAVAIL would be the end of the measurement.
            SockRef::from(&client).set_linger(Some(Duration::ZERO))?;
        }
        left -= now;
    }
    Ok(())
}
