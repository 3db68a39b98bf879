//! Faults of the worker that were found by reading: each test failed before its fault was mended.
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use http_core::{Head, ResponseHead};
use server_bin::handler::{BodySource, Completed, Completer, Context, Decision, Notifier, Pulled, Reply};
use server_bin::{Server, Settings};

const MS: Duration = Duration::from_millis(1);

/// On news it makes more than one turn's share, and its client shuts its side meanwhile; then it waits for ever.
struct Burst {
    left: usize,
    client: Arc<Mutex<Option<TcpStream>>>,
}
impl BodySource for Burst {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        match self.left {
            // The first pull and the one behind the turn that has yielded.
            17 => {
                self.left = 16;
                Pulled::Wait
            }
            0 => Pulled::Wait,
            n => {
                self.left = n - 1;
                out.extend_from_slice(&[b'x'; 16 * 1024]);
                sleep(5 * MS);
                if n == 1 {
                    let client = self.client.lock().unwrap();
                    client.as_ref().unwrap().shutdown(Shutdown::Write).unwrap();
                    sleep(20 * MS);
                }
                Pulled::More
            }
        }
    }
}

#[test]
fn a_fin_that_comes_while_a_stream_has_yielded_is_not_lost() {
    let client: Arc<Mutex<Option<TcpStream>>> = Arc::default();
    let notifier: Arc<Mutex<Option<Notifier>>> = Arc::default();
    let (given, kept) = (client.clone(), notifier.clone());
    let server = Server::new(move |_: &Head<'_>, cx: &mut Context<'_>| {
        *kept.lock().unwrap() = Some(cx.notifier());
        Decision::from(Box::new(Burst {
            left: 17,
            client: given.clone(),
        }) as Box<dyn BodySource>)
    })
    .settings(Settings {
        half_closed_timeout: 500 * MS,
        ..Settings::default()
    })
    .workers(1)
    .listen("127.0.0.1:0".parse().unwrap());
    let running = server.spawn().unwrap();
    let mut stream = TcpStream::connect(running.addresses()[0].tcp().unwrap()).unwrap();
    *client.lock().unwrap() = Some(stream.try_clone().unwrap());
    stream.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    sleep(200 * MS);
    let reader = thread::spawn(move || {
        stream.set_read_timeout(Some(5000 * MS)).unwrap();
        let (start, mut all, mut buffer) = (Instant::now(), 0, vec![0; 65536]);
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return (all, start.elapsed(), true),
                Ok(n) => all += n,
                Err(_) => return (all, start.elapsed(), false),
            }
        }
    });
    notifier.lock().unwrap().as_ref().unwrap().notify();
    let (all, time, ended) = reader.join().unwrap();
    let phases = running.counters().read(1000 * MS)[0].phases;
    running.handle().stop();
    let _ = running.join();
    assert!(
        ended,
        "after {time:?} and {all} bytes it still waits; phases {phases:?}"
    );
}

struct Bomb;
impl BodySource for Bomb {
    fn pull(&mut self, _: &mut Vec<u8>) -> Pulled {
        Pulled::End
    }
}
impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("on purpose")
    }
}

#[test]
fn an_answer_for_a_client_that_has_gone_may_panic_in_its_drop() {
    let place: Arc<Mutex<Option<Completer>>> = Arc::default();
    let given = place.clone();
    let server = Server::new(move |head: &Head<'_>, cx: &mut Context<'_>| -> Reply {
        if head.target_str() == "/later" {
            let (ticket, completer) = cx.later();
            *given.lock().unwrap() = Some(completer);
            return ticket.into();
        }
        "hello".into()
    })
    .workers(1)
    .listen("127.0.0.1:0".parse().unwrap());
    let running = server.spawn().unwrap();
    let address = running.addresses()[0].tcp().unwrap();
    let mut gone = TcpStream::connect(address).unwrap();
    gone.write_all(b"GET /later HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    sleep(100 * MS);
    // A reset: its connection ends at once.
    let socket = socket2::SockRef::from(&gone);
    socket.set_linger(Some(Duration::ZERO)).unwrap();
    drop(gone);
    let start = Instant::now();
    while running.handle().connections() > 0 {
        assert!(start.elapsed() < 5000 * MS, "the reset is noticed");
        sleep(10 * MS);
    }
    let completer = place.lock().unwrap().take().unwrap();
    completer.complete(ResponseHead::new(200), Completed::Pull(Box::new(Bomb)));
    sleep(200 * MS);
    let mut next = TcpStream::connect(address).expect("the server still listens");
    next.set_read_timeout(Some(2000 * MS)).unwrap();
    next.write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        .unwrap();
    let mut text = String::new();
    let read = next.read_to_string(&mut text);
    running.handle().stop();
    let end = running.join();
    assert!(
        read.is_ok() && text.contains("hello") && end.is_ok(),
        "{read:?} {text:?} {end:?}"
    );
}

struct Deaf(Arc<std::sync::atomic::AtomicU64>);
impl server_bin::handler::Protocol for Deaf {
    fn ready(
        &mut self,
        _: &mut server_bin::handler::Io<'_>,
        _: server_bin::handler::Happened,
        _: Instant,
    ) -> server_bin::handler::Wants {
        self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        server_bin::handler::Wants::Read
    }
}

#[test]
fn a_protocol_that_does_not_read_what_it_waits_for_is_no_busy_loop() {
    let count: Arc<std::sync::atomic::AtomicU64> = Arc::default();
    let given = count.clone();
    let server = Server::new(move |_: &Head<'_>, cx: &mut Context<'_>| {
        cx.field("upgrade", "deaf");
        Decision::Upgrade(Box::new(Deaf(given.clone())))
    })
    .workers(1)
    .listen("127.0.0.1:0".parse().unwrap());
    let running = server.spawn().unwrap();
    let mut stream = TcpStream::connect(running.addresses()[0].tcp().unwrap()).unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: deaf\r\n\r\n")
        .unwrap();
    sleep(100 * MS);
    stream.shutdown(Shutdown::Write).unwrap();
    sleep(1000 * MS);
    let calls = count.load(std::sync::atomic::Ordering::Relaxed);
    running.handle().stop();
    let _ = running.join();
    assert!(calls < 1000, "{calls} calls in a second");
}

#[test]
fn a_connection_that_never_said_anything_is_not_cut_off_in_a_request() {
    let server = Server::new(|_: &Head<'_>, _: &mut Context<'_>| "hello")
        .workers(1)
        .settings(Settings {
            drain_timeout: 300 * MS,
            ..Settings::default()
        })
        .listen("127.0.0.1:0".parse().unwrap());
    let running = server.spawn().unwrap();
    let _silent = TcpStream::connect(running.addresses()[0].tcp().unwrap()).unwrap();
    sleep(100 * MS);
    running.handle().drain();
    assert_eq!(running.join().unwrap(), 0);
}

struct Line;
impl server_bin::Preamble for Line {
    fn opening(&self, _: Option<std::net::SocketAddr>) -> server_bin::Opening {
        server_bin::Opening::Preface
    }
    fn read(&self, bytes: &[u8]) -> server_bin::Preface {
        match bytes.iter().position(|&byte| byte == b'\n') {
            Some(at) => server_bin::Preface::Whole {
                length: at + 1,
                source: None,
            },
            None => server_bin::Preface::Incomplete,
        }
    }
}

fn behind_a_proxy() -> (server_bin::Running, TcpStream) {
    let server = Server::new(|_: &Head<'_>, _: &mut Context<'_>| "hello")
        .workers(1)
        .preamble(Line)
        .settings(Settings {
            head_timeout: 1000 * MS,
            ..Settings::default()
        })
        .listen("127.0.0.1:0".parse().unwrap());
    let running = server.spawn().unwrap();
    let stream = TcpStream::connect(running.addresses()[0].tcp().unwrap()).unwrap();
    stream.set_read_timeout(Some(3000 * MS)).unwrap();
    (running, stream)
}

#[test]
fn a_connection_that_is_silent_behind_its_preface_has_the_time_of_a_head() {
    let (running, mut stream) = behind_a_proxy();
    stream.write_all(b"PROXY\n").unwrap();
    let end = stream.read(&mut [0; 10]);
    running.handle().stop();
    let _ = running.join();
    assert!(matches!(end, Ok(0)), "{end:?}");
}

#[test]
fn a_head_behind_a_preface_has_its_own_time() {
    let (running, mut stream) = behind_a_proxy();
    sleep(800 * MS);
    stream.write_all(b"PROXY\nGET / HT").unwrap();
    sleep(500 * MS);
    let _ = stream.write_all(b"TP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    let mut text = String::new();
    let read = stream.read_to_string(&mut text);
    running.handle().stop();
    let _ = running.join();
    assert!(text.contains(" 200 "), "{read:?} {text}");
}
