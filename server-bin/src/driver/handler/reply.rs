//! What a handler answers with, and where the bytes of a response body come from.

use std::fmt;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::{BodySource, Ticket};

/// Where the body of a response comes from. Status and fields were written through the context.
pub enum Reply {
    /// From memory.
    Bytes(Content),
    /// From an open file, by sendfile where there is one.
    File(FileSlice),
    /// From a source that is asked for more as the socket takes it.
    Pull(Box<dyn BodySource>),
    /// From the thread that holds the ticket's completer.
    Later(Ticket),
}

impl Reply {
    /// An answer without a body.
    pub const EMPTY: Self = Self::Bytes(Content::Static(b""));
}

impl From<FileSlice> for Reply {
    fn from(slice: FileSlice) -> Self {
        Self::File(slice)
    }
}

impl From<Box<dyn BodySource>> for Reply {
    fn from(source: Box<dyn BodySource>) -> Self {
        Self::Pull(source)
    }
}

impl From<Ticket> for Reply {
    fn from(ticket: Ticket) -> Self {
        Self::Later(ticket)
    }
}

impl<C: Into<Content>> From<C> for Reply {
    fn from(content: C) -> Self {
        Self::Bytes(content.into())
    }
}

/// A body in memory.
#[derive(Clone, Debug)]
pub enum Content {
    /// Part of the program.
    Static(&'static [u8]),
    /// Made for this answer.
    Owned(Vec<u8>),
    /// Shared with other answers.
    Shared(Arc<[u8]>),
}

impl AsRef<[u8]> for Content {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Static(bytes) => bytes,
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes,
        }
    }
}

impl From<&'static [u8]> for Content {
    fn from(bytes: &'static [u8]) -> Self {
        Self::Static(bytes)
    }
}

impl From<&'static str> for Content {
    fn from(text: &'static str) -> Self {
        Self::Static(text.as_bytes())
    }
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Owned(bytes)
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        Self::Owned(text.into_bytes())
    }
}

impl From<Arc<[u8]>> for Content {
    fn from(bytes: Arc<[u8]>) -> Self {
        Self::Shared(bytes)
    }
}

/// A part of an open regular file.
///
/// When the file turns out to be shorter, the connection closes before the promised length, so that the client
/// notices.
#[derive(Debug)]
pub struct FileSlice {
    /// The file; its own position is neither used nor moved.
    pub file: OwnedFd,
    /// Where the part begins.
    pub offset: u64,
    /// How long it is.
    pub len: u64,
    /// What watches the file until its last byte is read. When the file has changed meanwhile, the connection closes
    /// before the promised length, so that no client takes a mixture of old and new for the file. None: it may change.
    pub guard: Option<Box<dyn FileGuard>>,
}

/// Watches a file while it is sent.
pub trait FileGuard: Send + fmt::Debug {
    /// Returns whether the file is still what it was when the response began.
    ///
    /// # Errors
    ///
    /// Those of looking at it; the connection closes then.
    fn is_unchanged(&self, file: BorrowedFd<'_>) -> io::Result<bool>;

    /// Reads from `offset` on, without moving the file's own position. The last bytes are read, then the file is looked
    /// at, and only then are they sent.
    ///
    /// # Errors
    ///
    /// Those of reading.
    fn read(&self, file: BorrowedFd<'_>, offset: u64, buffer: &mut [u8]) -> io::Result<usize>;
}
