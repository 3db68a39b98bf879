//! Requests that are never whole.

use std::io::Read as _;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use support::{Client, Launch, PATIENCE, Server, crowd, find};

use crate::{Attacked, MIB, overhead, push, small_client};

/// What has come on a connection by now.
fn received(mut stream: &TcpStream) -> Vec<u8> {
    let (mut all, mut piece) = (Vec::new(), [0; 4096]);
    while let Ok(count @ 1..) = stream.read(&mut piece) {
        all.extend_from_slice(&piece[..count]);
    }
    all
}

/// Whether an answer is 503 and says when to come again.
fn is_refusal(answer: &[u8]) -> bool {
    answer.starts_with(b"HTTP/1.1 503 ") && find(answer, b"\r\nretry-after: ").is_some()
}

/// How many of these connections were refused.
fn refused(streams: &[TcpStream]) -> usize {
    let is_refused = |stream: &&TcpStream| is_refusal(&received(stream));
    streams.iter().filter(is_refused).count()
}

fn admin_address(server: &Server) -> SocketAddr {
    let until = Instant::now() + PATIENCE;
    loop {
        let output = server.output();
        let line = output
            .lines()
            .find_map(|line| line.split_once("readiness on http://"));
        if let Some((_, address)) = line {
            return address.trim_end_matches('/').parse().expect("an address");
        }
        assert!(Instant::now() < until, "no admin listener: {output}");
        thread::sleep(Duration::from_millis(10));
    }
}

fn metric(admin: SocketAddr, name: &str) -> f64 {
    let text = Client::connect(admin)
        .exchange("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n")
        .expect("the metrics")
        .text();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok());
    value.unwrap_or_else(|| panic!("no {name}: {text}"))
}

#[test]
fn six_thousand_heads_that_never_end_take_no_more_than_they_may() {
    const HEADS: usize = 6_000;
    crowd::make_room(HEADS as u64);
    let attacked = Attacked::new("six_thousand_heads", || {
        let launch = Launch::new().args(["--workers", "2", "--max-memory", "64M", "--admin", "127.0.0.1:0"]);
        // Nobody is to be told 408, however long a busy machine needs until all are there.
        launch.args(["--head-timeout", "120s"])
    });
    let Some(attacked) = attacked else { return };
    let line = format!("X: {}\r\n", "x".repeat(995));
    let head = format!("GET / HTTP/1.1\r\nHost: a\r\n{}", line.repeat(30));
    let started = Instant::now();
    let mut streams = Vec::new();
    for index in 0..HEADS {
        let stream = crowd::connect(attacked.server.address(), index);
        stream.set_nonblocking(true).expect("it need not wait");
        let mut sent = 0;
        push(&stream, head.as_bytes(), &mut sent);
        streams.push(stream);
        if index % 500 == 0 {
            attacked.serves_others("/plaintext");
        }
    }
    attacked.serves_others("/plaintext");
    let admin = admin_address(&attacked.server);
    let held = metric(admin, "server_memory_bytes");
    assert!(
        held > 16.0 * MIB as f64 && held <= 64.0 * MIB as f64,
        "{held} bytes are held"
    );
    let limit = metric(admin, "server_limit{limit=\"memory_bytes\"}");
    assert_eq!(limit, 64.0 * MIB as f64);
    let given_up = metric(admin, "server_memory_refused_total");
    // All together have 180 MB.
    assert!(given_up >= 3_000.0, "{given_up} were given up");
    let peak = attacked.peak_growth();
    assert!(peak <= 64 * MIB + overhead(64 * MIB), "{peak} bytes at the peak");
    // Those that came first were answered; those that came last still have their time.
    let (first, last) = streams.split_at(HEADS / 2);
    assert!(refused(first) >= HEADS / 2 * 9 / 10);
    assert_eq!(refused(&last[last.len() - 100..]), 0);
    let said = attacked.server.output().matches("--max-memory").count();
    // Once a minute, and how often it was.
    let most = 2 + started.elapsed().as_secs() as usize / 60;
    assert!((1..=most).contains(&said), "it was said {said} times");
    drop(streams);
    attacked.recovers_from(HEADS as u64);
}

#[test]
fn uploads_that_are_withheld_take_no_more_than_they_may_and_an_honest_one_gets_through() {
    const UPLOADS: usize = 400;
    let attacked = Attacked::new("uploads_that_are_withheld", || {
        let launch = Launch::new().args(["--workers", "2", "--max-memory", "64M"]);
        // Those that stand still are refused for want of memory, and not for want of bytes.
        launch.args(["--body-timeout", "120s"])
    });
    let Some(attacked) = attacked else { return };
    let mut upload = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n".to_vec();
    upload.resize(upload.len() + 999_999, b'x');
    let streams: Vec<TcpStream> = (0..UPLOADS)
        .map(|index| small_client(attacked.server.address(), index))
        .collect();
    let (mut sent, mut answers) = (vec![0; UPLOADS], vec![Vec::new(); UPLOADS]);
    let refused = |answers: &[Vec<u8>]| answers.iter().filter(|answer| is_refusal(answer)).count();
    let started = Instant::now();
    loop {
        for ((stream, sent), answer) in streams.iter().zip(&mut sent).zip(&mut answers) {
            push(stream, &upload, sent);
            answer.extend(received(stream));
        }
        attacked.serves_others("/plaintext");
        // A busy machine needs longer until memory has become short.
        let is_short = attacked.peak_growth() > 32 * MIB && refused(&answers) >= 10;
        let time = Duration::from_secs(if is_short { 4 } else { 30 });
        if started.elapsed() > time {
            break;
        }
    }
    let honest = "x".repeat(100_000);
    let request = format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n{honest}");
    let answer = attacked.server.connect().exchange(request).expect("an answer");
    assert_eq!((answer.status, answer.text() == honest), (200, true));
    let peak = attacked.peak_growth();
    assert!(
        peak > 32 * MIB && peak <= 64 * MIB + overhead(64 * MIB),
        "{peak} bytes at the peak"
    );
    let refused = refused(&answers);
    assert!((10..UPLOADS).contains(&refused), "{refused} were refused");
    drop(streams);
    attacked.recovers_from(UPLOADS as u64);
}
