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
            Self::AcceptPaused(error) => {
                write!(
                    f,
                    "no connection can be accepted for the moment: {error}; those that are there are served"
                )
            }
        }
    }
}

/// What hears of notices. It is called on the workers' threads and must not block.
pub(crate) type NoticeHook = Arc<dyn Fn(&Notice) + Send + Sync>;
