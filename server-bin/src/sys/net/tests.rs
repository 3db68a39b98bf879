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
    let _held = crate::sys::tests::children::no_child_starts();
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

#[cfg(target_vendor = "apple")]
#[test]
fn a_client_that_closed_before_it_was_accepted_is_told_as_one_that_is_lost() {
    let (_folder, path) = place();
    let listener = Listener::bind_unix(&path, None).expect("a free place");
    drop(std::os::unix::net::UnixStream::connect(&path).expect("somebody listens"));
    if let Err(error) = listener.accept() {
        assert_eq!(error.kind(), io::ErrorKind::ConnectionAborted);
    }
}

#[test]
fn a_unix_socket_is_not_taken_over_while_its_lock_is_held_whatever_connecting_says() {
    let _held = crate::sys::tests::children::no_child_starts();
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
    let _held = crate::sys::tests::children::no_child_starts();
    let (_folder, path) = place();
    let other = std::os::unix::net::UnixListener::bind(&path).expect("a free place");
    let taken = Listener::bind_unix(&path, None).expect_err("someone listens there");
    assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
    drop(other);
    Listener::bind_unix(&path, None).expect("nobody listens there any more");
}

#[test]
fn a_unix_socket_with_a_full_backlog_is_taken_and_not_waited_for() {
    let _held = crate::sys::tests::children::no_child_starts();
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

/// Else the second of two small answers waits for the acknowledgement of the first one, which a client may put off for 40 ms.
#[test]
fn an_accepted_socket_sends_small_packets_at_once() {
    let own =
        Listener::bind_tcp(([127, 0, 0, 1], 0).into(), Sharing::Alone, Families::Own).expect("a free port");
    let other = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    let inherited = Listener::inherited(other.into(), None).expect("it listens");
    for listener in [own, inherited] {
        let address = listener.address().expect("an address").expect("a TCP address");
        let _peer = std::net::TcpStream::connect(address).expect("a connection");
        let (stream, _) = listener.accept().expect("it was there");
        assert!(stream.0.tcp_nodelay().expect("it can be read"), "{address}");
    }
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

#[cfg(target_os = "linux")]
mod deferral {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;
    use std::time::Instant;

    use super::*;

    /// A listener that holds connections back for this time, and a client of it that is held back.
    fn held_back(time: Duration, ip: &str) -> (Listener, TcpStream) {
        let address = (ip.parse::<std::net::IpAddr>().expect("an address"), 0).into();
        let listener = Listener::bind_tcp(address, Sharing::Alone, Families::Own).expect("a free port");
        listener.defer_accept(time).expect("this kernel can");
        let address = listener.address().expect("an address").expect("a port");
        let client = TcpStream::connect(address).expect("the kernel takes it");
        client
            .set_read_timeout(Some(Duration::from_secs(10)))
            .expect("a time that is not zero");
        thread::sleep(Duration::from_millis(100));
        assert!(!listener.has_waiting(), "it has sent nothing");
        (listener, client)
    }

    /// Waits until a connection can be accepted. Returns how long that took.
    fn time_to_accept(listener: &Listener, most: Duration) -> Duration {
        let start = Instant::now();
        while !listener.has_waiting() {
            assert!(start.elapsed() < most, "no connection came in {most:?}");
            thread::sleep(Duration::from_millis(5));
        }
        start.elapsed()
    }

    #[test]
    fn a_connection_that_is_held_back_comes_with_its_first_byte() {
        for ip in ["127.0.0.1", "::1"] {
            let (listener, mut client) = held_back(Duration::from_secs(15), ip);
            client.write_all(b"x").expect("the kernel takes it");
            time_to_accept(&listener, Duration::from_secs(1));
        }
    }

    /// This is why a drain does not just close its listeners, and why the option is off by default.
    #[test]
    fn a_listener_that_closes_resets_those_that_are_held_back() {
        let (listener, mut client) = held_back(Duration::from_secs(15), "127.0.0.1");
        drop(listener);
        // As far as the client can tell, it is connected.
        client.write_all(b"x").expect("the kernel takes it");
        let error = client.read(&mut [0; 1]).expect_err("there is no answer");
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }

    #[test]
    fn those_that_are_held_back_when_that_ends_come_in_half_of_its_time_at_most() {
        // How long the client has been there by then: just longer than until the SYN-ACK that is followed by the longest wait.
        for (held, after) in [(1, 100), (3, 1200)] {
            let held = Duration::from_secs(held);
            let (listener, _client) = held_back(held, "127.0.0.1");
            thread::sleep(Duration::from_millis(after - 100));
            assert!(!listener.has_waiting(), "it is still held back");
            listener.defer_accept(Duration::ZERO).expect("this kernel can");
            let most = longest_deferral(held);
            let took = time_to_accept(&listener, most + Duration::from_millis(500));
            assert!(took > most / 2, "{took:?}: what is waited for can be shorter");
            // Nobody is held back from then on.
            listener.accept().expect("it waits");
            let address = listener.address().expect("an address").expect("a port");
            let _next = TcpStream::connect(address).expect("the kernel takes it");
            time_to_accept(&listener, Duration::from_millis(500));
        }
    }

    #[test]
    fn a_time_is_rounded_up_as_the_kernel_does() {
        let longest = |seconds: f64| longest_deferral(Duration::from_secs_f64(seconds)).as_secs();
        let expected = [
            (0.0, 0),
            (0.5, 1),
            (1.0, 1),
            (1.1, 2),
            (3.0, 2),
            (4.0, 4),
            (7.0, 4),
            (8.0, 8),
            (15.0, 8),
        ];
        for (time, half) in expected {
            assert_eq!(longest(time), half, "{time}");
        }
    }

    #[test]
    fn a_unix_socket_holds_nobody_back() {
        let _held = crate::sys::tests::children::no_child_starts();
        let (_folder, path) = place();
        let listener = Listener::bind_unix(&path, None).expect("a free place");
        listener
            .defer_accept(Duration::from_secs(1))
            .expect("nothing is asked for");
        let _client = std::os::unix::net::UnixStream::connect(&path).expect("it listens");
        assert!(listener.has_waiting());
    }
}
