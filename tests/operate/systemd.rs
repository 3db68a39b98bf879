//! With systemd's own tools.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::TcpListener;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Client, Launch, PATIENCE, tools};

use crate::chain::{Chain, is_dead};
use crate::{REQUEST, get, wait_for};

/// A process that ends with its guard.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn sockets_of_systemd_are_served() {
    let Some(activate) = tools::tool("systemd-socket-activate") else {
        return;
    };
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("socket");
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = free.local_addr().expect("an address").port();
    drop(free);
    let child = Command::new(activate)
        .args(["-l", &format!("127.0.0.1:{port}"), "-l"])
        .arg(&path)
        .arg(support::server::executable())
        .args(["--workers", "2"])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let _guard = Guard(child);
    let address = std::net::SocketAddr::from(([127, 0, 0, 1], port));
    wait_for("it listens", || std::net::TcpStream::connect(address).is_ok());
    let response = Client::connect(address).exchange(REQUEST).expect("an answer");
    assert_eq!(response.text(), "Hello, World!");
    // The kernel takes connections also where no server does.
    let mut unix = UnixStream::connect(&path).expect("systemd listens there");
    let limit = Some(Duration::from_secs(20));
    unix.set_read_timeout(limit).expect("a socket");
    unix.write_all(REQUEST.as_bytes()).expect("room in its buffer");
    let mut answer = [0; 15];
    unix.read_exact(&mut answer).expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 200 OK");
}

/// The lines that a program writes to both of its outputs, as far as they have come.
fn lines_of(child: &mut Child) -> Arc<Mutex<String>> {
    let text = Arc::<Mutex<String>>::default();
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let pipes = [
        out.map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
        err.map(|pipe| Box::new(pipe) as Box<dyn Read + Send>),
    ];
    for pipe in pipes.into_iter().flatten() {
        let text = Arc::clone(&text);
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                let mut text = text.lock().expect("nobody panics with it");
                text.push_str(&line);
                text.push('\n');
            }
        });
    }
    text
}

/// The address that the server listens on when nobody says where, and systemd's sockets are in the place of.
const DEFAULT: &str = "127.0.0.1:8080";

#[test]
fn sockets_of_systemd_are_handed_on_and_leave_the_default_address_to_the_admin_listener() {
    let Some(activate) = tools::tool("systemd-socket-activate") else {
        return;
    };
    let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = free.local_addr().expect("an address");
    drop(free);
    // It has to be that one, and somebody else may have it.
    if TcpListener::bind(DEFAULT).is_err() {
        return tools::skipped("sockets_of_systemd_are_handed_on", "a free 127.0.0.1:8080");
    }
    let mut child = Command::new(activate)
        .args(["-l", &address.to_string()])
        .arg(support::server::executable())
        .args(["--workers", "2", "--admin", DEFAULT])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let lines = lines_of(&mut child);
    let said = || lines.lock().expect("nobody panics with it").clone();
    let first = i32::try_from(child.id()).expect("a process id is positive");
    let _guard = Guard(child);
    wait_for("it listens", || std::net::TcpStream::connect(address).is_ok());
    let response = Client::connect(address).exchange(REQUEST).expect("an answer");
    assert_eq!(response.status, 200);
    kill(Pid::from_raw(first), Signal::SIGUSR2).expect("it runs");
    wait_for("it is restarted, or not", || {
        said().contains(" serves now") || said().contains("no restart")
    });
    let said = said();
    let successor = said
        .split(" serves now")
        .next()
        .and_then(|text| text.rsplit(' ').next()?.parse().ok());
    let successor = Pid::from_raw(successor.unwrap_or_else(|| panic!("no process serves: {said}")));
    let response = Client::connect(address).exchange(REQUEST).expect("an answer");
    // The one before it may still answer there for a moment, and says that it drains.
    let (mut status, deadline) = (503, Instant::now() + PATIENCE);
    while status == 503 && Instant::now() < deadline {
        status = get(DEFAULT.parse().expect("an address"), "/readyz").0;
        thread::sleep(Duration::from_millis(5));
    }
    kill(successor, Signal::SIGTERM).expect("it runs");
    assert_eq!((response.status, status), (200, 200));
    wait_for("the successor ends", || {
        kill(successor, None).is_err() || is_dead(successor.as_raw())
    });
}

/// What the manager was told, as far as it has come.
fn told(manager: &UnixDatagram) -> Vec<String> {
    let mut lines = Vec::new();
    let mut buffer = [0; 256];
    while let Ok(count) = manager.recv(&mut buffer) {
        lines.push(String::from_utf8_lossy(&buffer[..count]).into_owned());
    }
    lines
}

#[test]
fn the_manager_hears_of_the_start_of_a_restart_and_of_the_end() {
    let folder = tempfile::tempdir().expect("a directory");
    let path = folder.path().join("notify");
    let manager = UnixDatagram::bind(&path).expect("a free path");
    manager.set_nonblocking(true).expect("a socket");
    let mut chain = Chain::start(Launch::new().env("NOTIFY_SOCKET", &path));
    let mut heard = Vec::new();
    wait_for("it is ready", || {
        heard.extend(told(&manager));
        heard == ["READY=1"]
    });
    chain.restart();
    wait_for("another process is the main one", || {
        heard.extend(told(&manager));
        heard.iter().any(|line| line.starts_with("MAINPID="))
    });
    assert!(chain.first().ends_within(Duration::from_secs(10)).success());
    heard.extend(told(&manager));
    assert!(
        !heard.contains(&"STOPPING=1".to_owned()),
        "the service goes on: {heard:?}"
    );
    chain.signal(Signal::SIGTERM);
    wait_for("it ends", || {
        heard.extend(told(&manager));
        heard.contains(&"STOPPING=1".to_owned())
    });
}
