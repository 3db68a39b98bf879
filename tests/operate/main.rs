//! The server as an operator meets it: logs, metrics, signals, restarts, service managers and proxies.

mod chain;
mod command_line;
mod deferral;
mod deploy;
mod documents;
mod image;
mod inherited;
mod logs;
mod metrics;
mod notices;
mod proxies;
mod restart;
mod signals;
mod site;
mod systemd;

use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};
use std::{fs, thread};

use support::{Server, wait_for};

const REQUEST: &str = "GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n";

#[track_caller]
fn wait_longer_for(patience: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + patience;
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(5));
    }
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

#[track_caller]
fn admin_address(server: &Server) -> SocketAddr {
    server.admin_address()
}

/// The status and the body that a path of this address answers with.
#[track_caller]
fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut client = support::Client::connect(address);
    let response = client.exchange(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let response = response.expect("an answer");
    (response.status, response.text())
}
