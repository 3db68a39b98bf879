//! Runs each example as a process and talks to it as its clients would. Every step has a time limit.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

/// Longer than anything here takes, also on a machine that is busy with other tests.
const LIMIT: Duration = Duration::from_secs(20);

/// An example that runs, and is killed at the end of the test.
struct Example {
    child: Child,
    input: Option<ChildStdin>,
    output: mpsc::Receiver<String>,
}

impl Drop for Example {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Example {
    /// Starts an example that listens, on a port that is free.
    fn start(name: &str, arguments: &[&str]) -> Self {
        Self::run(name, &[&["127.0.0.1:0"], arguments].concat())
    }

    fn run(name: &str, arguments: &[&str]) -> Self {
        Self::spawn(name, Command::new(path_of(name)).args(arguments))
    }

    /// Starts an example that listens and may have no more than so many fds. What it complains of comes as its lines.
    fn start_with_few_fds(name: &str, fds: u32) -> Self {
        let script = format!("ulimit -n {fds} && exec \"$0\" \"$@\" 2>&1");
        Self::spawn(
            name,
            Command::new("sh")
                .args(["-c", &script])
                .arg(path_of(name))
                .arg("127.0.0.1:0"),
        )
    }

    fn spawn(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect(name);
        let input = child.stdin.take();
        let output = lines_of(child.stdout.take().expect("it is piped"));
        Self { child, input, output }
    }

    fn line(&self) -> String {
        self.output
            .recv_timeout(LIMIT)
            .expect("the example should have printed a line")
    }

    /// Waits for the line "… on ADDRESS" and returns the address.
    fn address(&self) -> String {
        let line = self.line();
        line.split_once(" on ")
            .unwrap_or_else(|| panic!("no address in {line:?}"))
            .1
            .to_owned()
    }
}

/// A thread reads, because a pipe has no read timeout.
fn lines_of(output: ChildStdout) -> mpsc::Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Cargo builds the examples of a package for its tests, into the directory beside theirs.
fn path_of(name: &str) -> PathBuf {
    // The same examples, over the kqueue backend.
    let prefix = if env!("CARGO_PKG_NAME") == "kqueue-on-linux" {
        "kqueue_"
    } else {
        ""
    };
    let test = std::env::current_exe().expect("a test knows its own path");
    let path = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("…/deps/test")
        .join("examples")
        .join(format!("{prefix}{name}"));
    assert!(
        path.exists(),
        "{} is missing: cargo build --examples",
        path.display()
    );
    path
}

fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the example should listen");
    stream.set_read_timeout(Some(LIMIT)).expect("a time limit");
    stream.set_write_timeout(Some(LIMIT)).expect("a time limit");
    stream
}

/// Says something, and expects exactly `answer`.
#[track_caller]
fn ask(stream: &mut TcpStream, question: &[u8], answer: &[u8]) {
    stream.write_all(question).expect("the example should read");
    let mut buffer = vec![0; answer.len()];
    stream.read_exact(&mut buffer).expect("the example should answer");
    assert_eq!(buffer, answer);
}

fn read_to_end(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream
        .read_to_string(&mut text)
        .expect("the example should end the connection");
    text
}

/// Bytes in which a lost or repeated block shows.
fn pattern(length: usize) -> Vec<u8> {
    (0..length as u32 / 4).flat_map(u32::to_le_bytes).collect()
}

/// Sends without reading until nothing fits any more, then reads all of it back. Returns how much that was.
///
/// This is the client that a server without back-pressure would buffer for.
#[track_caller]
fn flood(address: &str, answer: fn(&[u8]) -> Vec<u8>) -> usize {
    let mut stream = connect(address);
    let bytes = pattern(64 << 20);
    stream
        .set_write_timeout(Some(Duration::from_millis(500)))
        .expect("a time limit");
    let mut sent = 0;
    while sent < bytes.len() {
        match stream.write(&bytes[sent..]) {
            Ok(n) => sent += n,
            Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(e) => panic!("after {sent} bytes: {e}"),
        }
    }
    stream.shutdown(Shutdown::Write).expect("our side is open");
    let mut echo = Vec::new();
    stream.read_to_end(&mut echo).expect("the example should answer");
    assert!(
        echo == answer(&bytes[..sent]),
        "{} bytes came back for {sent}, or others",
        echo.len()
    );
    sent
}

#[test]
fn the_first_screen_of_the_documentation_is_the_example_discard() {
    let words = |text: &str| text.split_whitespace().collect::<String>();
    let screen: Vec<_> = include_str!("../src/lib.rs")
        .lines()
        .skip_while(|line| *line != "//! ```no_run")
        .skip(1)
        .map_while(|line| line.strip_prefix("//!"))
        .take_while(|line| *line != " ```")
        .collect();
    assert!(screen.len() <= 25, "it has {} lines", screen.len());
    let example: Vec<_> = include_str!("../examples/discard.rs")
        .lines()
        .filter(|line| !line.starts_with("//!") && !line.contains("println!"))
        .collect();
    let example = example.join("\n").replace("127.0.0.1:0", "127.0.0.1:7000");
    assert_eq!(words(&screen.join("\n")), words(&example));
}

#[test]
fn discard_reads_all_and_closes_when_the_client_does() {
    let example = Example::start_with_few_fds("discard", 16);
    let address = example.address();
    let mut clients: Vec<_> = (0..24).map(|_| connect(&address)).collect();
    does_not_spin(&example);
    clients[0].write_all(&pattern(1 << 20)).expect("all is read");
    for mut client in clients {
        client.write_all(b"one more").expect("it fits");
        client.shutdown(Shutdown::Write).expect("our side is open");
        assert_eq!(read_to_end(&mut client), "");
    }
}

/// Where the kernel tells how long a process ran: an example that has clients whom it cannot accept does so little.
#[track_caller]
fn does_not_spin(example: &Example) {
    let Some(before) = processor_time(example.child.id()) else {
        return;
    };
    let start = Instant::now();
    thread::sleep(Duration::from_millis(500));
    let used = processor_time(example.child.id()).expect("it runs still") - before;
    let taken = start.elapsed();
    assert!(used < taken / 4, "{used:?} on the processor in {taken:?}");
}

/// The user and system time in proc_pid_stat(5), fields 14 and 15; a tick of it is 10 ms on all common systems.
fn processor_time(process: u32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name, field 2, may hold anything, also spaces.
    let fields = text.rsplit_once(") ")?.1.split(' ').skip(11).take(2);
    let ticks = fields
        .map(|ticks| ticks.parse::<u64>().ok())
        .sum::<Option<u64>>()?;
    Some(Duration::from_millis(10 * ticks))
}

/// What every echo server should do.
fn echoes(example: &Example) {
    let address = example.address();
    let mut clients: Vec<_> = (0..20).map(|_| connect(&address)).collect();
    for round in 0..10 {
        for (number, client) in clients.iter_mut().enumerate() {
            let text = format!("round {round}, client {number}\n");
            ask(client, text.as_bytes(), text.as_bytes());
        }
    }
    drop(clients.split_off(10));
    let sent = flood(&address, <[u8]>::to_vec);
    assert!(
        sent < 64 << 20,
        "the server took {sent} bytes from a client that reads nothing"
    );
    ask(&mut clients[0], b"still there?", b"still there?");
}

/// What every server should do when it has no fd for the next client: go on, without a storm, and take that client later.
fn outlives_a_want_of_fds(name: &str, answer: fn(&[u8]) -> Vec<u8>) {
    let example = Example::start_with_few_fds(name, 32);
    let address = example.address();
    let start = Instant::now();
    let mut clients: Vec<_> = (0..40).map(|_| connect(&address)).collect();
    ask(&mut clients[0], b"Hello", &answer(b"Hello"));
    while !example.line().contains("accept:") {}
    thread::sleep(Duration::from_millis(500));
    let complaints = 1 + example
        .output
        .try_iter()
        .filter(|line| line.contains("accept:"))
        .count();
    // Ten a second, for each of four threads at most. A storm is tens of thousands.
    let taken = start.elapsed();
    assert!(
        complaints as f64 <= 40.0 * taken.as_secs_f64() + 40.0,
        "{name}: {complaints} complaints in {taken:?}"
    );
    ask(&mut clients[1], b"Hello again", &answer(b"Hello again"));
    let late = clients.split_off(36);
    drop(clients);
    for mut client in late {
        ask(&mut client, b"Late", &answer(b"Late"));
    }
}

#[test]
fn a_want_of_fds_stops_no_example_and_makes_none_spin() {
    for name in [
        "echo_level",
        "echo_edge",
        "one_poller",
        "poller_per_worker",
        "nested",
        "timers",
    ] {
        outlives_a_want_of_fds(name, <[u8]>::to_vec);
    }
    outlives_a_want_of_fds("waker_queue", <[u8]>::to_ascii_uppercase);
}

#[test]
fn a_free_fd_ends_the_pause_of_echo_level() {
    let example = Example::start_with_few_fds("echo_level", 12);
    let address = example.address();
    let mut clients: Vec<_> = (0..32).map(|_| connect(&address)).collect();
    for client in &mut clients {
        client.write_all(b"Hello").expect("it fits");
    }
    while !example.line().contains("accept:") {}
    // One wait of this length comes to nothing: that for the first client who is not accepted.
    let has_answer = |mut client: &TcpStream| {
        let patience = Some(Duration::from_secs(2));
        client.set_read_timeout(patience).expect("a time limit");
        client.read_exact(&mut [0; 5]).is_ok()
    };
    let accepted = clients.iter().take_while(|client| has_answer(client)).count();
    assert!((1..12).contains(&accepted), "{accepted} clients with 12 fds");
    let waiting = clients.split_off(accepted);
    let mut times = Vec::new();
    for mut client in waiting {
        client.set_read_timeout(Some(LIMIT)).expect("a time limit");
        // They are accepted in their order, so each that goes makes room for one more.
        let start = Instant::now();
        drop(clients.remove(0));
        ask(&mut client, b"", b"Hello");
        times.push(start.elapsed());
        clients.push(client);
    }
    // A client that meets the pause waits for the whole of it, 100 ms; on a busy machine not every client does.
    times.sort();
    let quick = times[times.len() / 4];
    assert!(quick < Duration::from_millis(50), "{times:?}");
}

#[test]
fn echo_level_echoes_and_keeps_no_more_than_it_can_send() {
    echoes(&Example::start("echo_level", &[]));
}

#[test]
fn echo_edge_echoes_and_keeps_no_more_than_it_can_send() {
    echoes(&Example::start("echo_edge", &[]));
}

#[test]
fn one_poller_echoes_from_several_threads() {
    echoes(&Example::start("one_poller", &["3"]));
}

#[test]
fn poller_per_worker_echoes_from_several_threads() {
    echoes(&Example::start("poller_per_worker", &["3"]));
}

#[test]
fn a_slow_handler_delays_its_own_client() {
    for name in ["one_poller", "poller_per_worker"] {
        let example = Example::start(name, &["2"]);
        let start = Instant::now();
        ask(&mut connect(&example.address()), b"slow\n", b"slow\n");
        assert!(
            start.elapsed() >= Duration::from_millis(10),
            "{name} was not slow"
        );
    }
}

#[test]
fn fanout_balance_accounts_for_each_connection() {
    let example = Example::run("fanout_balance", &["300", "3"]);
    let rows: Vec<_> = (0..10).map(|_| example.line()).collect();
    for row in &rows[2..] {
        let each = row
            .split('|')
            .nth(3)
            .unwrap_or_else(|| panic!("no column of workers: {row}"));
        let each: Vec<u32> = each.split('/').map(|n| n.trim().parse().expect(row)).collect();
        assert_eq!((each.len(), each.iter().sum()), (3, 300), "{row}");
    }
}

#[test]
fn shared_listener_accepts_in_each_mode_and_every_worker_has_its_turn() {
    for mode in ["shared", "exclusive", "reuseport"] {
        let example = Example::start("shared_listener", &[mode, "3"]);
        let address = example.address();
        let mut served = [0; 3];
        for _ in 0..300 {
            let text = read_to_end(&mut connect(&address));
            let worker = text
                .strip_prefix("worker ")
                .and_then(|rest| rest[..1].parse::<usize>().ok());
            served[worker.unwrap_or_else(|| panic!("{mode}: {text:?}"))] += 1;
        }
        assert_eq!(served.iter().sum::<u32>(), 300);
        // Shared promises no balance at all, a kqueue has nothing else, and only Linux deals out by SO_REUSEPORT.
        let balanced = match mode {
            "exclusive" => cfg!(target_os = "linux") && !cfg!(multiplex_kqueue),
            "reuseport" => cfg!(target_os = "linux"),
            _ => false,
        };
        if balanced {
            assert!(served.iter().all(|n| *n > 0), "{mode}: {served:?}");
        }
    }
}

#[test]
fn waker_queue_brings_each_result_to_its_client() {
    let example = Example::start("waker_queue", &[]);
    let address = example.address();
    let mut clients: Vec<_> = (0..20).map(|_| connect(&address)).collect();
    for _ in 0..20 {
        for (number, client) in clients.iter_mut().enumerate() {
            client
                .write_all(format!("client {number:02}").as_bytes())
                .expect("it fits");
        }
        for (number, client) in clients.iter_mut().enumerate() {
            ask(client, b"", format!("CLIENT {number:02}").as_bytes());
        }
    }
}

#[test]
fn waker_queue_holds_one_job_of_a_client_that_floods_it() {
    let example = Example::start("waker_queue", &[]);
    let address = example.address();
    let sent = flood(&address, <[u8]>::to_ascii_uppercase);
    assert!(
        sent < 64 << 20,
        "the server took {sent} bytes from a client that reads nothing"
    );
    ask(&mut connect(&address), b"still there?", b"STILL THERE?");
}

#[test]
fn examples_without_a_buffer_cut_a_client_off_that_reads_nothing() {
    for name in ["nested", "timers"] {
        let example = Example::start(name, &[]);
        let address = example.address();
        let mut stream = connect(&address);
        let end = Instant::now() + LIMIT;
        while stream.write(&[7; 65536]).is_ok() {
            assert!(Instant::now() < end, "{name} still takes bytes");
        }
        ask(&mut connect(&address), b"still there?", b"still there?");
    }
}

#[test]
fn timers_ends_a_silent_connection_and_not_one_that_speaks() {
    let example = Example::start("timers", &["2000"]);
    let address = example.address();
    let start = Instant::now();
    let (mut silent, mut speaking) = (connect(&address), connect(&address));
    for _ in 0..11 {
        ask(&mut speaking, b"here", b"here");
        thread::sleep(Duration::from_millis(200));
    }
    assert_eq!(read_to_end(&mut silent), "too silent\n");
    ask(&mut speaking, b"here", b"here");
    assert_eq!(read_to_end(&mut speaking), "too silent\n");
    assert!(
        start.elapsed() >= Duration::from_millis(4200),
        "the second end came early"
    );
}

#[test]
fn tcp_proxy_forwards_both_ways_with_back_pressure() {
    let echo = Example::start("echo_level", &[]);
    let proxy = Example::start("tcp_proxy", &[&echo.address()]);
    echoes(&proxy);
}

#[test]
fn tcp_proxy_passes_each_end_on_by_itself() {
    let upstream = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = upstream.local_addr().expect("its address").to_string();
    let proxy = Example::start("tcp_proxy", &[&address]);
    let mut client = connect(&proxy.address());
    client.write_all(b"question").expect("it fits");
    client.shutdown(Shutdown::Write).expect("our side is open");
    let (mut server, _) = upstream.accept().expect("the proxy should connect");
    server.set_read_timeout(Some(LIMIT)).expect("a time limit");
    assert_eq!(read_to_end(&mut server), "question");
    server.write_all(b"answer").expect("it fits");
    drop(server);
    assert_eq!(read_to_end(&mut client), "answer");
}

#[test]
fn tcp_proxy_ends_a_connection_that_it_cannot_forward() {
    let nobody = TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port")
        .to_string();
    let proxy = Example::start("tcp_proxy", &[&nobody]);
    let address = proxy.address();
    for _ in 0..3 {
        let mut end = [0; 1];
        assert!(matches!(connect(&address).read(&mut end), Ok(0) | Err(_)));
    }
}

#[test]
fn nested_serves_the_ports_of_both_pollers() {
    let example = Example::start("nested", &[]);
    let (echo, status) = (example.address(), example.address());
    let mut clients: Vec<_> = (0..5).map(|_| connect(&echo)).collect();
    for client in &mut clients {
        ask(client, b"hello", b"hello");
    }
    assert_eq!(read_to_end(&mut connect(&status)), "5 clients\n");
    ask(&mut clients[4], b"and again", b"and again");
}

#[test]
fn raw_fd_hands_its_input_to_all_clients() {
    let mut example = Example::start("raw_fd", &[]);
    let address = example.address();
    let mut input = example.input.take().expect("it is piped");
    let (mut one, mut other) = (connect(&address), connect(&address));
    // A client that connected is in the kernel's queue; both are accepted before or after the first line.
    let end = Instant::now() + LIMIT;
    for client in [&mut one, &mut other] {
        client
            .set_read_timeout(Some(Duration::from_millis(50)))
            .expect("a time limit");
        let mut line = [0; 5];
        while client.read_exact(&mut line).is_err() {
            assert!(Instant::now() < end, "no client was told anything");
            input.write_all(b"news\n").expect("the example should read");
        }
        assert_eq!(&line, b"news\n");
    }
    drop(input);
    for mut client in [one, other] {
        client.set_read_timeout(Some(LIMIT)).expect("a time limit");
        assert!(read_to_end(&mut client).lines().all(|line| line == "news"));
    }
}
