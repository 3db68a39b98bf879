//! What ours tells of itself.

use std::io::{self, Read as _, Write as _};
use std::net::SocketAddr;

use crate::load::connect;

/// Returns how long the longest round of ours has taken so far, in seconds, as its admin listener tells.
///
/// # Errors
///
/// When it does not answer, or not with that.
pub fn longest_round(admin: SocketAddr) -> io::Result<f64> {
    let mut stream = connect(admin, 0)?;
    stream.write_all(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
    let mut text = String::new();
    stream.read_to_string(&mut text)?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("server_longest_round_seconds "));
    line.and_then(|seconds| seconds.trim().parse().ok())
        .ok_or_else(|| io::Error::other("/metrics has no longest round"))
}
