//! Clients of each way in which the server is used. They know every right answer, ask again after a failure, and never
//! forgive a wrong byte.

use std::io::{self, ErrorKind, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fmt, fs, thread};

use crate::{Client, Launch, Response, Server};
use tempfile::TempDir;

/// A way in which the server is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Usage {
    /// The demonstration.
    Demo,
    /// A directory with listings.
    Files,
    /// The demonstration with an access log in a file.
    Log,
    /// The same through a pipe.
    Piped,
    /// The demonstration with the admin listener, which is asked, too.
    Admin,
    /// The demonstration behind the PROXY protocol.
    Proxy,
    /// The demonstration on a Unix socket beside its port.
    Unix,
    /// The demonstration under a service manager that wants to be told.
    Systemd,
}

impl Usage {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Demo,
        Self::Files,
        Self::Log,
        Self::Piped,
        Self::Admin,
        Self::Proxy,
        Self::Unix,
        Self::Systemd,
    ];
}

/// What a server serves, and where it writes to.
#[derive(Debug)]
pub struct Place {
    folder: TempDir,
    small: Vec<u8>,
    large: Vec<u8>,
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

impl Place {
    /// A directory with a root in it: a small file, a large one, a link, and a directory without an index.
    ///
    /// # Panics
    ///
    /// When the file system takes no files.
    #[must_use]
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let root = folder.path().join("root");
        fs::create_dir_all(root.join("listed")).expect("a directory");
        let small = pattern(3_000);
        // More than is sent from memory, and less than so many slices that one in seven always fails.
        let large = pattern(200_000);
        fs::write(root.join("small.bin"), &small).expect("a file");
        fs::write(root.join("large.bin"), &large).expect("a file");
        fs::write(root.join("listed/one-of-them.txt"), "text").expect("a file");
        std::os::unix::fs::symlink("small.bin", root.join("link.bin")).expect("a link");
        Self { folder, small, large }
    }

    /// The directory itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// How the server is started.
    #[must_use]
    pub fn launch(&self, usage: Usage) -> Launch {
        let launch = match usage {
            Usage::Files => Launch::of(&self.path().join("root")).arg("--listing"),
            _ => Launch::new(),
        };
        let launch = match usage {
            Usage::Demo | Usage::Files => launch,
            Usage::Log => launch.arg("--access-log").arg(self.path().join("log")),
            Usage::Piped => launch.args(["--access-log", "-"]),
            Usage::Admin => launch.args(["--admin", "127.0.0.1:0"]),
            Usage::Proxy => launch.args(["--proxy-protocol", "--trusted-proxies", "127.0.0.0/8"]),
            Usage::Unix => {
                let unix = format!("unix:{}", self.path().join("socket").display());
                launch.args([
                    "--listen",
                    "127.0.0.1:0",
                    "--listen",
                    &unix,
                    "--socket-mode",
                    "600",
                ])
            }
            Usage::Systemd => launch.env("NOTIFY_SOCKET", self.path().join("notify")),
        };
        launch.args(["--workers", "1"])
    }
}

/// Bytes of which no two stretches are alike for long.
fn pattern(length: u32) -> Vec<u8> {
    (0..length)
        .map(|at| (at ^ (at >> 7) ^ (at >> 13)).to_le_bytes()[0])
        .collect()
}

/// One request, and how its answer is judged.
struct Step {
    request: Vec<u8>,
    is_right: Box<dyn Fn(&Response) -> bool + Send + Sync>,
    /// A HEAD or an error: the server closes behind it.
    status: u16,
    /// The address, where it is not the server's first one.
    address: Option<SocketAddr>,
}

impl Step {
    fn get(path: &str, is_right: impl Fn(&Response) -> bool + Send + Sync + 'static) -> Self {
        Self {
            request: format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n").into_bytes(),
            is_right: Box::new(is_right),
            status: 200,
            address: None,
        }
    }

    fn demo() -> Vec<Self> {
        let echoed = pattern(60_000);
        let mut post = format!(
            "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
            echoed.len()
        )
        .into_bytes();
        post.extend_from_slice(&echoed);
        let refused = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999\r\n\r\nx".to_vec();
        let lines: String = (1..=100).map(|line| format!("line {line} of 100\n")).collect();
        vec![
            Self::get("/plaintext", |response| response.body == b"Hello, World!"),
            Self::get("/echo/one/and/two", |response| {
                response.body == b"/echo/one/and/two"
            }),
            Self::get("/slow?ms=1", |response| response.body == b"Here it is.\n"),
            Self {
                request: post,
                is_right: Box::new(move |response| response.body == echoed),
                status: 200,
                address: None,
            },
            Self::get("/stream", move |response| response.body == lines.as_bytes()),
            Self {
                request: refused,
                is_right: Box::new(|_| true),
                status: 413,
                address: None,
            },
        ]
    }

    fn files(place: &Place) -> Vec<Self> {
        let (small, linked, large) = (place.small.clone(), place.small.clone(), place.large.clone());
        vec![
            Self::get("/small.bin", move |response| response.body == small),
            Self::get("/large.bin", move |response| response.body == large),
            Self::get("/listed/", |response| response.text().contains("one-of-them.txt")),
            Self::get("/link.bin", move |response| response.body == linked),
        ]
    }
}

/// What became of one request.
enum Answer {
    Right,
    /// None came, or one that says honestly that there is none.
    None(String),
}

/// The clients of one server.
pub struct Load {
    usage: Usage,
    server: SocketAddr,
    steps: Vec<Step>,
    /// Statuses that an error may honestly lead to.
    honest: Vec<u16>,
}

impl fmt::Debug for Load {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Load")
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}

impl Load {
    /// The clients of a server that is used in this way. `honest`: statuses that are no failure beside the right ones.
    ///
    /// # Panics
    ///
    /// When a server with an admin listener does not name it.
    #[must_use]
    pub fn new(usage: Usage, place: &Place, server: &Server, honest: &[u16]) -> Self {
        let mut steps = match usage {
            Usage::Files => Step::files(place),
            _ => Step::demo(),
        };
        if usage == Usage::Admin {
            let address = server.admin_address();
            for (path, text) in [("/metrics", "process_start_time_seconds"), ("/readyz", "ready")] {
                let mut step = Step::get(path, move |response| response.text().contains(text));
                step.address = Some(address);
                steps.push(step);
            }
        }
        Self {
            usage,
            server: server.address(),
            steps,
            honest: honest.to_vec(),
        }
    }

    /// Several clients at once ask for everything, each until it has got it.
    ///
    /// # Panics
    ///
    /// When that takes longer than `patience`, and at a wrong byte.
    pub fn until_all_is_right(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        thread::scope(|scope| {
            let clients: Vec<_> = (0..2).map(|_| scope.spawn(|| self.insist(deadline))).collect();
            for client in clients {
                client
                    .join()
                    .unwrap_or_else(|cause| std::panic::resume_unwind(cause));
            }
        });
    }

    fn insist(&self, deadline: Instant) {
        let mut client = None;
        for _ in 0..4 {
            for step in &self.steps {
                for failures in 1.. {
                    let why = match self.ask(step, &mut client, Duration::from_secs(2)) {
                        Answer::Right => break,
                        Answer::None(why) => why,
                    };
                    assert!(
                        Instant::now() < deadline,
                        "{} gets no answer: {failures} failures, the last one: {why}",
                        first_line(&step.request)
                    );
                    thread::sleep(Duration::from_millis(2));
                }
            }
        }
    }

    /// Several clients at once ask for everything, once, and need not get it.
    ///
    /// # Panics
    ///
    /// At a wrong byte.
    pub fn once(&self, most: Duration) {
        let deadline = Instant::now() + most;
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    let mut client = None;
                    for step in &self.steps {
                        if Instant::now() < deadline {
                            let _ = self.ask(step, &mut client, Duration::from_millis(300));
                        }
                    }
                });
            }
        });
    }

    /// Connections that have sent a request and do not read.
    #[must_use]
    pub fn waiting(&self) -> Vec<Client> {
        let connected = self.steps.iter().filter_map(|step| {
            let mut client = self.connect(step.address.unwrap_or(self.server)).ok()?;
            client.send(&step.request).ok()?;
            Some(client)
        });
        connected.collect()
    }

    fn connect(&self, address: SocketAddr) -> io::Result<Client> {
        let stream = std::net::TcpStream::connect_timeout(&address, Duration::from_secs(2))?;
        let mut client = Client::over(stream);
        if self.usage == Usage::Proxy {
            client.send("PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n")?;
        }
        Ok(client)
    }

    /// Asks on the connection that is there, or on a new one.
    fn ask(&self, step: &Step, kept: &mut Option<Client>, patience: Duration) -> Answer {
        let reused = kept.take().filter(|_| step.address.is_none());
        let client = match reused {
            Some(client) => Ok(client),
            None => self.connect(step.address.unwrap_or(self.server)),
        };
        let mut client = match client {
            Ok(client) => client.patience(patience),
            Err(error) => return Answer::None(error.to_string()),
        };
        // The server may refuse before it has read everything.
        let _ = client.stream().write_all(&step.request);
        match client.response() {
            Ok(response) if response.status == step.status => {
                assert!(
                    (step.is_right)(&response),
                    "a wrong answer to {}: {} bytes",
                    first_line(&step.request),
                    response.body.len()
                );
                if !response.says_close() && step.address.is_none() {
                    *kept = Some(client);
                }
                Answer::Right
            }
            Ok(response) => {
                assert!(
                    self.honest.contains(&response.status),
                    "{} got {}",
                    first_line(&step.request),
                    response.status
                );
                Answer::None(format!("status {}", response.status))
            }
            Err(error) => {
                let text = error.to_string();
                let is_cut = error.kind() != ErrorKind::InvalidData || text.contains("ended inside");
                assert!(is_cut, "{}: wrong bytes: {text}", first_line(&step.request));
                Answer::None(text)
            }
        }
    }
}

fn first_line(request: &[u8]) -> String {
    let end = request
        .iter()
        .position(|&byte| byte == b'\r')
        .unwrap_or(request.len());
    String::from_utf8_lossy(&request[..end]).into_owned()
}
