//! What the calls cost on a kqueue: each operation is one kevent(2), however many changes it is made of.

use std::net::TcpListener;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use kqueue_provider::{Mode, calls_of_this_thread, set_mode};
use multiplex::{Events, Fanout, Interest, Poller, Token, Trigger, Waker};

#[track_caller]
fn is_one_call<T>(what: &str, operation: impl FnOnce() -> std::io::Result<T>) -> T {
    let before = calls_of_this_thread();
    let result = operation().expect(what);
    assert_eq!(calls_of_this_thread() - before, 1, "calls of kevent for {what}");
    result
}

/// Without chaos, whose interruptions make a call be sent again.
#[test]
fn each_operation_is_one_call_of_kevent() {
    set_mode(Mode::default());
    let poller = Poller::new().unwrap();
    let mut events = Events::with_capacity(16);
    let (a, _b) = UnixStream::pair().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (token, both) = (Token::new(1), Interest::BOTH);
    for trigger in [Trigger::Level, Trigger::Edge, Trigger::OneShot] {
        is_one_call("add", || poller.add(&a, token, both, trigger));
        is_one_call("add again", || poller.add(&a, token, both, trigger));
        is_one_call("modify", || poller.modify(&a, token, Interest::WRITABLE, trigger));
        for timeout in [None, Some(Duration::ZERO), Some(Duration::from_micros(1500))] {
            is_one_call("wait", || poller.wait(&mut events, timeout));
            assert_eq!(events.len(), 1);
            is_one_call("modify", || poller.modify(&a, token, Interest::WRITABLE, trigger));
        }
        is_one_call("remove", || poller.remove(&a));
        is_one_call("modify of what is not there", || {
            poller.modify(&a, token, both, trigger)
        });
        poller.remove(&a).unwrap();
    }
    for fanout in [Fanout::Shared, Fanout::Exclusive] {
        is_one_call("add_listener", || poller.add_listener(&listener, token, fanout));
    }
    let waker = is_one_call("a waker", || Waker::new(&poller, token));
    is_one_call("wake", || waker.wake());
    is_one_call("wait for a wake", || poller.wait(&mut events, None));
    assert!(events.iter().all(|event| event.is_wake()) && events.len() == 1);
}
