//! The end of a server for whose connections the kernel waits until their clients have sent something.
#![cfg(target_os = "linux")]

use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use server_bin::{AcceptMode, Running, Server, Settings, SocketOptions, Sockets};
use support::{Client, PATIENCE};

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
    // A worker that does not answer in time would be told of as it was before.
    let asked = Instant::now();
    let counted = running.counters().read(PATIENCE);
    assert!(
        asked.elapsed() < PATIENCE,
        "a worker does not say what it has counted"
    );
    counted.iter().map(|worker| worker.accepted).sum()
}

#[test]
fn clients_that_were_held_back_when_a_drain_began_are_answered() {
    // All at once, because each waits for more than five seconds.
    thread::scope(|scope| {
        for (mode, workers) in [
            (AcceptMode::Reuseport, 1),
            (AcceptMode::Reuseport, 2),
            (AcceptMode::Shared, 2),
        ] {
            scope.spawn(move || they_are_answered(mode, workers));
        }
    });
}

fn they_are_answered(mode: AcceptMode, workers: usize) {
    // The listeners close four and a half seconds after the drain has begun. So long a client may wait for its SYN-ACK to come
    // once more, and half a second belongs to those that are on their way.
    let (deferral, open_for) = (7 * SECOND, 45 * SECOND / 10);
    let settings = Settings {
        drain_idle_timeout: PATIENCE,
        ..Settings::default()
    };
    let listening = server(workers, mode, deferral)
        .settings(settings)
        .listen("127.0.0.1:0".parse().expect("an address"));
    let running = listening.spawn().expect("a free port");
    let mut clients = connect(address(&running), 20);
    thread::sleep(SECOND / 2);
    clients.extend(connect(address(&running), 20));
    assert_eq!(accepted(&running), 0);
    let start = Instant::now();
    running.handle().drain();
    clients.extend(those_that_come_meanwhile(address(&running), start, open_for));
    for (number, client) in clients.iter_mut().rev().enumerate() {
        // They send when the listeners have closed, and until well after that.
        let at = open_for + Duration::from_millis(20) * number as u32;
        thread::sleep(at.saturating_sub(start.elapsed()));
        let answer = client.exchange(REQUEST).expect("an answer, and no reset");
        assert!(answer.status == 200 && answer.says_close(), "{mode} {workers}");
    }
    assert_eq!(running.join().expect("an orderly end"), 0, "{mode} {workers}");
}

/// Clients that connect while a drain waits for others, some of them shortly before the listeners close.
fn those_that_come_meanwhile(address: SocketAddr, start: Instant, open_for: Duration) -> Vec<Client> {
    // One that comes in the last moment may be reset, as at every listener that closes.
    let surely_open = open_for - SECOND / 2;
    let mut clients = Vec::new();
    for number in 0..20 {
        let at = surely_open * number / 20;
        thread::sleep(at.saturating_sub(start.elapsed()));
        let client = TcpStream::connect_timeout(&address, PATIENCE);
        // On a machine that is busy they come later than they should.
        match client {
            Ok(_) if start.elapsed() > surely_open => break,
            Ok(stream) => clients.push(Client::over(stream)),
            Err(error) => {
                assert!(
                    start.elapsed() >= open_for,
                    "a server that drains still listens: {error}"
                );
                break;
            }
        }
    }
    assert!(!clients.is_empty(), "nobody could connect in {open_for:?}");
    clients
}

#[test]
fn a_drain_without_clients_waits_only_where_some_may_be_held_back() {
    // Were it to wait without a reason, it would be for as long as the other.
    for (deferral, least, most) in [(Duration::ZERO, 0, 3000), (7 * SECOND, 4500, 20_000)] {
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
    let (mode, deferral) = (AcceptMode::Shared, 15 * SECOND);
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
    // For those that are held back it would wait for eight seconds.
    let took = start.elapsed();
    assert!(took < 4 * SECOND, "{took:?}: it waits for nobody");
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
