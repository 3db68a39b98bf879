//! What a handler answers with, and where the bytes of a response body come from.

use std::fmt;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::sync::Arc;

use http_core::{FieldBlock, Misuse, PreparedHead, ResponseHead};

use super::{BodySource, Ticket};

/// Where the body of a response comes from. Status and fields were written through the context.
pub enum Reply {
    /// From memory.
    Bytes(Content),
    /// From memory, with its status and fields: the cheapest way.
    Prepared(Arc<Prepared>),
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

impl From<Arc<Prepared>> for Reply {
    fn from(prepared: Arc<Prepared>) -> Self {
        Self::Prepared(prepared)
    }
}

impl<C: Into<Content>> From<C> for Reply {
    fn from(content: C) -> Self {
        Self::Bytes(content.into())
    }
}

/// What a [`Completer`](super::Completer) answers with: everything that a handler can answer with but another promise.
pub enum Completed {
    /// A body in memory.
    Bytes(Content),
    /// A part of an open file.
    File(FileSlice),
    /// A source that is pulled as the socket takes it.
    Pull(Box<dyn BodySource>),
}

impl<C: Into<Content>> From<C> for Completed {
    fn from(content: C) -> Self {
        Self::Bytes(content.into())
    }
}

impl From<FileSlice> for Completed {
    fn from(slice: FileSlice) -> Self {
        Self::File(slice)
    }
}

impl From<Box<dyn BodySource>> for Completed {
    fn from(source: Box<dyn BodySource>) -> Self {
        Self::Pull(source)
    }
}

impl From<Completed> for Reply {
    fn from(completed: Completed) -> Self {
        match completed {
            Completed::Bytes(content) => Self::Bytes(content),
            Completed::File(slice) => Self::File(slice),
            Completed::Pull(source) => Self::Pull(source),
        }
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

/// A whole answer from memory that is sent again and again: its head is checked and written once, and sending it is a copy.
///
/// Its own status counts. Fields that were set through the context, by a handler around the one that made it, stand before
/// its own ones.
///
/// ```
/// use std::sync::Arc;
///
/// use http_core::ResponseHead;
/// use server_bin::Server;
/// use server_bin::handler::Prepared;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let head = ResponseHead::new(200).field("content-type", "text/plain")?;
/// let hello = Arc::new(Prepared::new(&head, *b"Hello, World!")?);
/// let server = Server::new(move |_, _| Arc::clone(&hello));
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(crate) head: PreparedHead,
    pub(crate) fields: FieldBlock,
    pub(crate) body: Arc<[u8]>,
}

impl Prepared {
    /// Prepares an answer with the status and the fields of `head`. The driver adds Date and what is about framing.
    ///
    /// # Errors
    ///
    /// [`Misuse::BadStatus`] if the status is none of a final response, [`Misuse::ContentForbidden`] if one that has no content
    /// (204, 205) comes with a body.
    pub fn new(head: &ResponseHead, body: impl Into<Arc<[u8]>>) -> Result<Self, Misuse> {
        let body = body.into();
        Ok(Self {
            head: PreparedHead::new(head, body.len() as u64)?,
            fields: head.fields().clone(),
            body,
        })
    }

    /// Returns the status.
    pub fn status(&self) -> u16 {
        self.head.status()
    }

    /// Returns the fields.
    pub fn fields(&self) -> &FieldBlock {
        &self.fields
    }

    /// Returns the body.
    pub fn body(&self) -> &[u8] {
        &self.body
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
    /// Watches the file until its last byte is read. When the file has changed meanwhile, the connection closes
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
