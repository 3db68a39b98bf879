//! The built server as a process that ends with its guard.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::{Client, PATIENCE, tools, wait_for};

/// The server's executable, built as users build it, once per test program.
///
/// `SERVER_BIN` names another one, for instance a sanitized or an older build.
///
/// # Panics
///
/// When the build fails.
#[must_use]
pub fn executable() -> &'static Path {
    static EXECUTABLE: OnceLock<PathBuf> = OnceLock::new();
    EXECUTABLE.get_or_init(|| std::env::var_os("SERVER_BIN").map_or_else(build, PathBuf::from))
}

fn build() -> PathBuf {
    built(&["--release", "--bin", "server-bin"])
}

/// The folder of the server's examples, built once per test program.
fn examples() -> &'static Path {
    static EXAMPLES: OnceLock<PathBuf> = OnceLock::new();
    EXAMPLES.get_or_init(|| {
        let last = built(&["--profile", "examples", "--examples"]);
        last.parent().expect("a program lies in a folder").to_owned()
    })
}

/// Builds programs of the package `server-bin`, and returns where the last one is.
fn built(what: &[&str]) -> PathBuf {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(cargo);
    command.args([
        "build",
        "--package",
        "server-bin",
        "--message-format=json-render-diagnostics",
    ]);
    command
        .args(what)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stdin(Stdio::null());
    let output = tools::finish(&mut command, Duration::from_secs(900));
    assert!(
        output.status.success(),
        "the server does not build:\n{}",
        String::from_utf8_lossy(&output.stderr)
    );
    // One JSON object a line; the one of a program names its executable.
    String::from_utf8_lossy(&output.stdout)
        .lines()
        .filter_map(|line| line.split_once(r#""executable":""#))
        .filter_map(|(_, rest)| rest.split_once('"'))
        .map(|(path, _)| PathBuf::from(path))
        .next_back()
        .expect("cargo names the executable that it built")
}

/// How a server is to be started.
#[derive(Debug, Default)]
pub struct Launch {
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    open_files: Option<u64>,
    wrapper: Vec<OsString>,
    program: Option<OsString>,
    listens: bool,
    patience: Option<Duration>,
}

impl Launch {
    /// The demonstration on a free port of the loopback address.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, but serving a directory.
    #[must_use]
    pub fn of(root: &Path) -> Self {
        Self::new().arg(root)
    }

    /// An example of the server's on a free port of the loopback address.
    #[must_use]
    pub fn example(name: &str) -> Self {
        let mut launch = Self::new();
        launch.program = Some(examples().join(name).into());
        launch.listens = true;
        launch.arg("127.0.0.1:0")
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.listens |= argument.as_ref() == "--listen";
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<const N: usize>(self, arguments: [&str; N]) -> Self {
        arguments.into_iter().fold(self, Self::arg)
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Limits how many files it may hold open, soft and hard.
    #[must_use]
    pub fn open_files(mut self, limit: u64) -> Self {
        self.open_files = Some(limit);
        self
    }

    /// Runs it under another program, which has to keep the process id for the server.
    #[must_use]
    pub fn under(mut self, wrapper: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.wrapper = wrapper.into_iter().map(Into::into).collect();
        self
    }

    /// Runs it by these words, with its arguments behind them, instead of by the executable that the tests built.
    ///
    /// # Panics
    ///
    /// Without any word.
    #[must_use]
    pub fn by<const N: usize>(mut self, words: [&str; N]) -> Self {
        let (last, wrapper) = words.split_last().expect("a program");
        self.wrapper = wrapper.iter().map(OsString::from).collect();
        self.program = Some(OsString::from(last));
        self
    }

    /// Sets for how long its start is waited for: under another program that may take much longer than [`PATIENCE`].
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// Starts it and waits until it says where it listens.
    ///
    /// # Panics
    ///
    /// When it ends, or says nothing for [`PATIENCE`] or the patience that was set.
    #[must_use]
    #[track_caller]
    pub fn start(self) -> Server {
        let mut child = self.spawn();
        let lines = Arc::new(Mutex::new(Vec::new()));
        let (announce, announced) = mpsc::channel();
        let readers = [
            collect(child.stdout.take(), Arc::clone(&lines), announce.clone()),
            collect(child.stderr.take(), Arc::clone(&lines), announce),
        ];
        let mut server = Server {
            child,
            address: SocketAddr::from(([0; 4], 0)),
            lines,
            readers: readers.into(),
        };
        match announced.recv_timeout(self.patience.unwrap_or(PATIENCE)) {
            Ok(address) => server.address = address,
            Err(_) => panic!("the server does not say where it listens: {}", server.output()),
        }
        server
    }

    /// Starts it, expects it to give up by itself, and answers what it said.
    ///
    /// # Panics
    ///
    /// When it still runs after [`PATIENCE`].
    #[must_use]
    #[track_caller]
    pub fn fails(self) -> Output {
        tools::finish(&mut self.command(), PATIENCE)
    }

    fn spawn(&self) -> Child {
        let mut command = self.command();
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"))
    }

    fn command(&self) -> Command {
        let server = self
            .program
            .as_deref()
            .unwrap_or_else(|| executable().as_os_str());
        let mut words: Vec<&OsStr> = self
            .wrapper
            .iter()
            .map(OsString::as_os_str)
            .chain([server])
            .collect();
        // The shell sets the limit and then becomes the server, so the process id is the server's.
        let limited = self
            .open_files
            .map(|limit| format!(r#"ulimit -n {limit} && exec "$0" "$@""#));
        if let Some(script) = &limited {
            words.splice(..0, [OsStr::new("/bin/sh"), OsStr::new("-c"), OsStr::new(script)]);
        }
        let mut command = Command::new(words[0]);
        command.args(&words[1..]);
        command.args(&self.arguments);
        if !self.listens {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        command
    }
}

/// How long the last of what a server has printed may take from its pipes to us, when all that can print have ended.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// A running server. Dropping it kills the process, and those that have taken its place.
#[derive(Debug)]
pub struct Server {
    child: Child,
    address: SocketAddr,
    lines: Arc<Mutex<Vec<String>>>,
    readers: Vec<thread::JoinHandle<()>>,
}

impl Server {
    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// A new connection to it.
    ///
    /// # Panics
    ///
    /// When it does not take the connection.
    #[must_use]
    #[track_caller]
    pub fn connect(&self) -> Client {
        Client::connect(self.address)
    }

    /// The address of a path on it, for clients that take one.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Where its admin listener is, as it says behind the line that the start waits for.
    ///
    /// # Panics
    ///
    /// When it names none.
    #[must_use]
    #[track_caller]
    pub fn admin_address(&self) -> SocketAddr {
        let mut address = None;
        wait_for("the admin listener's address", || {
            let output = self.output();
            let rest = output
                .lines()
                .find_map(|line| line.split_once("readiness on http://"));
            address = rest.and_then(|(_, rest)| rest.trim_end_matches('/').parse().ok());
            address.is_some()
        });
        address.expect("it was waited for")
    }

    /// What its admin listener tells.
    ///
    /// # Panics
    ///
    /// When it has none, or that does not answer.
    #[must_use]
    #[track_caller]
    pub fn metrics(&self) -> String {
        let mut client = Client::connect(self.admin_address());
        let metrics = client.exchange("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
        metrics.expect("metrics").text()
    }

    /// Waits until so many of its connections are in a phase, as its metrics say.
    ///
    /// # Panics
    ///
    /// When that does not become so.
    #[track_caller]
    pub fn wait_for_phase(&self, phase: &str, connections: usize) {
        let line = format!("server_connections{{phase=\"{phase}\"}} {connections}\n");
        wait_for(&line, || self.metrics().contains(&line));
    }

    /// Its process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends it a signal.
    ///
    /// # Panics
    ///
    /// When the process is gone.
    #[track_caller]
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.pid()).expect("a process id is positive");
        signal::kill(Pid::from_raw(pid), signal).expect("the server runs");
    }

    /// Whether it still runs.
    ///
    /// # Panics
    ///
    /// When the kernel does not know the process.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("the server is our child").is_none()
    }

    /// Waits until it has ended and answers how.
    ///
    /// # Panics
    ///
    /// When it still runs after that time.
    #[track_caller]
    pub fn ends_within(&mut self, time: Duration) -> ExitStatus {
        let deadline = Instant::now() + time;
        loop {
            if let Some(status) = self.child.try_wait().expect("the server is our child") {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "the server still runs after {time:?}: {}",
                self.output()
            );
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends it gracefully, and fails unless it says success in time.
    ///
    /// # Panics
    ///
    /// When it does not end, or not with success.
    #[track_caller]
    pub fn stop(mut self) {
        self.signal(Signal::SIGTERM);
        let status = self.ends_within(PATIENCE);
        assert!(
            status.success(),
            "it ended with {status}, signal {:?}: {}",
            status.signal(),
            self.output()
        );
    }

    /// Everything that it has printed so far, to both outputs.
    #[must_use]
    pub fn output(&self) -> String {
        self.lines
            .lock()
            .map(|lines| lines.join("\n"))
            .unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; both calls then do nothing.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.end_those_that_hold_the_outputs();
        if thread::panicking() {
            eprintln!("the server printed: {}", self.output());
        }
    }
}

impl Server {
    /// The processes that have taken its place, one after the other, as they are named in what it has printed. They share its
    /// outputs.
    #[must_use]
    pub fn successors(&self) -> Vec<i32> {
        let output = self.output();
        let lines = output.lines().filter(|line| line.ends_with(" serves now"));
        lines
            .filter_map(|line| line.split("process ").nth(1)?.split(' ').next()?.parse().ok())
            .collect()
    }

    /// Ends its successors, and waits until its outputs have ended with them. A program that holds them and is no successor, or
    /// is not known as one yet, makes no test wait for ever: then the threads that read are left to themselves.
    fn end_those_that_hold_the_outputs(&mut self) {
        let deadline = Instant::now() + LAST_WORDS;
        let mut ended = 0;
        while !self.readers.iter().all(thread::JoinHandle::is_finished) {
            if Instant::now() > deadline {
                eprintln!("somebody holds the outputs of a server that has ended");
                return;
            }
            // Each once, and only while somebody holds the outputs: the number of one that has ended may be another's by now.
            let successors = self.successors();
            for &pid in successors.iter().skip(ended) {
                let _ = signal::kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
            ended = successors.len();
            thread::sleep(Duration::from_millis(1));
        }
        for reader in self.readers.drain(..) {
            let _ = reader.join();
        }
    }
}

/// Collects the lines of one output, and passes on the address in a line that says `listening on`.
fn collect(
    pipe: Option<impl Read + Send + 'static>,
    lines: Arc<Mutex<Vec<String>>>,
    announce: mpsc::Sender<SocketAddr>,
) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(pipe.expect("outputs are piped"))
            .lines()
            .map_while(Result::ok)
        {
            if let Some(address) = listening_on(&line) {
                // The first counts; nobody waits for those of further `--listen`.
                let _ = announce.send(address);
            }
            if let Ok(mut lines) = lines.lock() {
                lines.push(line);
            }
        }
    })
}

/// `listening on 127.0.0.1:8080`, the address with or without `http://` before it.
fn listening_on(line: &str) -> Option<SocketAddr> {
    let (_, rest) = line.split_once("listening on ")?;
    rest.split_whitespace()
        .next()?
        .trim_start_matches("http://")
        .trim_end_matches(['/', ','])
        .parse()
        .ok()
}
