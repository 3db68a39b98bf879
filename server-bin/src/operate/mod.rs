//! What an operator has to do with: the command line, the logs, and the limits of the system.

pub mod config;
pub(crate) mod descriptors;
pub mod log;
pub mod metrics;
pub mod proxy_protocol;
pub mod restart;
pub mod systemd;
