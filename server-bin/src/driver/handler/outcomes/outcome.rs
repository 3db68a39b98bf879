//! The outcome of a request, for access logs and counters.

use std::net::SocketAddr;
use std::time::Duration;

use http_core::{Rule, Version};

/// What became of one request. Its texts are raw bytes of the client, so escape what you print.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub struct Outcome<'a> {
    /// The client's address; none for a Unix socket.
    pub peer: Option<SocketAddr>,
    /// The method; empty for a head that could not be read.
    pub method: &'a [u8],
    /// The target as it was sent, at most [`MAX_TEXT`] bytes of it; empty for a head that could not be read.
    pub target: &'a [u8],
    /// The version; none for a head that could not be read.
    pub version: Option<Version>,
    /// The value of Referer, at most [`MAX_TEXT`] bytes of it; empty without one.
    pub referer: &'a [u8],
    /// The value of User-Agent, at most [`MAX_TEXT`] bytes of it; empty without one.
    pub user_agent: &'a [u8],
    /// The status of the final response; 0 when the connection ended before there was one.
    pub status: u16,
    /// The bytes of the response's body that the socket took.
    pub bytes: u64,
    /// The time from the beginning of the round in which the head was complete to that of the one in which the last byte left.
    pub time: Duration,
    /// The rule that the request broke, if it was refused for that.
    pub rule: Option<Rule>,
    /// How the request ended.
    pub end: End,
}

/// How a request ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum End {
    /// Its answer left whole.
    Complete,
    /// The connection was lost before: the client went away, or its network did.
    PeerGone,
    /// The connection closed because a timeout was over.
    TimedOut,
    /// The answer could not be completed: its source failed, the connection had nothing more to say, or its worker had no
    /// memory for it.
    Failed,
    /// The server stopped before the answer had left.
    Stopped,
}

/// The most bytes of a text that an [`Outcome`] holds.
pub const MAX_TEXT: usize = 1024;

/// Whether a handler wants to hear of outcomes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Watch {
    /// It does.
    GoOn,
    /// It does not: no outcome is collected any more, so that they cost nothing.
    Stop,
}
