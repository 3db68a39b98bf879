//! The chapter `sources` of the guide: each row of its table is run here.

#[cfg(all(target_os = "linux", not(multiplex_kqueue)))]
#[path = "sources/linux.rs"]
mod linux;
mod support;

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::net::UdpSocket;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::net::{UnixDatagram, UnixListener};

use multiplex::{Event, Fanout, Token, Trigger};

use support::*;

/// What the first cells of the table say, and the test that runs the row.
#[rustfmt::skip]
const ROWS: &[(&str, fn())] = &[
    ("UDP socket", udp_sockets_report_each_datagram_also_an_empty_one),
    ("Unix datagram socket", a_unix_datagram_socket_is_writable_when_its_connected_peer_has_room),
    ("Unix stream socket that could not connect", a_unix_socket_that_found_a_full_backlog_is_not_connecting),
    ("FIFO, the reader", a_fifo_reports_its_end_between_two_writers),
    ("pseudoterminal, the master", a_pseudoterminal_ends_when_its_last_slave_is_closed),
    ("listener that was shut down", a_listener_that_was_shut_down_stays_ready),
    ("terminal", a_terminal_is_a_source_where_the_kernel_takes_it),
];

/// The other tests are these functions, so a row that nobody runs, or a test without a row, is found here.
#[test]
fn each_row_of_the_chapter_is_run_by_a_test() {
    let chapter = include_str!("../src/guide/sources.md");
    let cells = chapter.lines().filter_map(|line| line.strip_prefix("| "));
    let in_the_chapter: Vec<_> = cells
        .filter_map(|row| row.split(" | ").next())
        .filter(|cell| !["source", "---"].contains(cell))
        .collect();
    #[cfg(all(target_os = "linux", not(multiplex_kqueue)))]
    let rows = [ROWS, linux::ROWS].concat();
    #[cfg(not(all(target_os = "linux", not(multiplex_kqueue))))]
    let rows = ROWS;
    for (row, _) in rows.iter() {
        assert!(in_the_chapter.contains(row), "the chapter has no row {row}");
    }
    if cfg!(all(target_os = "linux", not(multiplex_kqueue))) {
        assert_eq!(in_the_chapter.len(), rows.len(), "{in_the_chapter:?}");
    }
}

#[test]
fn udp_sockets_report_each_datagram_also_an_empty_one() {
    let mut watch = Watch::new();
    let [a, b] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    a.set_nonblocking(true).unwrap();
    watch
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::Level)
        .unwrap();
    watch.expect_silence();
    let address = a.local_addr().unwrap();
    b.send_to(b"", address).unwrap();
    b.send_to(b"abc", address).unwrap();
    for length in [0, 3] {
        watch.expect(1, Event::is_readable);
        assert_eq!(a.recv(&mut [0; 9]).unwrap(), length, "0 is no end");
    }
    watch.expect_silence();
}

#[test]
fn a_unix_datagram_socket_is_writable_when_its_connected_peer_has_room() {
    let mut watch = Watch::new();
    let folder = folder("datagram");
    let path = folder.join("peer");
    let peer = UnixDatagram::bind(&path).unwrap();
    peer.set_nonblocking(true).unwrap();
    let socket = UnixDatagram::unbound().unwrap();
    socket.set_nonblocking(true).unwrap();
    watch
        .poller
        .add(&socket, Token::new(1), WRITABLE, Trigger::Level)
        .unwrap();
    while socket.send_to(b"abc", &path).is_ok() {}
    if EPOLL {
        // For ever, although the peer that is meant has no room.
        watch.expect(1, Event::is_writable);
        assert_eq!(
            socket.send_to(b"abc", &path).unwrap_err().kind(),
            ErrorKind::WouldBlock
        );
        socket.connect(&path).unwrap();
        watch.expect_not(1, Event::is_writable);
    }
    while peer.recv(&mut [0; 9]).is_ok() {}
    watch.expect(1, Event::is_writable);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_unix_socket_that_found_a_full_backlog_is_not_connecting() {
    let mut watch = Watch::new();
    let folder = folder("backlog");
    let path = folder.join("listener");
    let listener = UnixListener::bind(&path).unwrap();
    let address = socket2::SockAddr::unix(&path).unwrap();
    let mut clients = Vec::new();
    // The backlog of std is at most some thousand, and the processes' fds are fewer: so it is made small.
    socket2::SockRef::from(&listener).listen(1).unwrap();
    let (refused, error) = loop {
        let client = socket2::Socket::new(socket2::Domain::UNIX, socket2::Type::STREAM, None).unwrap();
        client.set_nonblocking(true).unwrap();
        match client.connect(&address) {
            Ok(()) => clients.push(client),
            Err(error) => break (client, error),
        }
        assert!(clients.len() < 100, "the backlog has no end");
    };
    let expected = if cfg!(any(target_os = "linux", target_os = "android")) {
        ErrorKind::WouldBlock
    } else {
        ErrorKind::ConnectionRefused
    };
    assert_eq!(error.kind(), expected);
    if EPOLL {
        // Nothing will tell when the backlog has room: what is reported is that of a socket that nobody has connected.
        watch
            .poller
            .add(&refused, Token::new(1), WRITABLE, Trigger::Level)
            .unwrap();
        let event = watch.expect(1, Event::is_writable);
        assert!(event.is_write_closed(), "{event:?}");
        assert!(refused.take_error().unwrap().is_none());
        assert_eq!(refused.peer_addr().unwrap_err().kind(), ErrorKind::NotConnected);
        watch.poller.remove(&refused).unwrap();
        listener.accept().unwrap();
        refused.connect(&address).unwrap();
    }
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_fifo_reports_its_end_between_two_writers() {
    let folder = folder("fifo");
    let path = folder.join("fifo");
    ffi::make_fifo(&path);
    let open = |read, write| -> io::Result<File> {
        OpenOptions::new()
            .read(read)
            .write(write)
            .custom_flags(libc::O_NONBLOCK)
            .open(&path)
    };
    let mut reader = open(true, false).unwrap();
    let mut watch = Watch::new();
    watch
        .poller
        .add(&reader, Token::new(1), READABLE, Trigger::Level)
        .unwrap();
    let mut writer = open(false, true).unwrap();
    watch.expect_not(1, Event::is_readable);
    writer.write_all(b"abc").unwrap();
    watch.expect(1, Event::is_readable);
    drop(writer);
    assert!(drain(&reader), "the end of the first writer");
    // By level each wait reports the end, until the next writer comes.
    for _ in 0..3 {
        watch.expect(1, Event::is_readable);
        assert_eq!(reader.read(&mut [0; 9]).unwrap(), 0);
    }
    let mut writer = open(false, true).unwrap();
    if EPOLL {
        // What a kqueue says then is not recorded anywhere yet.
        watch.expect_not(1, Event::is_readable);
    }
    writer.write_all(b"def").unwrap();
    watch.expect(1, Event::is_readable);
    drop(writer);

    // Quiet: by edge, and with a writer of one's own, where a FIFO may be opened so.
    watch
        .poller
        .modify(&reader, Token::new(1), READABLE, Trigger::Edge)
        .unwrap();
    assert!(drain(&reader));
    watch.expect_calm(1, any);
    let keeper = open(true, true).unwrap();
    watch
        .poller
        .modify(&reader, Token::new(1), READABLE, Trigger::Level)
        .unwrap();
    drop(open(false, true).unwrap());
    if EPOLL {
        watch.expect_not(1, Event::is_readable);
    }
    drop(keeper);
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn a_pseudoterminal_ends_when_its_last_slave_is_closed() {
    let (mut master, mut slave) = ffi::pseudoterminal();
    let mut watch = Watch::new();
    match watch.poller.add(&master, Token::new(1), READABLE, Trigger::Level) {
        Ok(()) => {}
        Err(error) if cfg!(target_vendor = "apple") => {
            let needs = format!("a kernel that watches it, this one says {error}");
            return skipped("pseudoterminal", &needs);
        }
        Err(error) => panic!("{error}"),
    }
    watch.expect_not(1, Event::is_readable);
    slave.write_all(b"abc").unwrap();
    watch.expect(1, Event::is_readable);
    drop(slave);
    watch.expect(1, Event::is_readable);
    let mut bytes = [0; 9];
    assert_eq!(master.read(&mut bytes).unwrap(), 3, "all bytes come first");
    watch.expect(1, Event::is_readable);
    match master.read(&mut bytes) {
        Ok(n) => assert_eq!((n, EPOLL), (0, false)),
        Err(error) => assert_eq!(error.raw_os_error(), Some(libc::EIO)),
    }
}

#[test]
fn a_listener_that_was_shut_down_stays_ready() {
    let listener = tcp_listener();
    let mut watch = Watch::new();
    watch
        .poller
        .add_listener(&listener, Token::new(1), Fanout::Shared)
        .unwrap();
    watch.expect_silence();
    ffi::shut_down(&listener);
    if EPOLL {
        for _ in 0..3 {
            watch.expect(1, Event::is_acceptable);
            let error = listener.accept().unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EINVAL), "and no WouldBlock");
        }
    }
    watch.poller.remove(&listener).unwrap();
    watch.expect_silence();
}

#[test]
fn a_terminal_is_a_source_where_the_kernel_takes_it() {
    let (mut master, slave) = ffi::pseudoterminal();
    let mut watch = Watch::new();
    match watch.poller.add(&slave, Token::new(1), READABLE, Trigger::Level) {
        Err(error) if cfg!(target_vendor = "apple") => {
            assert_ne!(error.kind(), ErrorKind::Unsupported, "a terminal does block");
            return;
        }
        result => result.unwrap(),
    }
    watch.expect_not(1, Event::is_readable);
    master.write_all(b"a line").unwrap();
    watch.expect_not(1, Event::is_readable);
    master.write_all(b"\n").unwrap();
    watch.expect(1, Event::is_readable);
}
