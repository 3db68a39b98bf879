//! Where a server listens, and how its workers share that.

use std::fmt;
use std::net::SocketAddr;
#[cfg(feature = "cli")]
use std::net::{IpAddr, Ipv6Addr};
use std::os::unix::fs::FileTypeExt as _;
use std::path::PathBuf;
use std::str::FromStr;

use multiplex::Fanout;

use crate::sys::net::BALANCES_SHARED_PORTS;

/// Where a server listens: `host:port`, `:port` for every address of the machine, or `unix:/path`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Address {
    /// A host name or an IP address, and a port; without a host every address.
    Tcp(String),
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// Whether this is the path of something that is there and is no socket. A link is what it leads to, and itself when
    /// that is nothing.
    pub(crate) fn is_no_socket(&self) -> bool {
        match self {
            Self::Tcp(_) => false,
            Self::Unix(path) => {
                let file = std::fs::metadata(path).or_else(|_| std::fs::symlink_metadata(path));
                file.is_ok_and(|file| !file.file_type().is_socket())
            }
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Tcp(address.to_string())
    }
}

impl Address {
    /// Whether the kernel chooses the port.
    #[cfg(feature = "cli")]
    pub(crate) fn is_any_port(&self) -> bool {
        matches!(self, Self::Tcp(name) if name.ends_with(":0"))
    }

    /// Whether both cannot be listened on: they are the same, or one of them is every address with the same port. Names of hosts are
    /// not resolved for that.
    #[cfg(feature = "cli")]
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let (Self::Tcp(one), Self::Tcp(another)) = (self, other) else {
            return self == other;
        };
        let (Some((one, port)), Some((another, same))) = (one.rsplit_once(':'), another.rsplit_once(':'))
        else {
            return false;
        };
        let (one, another) = (Host::of(one), Host::of(another));
        let [port, same] = [port, same].map(str::parse::<u16>);
        let is_same_port = port == same && port.is_ok_and(|port| port > 0);
        is_same_port && (one.covers(&another) || another.covers(&one))
    }
}

/// What stands before the port of a TCP address.
#[cfg(feature = "cli")]
#[derive(PartialEq, Eq)]
enum Host<'a> {
    /// An IP address, in whatever way it is spelled; no text is every one.
    Ip(IpAddr),
    Name(&'a str),
}

#[cfg(feature = "cli")]
impl<'a> Host<'a> {
    fn of(text: &'a str) -> Self {
        let within = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        match within.unwrap_or(text).parse() {
            Ok(address) => Self::Ip(address),
            Err(_) if text.is_empty() => Self::Ip(Ipv6Addr::UNSPECIFIED.into()),
            Err(_) => Self::Name(text),
        }
    }

    /// Whether who listens here takes connections to the other host, too.
    fn covers(&self, other: &Self) -> bool {
        match self {
            Self::Ip(IpAddr::V4(every)) if every.is_unspecified() => {
                !matches!(other, Self::Ip(IpAddr::V6(_)))
            }
            // A server listens there for both families, where the system has such sockets: OpenBSD has none.
            Self::Ip(IpAddr::V6(every)) if every.is_unspecified() => {
                !cfg!(target_os = "openbsd") || !matches!(other, Self::Ip(IpAddr::V4(_)))
            }
            host => host == other,
        }
    }
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return match path.starts_with('/') {
                true => Ok(Self::Unix(path.into())),
                false => Err("a Unix socket is unix:/path, with an absolute path".into()),
            };
        }
        match text.rsplit_once(':') {
            Some((_, port)) if port.parse::<u16>().is_ok() => {
                Ok(Self::Tcp(text.into()))
            }
            _ => Err("an address is host:port, as 127.0.0.1:8080 or [::1]:8080, or :port for every address, or unix:/path".into()),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => f.write_str(address),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// How the workers share an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AcceptMode {
    /// Each worker has a socket of its own, and the kernel spreads connections over them. SO_REUSEPORT.
    Reuseport,
    /// All workers wait on one socket, and the kernel wakes one of them. EPOLLEXCLUSIVE.
    Exclusive,
    /// All workers wait on one socket, and whoever comes first gets the connection.
    Shared,
}

impl AcceptMode {
    /// The mode that is in force when this one was asked for and the pollers took the listeners on in this way.
    pub(crate) fn in_force(self, fanout: Fanout) -> Self {
        match (self, fanout) {
            (Self::Exclusive, Fanout::Shared) => Self::Shared,
            (mode, _) => mode,
        }
    }
}

impl Default for AcceptMode {
    fn default() -> Self {
        if BALANCES_SHARED_PORTS {
            Self::Reuseport
        } else {
            Self::Shared
        }
    }
}

impl fmt::Display for AcceptMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Reuseport => "reuseport",
            Self::Exclusive => "exclusive",
            Self::Shared => "shared",
        })
    }
}

/// An address that a server listens on, with the real port.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Bound {
    /// A TCP port.
    Tcp(SocketAddr),
    /// A Unix socket.
    Unix(PathBuf),
}

impl Bound {
    /// The TCP address, if it is one.
    pub fn tcp(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }
}

/// As a URL; a Unix socket as `unix:/path`.
impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "http://{address}/"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_a_socket_is_one_and_a_link_to_nothing_is_none() {
        let folder = tempfile::tempdir().expect("a directory");
        let [socket, link, dangling] = ["socket", "link", "dangling"].map(|name| folder.path().join(name));
        let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a free path");
        std::os::unix::fs::symlink(&socket, &link).expect("a free path");
        std::os::unix::fs::symlink("nothing", &dangling).expect("a free path");
        let answers = [socket, link, dangling].map(|path| Address::Unix(path).is_no_socket());
        assert_eq!(answers, [false, false, true]);
    }

    #[test]
    fn exclusive_is_in_force_only_where_the_kernel_has_it() {
        use AcceptMode::{Exclusive, Reuseport, Shared};
        assert_eq!(Exclusive.in_force(Fanout::Exclusive), Exclusive);
        // What a kqueue answers.
        assert_eq!(Exclusive.in_force(Fanout::Shared), Shared);
        assert_eq!(Shared.in_force(Fanout::Shared), Shared);
        assert_eq!(Reuseport.in_force(Fanout::Shared), Reuseport);
    }
}
