//! What an operator has to do with: the command line and the limits of the system.

pub mod config;
pub(crate) mod descriptors;
