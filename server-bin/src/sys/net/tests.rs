//! Sockets on the real kernel.

use std::path::PathBuf;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::*;

/// A place for a Unix socket, in a directory that goes with the test.
fn place() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("socket");
    (folder, path)
}

#[test]
fn a_unix_socket_is_replaced_and_removed_only_when_nobody_listens_there() {
    let (_folder, path) = place();
    let first = Listener::bind_unix(&path, None).expect("a free place");
    let taken = Listener::bind_unix(&path, None).expect_err("someone listens there");
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    drop(first);
    let second = Listener::bind_unix(&path, None).expect("nobody listens there any more");
    remove_abandoned(&path).expect("nothing was to be removed");
    assert!(path.exists(), "the first one's end is not the second one's");
    drop(second);
    remove_abandoned(&path).expect("it may be removed");
    assert!(!path.exists());
    std::fs::write(&path, "no socket").expect("a file");
    remove_abandoned(&path).expect("nothing was to be removed");
    assert!(path.exists());
}

#[test]
fn a_unix_socket_is_not_taken_over_while_its_lock_is_held_whatever_connecting_says() {
    let (_folder, path) = place();
    let first = Listener::bind_unix(&path, None).expect("a free place");
    // As FreeBSD refuses connections to a full backlog: the socket seems dead, and its holder lives.
    let lock = first.lock().cloned();
    drop(first);
    let taken = Listener::bind_unix(&path, None).expect_err("its holder lives");
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    remove_abandoned(&path).expect("nothing was to be removed");
    assert!(path.exists());
    drop(lock);
    Listener::bind_unix(&path, None).expect("its holder has gone");
}

#[test]
fn a_unix_socket_of_a_program_without_locks_is_not_taken_over() {
    let (_folder, path) = place();
    let other = std::os::unix::net::UnixListener::bind(&path).expect("a free place");
    let taken = Listener::bind_unix(&path, None).expect_err("someone listens there");
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    drop(other);
    Listener::bind_unix(&path, None).expect("nobody listens there any more");
}

#[test]
fn a_unix_socket_with_a_full_backlog_is_taken_and_not_waited_for() {
    let (_folder, path) = place();
    let address = SockAddr::unix(&path).expect("a short path");
    let busy = socket2::Socket::new(Domain::UNIX, Type::STREAM, None).expect("a socket");
    busy.bind(&address).expect("a free place");
    busy.listen(0).expect("a listener");
    let connect = || {
        let client = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
        client.set_nonblocking(true)?;
        client.connect(&address).map(|()| client)
    };
    let waiting: Vec<_> = std::iter::from_fn(|| connect().ok()).take(100).collect();
    assert!(waiting.len() < 100, "the backlog is full");
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        tell.send(
            Listener::bind_unix(&path, None)
                .map(drop)
                .map_err(|error| error.kind()),
        )
    });
    let answer = told.recv_timeout(Duration::from_secs(10));
    assert_eq!(answer, Ok(Err(io::ErrorKind::AddrInUse)));
}

#[test]
fn each_listener_of_a_group_gets_connections_and_nobody_else_can_join() {
    if !BALANCES_SHARED_PORTS {
        return;
    }
    let first =
        Listener::bind_tcp(([127, 0, 0, 1], 0).into(), Sharing::First, Families::Own).expect("a free port");
    let address = first.address().expect("an address").expect("a port");
    let second = Listener::bind_tcp(address, Sharing::Join, Families::Own).expect("the group");
    let other = Listener::bind_tcp(address, Sharing::First, Families::Own).expect_err("the port is taken");
    assert_eq!(other.kind(), io::ErrorKind::AddrInUse);
    // That one of two gets none of 64 by chance happens once in 2^63 times.
    let clients: Vec<_> = (0..64)
        .map(|_| std::net::TcpStream::connect(address).expect("a listener"))
        .collect();
    let counts = [first, second].map(|listener| {
        let mut count = 0;
        while listener.accept().is_ok() {
            count += 1;
        }
        count
    });
    assert!(
        counts[0] > 0 && counts[1] > 0 && counts[0] + counts[1] == clients.len(),
        "{counts:?}"
    );
}

#[cfg(any(target_os = "linux", target_os = "android"))]
#[test]
fn an_accepted_socket_holds_little_that_is_unsent() {
    use std::io::Write as _;
    let listener =
        Listener::bind_tcp(([127, 0, 0, 1], 0).into(), Sharing::Alone, Families::Own).expect("a free port");
    let address = listener.address().expect("an address").expect("a TCP address");
    let _peer = std::net::TcpStream::connect(address).expect("a connection");
    let (mut stream, _) = listener.accept().expect("it was there");
    assert_eq!(stream.0.tcp_notsent_lowat().expect("it can be read"), UNSENT);
    // The peer takes nothing: what it has room for is sent, and a little more is held.
    let mut taken = 0;
    while let Ok(n) = stream.0.write(&[b'x'; 16 * 1024]) {
        taken += n;
    }
    assert!(taken < 1024 * 1024, "{taken} bytes were taken from us");
}
