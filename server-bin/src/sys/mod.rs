//! What differs from kernel to kernel: opening below a directory ([`open`]), what is known of a file ([`stamp`]),
//! sending from a file to a socket ([`send`]), the sockets themselves ([`net`]), handing them to another process
//! (`handover`), and locks beside Unix sockets ([`lock`]).

#[cfg(feature = "cli")]
pub(crate) mod handover;
pub(crate) mod lock;
pub(crate) mod net;
mod open;
mod send;
mod stamp;

pub(crate) use open::{Place, Root};
pub(crate) use send::send_file;
pub(crate) use stamp::{Identity, Kind, Stamp, Time};

#[cfg(test)]
pub(crate) mod tests;
