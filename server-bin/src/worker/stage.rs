//! The way to the end: a graceful drain, and stopping at once.
//!
//! A drain accepts the connections in the backlog, closes the listeners, and answers each request that still comes with
//! `Connection: close`. An idle connection gets one more request for a moment, because it may be under way. When the
//! drain has taken too long, or on a second signal, the rest is cut off.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use super::accept::Admission;
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
pub(crate) struct CurrentStage(AtomicU8);

impl CurrentStage {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self(AtomicU8::new(Stage::Serving as u8)))
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.0.load(Ordering::Acquire) {
            0 => Stage::Serving,
            1 => Stage::Draining,
            _ => Stage::Stopped,
        }
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

    /// Returns how many connections there are, of all workers together.
    pub fn connections(&self) -> usize {
        self.admission.present()
    }

    /// Cuts off whatever is still going on.
    pub fn stop(&self) {
        self.advance(Stage::Stopped);
    }

    fn advance(&self, stage: Stage) {
        self.stage.0.fetch_max(stage as u8, Ordering::AcqRel);
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
