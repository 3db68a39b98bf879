//! Notices of what an operator should know, said without a flood: each topic at once, then at most once a minute with a
//! count.
//!
//! ```
//! # use server_bin::operate::log::{Log, Settings};
//! let log = Log::start(Settings::default())?;
//! let forbidden = log.notices().topic();
//! for name in ["a", "b", "c"] {
//!     // The first is said at once; the two others are counted, and said together a minute later.
//!     forbidden.say(|| format!("{name} may not be read"));
//! }
//! # Ok::<(), std::io::Error>(())
//! ```

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::{Duration, Instant};

use super::shared::Shared;

/// For how long a topic is silent after it was said.
pub(super) const QUIET: Duration = Duration::from_secs(60);

/// Where notices go in. Any thread may have a clone; none of its methods waits for a file or a terminal.
#[derive(Clone)]
pub struct Notices {
    pub(super) queue: SyncSender<Said>,
    pub(super) shared: Arc<Shared>,
}

/// What the writer gets.
pub(super) struct Said {
    pub(super) text: String,
    pub(super) topic: Option<Topic>,
}

impl Notices {
    /// Says a line that is no topic's, as that the server drains. When too many wait, it is lost and counted.
    pub fn say(&self, text: impl Into<String>) {
        self.send(Said {
            text: text.into(),
            topic: None,
        });
    }

    /// A subject that is said at most once a minute from here on.
    #[must_use]
    pub fn topic(&self) -> Topic {
        Topic {
            notices: self.clone(),
            pending: Arc::new(AtomicU64::new(0)),
        }
    }

    fn send(&self, said: Said) -> bool {
        let sent = self.queue.try_send(said);
        if let Err(TrySendError::Full(_)) = sent {
            self.shared.lose_notice();
        }
        self.shared.wake();
        sent.is_ok()
    }
}

impl fmt::Debug for Notices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notices").finish_non_exhaustive()
    }
}

/// A subject of notices. Clones are the same subject.
#[derive(Clone, Debug)]
pub struct Topic {
    notices: Notices,
    /// How often it was said since it was written last; 0 while it is not silent.
    pending: Arc<AtomicU64>,
}

impl Topic {
    /// Says it. While the topic is silent it is counted only, and `text` is not called.
    pub fn say(&self, text: impl FnOnce() -> String) {
        if self.pending.fetch_add(1, Ordering::Relaxed) == 0 {
            let said = Said {
                text: text(),
                topic: Some(self.clone()),
            };
            if !self.notices.send(said) {
                self.pending.store(0, Ordering::Relaxed);
            }
        }
    }
}

/// What the writer remembers of a topic that is silent.
pub(super) struct Silent {
    topic: Topic,
    text: String,
    pub(super) until: Instant,
}

impl Silent {
    pub(super) fn new(topic: Topic, text: String, now: Instant) -> Self {
        Self {
            topic,
            text,
            until: now + QUIET,
        }
    }

    /// Ends the minute: says how often the topic came up in it, and begins the next one; or lets the topic speak again.
    pub(super) fn renew(&mut self, now: Instant) -> Option<String> {
        // Others only count it up meanwhile.
        let pending = &self.topic.pending;
        if pending
            .compare_exchange(1, 0, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
        {
            return None;
        }
        // The one that was said is in the count, and is what keeps the topic silent.
        let more = pending.swap(1, Ordering::Relaxed).saturating_sub(1);
        self.until = now + QUIET;
        Some(format!(
            "{} ({more} more like it within {} s)",
            self.text,
            QUIET.as_secs()
        ))
    }
}
