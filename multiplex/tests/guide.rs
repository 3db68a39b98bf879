//! What the guide says about single systems, tried on the one at hand: so each test says what each backend does.

mod support;

use std::net::{TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use multiplex::{Events, Fanout, Poller, Token, Trigger};
use support::*;

/// Chapter `dup`.
#[test]
fn a_source_closed_without_a_removal_while_a_dup_lives_stays_in_epoll_only() {
    let mut watch = Watch::new();
    let (a, b) = pair();
    let twin = a.try_clone().unwrap();
    watch
        .poller
        .add(&a, Token::new(1), READABLE, Trigger::Level)
        .unwrap();
    drop(a);
    drop(b);
    for _ in 0..3 {
        assert_eq!(!watch.look().is_empty(), EPOLL);
    }
    let error = watch.poller.remove(&twin).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    assert_eq!(!watch.look().is_empty(), EPOLL);
    drop(twin);
    watch.expect_silence();
}

/// Two pollers wait for a listener; whoever is told leaves without accepting. Says how many were told within the limit.
fn told_before_they_leave(fanout: Fanout, limit: Duration) -> usize {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.set_nonblocking(true).unwrap();
    let pollers = [(); 2].map(|()| Poller::new().unwrap());
    for poller in &pollers {
        poller.add_listener(&listener, Token::new(1), fanout).unwrap();
    }
    let leave = |poller: &Poller| {
        let mut events = Events::with_capacity(4);
        poller.wait(&mut events, Some(limit)).unwrap();
        if !events.is_empty() {
            poller.remove(&listener).unwrap();
        }
        events.len()
    };
    thread::scope(|scope| {
        let waiting = pollers.each_ref().map(|poller| scope.spawn(|| leave(poller)));
        // Both sleep in the kernel by then, as a rule.
        thread::sleep(Duration::from_millis(200));
        let _client = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        waiting.map(|thread| thread.join().unwrap()).iter().sum()
    })
}

/// Chapters `sharing_listeners` and `out_of_fds`.
#[test]
fn whoever_is_told_by_an_exclusive_listener_and_leaves_keeps_it_from_the_others() {
    assert_eq!(told_before_they_leave(Fanout::Shared, PATIENCE), 2);
    if EPOLL {
        // On a busy machine one may begin to wait too late, and find the connection then, or both give up too early.
        let limit = Duration::from_millis(500);
        assert!((0..5).any(|_| told_before_they_leave(Fanout::Exclusive, limit) == 1));
    } else {
        assert_eq!(told_before_they_leave(Fanout::Exclusive, PATIENCE), 2);
    }
}

/// The errors of `Poller::add`. Nothing is tried with a kqueue: what a real one does then, no manual says.
#[test]
#[cfg(all(any(target_os = "linux", target_os = "android"), not(multiplex_kqueue)))]
fn pollers_in_each_other_are_refused_by_epoll() {
    let add = |outer: &Poller, inner: &Poller| outer.add(inner, Token::new(1), READABLE, Trigger::Level);
    let [a, b] = [(); 2].map(|()| Poller::new().unwrap());
    add(&a, &b).unwrap();
    assert_eq!(add(&b, &a).unwrap_err().raw_os_error(), Some(libc::ELOOP));
    let dup = std::os::fd::AsFd::as_fd(&a).try_clone_to_owned().unwrap();
    let error = a.add(&dup, Token::new(1), READABLE, Trigger::Level).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);

    let chain = [(); 6].map(|()| Poller::new().unwrap());
    for links in chain.windows(2).take(4) {
        add(&links[0], &links[1]).unwrap();
    }
    assert_eq!(
        add(&chain[4], &chain[5]).unwrap_err().raw_os_error(),
        Some(libc::ELOOP)
    );
}
