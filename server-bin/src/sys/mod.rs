//! What differs from kernel to kernel: opening below a directory ([`open`]), what is known of a file ([`stamp`]),
//! sending from a file to a socket ([`send`]), the sockets themselves ([`net`]), handing them to another process
//! (`handover`), locks beside Unix sockets ([`lock`]), signals that are waited for (`signals`), room for descriptors
//! ([`descriptors`]), giving memory back, and lines on the standard streams that nobody waits for.

mod complaint;
pub(crate) mod descriptors;
#[cfg(target_os = "linux")]
mod ffi;
#[cfg(feature = "cli")]
pub(crate) mod handover;
pub(crate) mod lock;
pub(crate) mod net;
mod open;
mod send;
#[cfg(feature = "cli")]
pub(crate) mod signals;
mod stamp;

pub(crate) use complaint::complain;
#[cfg(feature = "cli")]
pub(crate) use complaint::{print, say_at_the_end};
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub(crate) use ffi::give_memory_back;
pub(crate) use open::{Place, Root};
pub(crate) use send::send_file;
pub(crate) use stamp::{Identity, Kind, Stamp, Time};

/// Other allocators give back by themselves what is free for a while.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub(crate) fn give_memory_back() {}

#[cfg(test)]
pub(crate) mod tests;
