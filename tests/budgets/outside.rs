//! Counted from outside the built server: system calls by strace, user instructions by callgrind.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};
use std::{fs, thread};

use support::{Launch, PATIENCE, Server, find, tools};

const REQUEST: &str =
    "GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: budget\r\nAccept: */*\r\n\r\n";
const BODY: &[u8] = b"\r\n\r\nHello, World!";

/// Sends `count` requests over one connection, `at_once` in one write, and reads all their answers before the next.
fn ask(server: &Server, count: usize, at_once: usize) {
    let mut stream = TcpStream::connect(server.address()).expect("the server takes connections");
    stream
        .set_nodelay(true)
        .expect("a TCP connection sends without delay");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a deadline can be set");
    let requests = REQUEST.repeat(at_once);
    for _ in 0..count / at_once {
        stream.write_all(requests.as_bytes()).expect("the server reads");
        let (mut answers, mut piece) = (Vec::new(), [0; 16 * 1024]);
        let mut answered = 0;
        while answered < at_once {
            let read = stream.read(&mut piece).expect("an answer in time");
            assert!(read > 0, "the server closed the connection");
            answers.extend_from_slice(&piece[..read]);
            while let Some(at) = find(&answers, BODY) {
                assert!(
                    answers.starts_with(b"HTTP/1.1 200 "),
                    "{}",
                    answers.escape_ascii()
                );
                answers.drain(..at + BODY.len());
                answered += 1;
            }
        }
    }
}

/// What strace writes while a server with these arguments answers what `ask` asks.
fn strace<const N: usize>(arguments: [&str; N], ask: impl FnOnce(&Server)) -> String {
    let folder = tempfile::tempdir().expect("a directory");
    let log = folder.path().join("strace");
    // -D keeps the process id for the server.
    let strace = [
        "strace",
        "-D",
        "-f",
        "-qq",
        "-o",
        log.to_str().expect("a path of text"),
    ];
    // strace makes each call take some twenty times as long, so a turn has as much more time: the calls are those of a server
    // that nobody traces.
    let launch = Launch::new()
        .args(["--workers", "1", "--turn-time", "2ms"])
        .args(arguments);
    let server = launch.under(strace).start();
    ask(&server);
    server.stop();
    let deadline = Instant::now() + PATIENCE;
    loop {
        // strace writes its last line after the server has ended.
        let lines = fs::read_to_string(&log).expect("strace writes its log");
        if lines.contains("exit_group(") {
            return lines;
        }
        assert!(Instant::now() < deadline, "strace does not end");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The system calls of all threads behind the first answer, up to the last one and with it.
///
/// A line is `1234 read(11, ...) = 36`. When another thread's line comes between, strace tells of a call in two: the
/// second is `1234 <... read resumed>...`, and the call was counted at the first.
fn calls_between_answers(log: &str) -> Vec<&str> {
    let calls: Vec<(&str, &str)> = log
        .lines()
        .filter_map(|line| line.split_once(char::is_whitespace))
        .filter_map(|(_, call)| call.trim_start().split_once('('))
        .filter(|(name, _)| {
            name.bytes()
                .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        })
        .collect();
    let is_answer = |(_, arguments): &(&str, &str)| arguments.contains("\"HTTP/1.1 200 ");
    let first = calls.iter().position(is_answer).expect("an answer");
    let last = calls.iter().rposition(is_answer).expect("an answer");
    calls[first + 1..=last].iter().map(|(name, _)| *name).collect()
}

#[test]
fn a_keep_alive_request_is_three_system_calls() {
    if tools::tool("strace").is_none() {
        return;
    }
    const COUNT: usize = 1000;
    let log = strace([], |server| ask(server, 1 + COUNT, 1));
    let calls = calls_between_answers(&log);
    let per_request = calls.len() as f64 / COUNT as f64;
    println!("system calls per keep-alive request: {per_request:.3}");
    // 64-bit ARM has only epoll_pwait.
    let waits = number_of(&calls, |name| matches!(name, "epoll_wait" | "epoll_pwait"));
    let clocks = number_of(&calls, |name| name.starts_with("clock_"));
    let others: BTreeSet<&str> = calls.iter().copied().filter(|name| !is_usual(name)).collect();
    if clocks > 0 {
        println!("{clocks} calls read the clock: this kernel does not let programs read it without a call");
    }
    println!("other system calls: {others:?}");
    assert_eq!(number_of(&calls, |name| name == "read"), COUNT);
    assert_eq!(number_of(&calls, |name| name == "sendto"), COUNT);
    // Some more where a timer fires, a signal comes or the main thread wakes: that is now and then, not per request.
    assert!((COUNT..=COUNT + 5).contains(&waits), "{waits} waits");
    // Another thread may still be starting, which takes some twenty calls.
    let number = number_of(&calls, |name| !is_usual(name));
    assert!(number < COUNT / 20, "{number} other calls, of {others:?}");
}

#[test]
fn a_connection_per_request_is_at_most_4_3_system_calls_under_load() {
    if tools::tool("strace").is_none() {
        return;
    }
    const CLIENTS: usize = 16;
    const EACH: usize = 60;
    const MUST: f64 = 4.3;
    let measure = || {
        let log = strace([], |server| {
            thread::scope(|scope| {
                for _ in 0..CLIENTS {
                    scope.spawn(|| (0..EACH).for_each(|_| ask_once(server, Duration::ZERO)));
                }
            });
        });
        calls_for_a_connection(&log, CLIENTS * EACH)
    };
    // A request that comes a moment later than its connection takes four calls more, and a busy machine makes some come so.
    let each = least(MUST, measure);
    println!("system calls for a connection with one request: {each:.2} (must {MUST})");
    assert!(each <= MUST, "{each} calls for a connection with one request");
}

/// Measures up to three times, until it is no more than this, and returns the least. What the server itself does is in each
/// measurement; what a busy machine adds is not.
fn least(must: f64, mut measure: impl FnMut() -> f64) -> f64 {
    let mut least = f64::INFINITY;
    for _ in 0..3 {
        least = least.min(measure());
        if least <= must {
            break;
        }
    }
    least
}

/// Without that, eight: each connection is found to be silent, registered, and waited for.
#[test]
fn a_request_that_comes_later_than_its_connection_is_six_calls_where_the_kernel_holds_that_back() {
    if tools::tool("strace").is_none() {
        return;
    }
    const COUNT: usize = 200;
    let ask = |server: &Server| (0..COUNT).for_each(|_| ask_once(server, Duration::from_millis(5)));
    const MUST: f64 = 6.2;
    let plain = calls_for_a_connection(&strace([], ask), COUNT);
    let each = least(MUST, || {
        calls_for_a_connection(&strace(["--defer-accept", "1s"], ask), COUNT)
    });
    println!(
        "system calls for a connection with one late request: {each:.2} (must {MUST}), and {plain:.2} without"
    );
    assert!(
        each <= MUST,
        "{each} calls for a connection with one late request"
    );
}

/// The system calls for each of so many connections with one request. What is none of a connection's must be rare.
fn calls_for_a_connection(log: &str, connections: usize) -> f64 {
    let calls = calls_between_answers(log);
    let usual = |name: &str| {
        let names = ["accept4", "read", "sendto", "close", "epoll_ctl"];
        names.contains(&name) || name.starts_with("epoll_wait") || name.starts_with("epoll_pwait")
    };
    let others: BTreeSet<&str> = calls.iter().copied().filter(|name| !usual(name)).collect();
    // As above: another thread may still be starting.
    let number = number_of(&calls, |name| !usual(name) && !name.starts_with("clock_"));
    assert!(number < 60, "{number} other calls, of {others:?}");
    number_of(&calls, usual) as f64 / (connections - 1) as f64
}

/// Makes a connection for one request, which comes after a pause.
fn ask_once(server: &Server, pause: Duration) {
    let mut stream = TcpStream::connect(server.address()).expect("the server takes connections");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a deadline can be set");
    thread::sleep(pause);
    let request = REQUEST.replacen("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1);
    stream.write_all(request.as_bytes()).expect("the server reads");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("an answer in time");
    assert!(answer.ends_with(BODY), "{}", answer.escape_ascii());
}

fn number_of(calls: &[&str], is_one: impl Fn(&str) -> bool) -> usize {
    calls.iter().filter(|name| is_one(name)).count()
}

/// Whether a call is one of the three that a request needs, or a look at the clock.
fn is_usual(name: &str) -> bool {
    matches!(name, "epoll_wait" | "epoll_pwait" | "read" | "sendto") || name.starts_with("clock_")
}

#[test]
fn a_call_that_strace_tells_of_in_two_lines_is_one() {
    let log = "\
7 sendto(11, \"HTTP/1.1 200 OK\\r\\n\"..., 115, MSG_NOSIGNAL, NULL, 0) = 115
7 epoll_wait(8,  <unfinished ...>
9   futex(0x55, FUTEX_WAIT, 1, NULL <unfinished ...>
7 <... epoll_wait resumed>[{events=EPOLLIN}], 256, 75001) = 1
9 --- SIGCHLD {si_signo=SIGCHLD} ---
7 read(11, \"GET / HTTP/1.1\\r\\n\"..., 65536) = 36
7 sendto(11, \"HTTP/1.1 200 OK\\r\\n\"..., 115, MSG_NOSIGNAL, NULL, 0) = 115
7 close(11) = 0
";
    assert_eq!(
        calls_between_answers(log),
        ["epoll_wait", "futex", "read", "sendto"]
    );
}

/// The user instructions that the server's worker executes for `count` requests and for its start and end. Other threads
/// are left out: what they do is not the request's, and they write the log while it is served.
fn instructions(count: usize, at_once: usize, arguments: &[&str]) -> u64 {
    let folder = tempfile::tempdir().expect("a directory");
    let out = format!(
        "--callgrind-out-file={}",
        folder.path().join("callgrind").display()
    );
    // In there a turn takes some fifty times as long.
    let launch = Launch::new().args(["--workers", "1", "--turn-time", "100ms"]);
    let server = arguments
        .iter()
        .fold(launch, |launch, word| launch.arg(word))
        .under(["valgrind", "--tool=callgrind", "--separate-threads=yes", &out])
        .start();
    ask(&server, count, at_once);
    server.stop();
    let profiles = fs::read_dir(folder.path()).expect("callgrind writes its profiles when the server ends");
    let texts = profiles.map(|entry| fs::read_to_string(entry.expect("an entry").path()).expect("text"));
    let worker = texts.filter(|text| text.contains("http_core::connection::receive"));
    worker.map(|text| total(&text)).sum()
}

fn total(profile: &str) -> u64 {
    let line = profile
        .lines()
        .find_map(|line| line.strip_prefix("totals: "))
        .expect("a line of totals");
    line.trim().parse().expect("a number of instructions")
}

/// Requests in the shorter one of two runs; the longer one has twice as many.
const COUNT: usize = 3200;

/// User instructions for one request, started with these arguments.
fn each(at_once: usize, arguments: &[&str]) -> f64 {
    let mut runs = Runs::default();
    runs.measure(at_once, arguments);
    runs.each()
}

/// The fewest instructions of several runs of each length. Some work goes by time and not by requests, and a busy machine adds it to
/// one run or to the other: so each has its own least, or a shorter run that was held up would hide what a request takes.
struct Runs {
    once: u64,
    twice: u64,
}

impl Default for Runs {
    fn default() -> Self {
        Self {
            once: u64::MAX,
            twice: u64::MAX,
        }
    }
}

impl Runs {
    fn measure(&mut self, at_once: usize, arguments: &[&str]) {
        self.once = self.once.min(instructions(COUNT, at_once, arguments));
        self.twice = self.twice.min(instructions(2 * COUNT, at_once, arguments));
    }

    /// For one request.
    fn each(&self) -> f64 {
        let per_request = (self.twice as f64 - self.once as f64) / COUNT as f64;
        assert!(
            per_request > 100.0,
            "{per_request} instructions cannot serve a request: the count is wrong"
        );
        per_request
    }
}

#[track_caller]
fn instructions_are_within(what: &str, at_once: usize, arguments: &[&str], must: f64, goal: f64) {
    if tools::tool("valgrind").is_none() {
        return;
    }
    let per_request = each(at_once, arguments);
    let verdict = if per_request <= goal {
        "reached"
    } else {
        "not reached"
    };
    println!("user instructions per {what} request: {per_request:.1} (must {must}, goal {goal} {verdict})");
    assert!(
        per_request <= must,
        "{per_request} user instructions per {what} request, the most is {must}"
    );
}

#[test]
fn a_keep_alive_request_stays_within_its_instructions() {
    instructions_are_within("keep-alive", 1, &[], 1650.0, 1450.0);
}

#[test]
fn a_pipelined_request_stays_within_its_instructions() {
    instructions_are_within("pipelined (x16)", 16, &[], 1300.0, 1100.0);
}

#[test]
fn a_request_that_is_counted_stays_within_its_instructions() {
    instructions_are_within("counted", 1, &["--admin", "127.0.0.1:0"], 1800.0, 1800.0);
}

#[test]
fn a_line_of_the_log_costs_its_worker_few_instructions() {
    if tools::tool("valgrind").is_none() {
        return;
    }
    const MUST: f64 = 150.0;
    let plain = each(1, &[]);
    // JSON says how long a request took, and looks at the clock at the end of its round for that: here once for each line.
    for format in ["combined", "json"] {
        let mut runs = Runs::default();
        // The writer asks for the lines every 50 ms: the slower a machine is, the more of that falls on each request.
        let logged = least(plain + MUST, || {
            runs.measure(1, &["--access-log", "/dev/null", "--log-format", format]);
            runs.each()
        });
        let line = logged - plain;
        println!(
            "user instructions per logged ({format}) request: {logged:.1}, {line:.1} of them for the log (must {MUST})"
        );
        assert!(
            line <= MUST,
            "a {format} line takes {line} user instructions, the most is {MUST}"
        );
    }
}
