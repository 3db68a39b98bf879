//! The buffer of events, and events as values.

use std::io::Write;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;

use multiplex::{Event, Events, Fanout, Token, Trigger, Waker};

use super::support::*;

/// A poller for which so many sources are readable, with one event each.
fn readable_sources(watch: &Watch, count: usize) -> Vec<(UnixStream, UnixStream)> {
    let pairs: Vec<_> = (0..count).map(|_| pair()).collect();
    for (token, (a, b)) in pairs.iter().enumerate() {
        (&*b).write_all(b"abc").unwrap();
        watch
            .poller
            .add(a, Token::new(token), READABLE, Trigger::Level)
            .unwrap();
    }
    pairs
}

/// Looks until one look brings all of so many ready sources: a kernel may bring them in parts.
fn look_at_all(watch: &mut Watch, count: usize) -> Vec<Event> {
    (0..100)
        .map(|_| watch.look())
        .find(|events| events.len() == count)
        .expect("all in one look")
}

#[test]
fn events_are_found_by_their_place_in_the_order_of_the_iterator() {
    let mut watch = Watch::new();
    let _sources = readable_sources(&watch, 5);
    let listed = look_at_all(&mut watch, 5);
    let found: Vec<_> = (0..5).map(|index| watch.events.get(index).unwrap()).collect();
    assert_eq!(found, listed);
    assert_eq!((watch.events.get(5), watch.events.get(usize::MAX)), (None, None));
    watch.events.clear();
    assert_eq!(watch.events.get(0), None);
}

#[test]
fn a_clone_of_the_iterator_goes_on_from_the_same_place() {
    let mut watch = Watch::new();
    let _sources = readable_sources(&watch, 4);
    look_at_all(&mut watch, 4);
    let mut events = watch.events.iter();
    let first = events.next();
    let rest: Vec<_> = events.clone().collect();
    assert_eq!((first, rest.len()), (watch.events.get(0), 3));
    assert!(events.eq(rest), "the clone took nothing away");
}

#[test]
fn the_default_buffer_takes_a_batch() {
    let mut watch = Watch::new();
    watch.events = Events::default();
    let _sources = readable_sources(&watch, 100);
    assert!(watch.events.is_empty());
    look_at_all(&mut watch, 100);
}

#[test]
fn events_are_equal_when_they_say_the_same() {
    let mut watch = Watch::new();
    let ((a, b), listener) = (pair(), tcp_listener());
    let waker = Waker::new(&watch.poller, Token::new(1)).unwrap();
    waker.wake().unwrap();
    let wake = watch.expect(1, Event::is_wake);
    waker.wake().unwrap();
    assert_eq!(watch.expect(1, Event::is_wake), wake);

    let token = Token::new(1);
    watch
        .poller
        .add_listener(&listener, token, Fanout::Shared)
        .unwrap();
    let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let accept = watch.expect(1, Event::is_acceptable);
    watch.poller.remove(&listener).unwrap();
    watch.poller.add(&a, token, READABLE, Trigger::Level).unwrap();
    (&b).write_all(b"!").unwrap();
    let readable = watch.expect(1, Event::is_readable);
    assert_eq!(watch.expect(1, Event::is_readable), readable);
    watch.poller.modify(&a, token, WRITABLE, Trigger::Level).unwrap();
    let writable = watch.expect(1, Event::is_writable);
    watch
        .poller
        .modify(&a, Token::new(2), WRITABLE, Trigger::Level)
        .unwrap();
    let other = watch.expect(2, Event::is_writable);
    let all = [wake, accept, readable, writable, other];
    for (n, one) in all.iter().enumerate() {
        assert!(all[..n].iter().all(|before| before != one), "{one:?} twice");
    }
}
