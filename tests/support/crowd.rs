//! Thousands of connections at once, and as many files open as they take.

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

use crate::{PATIENCE, process};

/// Makes room for a crowd of so many connections in this process.
///
/// # Panics
///
/// When the machine does not allow as many open files.
pub fn make_room(connections: u64) {
    // Beside them: pipes, pollers, listeners, files of the test harness.
    const OTHERS: u64 = 500;
    let limit = process::raise_open_files();
    assert!(
        limit >= connections + OTHERS,
        "this machine allows {limit} open files a process, and the test holds {connections} connections"
    );
}

/// One connection of a crowd, the one with this index. It comes from one of several loopback addresses, so that their
/// ports suffice, and ends by a reset, so that no port is kept waiting. Where a system has 127.0.0.1 alone, as the BSDs do, its
/// ports have to suffice.
///
/// # Panics
///
/// When the server does not take it, or no port is free.
#[must_use]
pub fn connect(server: SocketAddr, index: usize) -> TcpStream {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    let last = u8::try_from(2 + index % 8).expect("a small number");
    match socket.bind(&SocketAddr::from((Ipv4Addr::new(127, 0, 0, last), 0)).into()) {
        Err(error) if error.kind() == ErrorKind::AddrNotAvailable => {}
        bound => bound.expect("a free port"),
    }
    socket
        .connect_timeout(&server.into(), PATIENCE)
        .expect("the server takes every connection");
    socket
        .set_linger(Some(Duration::ZERO))
        .expect("linger can be set");
    socket
        .set_read_timeout(Some(PATIENCE))
        .expect("a deadline can be set");
    socket.into()
}
