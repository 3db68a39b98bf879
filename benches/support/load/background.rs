//! What other clients do while latencies are measured.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use super::Request;
use super::sockets::{AT_ONCE, connect_small};

/// Clients whose work is done in small pieces, so that those who are measured hardly wait for it.
pub trait Background {
    /// Does one piece if it is time for it; `now` counts from the start of the measurement.
    ///
    /// # Errors
    ///
    /// When the server does what makes the measurement worthless.
    fn tick(&mut self, now: Duration) -> io::Result<()>;
}

/// Nobody else is there.
pub struct Nothing;

impl Background for Nothing {
    fn tick(&mut self, _: Duration) -> io::Result<()> {
        Ok(())
    }
}

/// The receive buffer of a download: little, so that the server is held up by who reads slowly.
const ROOM: usize = 64 * 1024;
/// How much of a download is read at once.
const PIECE: usize = 32 * 1024;
/// How often each download reads.
const EACH: Duration = Duration::from_millis(250);

/// Clients that each read a large file at 128 KiB a second.
pub struct Downloads {
    streams: Vec<TcpStream>,
    /// How many pieces were read so far.
    read: usize,
    buffer: Vec<u8>,
}

impl Downloads {
    /// Makes `count` connections and asks for the file on each.
    ///
    /// # Errors
    ///
    /// When one is not made, or its answer does not begin as it should.
    pub fn start(address: SocketAddr, count: usize, request: &Request) -> io::Result<Self> {
        let mut streams = Vec::with_capacity(count);
        while streams.len() < count {
            let first = streams.len();
            for number in first..count.min(first + AT_ONCE) {
                let mut stream = connect_small(address, number, Some(ROOM))?;
                stream.write_all(&request.bytes)?;
                streams.push(stream);
            }
            for stream in &mut streams[first..] {
                let mut begin = [0; 12];
                stream.read_exact(&mut begin)?;
                if begin != *b"HTTP/1.1 200" {
                    return Err(io::Error::other(format!("a download begins with {begin:?}")));
                }
                stream.set_nonblocking(true)?;
            }
        }
        Ok(Self {
            streams,
            read: 0,
            buffer: vec![0; PIECE],
        })
    }
}

impl Background for Downloads {
    fn tick(&mut self, now: Duration) -> io::Result<()> {
        let count = self.streams.len();
        let due = EACH.mul_f64(self.read as f64 / count as f64);
        if now < due {
            return Ok(());
        }
        let stream = &mut self.streams[self.read % count];
        self.read += 1;
        match stream.read(&mut self.buffer) {
            // At this pace 1 MiB lasts for 8 s, which is more than a round.
            Ok(0) => Err(io::Error::new(
                ErrorKind::UnexpectedEof,
                "the server ended a download",
            )),
            Err(error) if error.kind() != ErrorKind::WouldBlock => Err(error),
            _ => Ok(()),
        }
    }
}
