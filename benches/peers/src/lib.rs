//! What every peer answers, and how each is told what to do.
//!
//!     peer-NAME ADDRESS [ROOT]
//!
//! From memory: `/plaintext` has 13 bytes, `/1k` 1 KiB, `/1m` 1 MiB; hyper's `/big` 8 MiB. What has a file server serves `ROOT` beside or instead of
//! them. One worker.

use std::net::SocketAddr;
use std::path::PathBuf;

/// The body of `/plaintext`.
pub const HELLO: &str = "Hello, World!";
/// The body of `/1k`.
pub static KILO: [u8; 1024] = [b'x'; 1024];
/// How many bytes `/1m` has.
pub const MEGA: usize = 1024 * 1024;
/// How many bytes `/big` has.
pub const BIG: usize = 8 * 1024 * 1024;

/// The address and the root from the command line.
///
/// # Panics
///
/// Without an address, since then there is nothing to do.
pub fn arguments() -> (SocketAddr, Option<PathBuf>) {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().expect("usage: peer-NAME ADDRESS [ROOT]");
    (
        address.parse().expect("an address as 127.0.0.1:8080"),
        arguments.next().map(PathBuf::from),
    )
}
