//! The request side: bytes in, a `Head`, body bytes and trailers out.
//!
//! To find why a head is refused, read two files: `head.rs`, which has the order of the judgements, and the one of the
//! judgement: `line.rs` (the request line), `field.rs` (a field line), `known.rs` (the fields together) or `section.rs`
//! (lengths, and heads in pieces).

pub(crate) mod body;
pub(crate) mod chunked;
pub(crate) mod field;
pub(crate) mod framing;
pub(crate) mod head;
pub(crate) mod host;
pub(crate) mod known;
pub(crate) mod line;
pub(crate) mod parts;
pub(crate) mod section;
pub(crate) mod table;
pub(crate) mod trailers;
pub(crate) mod view;

use crate::rules::Rule;

/// Why there is no result: of a line or a section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// More bytes are needed.
    Incomplete,
    /// The byte at this index proves that a rule is broken.
    Broken(usize, Rule),
}
