//! The number of a request of which something is elsewhere, and the promise of its answer.

/// The number of one request, from its worker's counter. On 64 bits a counter does not come round in the life of a
/// machine. A request has one only while something of it is elsewhere.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Serial(pub(crate) u64);

/// The promise of an answer, for [`Reply::Later`](super::Reply::Later).
#[derive(Debug)]
pub struct Ticket {
    pub(crate) serial: Serial,
    /// Which of the request's tickets it is, from 1 on.
    pub(crate) number: u32,
}
