//! What an operator has to do with: the command line, the limits of the system, and the way to the end.

pub mod config;
pub(crate) mod descriptors;
pub mod drain;
