//! The end of a server for whose connections the kernel waits until their clients have sent something.
#![cfg(target_os = "linux")]

use std::net::SocketAddr;
use std::thread;
use std::time::{Duration, Instant};

use server_bin::{AcceptMode, Running, Server, SocketOptions, Sockets};
use support::Client;

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
const SECOND: Duration = Duration::from_secs(1);

fn server(workers: usize, mode: AcceptMode, deferral: Duration) -> Server {
    Server::new(|_, _| "hello")
        .workers(workers)
        .accept(mode)
        .defer_accept(deferral)
}

fn address(running: &Running) -> SocketAddr {
    running.addresses()[0].tcp().expect("a TCP address")
}

fn connect(address: SocketAddr, clients: usize) -> Vec<Client> {
    (0..clients).map(|_| Client::connect(address)).collect()
}

/// How many connections the server has taken in so far.
fn accepted(running: &Running) -> u64 {
    let counted = running.counters().read(SECOND);
    counted.iter().map(|worker| worker.accepted).sum()
}

#[test]
fn clients_that_were_held_back_when_a_drain_began_are_answered() {
    for (mode, workers) in [
        (AcceptMode::Reuseport, 1),
        (AcceptMode::Reuseport, 2),
        (AcceptMode::Shared, 2),
    ] {
        let listening = server(workers, mode, 3 * SECOND).listen("127.0.0.1:0".parse().expect("an address"));
        let running = listening.spawn().expect("a free port");
        let mut clients = connect(address(&running), 20);
        thread::sleep(SECOND / 2);
        clients.extend(connect(address(&running), 20));
        assert_eq!(accepted(&running), 0);
        running.handle().drain();
        let start = Instant::now();
        // It still listens, and these come shortly before it does not any more.
        thread::sleep(SECOND * 22 / 10);
        clients.extend(connect(address(&running), 20));
        for (number, client) in clients.iter_mut().rev().enumerate() {
            // They send until well after the listeners have closed.
            let at = SECOND * 23 / 10 + Duration::from_millis(20) * number as u32;
            thread::sleep(at.saturating_sub(start.elapsed()));
            let answer = client.exchange(REQUEST).expect("an answer, and no reset");
            assert!(answer.status == 200 && answer.says_close(), "{mode} {workers}");
        }
        assert_eq!(running.join().expect("an orderly end"), 0, "{mode} {workers}");
    }
}

#[test]
fn a_drain_without_clients_waits_only_where_some_may_be_held_back() {
    for (deferral, least, most) in [(Duration::ZERO, 0, 1400), (SECOND, 1500, 5000)] {
        let listening =
            server(2, AcceptMode::Shared, deferral).listen("127.0.0.1:0".parse().expect("an address"));
        let running = listening.spawn().expect("a free port");
        running.handle().drain();
        let start = Instant::now();
        running.join().expect("an orderly end");
        let took = start.elapsed().as_millis();
        assert!((least..most).contains(&took), "{took} ms with {deferral:?}");
    }
}

#[test]
fn a_server_that_hands_its_sockets_over_leaves_those_that_are_held_back_to_the_next_one() {
    let (mode, deferral) = (AcceptMode::Shared, 7 * SECOND);
    let options = SocketOptions {
        workers: 1,
        accept: mode,
        mode: None,
    };
    let sockets =
        Sockets::bind(&["127.0.0.1:0".parse().expect("an address")], &options).expect("a free port");
    let again = sockets.duplicate().expect("a descriptor");
    let old = server(1, mode, deferral)
        .listen_on(sockets)
        .spawn()
        .expect("a server");
    let mut clients = connect(address(&old), 20);
    let new = server(1, mode, deferral)
        .listen_on(again)
        .spawn()
        .expect("a server");
    old.handle().hand_over();
    old.handle().drain();
    let start = Instant::now();
    old.join().expect("an orderly end");
    assert!(
        start.elapsed() < SECOND,
        "{:?}: it waits for nobody",
        start.elapsed()
    );
    // The sockets hold clients back as they did.
    clients.extend(connect(address(&new), 20));
    thread::sleep(SECOND / 5);
    assert_eq!(accepted(&new), 0);
    for client in &mut clients {
        let answer = client.exchange(REQUEST).expect("an answer, and no reset");
        assert!(answer.status == 200 && !answer.says_close());
    }
    new.handle().stop();
    new.join().expect("an orderly end");
}
