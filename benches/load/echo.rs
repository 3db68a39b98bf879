//! Talks to an echo server over many connections in turn, and tells how long its answers took.
//!
//!     echo-load ADDRESS CONNECTIONS MESSAGES        sends so many messages
//!     echo-load ADDRESS CONNECTIONS SECONDS SLOW    sends messages for so long
//!
//! `SLOW` more connections, each a thread of its own, keep asking for what takes the server's handler 10 ms. Their
//! answers are not counted: the question is what they do to the others. Prints the median and the 99th percentile in
//! microseconds, and the share of answers that took longer than 5 ms.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, numbers @ ..] = &arguments[..] else {
        panic!("usage: echo-load ADDRESS CONNECTIONS MESSAGES")
    };
    let number = |n: usize| numbers.get(n).map_or(0, |text| text.parse().expect("a number"));
    let (connections, amount, slow) = (number(0), number(1), number(2));
    let timed = numbers.len() > 2;

    let over = AtomicBool::new(false);
    let mut took = thread::scope(|scope| {
        // First, and each answered once, so that a worker has its share of them before it has anything slow to do.
        let mut streams: Vec<_> = (0..connections)
            .map(|_| connect(address))
            .collect::<io::Result<_>>()?;
        streams
            .iter_mut()
            .try_for_each(|stream| ask(stream, b"hello").map(drop))?;
        for _ in 0..slow {
            let mut stream = connect(address)?;
            let over = &over;
            scope
                .spawn(move || while !over.load(Ordering::Relaxed) && ask(&mut stream, b"slow\n").is_ok() {});
        }
        let start = Instant::now();
        let took = (0..)
            .take_while(|n| {
                if timed {
                    start.elapsed().as_secs() < amount as u64
                } else {
                    *n < amount
                }
            })
            .map(|n| ask(&mut streams[n % connections], b"hello"))
            .collect::<io::Result<Vec<_>>>();
        over.store(true, Ordering::Relaxed);
        took
    })?;
    took.sort();
    let micros = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_micros();
    let late = took
        .iter()
        .filter(|took| **took > Duration::from_millis(5))
        .count() as f64
        / took.len() as f64;
    println!("{} {} {late:.3}", micros(0.5), micros(0.99));
    Ok(())
}

fn connect(address: &str) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    Ok(stream)
}

fn ask(stream: &mut TcpStream, question: &[u8]) -> io::Result<Duration> {
    let (start, mut answer) = (Instant::now(), [0; 8]);
    stream.write_all(question)?;
    stream.read_exact(&mut answer[..question.len()])?;
    Ok(start.elapsed())
}
