//! Connections over loopback: many of them, and some with little room.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use super::{Answers, PATIENCE, Request};

/// How many connections come from one address. It has some 28,000 ports, but when many are taken the kernel searches long.
const FROM_ONE: usize = 2_000;
/// How many connections are made before their first answers are waited for; no backlog may be shorter.
pub(super) const AT_ONCE: usize = 128;

/// Connects number `number` of many, from 127.0.0.1 or an address behind it.
///
/// # Errors
///
/// As connect(2) has, and after some seconds without an answer.
pub fn connect(address: SocketAddr, number: usize) -> io::Result<TcpStream> {
    connect_small(address, number, None)
}

/// Does the same with a receive buffer of so many bytes, so that the server is held up soon.
///
/// # Errors
///
/// As connect(2) has, and after some seconds without an answer.
pub fn connect_small(address: SocketAddr, number: usize, receive: Option<usize>) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    let block = number / FROM_ONE;
    if block > 0 {
        let from = Ipv4Addr::new(127, 0, 1, u8::try_from(block).map_err(io::Error::other)?);
        socket.bind(&SocketAddrV4::new(from, 0).into())?;
    }
    if let Some(bytes) = receive {
        // As over Ethernet: by loopback's segments of 64 KiB the kernel would buffer megabytes for each.
        socket.set_tcp_mss(1460)?;
        socket.set_recv_buffer_size(bytes)?;
    }
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.set_tcp_nodelay(true)?;
    // A reset at the end leaves no port behind that waits for a minute.
    socket.set_linger(Some(Duration::ZERO))?;
    socket.connect_timeout(&address.into(), PATIENCE)?;
    Ok(socket.into())
}

/// Makes so many connections, each of which is answered once, and leaves them non-blocking.
///
/// # Errors
///
/// When one is not made or not answered rightly.
pub fn greet_all(address: SocketAddr, count: usize, request: &Request) -> io::Result<Vec<TcpStream>> {
    let mut streams = Vec::with_capacity(count);
    while streams.len() < count {
        let first = streams.len();
        for number in first..count.min(first + AT_ONCE) {
            let mut stream = connect(address, number).map_err(|error| numbered(number, &error))?;
            stream.write_all(&request.bytes)?;
            streams.push(stream);
        }
        for (number, stream) in streams.iter_mut().enumerate().skip(first) {
            answered(stream, request).map_err(|error| numbered(number, &error))?;
            stream.set_nonblocking(true)?;
        }
    }
    Ok(streams)
}

fn numbered(number: usize, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("connection {}: {error}", number + 1))
}

/// Waits for one right answer.
fn answered(stream: &mut TcpStream, request: &Request) -> io::Result<()> {
    let (mut answers, mut buffer) = (Answers::default(), [0; 4096]);
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                "the server closed it",
            ));
        }
        if answers.take(&buffer[..count], request.expected)? > 0 {
            return Ok(());
        }
    }
}
