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

use support::{PATIENCE, Server};

const REQUEST: &str = "GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n";

/// Waits until it is so.
#[track_caller]
fn wait_for(what: &str, condition: impl FnMut() -> bool) {
    wait_longer_for(PATIENCE, what, condition);
}

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

/// Waits for the admin listener's address in what the server says.
#[track_caller]
fn admin_address(server: &Server) -> SocketAddr {
    let mut address = None;
    wait_for("the admin listener's address", || {
        let output = server.output();
        let line = output
            .lines()
            .find_map(|line| line.split_once("readiness on http://"));
        address = line.and_then(|(_, rest)| rest.trim_end_matches('/').parse().ok());
        address.is_some()
    });
    address.expect("it was found")
}

/// The status and the body that a path of this address answers with.
#[track_caller]
fn get(address: SocketAddr, path: &str) -> (u16, String) {
    let mut client = support::Client::connect(address);
    let response = client.exchange(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let response = response.expect("an answer");
    (response.status, response.text())
}
