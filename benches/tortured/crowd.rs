//! Many clients that all misbehave in one way, in small pieces.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use bench::load::{Background, connect_small};

/// What each of them does again and again.
pub(crate) enum Act {
    /// Nothing.
    Nothing,
    /// Writes these few bytes.
    Write(&'static [u8]),
    /// Reads so many bytes.
    Read(usize),
    /// Writes these bytes over and over, as many as the socket takes at once.
    Stuff(Vec<u8>),
    /// Does the same, and reads what has come.
    Flood(Vec<u8>),
}

/// One of them, and where in its bytes it is.
struct Member {
    stream: TcpStream,
    at: usize,
}

/// Many of them.
pub(crate) struct Crowd {
    members: Vec<Option<Member>>,
    act: Act,
    /// How often each acts; zero for as often as there is time.
    every: Duration,
    /// How many acts were done.
    done: usize,
    buffer: Vec<u8>,
}

/// The most that is written or read at once, so that those who are measured do not wait for it.
const PIECE: usize = 64 * 1024;

impl Crowd {
    /// Connects `count` clients, and sends `first` on each.
    pub(crate) fn gather(
        address: SocketAddr,
        count: usize,
        room: Option<usize>,
        first: &[u8],
        (act, every): (Act, Duration),
    ) -> io::Result<Self> {
        let mut members = Vec::with_capacity(count);
        for number in 0..count {
            let mut stream = connect_small(address, number, room)?;
            stream.set_nonblocking(true)?;
            // The server may have closed it already: that is its answer.
            let taken = stream.write(first).is_ok_and(|taken| taken == first.len());
            members.push(taken.then_some(Member { stream, at: 0 }));
            // Time to accept: no backlog is what is attacked here.
            if number % 64 == 63 {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        Ok(Self {
            members,
            act,
            every,
            done: 0,
            buffer: vec![0; PIECE],
        })
    }

    fn act(&mut self, index: usize) -> io::Result<()> {
        let Some(member) = self.members[index].as_mut() else {
            return Ok(());
        };
        let buffer = &mut self.buffer;
        match &self.act {
            Act::Nothing => Ok(()),
            Act::Write(bytes) => member.stream.write(bytes).map(drop),
            Act::Read(count) => member.read(&mut buffer[..*count]),
            Act::Stuff(bytes) => member.stuff(bytes),
            Act::Flood(bytes) => {
                member.read(buffer)?;
                member.stuff(bytes)
            }
        }
    }
}

impl Member {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        match self.stream.read(buffer)? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            _ => Ok(()),
        }
    }

    fn stuff(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at = (self.at + self.stream.write(&bytes[self.at..])?) % bytes.len();
        Ok(())
    }
}

impl Background for Crowd {
    fn tick(&mut self, now: Duration) -> io::Result<()> {
        let count = self.members.len();
        if now < self.every.mul_f64(self.done as f64 / count as f64) {
            return Ok(());
        }
        let index = self.done % count;
        self.done += 1;
        match self.act(index) {
            Err(error) if error.kind() != ErrorKind::WouldBlock => self.members[index] = None,
            _ => {}
        }
        Ok(())
    }
}
