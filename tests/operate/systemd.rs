//! With systemd's own tools.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::Signal;
use support::{Client, Launch, tools};

use crate::chain::Chain;
use crate::{REQUEST, wait_for};

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
