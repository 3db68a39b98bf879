//! The address of a peer, in little room.

use std::net::{IpAddr, SocketAddr};

/// A peer's address in 20 bytes instead of 32. An IPv6 scope is not kept.
#[derive(Clone, Copy)]
pub(crate) enum Peer {
    None,
    V4([u8; 4], u16),
    V6([u8; 16], u16),
}

impl Peer {
    pub(crate) fn new(address: Option<SocketAddr>) -> Self {
        match address {
            None => Self::None,
            Some(SocketAddr::V4(v4)) => Self::V4(v4.ip().octets(), v4.port()),
            Some(SocketAddr::V6(v6)) => Self::V6(v6.ip().octets(), v6.port()),
        }
    }

    pub(crate) fn address(self) -> Option<SocketAddr> {
        match self {
            Self::None => None,
            Self::V4(ip, port) => Some(SocketAddr::new(IpAddr::from(ip), port)),
            Self::V6(ip, port) => Some(SocketAddr::new(IpAddr::from(ip), port)),
        }
    }
}
