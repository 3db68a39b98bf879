//! The whole way from a request to its answer, on real directories.

mod answers;
mod escape_attempts;
mod siblings;
mod support;
