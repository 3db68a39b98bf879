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
    /// Bytes count when the kernel takes them, and it makes room in lumps: behind one of them a slow peer seems to stand
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
    /// For one turn of a connection while others wait for theirs; a round of all those that are ready, after which a worker
    /// looks at what else is due, has ten times as much. It is looked at between requests and between sends, so also with no time
    /// a turn does one of them; `Duration::MAX` is no bound.
    pub turn_time: Duration,
    /// Requests of a pipeline that are answered in one turn of their connection; the next ones wait for its next turn, and
    /// none is refused. 0 is taken as 1.
    pub turn_requests: u32,
    /// Bytes of answers that one turn makes or sends, those of files included. An answer is not divided while it is made, so
    /// the last one may exceed it. So much and an answer more is kept of what a client does not take; until that has left,
    /// nothing is read from it. 0 is taken as 1.
    pub turn_bytes: usize,
    /// Requests that one connection may make; the last one is answered with `Connection: close`. nginx 1000.
    pub max_requests: u32,
    /// The most bytes of a request body that any handler may ask for. Without one, a handler's own limit holds, and for a
    /// handler without one that of [`limits`](Self::limits).
    pub max_body: Option<u64>,
    /// Bytes of memory that the connections of one worker may hold together, with what its handler keeps: requests that are
    /// not whole, bodies that are collected, answers that were not taken. When they are held, connections are not read from
    /// or answered with 503, those first that stand still longest.
    ///
    /// The default, 128 MiB, is 4,000 heads of the largest size, or 128 bodies of the largest size, at once; and two
    /// workers fit into a container of 512 MiB.
    pub worker_memory: usize,
    /// Bytes that the kernel keeps of what a client has sent, while its connection is not read from; 0 is as many as the
    /// kernel likes, which can be tens of megabytes for each connection. A client sends at most so much a round trip: with the
    /// default, 256 KiB, 13 MB/s over 20 ms, and 2.6 MB/s over 100 ms. Linux lowers it to `net.core.rmem_max`. TCP only.
    pub receive_buffer: usize,
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
            turn_time: Duration::from_micros(100),
            turn_requests: 32,
            turn_bytes: TURN_BYTES,
            max_requests: u32::MAX,
            max_body: None,
            worker_memory: 128 * 1024 * 1024,
            receive_buffer: 256 * 1024,
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

/// The default of [`Settings::turn_bytes`]. Whatever that is set to, more than this is much for one buffer: it is neither
/// kept for the next turn nor copied.
pub(crate) const TURN_BYTES: usize = 256 * 1024;
/// Bytes of an unread request body that are read and dropped to keep the connection.
pub(crate) const MAX_DISCARD: u64 = 64 * 1024;
/// A body of at most this size is copied behind its head and leaves in the same write.
pub(crate) const COPIED_BODY: usize = 64 * 1024;
/// The longest timeout there is, so that no clock overflows.
pub(crate) const NEVER: Duration = Duration::from_secs(1 << 30);
