//! Listeners: accept is a kind of its own.

use std::io;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;

use multiplex::{Event, Fanout, Token, Trigger};

use super::support::*;

fn connect(listener: &TcpListener) -> TcpStream {
    TcpStream::connect(listener.local_addr().unwrap()).unwrap()
}

fn says_nothing_but_acceptable(event: &Event) -> bool {
    event.is_acceptable()
        && event.backlog() != Some(0)
        && !event.is_readable()
        && !event.is_writable()
        && !event.is_read_closed()
        && !event.is_write_closed()
        && !event.is_error()
        && !event.is_wake()
}

#[test]
fn a_listener_is_acceptable_until_its_queue_is_empty() {
    for fanout in [Fanout::Shared, Fanout::Exclusive] {
        let mut watch = Watch::new();
        let listener = tcp_listener();
        watch
            .poller
            .add_listener(&listener, Token::new(1), fanout)
            .unwrap();
        watch.expect_silence();
        let _clients = [connect(&listener), connect(&listener), connect(&listener)];
        for _ in 0..3 {
            watch.expect(1, says_nothing_but_acceptable);
            listener.accept().unwrap();
        }
        watch.expect_silence();
        assert_eq!(listener.accept().unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let _client = connect(&listener);
        watch.expect(1, says_nothing_but_acceptable);
    }
}

#[test]
fn a_unix_listener_is_acceptable_until_its_queue_is_empty() {
    let path = std::env::temp_dir().join(format!("multiplex-{}-{:p}.sock", std::process::id(), &()));
    let listener = UnixListener::bind(&path).unwrap();
    let _clients = [
        UnixStream::connect(&path).unwrap(),
        UnixStream::connect(&path).unwrap(),
    ];
    std::fs::remove_file(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let mut watch = Watch::new();
    watch
        .poller
        .add_listener(&listener, Token::new(1), Fanout::Shared)
        .unwrap();
    for _ in 0..2 {
        watch.expect(1, says_nothing_but_acceptable);
        listener.accept().unwrap();
    }
    watch.expect_silence();
}

#[test]
fn the_answer_is_the_fanout_in_force() {
    let watch = Watch::new();
    let listener = tcp_listener();
    assert_eq!(
        watch
            .poller
            .add_listener(&listener, Token::new(1), Fanout::Shared)
            .unwrap(),
        Fanout::Shared
    );
    let linux = cfg!(any(target_os = "linux", target_os = "android")) && !cfg!(multiplex_kqueue);
    let wanted = if linux { Fanout::Exclusive } else { Fanout::Shared };
    for _ in 0..3 {
        // Registered anew, as one does to take the last place in the order of waking.
        assert_eq!(
            watch
                .poller
                .add_listener(&listener, Token::new(1), Fanout::Exclusive)
                .unwrap(),
            wanted
        );
    }
    watch.poller.remove(&listener).unwrap();
    expect_not_registered(&watch.poller, &listener);
}

#[test]
fn where_exclusive_is_in_force_a_connection_wakes_fewer_pollers() {
    if told_of_a_connection(Fanout::Exclusive).0 == Fanout::Shared {
        return;
    }
    // The kernel promises to wake one or more, and a thread that begins to wait late finds the connection anyway. So
    // several rounds are compared, and on a busy machine more than once.
    let told = |fanout| (0..5).map(|_| told_of_a_connection(fanout).1).sum::<usize>();
    let fewer = || {
        let (shared, exclusive) = (told(Fanout::Shared), told(Fanout::Exclusive));
        println!("{exclusive} of 20 were told exclusively, {shared} otherwise");
        assert!(exclusive >= 5);
        exclusive < shared
    };
    assert!((0..5).any(|_| fewer()));
}

/// Four pollers wait while a connection comes: the fanout in force, and how many pollers are told.
fn told_of_a_connection(fanout: Fanout) -> (Fanout, usize) {
    let listener = tcp_listener();
    let mut watches: Vec<_> = (0..4).map(|_| Watch::new()).collect();
    let mut in_force = Fanout::Shared;
    for watch in &watches {
        in_force = watch
            .poller
            .add_listener(&listener, Token::new(1), fanout)
            .unwrap();
    }
    let told = thread::scope(|scope| {
        let waiters: Vec<_> = watches
            .iter_mut()
            .map(|watch| scope.spawn(|| watch.wait(MOMENT * 8).len()))
            .collect();
        thread::sleep(MOMENT * 3);
        let _client = connect(&listener);
        waiters.into_iter().map(|waiter| waiter.join().unwrap()).sum()
    });
    (in_force, told)
}

#[test]
fn a_connection_comes_to_a_poller_that_shares_the_listener() {
    for fanout in [Fanout::Shared, Fanout::Exclusive] {
        let mut watches = [Watch::new(), Watch::new(), Watch::new()];
        let listener = tcp_listener();
        for watch in &watches {
            watch
                .poller
                .add_listener(&listener, Token::new(1), fanout)
                .unwrap();
        }
        for _ in 0..5 {
            let _client = connect(&listener);
            // Exclusive promises at least one of them; who looks at a level-triggered queue sees it anyway.
            let mut told = 0;
            for watch in &mut watches {
                told += usize::from(watch.wait(MOMENT).iter().any(Event::is_acceptable));
            }
            assert!(told >= 1);
            listener.accept().unwrap();
            for watch in &mut watches {
                watch.expect_silence();
            }
        }
    }
}

#[test]
fn a_listener_becomes_a_source_and_a_source_a_listener() {
    let mut watch = Watch::new();
    let listener = tcp_listener();
    let _client = connect(&listener);
    for fanout in [
        Fanout::Shared,
        Fanout::Exclusive,
        Fanout::Exclusive,
        Fanout::Shared,
    ] {
        watch
            .poller
            .add_listener(&listener, Token::new(1), fanout)
            .unwrap();
        watch.expect(1, Event::is_acceptable);
        watch
            .poller
            .modify(&listener, Token::new(2), READABLE, Trigger::Level)
            .unwrap();
        watch.expect(2, Event::is_readable);
        watch.expect_not(1, any);
        watch.expect_not(2, Event::is_acceptable);
    }
}

#[test]
fn a_removed_listener_is_silent() {
    for fanout in [Fanout::Shared, Fanout::Exclusive] {
        let mut watch = Watch::new();
        let listener = tcp_listener();
        watch
            .poller
            .add_listener(&listener, Token::new(1), fanout)
            .unwrap();
        let _client = connect(&listener);
        watch.expect(1, Event::is_acceptable);
        watch.poller.remove(&listener).unwrap();
        watch.expect_silence();
    }
}
