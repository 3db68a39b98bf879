//! A second implementation of what the crate decides: slow, obvious, and written from the RFCs alone.
//!
//! It always sees the whole input, keeps every alternative of the grammar open, and copies what it finds. It shares no
//! code with the crate and nothing with its way of working: the crate goes byte by byte with as little state as it can.

// Each test binary uses its own part of this module.
#![allow(dead_code, unreachable_pub, missing_docs)]

pub mod abnf;
pub mod chunked;
pub mod connection;
pub mod framing;
pub mod head;
pub mod response;
