//! The loop.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, AsRawFd as _, OwnedFd};

use bench::readiness::ffi::epoll;
use libc::{EPOLLIN, EPOLLOUT};
use memchr::memmem::Finder;
use rustix::net::{SocketFlags, accept_with};
use socket2::{Domain, Socket, Type};

/// The listener's number; a connection's is its fd's.
const LISTENER: u64 = u64::MAX;
const BACKLOG: i32 = 4096;
/// How many connections are accepted in a row.
const ACCEPTS: usize = 64;
/// How many answers are written at once at most, if each has at most [`SMALL`] bytes.
const PIPELINED: usize = 32;
/// The most bytes of an answer that is written together with others.
const SMALL: usize = 4096;

/// A connection, and how many bytes of its answers its socket has not taken yet.
struct Connection {
    stream: TcpStream,
    unsent: usize,
}

struct Floor {
    epoll: OwnedFd,
    listener: Socket,
    /// By fd.
    connections: Vec<Option<Connection>>,
    end_of_head: Finder<'static>,
    /// One answer after the other, all of the same bytes.
    answers: Vec<u8>,
    /// The bytes of one of them.
    length: usize,
    buffer: Vec<u8>,
    closes: bool,
}

/// Serves until it is killed.
pub(crate) fn serve(address: SocketAddr, bytes: usize, closes: bool) -> io::Result<()> {
    let listener = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    listener.set_reuse_address(true)?;
    listener.bind(&address.into())?;
    listener.listen(BACKLOG)?;
    listener.set_nonblocking(true)?;
    let epoll = epoll::create()?;
    epoll::control(&epoll, epoll::ADD, listener.as_fd(), EPOLLIN, LISTENER)?;
    let head = format!(
        "HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\ncontent-type: text/plain\r\nContent-Length: {bytes}\r\n\r\n"
    );
    let answer = [head.as_bytes(), &vec![b'x'; bytes]].concat();
    let answers = answer.repeat(if bytes <= SMALL { PIPELINED } else { 1 });
    let (end_of_head, buffer) = (Finder::new(b"\r\n\r\n"), vec![0; 64 * 1024]);
    let length = answer.len();
    Floor {
        epoll,
        listener,
        connections: Vec::new(),
        end_of_head,
        answers,
        length,
        buffer,
        closes,
    }
    .run()
}

impl Floor {
    fn run(mut self) -> io::Result<()> {
        let mut events = vec![epoll::Event { events: 0, u64: 0 }; 1024];
        loop {
            let count = epoll::wait(&self.epoll, &mut events, -1)?;
            for event in &events[..count] {
                let number = event.u64;
                if number == LISTENER {
                    self.accept()?
                } else {
                    self.turn(number as usize)?
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        for _ in 0..ACCEPTS {
            let Ok(fd) = accept_with(&self.listener, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC) else {
                break;
            };
            let number = fd.as_raw_fd() as usize;
            if self.connections.len() <= number {
                self.connections.resize_with(number + 1, || None);
            }
            self.connections[number] = Some(Connection {
                stream: TcpStream::from(fd),
                unsent: 0,
            });
            if self.closes {
                self.turn(number)?;
            }
            if let Some(connection) = &self.connections[number] {
                epoll::control(
                    &self.epoll,
                    epoll::ADD,
                    connection.stream.as_fd(),
                    EPOLLIN,
                    number as u64,
                )?;
            }
        }
        Ok(())
    }

    /// Reads once and writes all that it is asked for.
    fn turn(&mut self, fd: usize) -> io::Result<()> {
        let Some(connection) = self.connections[fd].as_mut() else {
            return Ok(());
        };
        if connection.unsent > 0 {
            return self.send(fd, true);
        }
        match connection.stream.read(&mut self.buffer) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(()),
            // The end, or a reset.
            Ok(0) | Err(_) => {
                self.connections[fd] = None;
                Ok(())
            }
            Ok(count) => {
                connection.unsent = self.length * self.end_of_head.find_iter(&self.buffer[..count]).count();
                self.send(fd, false)
            }
        }
    }

    /// Sends what is owed; `waited` if the socket is registered for that.
    fn send(&mut self, fd: usize, waited: bool) -> io::Result<()> {
        let Some(connection) = self.connections[fd].as_mut() else {
            return Ok(());
        };
        while connection.unsent > 0 {
            // All answers are the same, so what is left says where in one of them we are.
            let begin = (self.length - connection.unsent % self.length) % self.length;
            let end = self.answers.len().min(begin + connection.unsent);
            match connection.stream.write(&self.answers[begin..end]) {
                Ok(sent) => connection.unsent -= sent,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => {
                    self.connections[fd] = None;
                    return Ok(());
                }
            }
        }
        let blocked = connection.unsent > 0;
        if blocked != waited {
            let mask = if blocked { EPOLLOUT } else { EPOLLIN };
            epoll::control(
                &self.epoll,
                epoll::MOD,
                connection.stream.as_fd(),
                mask,
                fd as u64,
            )?;
        }
        if self.closes && !blocked {
            self.connections[fd] = None;
        }
        Ok(())
    }
}
