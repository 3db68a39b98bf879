//! Listeners, connecting, datagrams.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    os::unix::net::UnixDatagram,
};

use socket2::{Domain, Socket, Type};

use super::{
    ffi::{self, CLEAR},
    world::{World, error_name, read, settle, write},
};

pub(super) fn listen(w: &mut World) {
    let (listener, address) = listener();
    w.adopt(&listener, "lst");
    w.set(read(&listener, 0, 1));
    w.poll("nobody");
    let mut clients = connect_three(address);
    settle();
    w.poll("3 connections");
    drop(listener.accept());
    w.poll("after 1 accept");
    drop(listener.accept());
    drop(listener.accept());
    w.poll("after 3 accepts");

    w.begin("listen/clear");
    w.set(read(&listener, CLEAR, 1));
    clients.extend(connect_three(address));
    settle();
    w.poll("3 connections");
    w.poll("again");
    drop(listener.accept());
    w.poll("after 1 accept");
    clients.push(TcpStream::connect(address).expect("connect"));
    settle();
    w.poll("1 more connection");

    w.begin("listen/write-filter");
    w.apply("EV_ADD WRITE on a listening socket", &[write(&listener, 0, 5)], 0);
    w.poll("poll");
}

fn listener() -> (TcpListener, SocketAddr) {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("socket");
    socket
        .bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())
        .expect("bind");
    socket.listen(8).expect("listen");
    let listener = TcpListener::from(socket);
    let address = listener.local_addr().expect("bound");
    (listener, address)
}

fn connect_three(address: SocketAddr) -> Vec<TcpStream> {
    (0..3)
        .map(|_| TcpStream::connect(address).expect("connect"))
        .collect()
}

pub(super) fn connect(w: &mut World) {
    let (listener, address) = listener();
    let client = connect_without_waiting(w, address);
    w.set(write(&client, CLEAR, 1));
    w.set(read(&client, CLEAR, 2));
    // Loopback takes its time on a kernel with several CPUs.
    ffi::await_writable(&client);
    w.poll("connected");
    w.poll("again");

    w.begin("connect/refused");
    drop((listener, client));
    settle();
    let client = connect_without_waiting(w, address);
    w.set(write(&client, 0, 1));
    w.set(read(&client, 0, 2));
    ffi::await_writable(&client);
    settle();
    w.poll("refused");
    w.poll("again");

    w.begin("connect/unconnected");
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("socket");
    w.name(&socket, "new");
    w.set(write(&socket, 0, 1));
    w.set(read(&socket, 0, 2));
    w.poll("fresh TCP socket, never connected");
}

/// Stands for a connect(2) that goes on, has ended, or was refused at once.
pub(crate) const BEGUN: &str = "begun";

fn connect_without_waiting(w: &mut World, address: SocketAddr) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("socket");
    w.adopt(&socket, "cli");
    let errno = match socket.connect(&address.into()) {
        Ok(()) => 0,
        Err(error) => error.raw_os_error().unwrap_or(-1),
    };
    // Which of them is a race between this thread and another CPU: one class for all.
    let in_time = [0, libc::EINPROGRESS, libc::ECONNREFUSED].contains(&errno);
    let what = if in_time {
        BEGUN
    } else {
        &error_name(i64::from(errno))
    };
    w.say(&format!("nonblocking connect: {what}"));
    socket
}

pub(super) fn dgram(w: &mut World) {
    let (a, b) = UnixDatagram::pair().expect("socketpair");
    w.adopt(&a, "a");
    w.adopt(&b, "b");
    w.set(read(&a, CLEAR, 1));
    let send = |count: usize| b.send(&vec![b'x'; count]).expect("room for a few bytes");
    send(3);
    send(4);
    w.poll("datagrams of 3 and 4 bytes");
    w.poll("again");
    a.recv(&mut [0; 99]).expect("a datagram waits");
    w.poll("one read");
    send(1);
    w.poll("another datagram, 1 unread");
}
