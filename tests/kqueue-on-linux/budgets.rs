//! What the calls cost on a kqueue: each operation is one kevent(2), however many changes it is made of, and `add` and `modify`
//! ask once more what kind of file it is.

#[path = "../../multiplex/tests/budgets/tools.rs"]
#[allow(dead_code, reason = "instructions are counted on epoll alone")]
mod tools;

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

/// Does nothing in a usual run; under strace it is the program whose calls are counted.
#[test]
fn work() {
    let Ok(text) = std::env::var(tools::WORK) else {
        return;
    };
    let (name, rounds) = text.split_once(':').expect("NAME:ROUNDS");
    let poller = Poller::new().unwrap();
    let mut events = Events::with_capacity(16);
    let (a, _b) = UnixStream::pair().unwrap();
    let waker = Waker::new(&poller, Token::new(2)).unwrap();
    let (token, both) = (Token::new(1), Interest::BOTH);
    poller.add(&a, token, both, Trigger::Level).unwrap();
    for _ in 0..rounds.parse().expect("a number of rounds") {
        match name {
            "add" => poller.add(&a, token, both, Trigger::Level),
            "modify" => poller.modify(&a, token, both, Trigger::Level),
            "add_new" => drop_error(poller.add_new(&a, token, both, Trigger::Level)),
            "modify_existing" => drop_error(poller.modify_existing(&a, token, both, Trigger::Level)),
            "remove" => drop_error(poller.remove(&a)),
            "wait" => poller.wait(&mut events, Some(Duration::ZERO)),
            "wake" => waker.wake(),
            _ => panic!("no such work: {name}"),
        }
        .unwrap();
    }
}

/// A strict form that finds something else, or nothing: it costs the same.
fn drop_error(_: std::io::Result<()>) -> std::io::Result<()> {
    Ok(())
}

/// std asks by statx(2) on Linux, and by fstat(2) on a BSD. The emulation makes other calls of its own, and this one never.
#[test]
fn what_registers_takes_one_fstat_and_nothing_else_does() {
    set_mode(Mode::default());
    for (name, wanted) in [
        ("add", 1.0),
        ("modify", 1.0),
        ("add_new", 1.0),
        ("modify_existing", 1.0),
        ("remove", 0.0),
        ("wait", 0.0),
        ("wake", 0.0),
    ] {
        let Some(calls) = tools::system_calls(name, &["-e", "trace=statx"]) else {
            return;
        };
        assert!(
            (calls - wanted).abs() < 0.02,
            "{name}: {calls} times statx(2), not {wanted}"
        );
    }
}
