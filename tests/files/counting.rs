//! Counts what the built server does for one request: system calls by strace, user instructions by callgrind. Both
//! are differences, so that starting and stopping cost nothing in them.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::{Launch, PATIENCE, Server, find};

/// One worker, whose turns and rounds may take as long as they do under a tool that watches each call or instruction.
const SLOWED_DOWN: [&str; 4] = ["--workers", "1", "--turn-time", "100ms"];

/// Requests that are asked in turn, again and again, and what each answer begins and ends with.
#[derive(Clone, Copy)]
pub(crate) struct Case<'a> {
    pub(crate) root: &'a Path,
    pub(crate) requests: &'a [String],
    pub(crate) begins: &'a str,
    pub(crate) ends: &'a [u8],
}

/// A whole request for a path, with more field lines.
pub(crate) fn get(path: &str, lines: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: budget\r\nAccept: */*\r\n{lines}\r\n")
}

impl Case<'_> {
    /// Asks `count` times over one connection, each time when the answer before has come.
    fn ask(&self, server: &Server, count: usize) {
        self.ask_over(&mut connect(server), count);
    }

    pub(crate) fn ask_over(&self, stream: &mut TcpStream, count: usize) {
        for request in self.requests.iter().cycle().take(count) {
            stream.write_all(request.as_bytes()).expect("the server reads");
            self.read_answer(stream);
        }
    }

    fn read_answer(&self, stream: &mut TcpStream) {
        let (mut piece, mut answer) = ([0; 16 * 1024], Vec::new());
        while !self.is_whole(&answer) {
            let read = stream.read(&mut piece).expect("an answer in time");
            assert!(read > 0, "the server closed: {}", answer.escape_ascii());
            answer.extend_from_slice(&piece[..read]);
        }
        let starts = answer.starts_with(self.begins.as_bytes());
        assert!(starts, "{}", answer[..answer.len().min(300)].escape_ascii());
    }

    fn is_whole(&self, answer: &[u8]) -> bool {
        find(answer, b"\r\n\r\n").is_some() && answer.ends_with(self.ends)
    }

    /// The names of the system calls that `count` requests took, in their order, on an idle server.
    pub(crate) fn calls(&self, count: usize) -> Vec<String> {
        let log = self.traced(|server| self.ask(server, count + 1));
        let calls = worker_calls(&log);
        let answers: Vec<usize> = (0..calls.len()).filter(|&at| is_answer(&calls[at])).collect();
        names(&calls[answers[0] + 1..=answers[answers.len() - 1]])
    }

    /// The names of the system calls that one round took with a request of each of `clients`: they were written while
    /// the server was stopped.
    pub(crate) fn calls_at_once(&self, clients: usize) -> Vec<String> {
        let log = self.traced(|server| {
            let mut streams: Vec<TcpStream> = (0..clients).map(|_| connect(server)).collect();
            for stream in &mut streams {
                self.ask_over(stream, 1);
            }
            server.signal(Signal::SIGSTOP);
            for stream in &mut streams {
                stream
                    .write_all(self.requests[0].as_bytes())
                    .expect("the kernel takes it");
            }
            thread::sleep(Duration::from_millis(100));
            server.signal(Signal::SIGCONT);
            for stream in &mut streams {
                self.read_answer(stream);
            }
        });
        let calls = worker_calls(&log);
        let answers: Vec<usize> = (0..calls.len()).filter(|&at| is_answer(&calls[at])).collect();
        // What comes before the first of these answers belongs to them, back to the wait that reported them.
        let (before, last) = (answers[answers.len() - clients - 1], answers[answers.len() - 1]);
        let waits = calls[before..]
            .iter()
            .take_while(|(name, _)| !name.starts_with("epoll_"))
            .count();
        names(&calls[before + waits..=last])
    }

    /// What strace says of a server with one worker while `ask` uses it.
    fn traced(&self, ask: impl FnOnce(&Server)) -> String {
        let folder = tempfile::tempdir().expect("a directory");
        let log = folder.path().join("strace");
        let log_name = log.to_str().expect("a path of text");
        // -D keeps the process id for the server.
        let strace = ["strace", "-D", "-f", "-qq", "-s", "64", "-o", log_name];
        let server = Launch::of(self.root).args(SLOWED_DOWN).under(strace).start();
        ask(&server);
        server.stop();
        whole_log(&log)
    }

    /// User instructions a request, from the difference between `count` requests and twice as many.
    pub(crate) fn instructions(&self, count: usize) -> f64 {
        let (once, twice) = (self.total(count), self.total(2 * count));
        let each = (twice as f64 - once as f64) / count as f64;
        assert!(
            each > 100.0,
            "{each} instructions cannot serve a request: the count is wrong"
        );
        each
    }

    /// The user instructions of the server's worker for `count` requests, its start and its end. Other threads are left
    /// out: how they end differs from run to run, by up to 8 instructions a request.
    fn total(&self, count: usize) -> u64 {
        let folder = tempfile::tempdir().expect("a directory");
        let out = format!(
            "--callgrind-out-file={}",
            folder.path().join("callgrind").display()
        );
        let server = Launch::of(self.root)
            .args(SLOWED_DOWN)
            .under(["valgrind", "--tool=callgrind", "--separate-threads=yes", &out])
            .start();
        self.ask(&server, count);
        server.stop();
        let profiles =
            fs::read_dir(folder.path()).expect("callgrind writes its profiles when the server ends");
        let texts = profiles.map(|entry| fs::read_to_string(entry.expect("an entry").path()).expect("text"));
        let worker = texts.filter(|text| text.contains("http_core::connection::receive"));
        worker.map(|text| instructions_of(&text)).sum()
    }
}

/// The sum of a profile, which is kept in the file that `KEEP_PROFILE` names.
fn instructions_of(profile: &str) -> u64 {
    if let Some(keep) = std::env::var_os("KEEP_PROFILE") {
        let _ = fs::write(keep, profile);
    }
    let line = profile.lines().find_map(|line| line.strip_prefix("totals: "));
    line.and_then(|total| total.trim().parse().ok())
        .expect("a line of totals")
}

pub(crate) fn connect(server: &Server) -> TcpStream {
    let stream = TcpStream::connect(server.address()).expect("the server takes connections");
    stream.set_nodelay(true).expect("no delay");
    stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
    stream
}

fn is_answer((_, arguments): &(&str, &str)) -> bool {
    arguments.contains("\"HTTP/1.1 ")
}

/// The names of calls, without those that only read the clock, as most kernels need none for that, and those by which
/// the allocator gets more memory while the cache fills.
fn names(calls: &[(&str, &str)]) -> Vec<String> {
    let names = calls.iter().map(|(name, _)| (*name).to_owned());
    names
        .filter(|name| !name.starts_with("clock_") && !matches!(name.as_str(), "mprotect" | "brk"))
        .collect()
}

/// strace writes its last line after the server has ended.
fn whole_log(log: &Path) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let lines = fs::read_to_string(log).expect("strace writes its log");
        if lines.contains("exit_group(") {
            return lines;
        }
        assert!(Instant::now() < deadline, "strace does not end");
        thread::sleep(Duration::from_millis(10));
    }
}

/// Names and arguments of the calls of the thread that sends answers. A call that strace tells of in two lines counts
/// at the first.
fn worker_calls(log: &str) -> Vec<(&str, &str)> {
    let worker = log
        .lines()
        .find(|line| line.contains("\"HTTP/1.1 "))
        .and_then(|line| line.split_whitespace().next())
        .expect("an answer");
    log.lines()
        .filter_map(|line| line.split_once(char::is_whitespace))
        .filter(|(thread, _)| *thread == worker)
        .filter_map(|(_, call)| call.trim_start().split_once('('))
        .filter(|(name, _)| {
            name.bytes()
                .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
        })
        .collect()
}
