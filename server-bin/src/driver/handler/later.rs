//! Answers that come from elsewhere: a ticket for the connection, a completer for whoever knows the answer, and
//! the mailbox between them.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use http_core::ResponseHead;
use multiplex::Waker;

use super::Content;

/// The promise of an answer, for [`Reply::Later`](super::Reply::Later).
#[derive(Debug)]
pub struct Ticket {
    pub(crate) cycle: u32,
}

/// Completes one request, from any thread.
///
/// Dropped without an answer, it answers 500: a request never hangs because someone forgot it.
pub struct Completer {
    mailbox: Option<Arc<Mailbox>>,
    connection: usize,
    cycle: u32,
}

impl Completer {
    /// Answers the request with the status and the fields of `head`, and with `content` as the body.
    ///
    /// When the client has gone meanwhile, the answer is dropped.
    pub fn complete(mut self, head: ResponseHead, content: impl Into<Content>) {
        self.post(head, content.into());
    }

    fn post(&mut self, head: ResponseHead, content: Content) {
        if let Some(mailbox) = self.mailbox.take() {
            mailbox.post(Completion {
                connection: self.connection,
                cycle: self.cycle,
                head,
                content,
            });
        }
    }
}

impl Drop for Completer {
    fn drop(&mut self) {
        self.post(ResponseHead::new(500), Content::Static(b""));
    }
}

impl fmt::Debug for Completer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completer")
            .field("connection", &self.connection)
            .finish_non_exhaustive()
    }
}

/// An answer on its way to the worker that owns the connection.
pub(crate) struct Completion {
    pub(crate) connection: usize,
    /// Which request of the connection it answers, so that a late one cannot answer the next request.
    pub(crate) cycle: u32,
    pub(crate) head: ResponseHead,
    pub(crate) content: Content,
}

/// Where the answers for one worker's connections arrive.
pub(crate) struct Mailbox {
    letters: Mutex<Vec<Completion>>,
    waker: Option<Waker>,
}

impl Mailbox {
    /// A mailbox whose worker is woken by `waker`; without one the worker has to look by itself.
    pub(crate) fn new(waker: Option<Waker>) -> Self {
        Self {
            letters: Mutex::new(Vec::new()),
            waker,
        }
    }

    fn post(&self, letter: Completion) {
        let first = {
            let mut letters = self.letters.lock().unwrap_or_else(PoisonError::into_inner);
            letters.push(letter);
            letters.len() == 1
        };
        // Whoever found the mailbox empty wakes the worker; the letters behind are found by the same wake.
        if first {
            self.wake();
        }
    }

    /// Wakes the worker, whatever is in the mailbox.
    pub(crate) fn wake(&self) {
        if let Some(waker) = &self.waker {
            // The worker holds the other end for as long as it runs, so this fails only after its end.
            let _ = waker.wake();
        }
    }

    /// Swaps all letters into `letters`, which must be empty; its capacity is reused.
    pub(crate) fn collect(&self, letters: &mut Vec<Completion>) {
        debug_assert!(letters.is_empty());
        std::mem::swap(
            &mut *self.letters.lock().unwrap_or_else(PoisonError::into_inner),
            letters,
        );
    }
}

/// Opens tickets for the request that a handler is looking at.
pub(crate) struct Desk<'a> {
    pub(crate) mailbox: &'a Arc<Mailbox>,
    pub(crate) connection: usize,
    pub(crate) cycle: u32,
}

impl Desk<'_> {
    pub(crate) fn open(&self) -> (Ticket, Completer) {
        let mailbox = Some(Arc::clone(self.mailbox));
        (
            Ticket { cycle: self.cycle },
            Completer {
                mailbox,
                connection: self.connection,
                cycle: self.cycle,
            },
        )
    }

    pub(crate) fn nowhere() -> (Ticket, Completer) {
        (
            Ticket { cycle: 0 },
            Completer {
                mailbox: None,
                connection: 0,
                cycle: 0,
            },
        )
    }
}
