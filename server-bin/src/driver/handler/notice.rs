//! What a server has to tell its operator.

use std::fmt;
use std::io;
use std::sync::Arc;

use http_core::Misuse;

/// Something that an operator or a developer should know, and that no client is told. Its text is one line.
#[derive(Debug)]
#[non_exhaustive]
pub enum Notice {
    /// A handler made a response that no client may see; the client was answered with 500.
    ResponseRefused(Misuse),
    /// A handler panicked; its request was answered with 500, and its worker goes on with a fresh one.
    HandlerPanicked,
    /// Accepting rests for a moment, for want of something.
    AcceptPaused(io::Error),
    /// The kernel does not watch a connection, which is closed therefore.
    Unwatched(io::Error),
    /// A worker's connections held as much memory as they may.
    MemoryReached {
        /// Bytes that they may hold.
        most: usize,
        /// Connections that were given up for it: answered with 503, or cut off where no answer could be sent.
        given_up: usize,
    },
    /// A source appended so many bytes in one pull that its worker has no room for them; its connection closed.
    PullTooLarge(usize),
}

impl Notice {
    /// Returns one of each kind, for the test of the page that lists them.
    #[doc(hidden)]
    #[must_use]
    pub fn one_of_each() -> Vec<Self> {
        let error = || io::Error::other("an error");
        let all = vec![
            Self::ResponseRefused(Misuse::BadStatus),
            Self::HandlerPanicked,
            Self::AcceptPaused(error()),
            Self::Unwatched(error()),
            Self::MemoryReached { most: 1, given_up: 1 },
            Self::PullTooLarge(1),
        ];
        // A new kind does not compile here, so that it gets its place above.
        for each in &all {
            match each {
                Self::ResponseRefused(_)
                | Self::HandlerPanicked
                | Self::AcceptPaused(_)
                | Self::Unwatched(_)
                | Self::MemoryReached { .. }
                | Self::PullTooLarge(_) => {}
            }
        }
        all
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResponseRefused(misuse) => {
                write!(
                    f,
                    "a handler's response was refused, and 500 sent instead: {misuse}"
                )
            }
            Self::HandlerPanicked => {
                f.write_str("a handler panicked, and 500 was sent; its worker goes on with a fresh one")
            }
            Self::Unwatched(error) => {
                write!(
                    f,
                    "a connection was closed, since the kernel does not watch it: {error}"
                )?;
                match error.kind() {
                    // epoll_ctl(2): each user may have so many registrations.
                    io::ErrorKind::StorageFull => f.write_str("; raise fs.epoll.max_user_watches"),
                    _ => Ok(()),
                }
            }
            Self::AcceptPaused(error) => {
                write!(
                    f,
                    "no connection can be accepted for the moment: {error}; those that are there are served"
                )
            }
            Self::MemoryReached { most, given_up } => {
                write!(
                    f,
                    "the connections of a worker held the {most} bytes that they may (--max-memory), so {given_up} of them \
                     were refused with 503 or cut off, those first that stood still longest"
                )
            }
            Self::PullTooLarge(bytes) => {
                write!(
                    f,
                    "a body's source made {bytes} bytes at once, for which there is no room (--max-memory), so its \
                     connection was closed: let it make some kilobytes at a time"
                )
            }
        }
    }
}

/// The hook that hears of notices. It is called on the workers' threads and must not block.
pub(crate) type NoticeHook = Arc<dyn Fn(&Notice) + Send + Sync>;
