//! The way to the end: a graceful drain, and stopping at once.
//!
//! A drain accepts the connections in the backlog, closes the listeners, and answers each request that still comes with
//! `Connection: close`. An idle connection gets one more request for a moment, because it may be under way. When the
//! drain has taken too long, or on a second signal, the rest is cut off.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

use super::admission::Admission;
use crate::driver::handler::mailbox::Mailbox;

/// How far a server is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub(crate) enum Stage {
    Serving,
    Draining,
    Stopped,
}

/// The stage that the workers are to be in.
#[derive(Debug)]
pub(crate) struct CurrentStage {
    stage: AtomicU8,
    /// Another server has the listeners, too, and goes on with them.
    handed_over: AtomicBool,
}

impl CurrentStage {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            stage: AtomicU8::new(Stage::Serving as u8),
            handed_over: AtomicBool::new(false),
        })
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Acquire) {
            0 => Stage::Serving,
            1 => Stage::Draining,
            _ => Stage::Stopped,
        }
    }

    /// Returns whether another server goes on with the listeners. It is certain once the drain has begun.
    pub(crate) fn is_handed_over(&self) -> bool {
        self.handed_over.load(Ordering::Acquire)
    }
}

/// Ends a running server, from any thread.
#[derive(Clone)]
pub struct Handle {
    stage: Arc<CurrentStage>,
    mailboxes: Arc<[Arc<Mailbox>]>,
    admission: Arc<Admission>,
}

impl Handle {
    pub(crate) fn new(
        stage: Arc<CurrentStage>,
        mailboxes: Vec<Arc<Mailbox>>,
        admission: Arc<Admission>,
    ) -> Self {
        Self {
            stage,
            mailboxes: mailboxes.into(),
            admission,
        }
    }

    /// Begins the graceful drain. A second call changes nothing.
    pub fn drain(&self) {
        self.advance(Stage::Draining);
    }

    /// Notes, before a drain, that another server goes on with the same sockets. Then the drain leaves their options as they are,
    /// and connections that the kernel holds back ([`Server::defer_accept`](crate::Server::defer_accept)) come to the other one.
    pub fn hand_over(&self) {
        self.stage.handed_over.store(true, Ordering::Release);
    }

    /// Returns how many connections there are, of all workers together.
    pub fn connections(&self) -> usize {
        self.admission.present()
    }

    /// Cuts off whatever is still going on.
    pub fn stop(&self) {
        self.advance(Stage::Stopped);
    }

    fn advance(&self, stage: Stage) {
        self.stage.stage.fetch_max(stage as u8, Ordering::AcqRel);
        for mailbox in self.mailboxes.iter() {
            mailbox.alert();
        }
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("stage", &self.stage)
            .finish_non_exhaustive()
    }
}
