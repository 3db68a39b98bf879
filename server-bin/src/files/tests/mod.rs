//! The whole way from a request to its answer, on real directories.

mod answers;
mod changes;
mod escape_attempts;
mod options;
mod siblings;
mod support;
mod troubles;
