//! Counts what the built server does for one request: system calls by strace, user instructions by callgrind. Both
//! are differences, so that starting and stopping cost nothing in them.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use support::{Launch, PATIENCE, Server, find};

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
        let mut stream = TcpStream::connect(server.address()).expect("the server takes connections");
        stream.set_nodelay(true).expect("no delay");
        stream.set_read_timeout(Some(PATIENCE)).expect("a deadline");
        let mut piece = vec![0; 128 * 1024];
        for request in self.requests.iter().cycle().take(count) {
            stream.write_all(request.as_bytes()).expect("the server reads");
            let mut answer = Vec::new();
            while !self.is_whole(&answer) {
                let read = stream.read(&mut piece).expect("an answer in time");
                assert!(read > 0, "the server closed: {}", answer.escape_ascii());
                answer.extend_from_slice(&piece[..read]);
            }
            let starts = answer.starts_with(self.begins.as_bytes());
            assert!(starts, "{}", answer[..answer.len().min(300)].escape_ascii());
        }
    }

    fn is_whole(&self, answer: &[u8]) -> bool {
        find(answer, b"\r\n\r\n").is_some() && answer.ends_with(self.ends)
    }

    /// The names of the system calls that each of `count` requests took, in their order, on an idle server.
    pub(crate) fn calls(&self, count: usize) -> Vec<String> {
        let folder = tempfile::tempdir().expect("a directory");
        let log = folder.path().join("strace");
        let log_name = log.to_str().expect("a path of text");
        // -D keeps the process id for the server.
        let strace = ["strace", "-D", "-f", "-qq", "-s", "64", "-o", log_name];
        let server = Launch::of(self.root)
            .args(["--workers", "1"])
            .under(strace)
            .start();
        self.ask(&server, count + 1);
        server.stop();
        let lines = whole_log(&log);
        let calls = worker_calls(&lines);
        let answers: Vec<usize> = (0..calls.len())
            .filter(|&at| calls[at].1.contains("\"HTTP/1.1 "))
            .collect();
        let (first, last) = (answers[0], answers[answers.len() - 1]);
        let between = calls[first + 1..=last].iter();
        between
            .map(|(name, _)| (*name).to_owned())
            .filter(|name| !name.starts_with("clock_"))
            .collect()
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

    fn total(&self, count: usize) -> u64 {
        let folder = tempfile::tempdir().expect("a directory");
        let file = folder.path().join("callgrind");
        let out = format!("--callgrind-out-file={}", file.display());
        let server = Launch::of(self.root)
            .args(["--workers", "1"])
            .under(["valgrind", "--tool=callgrind", &out])
            .start();
        self.ask(&server, count);
        server.stop();
        if let Some(keep) = std::env::var_os("KEEP_PROFILE") {
            let _ = fs::copy(&file, keep);
        }
        let profile = fs::read_to_string(&file).expect("callgrind writes its profile when the server ends");
        let line = profile.lines().find_map(|line| line.strip_prefix("totals: "));
        line.and_then(|total| total.trim().parse().ok())
            .expect("a line of totals")
    }
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
