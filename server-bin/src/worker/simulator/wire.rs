//! One connection of the simulated network: what the server's kernel keeps of it, and what its peer does.

use std::collections::VecDeque;

use multiplex::{Interest, Trigger};

use crate::driver::socket::Ready;
use crate::worker::slab::Key;

/// What the server's kernel keeps of what the peer has sent.
const RECEIVE_BUFFER: usize = 64 * 1024;

/// How a socket stands in the simulated poller.
#[derive(Clone, Copy)]
pub(super) struct Registration {
    pub(super) key: Key,
    pub(super) interest: Interest,
    pub(super) trigger: Trigger,
    /// Something has arrived since it was reported last, which an edge waits for.
    pub(super) has_news: bool,
}

/// Both directions of one connection.
pub(super) struct Wire {
    /// Sent by the peer, not read by the server.
    pub(super) inbound: VecDeque<u8>,
    /// The peer has shut its side.
    pub(super) ended: bool,
    /// The connection was reset.
    pub(super) reset: bool,
    /// Written by the server, not taken by the peer.
    pub(super) outbound: VecDeque<u8>,
    /// How much of it the server's kernel keeps.
    send_buffer: usize,
    /// The server has shut its side, or closed.
    pub(super) shut: bool,
    pub(super) closed: bool,
    /// The server may close it without a word: something failed that it needs, or is out of patience with it.
    pub(super) is_lost: bool,
    /// When the server closed it, all that had come was read, or no more could come.
    pub(super) was_idle: bool,
    /// The wait after which the server was last told something that was not so, or got less than there was.
    pub(super) deceived: usize,
    pub(super) registration: Option<Registration>,
    /// The poller could not forget it when it was asked to.
    pub(super) may_stay_registered: bool,
    /// How often it was registered, or its registration changed.
    pub(super) registered: usize,
}

impl Wire {
    /// `send_buffer`: how much the server's kernel keeps of what the peer does not take.
    pub(super) fn new(send_buffer: usize) -> Self {
        Self {
            inbound: VecDeque::new(),
            ended: false,
            reset: false,
            outbound: VecDeque::new(),
            send_buffer,
            shut: false,
            closed: false,
            is_lost: false,
            was_idle: false,
            deceived: 0,
            registration: None,
            may_stay_registered: false,
            registered: 0,
        }
    }

    /// The peer sends. Returns how many bytes the server's kernel takes. Sending to a server that has closed brings a
    /// reset back, which destroys what the peer has not taken yet.
    pub(super) fn send(&mut self, bytes: &[u8]) -> usize {
        if self.closed && !bytes.is_empty() {
            self.outbound.clear();
            return bytes.len();
        }
        let count = bytes.len().min(RECEIVE_BUFFER - self.inbound.len());
        self.inbound.extend(&bytes[..count]);
        if count > 0 {
            self.bring_news();
        }
        count
    }

    /// The peer takes at most `most` bytes.
    pub(super) fn take(&mut self, most: usize, into: &mut Vec<u8>) {
        let count = self.outbound.len().min(most);
        take_front(&mut self.outbound, count, |bytes| into.extend_from_slice(bytes));
        if count > 0 {
            self.bring_news();
        }
    }

    /// The peer shuts its side.
    pub(super) fn end(&mut self) {
        if !std::mem::replace(&mut self.ended, true) {
            self.bring_news();
        }
    }

    /// The peer vanishes, or the network loses the connection. In half of the cases what has come before that can be read all the
    /// same, as on Linux.
    pub(super) fn reset(&mut self) {
        self.reset = true;
        self.is_lost = true;
        if self.inbound.len().is_multiple_of(2) {
            self.inbound.clear();
        }
        self.outbound.clear();
        self.bring_news();
    }

    /// The server closes. With bytes unread its kernel sends a reset, and drops what it had still to send.
    pub(super) fn close(&mut self) {
        self.shut = true;
        self.closed = true;
        self.registration = None;
        if !self.inbound.is_empty() {
            self.outbound.clear();
        }
    }

    fn bring_news(&mut self) {
        if let Some(registration) = &mut self.registration {
            registration.has_news = true;
        }
    }

    /// Whether the peer sees the end of the stream.
    pub(super) fn is_over(&self) -> bool {
        self.reset || (self.shut && self.outbound.is_empty())
    }

    /// From now on the server's kernel keeps as much as real ones do.
    pub(super) fn widen(&mut self) {
        self.send_buffer = self.send_buffer.max(200_000);
    }

    pub(super) fn room(&self) -> usize {
        self.send_buffer.saturating_sub(self.outbound.len())
    }

    pub(super) fn is_readable(&self) -> bool {
        self.reset || self.ended || !self.inbound.is_empty()
    }

    /// A socket is told to be writable when a third of its buffer is free, and not before.
    fn is_writable(&self) -> bool {
        self.reset || (self.room() > 0 && self.room() >= self.outbound.len() / 2)
    }

    /// What a wait reports of it, as epoll does. Hangups and errors are reported whatever was asked.
    pub(super) fn report(&mut self) -> Option<(Key, Ready)> {
        let has_hung_up = self.reset || (self.ended && self.shut);
        let (readable, writable) = (self.is_readable(), self.is_writable());
        let registration = self.registration.as_mut()?;
        let Registration { key, interest, .. } = *registration;
        if registration.trigger == Trigger::Edge && !std::mem::take(&mut registration.has_news) {
            return None;
        }
        let reads = interest.is_readable() && readable;
        let is_ready = has_hung_up || reads || (interest.is_writable() && writable);
        let ready = Ready {
            readable: reads || has_hung_up,
            read_closed: has_hung_up || (interest.is_readable() && self.ended),
            gone: has_hung_up,
        };
        is_ready.then_some((key, ready))
    }
}

/// Takes `count` bytes, which are there, from the front, in one piece or two.
pub(super) fn take_front(queue: &mut VecDeque<u8>, count: usize, mut act: impl FnMut(&[u8])) {
    let (front, back) = queue.as_slices();
    let first = count.min(front.len());
    act(&front[..first]);
    act(&back[..count - first]);
    queue.drain(..count);
}
