//! The seam for bytes that come before HTTP, such as what a proxy says of its client: what a driver asks, and what it hears.

use std::net::SocketAddr;

/// Reads what stands before the first request of a connection, as the PROXY protocol has it.
///
/// It is called on the workers' threads and must not block.
pub trait Preamble: Send + Sync {
    /// Decides how a connection from `peer` begins.
    fn opening(&self, peer: Option<SocketAddr>) -> Opening;

    /// Looks at all bytes that have come so far, from the first one on.
    fn read(&self, bytes: &[u8]) -> Preface;
}

/// How a connection begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Opening {
    /// With a request.
    Request,
    /// With a preface.
    Preface,
    /// It is closed at once.
    Refused,
}

/// What a [`Preamble`] has found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Preface {
    /// More bytes have to come.
    Incomplete,
    /// The preface is `length` bytes long.
    Whole {
        /// How many bytes it is.
        length: usize,
        /// The client that it names; the connection's peer from then on.
        source: Option<SocketAddr>,
    },
    /// It is none: the connection closes without an answer, because nobody knows who would read it.
    Broken,
}
