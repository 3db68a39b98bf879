//! What the server allocates, counted by the allocator of this very process, which embeds it. One test only: another
//! one beside it would be counted too. The clients here allocate nothing while it counts.

mod ffi;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::atomic::Ordering;
use std::time::Instant;

use ffi::{ALLOCATIONS, Counting, LIVE};
use server_bin::Server;
use server_bin::demo::Demo;
use server_bin::operate::log::{Format, Log, Settings, Target};
use server_bin::operate::logged::Logged;
use server_bin::operate::proxy_protocol::Trusted;
use support::{PATIENCE, crowd};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const REQUEST: &[u8] =
    b"GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: budget\r\nAccept: */*\r\n\r\n";
const END: &[u8] = b"\r\n\r\nHello, World!";
const PIPELINED: usize = 16;
const HELD: usize = 9_000;
/// What time alone may cost: a slot of the timing wheel that grows once, a line of the test harness. One allocation per
/// request would be thousands.
const FEW: u64 = 8;

/// Sends these requests at once and reads all the answers, into the stack.
fn ask(stream: &mut TcpStream, requests: &[u8], count: usize) {
    stream.write_all(requests).expect("the server reads");
    let (mut answers, mut filled, mut answered) = ([0; 16 * 1024], 0, 0);
    while answered < count {
        let read = stream.read(&mut answers[filled..]).expect("an answer in time");
        assert!(read > 0, "the server closed the connection");
        filled += read;
        answered = answers[..filled]
            .windows(END.len())
            .filter(|window| *window == END)
            .count();
    }
    assert!(answers.starts_with(b"HTTP/1.1 200 "));
}

/// Allocations that so many turns make.
fn allocations(stream: &mut TcpStream, requests: &[u8], count: usize, turns: usize) -> u64 {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..turns {
        ask(stream, requests, count);
    }
    ALLOCATIONS.load(Ordering::Relaxed) - before
}

#[test]
fn a_request_allocates_nothing_and_an_idle_connection_holds_little() {
    // Both ends of each connection are this process's.
    crowd::make_room(2 * HELD as u64);
    let demo = Demo::new().expect("the demonstration");
    let server = Server::with(demo)
        .listen("127.0.0.1:0".parse().expect("an address"))
        .workers(1);
    let running = server.spawn().expect("a free port");
    let address = running.addresses()[0].tcp().expect("a TCP address");

    // Buffers are taken once; what comes after that is free.
    let mut lone = crowd::connect(address, 0);
    ask(&mut lone, REQUEST, 1);
    let (once, twice) = (
        allocations(&mut lone, REQUEST, 1, 1000),
        allocations(&mut lone, REQUEST, 1, 2000),
    );
    println!("allocations in 1,000 and in 2,000 keep-alive requests: {once} and {twice}");
    assert!(
        once.max(twice) <= FEW,
        "{once} and {twice} allocations in 1,000 and in 2,000 keep-alive requests"
    );

    let pipeline = REQUEST.repeat(PIPELINED);
    ask(&mut lone, &pipeline, PIPELINED);
    let pipelined = allocations(&mut lone, &pipeline, PIPELINED, 100);
    println!("allocations in 1,600 pipelined requests: {pipelined}");
    assert!(
        pipelined <= FEW,
        "{pipelined} allocations in 1,600 pipelined requests"
    );

    let mut held = Vec::with_capacity(HELD);
    let mut hold = |from: usize, to: usize| {
        for index in from..to {
            let mut stream = crowd::connect(address, index);
            ask(&mut stream, REQUEST, 1);
            held.push(stream);
        }
        LIVE.load(Ordering::Relaxed)
    };
    let (few, many) = (hold(0, 1_000), hold(1_000, HELD));
    let each = (many - few) as f64 / 8_000.0;
    println!("heap per idle connection, from 1,000 to 9,000: {each:.1} bytes (must 256, goal 192)");
    assert!(each <= 256.0, "{each} bytes of heap per idle connection");

    drop(held);
    running.handle().stop();
    running.join().expect("the workers end");
    the_access_log_allocates_nothing_for_a_request();
}

/// The writer's thread makes the text of a time for each look into the rings, every 50 ms, and is counted too.
fn the_access_log_allocates_nothing_for_a_request() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("log");
    let settings = Settings {
        access: Some((Target::File(path.clone()), Format::Json)),
        ..Settings::default()
    };
    let log = Log::start(settings).expect("a file");
    let demo = Demo::new().expect("the demonstration");
    let server = Server::with(Logged::new(demo, log.lines(), Trusted::default()))
        .listen("127.0.0.1:0".parse().expect("an address"))
        .workers(1);
    let running = server.spawn().expect("a free port");
    let address = running.addresses()[0].tcp().expect("a TCP address");
    let mut lone = crowd::connect(address, 0);
    // Until every buffer has its size.
    ask(&mut lone, REQUEST, 1);
    allocations(&mut lone, REQUEST, 1, 1000);
    let started = Instant::now();
    let made = allocations(&mut lone, REQUEST, 1, 5000);
    let looks = started.elapsed().as_millis() as u64 / 50 + 2;
    println!("allocations in 5,000 requests with the log on: {made}, in at most {looks} looks of the writer");
    // Three to six were counted for each look. Three times as many leave room for the buffers that become larger when a
    // look is late, and for looks that come early because a batch is half full. But the looks grow with the time that a busy
    // machine takes: from 8 s on half an allocation for each request is the bound, or one for each would pass at some point.
    let most = (16 * looks).min(2_500);
    assert!(
        made <= most,
        "{made} allocations in 5,000 requests and {looks} looks, the most is {most}"
    );
    running.handle().stop();
    running.join().expect("the workers end");
    log.finish(PATIENCE);
    let text = std::fs::read_to_string(&path).expect("the log");
    assert_eq!(text.lines().count(), 6001);
}
