//! The scenarios of datagram sockets: empty ones, full peers, and errors that wait in a queue.

use std::io;
use std::net::UdpSocket;
use std::os::unix::net::UnixDatagram;

use multiplex::Trigger;

use super::scenarios::Story;
use super::support::{BOTH, WRITABLE, ffi, folder};
use super::table::Row;

/// Runs all of them.
pub(crate) fn run() -> Vec<Row> {
    let each = [arriving(), full_peers(), error_queues()];
    each.into_iter().flatten().collect()
}

fn arriving() -> Vec<Row> {
    let mut story = Story::new("Level, both directions: datagrams");
    let (a, b) = UnixDatagram::pair().expect("socketpair");
    a.set_nonblocking(true).expect("fcntl");
    story.add(&a, BOTH, Trigger::Level);
    story.then("nothing has come");
    b.send(b"abc").expect("room");
    b.send(b"").expect("room");
    story.then("one of 3 bytes and an empty one came");
    a.recv(&mut [0; 9]).expect("a datagram waits");
    story.then("the first was read");
    a.recv(&mut [0; 9]).expect("a datagram waits");
    story.then("both were read");
    story.rows
}

/// Two peers whose buffers are full: one is connected, the other is named in each send.
fn full_peers() -> Vec<Row> {
    let mut story = Story::new("Level, writable: a Unix datagram socket whose peer is full");
    let folder = folder("behaviour");
    let path = folder.join("peer");
    let peer = UnixDatagram::bind(&path).expect("a new name");
    let sender = UnixDatagram::unbound().expect("socket");
    sender.set_nonblocking(true).expect("fcntl");
    story.add(&sender, WRITABLE, Trigger::Level);
    story.then("not connected, nothing was sent");
    while sender.send_to(b"abc", &path).is_ok() {}
    story.then("not connected, send_to says WouldBlock");
    sender.connect(&path).expect("it is there");
    story.then("connected to it");
    while peer.set_nonblocking(true).is_ok() && peer.recv(&mut [0; 9]).is_ok() {}
    story.then("connected, the peer read all");
    std::fs::remove_dir_all(folder).expect("it is ours");
    story.rows
}

/// A datagram to a port that nobody has comes back as an error, and with IP_RECVERR once more in a queue of errors.
fn error_queues() -> Vec<Row> {
    let mut story =
        Story::new("Level, both directions: a UDP socket with an error queue (IP_RECVERR, Linux alone)");
    let closed = UdpSocket::bind("127.0.0.1:0")
        .and_then(|socket| socket.local_addr())
        .expect("a port");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.connect(closed).expect("a datagram socket only notes it");
    socket.set_nonblocking(true).expect("fcntl");
    ffi::ask_for_an_error_queue(&socket);
    story.add(&socket, BOTH, Trigger::Level);
    story.then("nothing was sent");
    socket.send(b"abc").expect("room");
    story.then("a datagram was refused");
    story.say("recv then says", kind(socket.recv(&mut [0; 9])));
    story.then("recv took the error");
    story.say("recv says once more", kind(socket.recv(&mut [0; 9])));
    ffi::read_error_queue(&socket);
    story.then("recvmsg took it from the queue");
    story.rows
}

fn kind(result: io::Result<usize>) -> String {
    format!(
        "{:?}",
        result.map_err(|error| error.kind()).expect_err("nothing came")
    )
}
