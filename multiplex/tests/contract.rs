//! The contract of multiplex, run on every backend.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger, Waker};

#[test]
fn a_listener_a_stream_and_a_waker_are_told_apart() {
    let poller = Poller::new().unwrap();
    let mut events = Events::with_capacity(8);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    poller
        .add_listener(&listener, Token::new(1), Fanout::Exclusive)
        .unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    poller.wait(&mut events, Some(Duration::from_secs(10))).unwrap();
    let event = events.iter().next().unwrap();
    assert!(
        event.is_acceptable() && event.token() == Token::new(1),
        "{event:?}"
    );

    let (mut stream, _) = listener.accept().unwrap();
    poller
        .add(&stream, Token::new(2), Interest::READABLE, Trigger::Level)
        .unwrap();
    client.write_all(b"hi").unwrap();
    poller.wait(&mut events, Some(Duration::from_secs(10))).unwrap();
    let event = events.iter().next().unwrap();
    assert!(event.is_readable() && event.token() == Token::new(2), "{event:?}");
    stream.read_exact(&mut [0; 2]).unwrap();

    let waker = Waker::new(&poller, Token::new(3)).unwrap();
    waker.wake().unwrap();
    poller.wait(&mut events, Some(Duration::from_secs(10))).unwrap();
    let event = events.iter().next().unwrap();
    assert!(event.is_wake() && event.token() == Token::new(3), "{event:?}");
    poller
        .wait(&mut events, Some(Duration::from_micros(1500)))
        .unwrap();
    assert!(events.is_empty(), "{events:?}");
}
