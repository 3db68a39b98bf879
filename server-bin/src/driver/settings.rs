//! What an operator sets and a connection obeys: deadlines and limits, each with its default.

use std::time::Duration;

/// Timeouts and limits of connections.
#[derive(Clone, Debug)]
pub struct Settings {
    /// For a whole head, from its first byte. nginx 60 s, Apache 20 to 40 s.
    pub head_timeout: Duration,
    /// Between two arrivals of request body bytes, and how far a body may fall behind its rate. nginx 60 s, Apache 20 s.
    pub body_timeout: Duration,
    /// Bytes of a request body that have to arrive a second; 0 is any. IIS and Kestrel 240, Apache 500.
    pub min_body_rate: u32,
    /// Between two requests. nginx 75 s, Apache 5 s.
    pub idle_timeout: Duration,
    /// Between two times that the peer takes response bytes, and how far it may fall behind its rate. nginx and Apache 60 s.
    pub write_timeout: Duration,
    /// Bytes of a response that the peer has to take a second; 0 is any. IIS and Kestrel 240.
    ///
    /// What counts is what the kernel takes, and it makes room in lumps: behind one of them a slow peer seems to stand
    /// still. So with the default timeout one that takes less than about 4 kB/s may be cut off, too.
    pub min_write_rate: u32,
    /// For an answer that a handler has promised for later; then it is 503. nginx 60 s for an upstream's.
    pub reply_timeout: Duration,
    /// For a source without news, once its peer has shut its side: a FIN does not say whether the peer still reads.
    pub half_closed_timeout: Duration,
    /// Between two reads of a lingering close, after which the peer is taken to have stopped sending. nginx 5 s.
    pub linger_timeout: Duration,
    /// For the whole of a lingering close: as long as that, a client that uploads on may need to read its answer. nginx 30 s.
    pub linger_time: Duration,
    /// For the whole of a graceful drain.
    pub drain_timeout: Duration,
    /// How long an idle connection gets for one more request while the server drains.
    pub drain_idle_timeout: Duration,
    /// Requests that one connection may make; the last one is answered with `Connection: close`. nginx 1000.
    pub max_requests: u32,
    /// The most bytes of a request body that any handler may ask for. Without one, a handler's own limit holds, and for a
    /// handler without one that of [`limits`](Self::limits).
    pub max_body: Option<u64>,
    /// Limits of heads and bodies.
    pub limits: http_core::Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            head_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(20),
            min_body_rate: 240,
            idle_timeout: Duration::from_secs(75),
            write_timeout: Duration::from_secs(60),
            min_write_rate: 240,
            reply_timeout: Duration::from_secs(60),
            half_closed_timeout: Duration::from_secs(10),
            linger_timeout: Duration::from_secs(2),
            linger_time: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(30),
            drain_idle_timeout: Duration::from_secs(5),
            max_requests: u32::MAX,
            max_body: None,
            limits: http_core::Limits::default(),
        }
    }
}

impl Settings {
    /// The most bytes that a body may have whose handler asks for `wanted`.
    pub(crate) fn body_limit(&self, wanted: Option<u64>) -> u64 {
        wanted
            .unwrap_or(self.limits.body)
            .min(self.max_body.unwrap_or(u64::MAX))
    }
}

/// Requests that one turn of a connection answers at most, so that the others of its worker get theirs.
pub(crate) const TURN_REQUESTS: u32 = 32;
/// Response bytes that one turn makes or sends at most, sendfile included.
pub(crate) const TURN_BYTES: usize = 256 * 1024;
/// Bytes of an unread request body that are read and dropped to keep the connection.
pub(crate) const MAX_DISCARD: u64 = 64 * 1024;
/// A body of at most this size is copied behind its head and leaves in the same write.
pub(crate) const COPIED_BODY: usize = 64 * 1024;
/// The longest timeout there is, so that no clock overflows.
pub(crate) const NEVER: Duration = Duration::from_secs(1 << 30);
