//! The sockets that a server listens on: bound here or taken over from another process, and shared by its workers.

use std::fmt;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;

use crate::address::{AcceptMode, Address, Bound};
#[cfg(feature = "cli")]
use crate::sys::lock::Lock;
use crate::sys::net::{BALANCES_SHARED_PORTS, Families, Listener, Sharing};

/// Why an address cannot be listened on. The text says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BindError {
    /// Someone else listens there.
    #[error("cannot listen on {0}: the address is taken; choose another one or stop who has it")]
    Taken(Address),
    /// There is a file at the path of the Unix socket, and it is none.
    #[error("cannot listen on {0}: there is a file of another kind; move it away, or choose another path")]
    NoSocket(Address),
    /// The address is not one that this machine and user may listen on.
    #[error("cannot listen on {address}: {source}; {}", advice(source))]
    Bind {
        /// The address.
        address: Address,
        /// What the system answered.
        source: io::Error,
    },
    /// The system does not spread connections over sockets that share a port.
    #[error("accept mode reuseport would give all connections to one worker on this system; use shared")]
    NoReuseport,
    /// Something else than a socket to listen on was handed over.
    #[error(
        "socket {index} of those that were handed over cannot be listened on: {source}; it has to be a stream socket that is bound (systemd: ListenStream=, Accept=no)"
    )]
    Inherited {
        /// Which one, from 0.
        index: usize,
        /// What the system answered.
        source: io::Error,
    },
}

fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::PermissionDenied => "choose a port above 1023, or a place that this user may write to",
        io::ErrorKind::AddrNotAvailable => {
            "choose an address of this machine, or 0.0.0.0 or [::] for all of them"
        }
        io::ErrorKind::NotFound => "create the directory, or choose another one",
        _ => "choose another address",
    }
}

/// How addresses are bound.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many workers share each of them.
    pub workers: usize,
    /// How they share it.
    pub accept: AcceptMode,
    /// The permissions of Unix sockets, as `0o660`; what the umask leaves without.
    pub mode: Option<u32>,
}

/// Sockets that listen. Dropping them closes them, unless they have duplicates.
#[derive(Debug, Default)]
pub struct Sockets(Vec<Group>);

/// All sockets of one address: one, or with [`AcceptMode::Reuseport`] one for each worker.
#[derive(Debug)]
struct Group {
    bound: Bound,
    listeners: Vec<Listener>,
}

impl Sockets {
    /// Binds the addresses. From then on clients can connect, and wait.
    ///
    /// # Errors
    ///
    /// [`BindError`], when one of them cannot be had.
    pub fn bind(addresses: &[Address], options: &Options) -> Result<Self, BindError> {
        if options.accept == AcceptMode::Reuseport && !BALANCES_SHARED_PORTS {
            return Err(BindError::NoReuseport);
        }
        let mut sockets = Self::default();
        for address in addresses {
            let failed = |source: io::Error| match source.kind() {
                io::ErrorKind::AddrInUse if address.is_no_socket() => BindError::NoSocket(address.clone()),
                io::ErrorKind::AddrInUse => BindError::Taken(address.clone()),
                _ => BindError::Bind {
                    address: address.clone(),
                    source,
                },
            };
            match address {
                Address::Unix(path) => sockets.bind_unix(path, options.mode).map_err(failed)?,
                Address::Tcp(name) => {
                    let has_ipv4 = |port| addresses.contains(&Address::Tcp(format!("0.0.0.0:{port}")));
                    let resolved = resolve(name).map_err(failed)?;
                    sockets
                        .bind_resolved(&resolved, options, has_ipv4)
                        .map_err(failed)?;
                }
            }
        }
        Ok(sockets)
    }

    fn bind_unix(&mut self, path: &Path, mode: Option<u32>) -> io::Result<()> {
        self.0.push(Group {
            listeners: vec![Listener::bind_unix(path, mode)?],
            bound: Bound::Unix(path.into()),
        });
        Ok(())
    }

    /// Binds the addresses of one name. Some of them may be of a family that this machine has switched off.
    fn bind_resolved(
        &mut self,
        resolved: &Resolved,
        options: &Options,
        has_ipv4: impl Fn(u16) -> bool,
    ) -> io::Result<()> {
        let mut missing = io::ErrorKind::AddrNotAvailable.into();
        let before = self.0.len();
        for &address in &resolved.addresses {
            let families = match address.ip() == Ipv6Addr::UNSPECIFIED && !has_ipv4(address.port()) {
                true => Families::Both,
                false => Families::Own,
            };
            match bind_tcp(address, options, families) {
                Ok(group) => self.0.push(group),
                Err(error) if is_not_here(&error) => missing = error,
                Err(error) => return Err(error),
            }
            if resolved.is_one_of && self.0.len() > before {
                break;
            }
        }
        if self.0.len() == before {
            Err(missing)
        } else {
            Ok(())
        }
    }

    /// Takes over sockets that another process has bound.
    ///
    /// # Errors
    ///
    /// [`BindError::Inherited`], when one of them is none to listen on.
    pub fn inherit(fds: impl IntoIterator<Item = OwnedFd>) -> Result<Self, BindError> {
        let mut sockets = Self::default();
        for (index, fd) in fds.into_iter().enumerate() {
            let added = Listener::inherited(fd, None).and_then(|listener| sockets.add(listener));
            added.map_err(|source| BindError::Inherited { index, source })?;
        }
        Ok(sockets)
    }

    fn add(&mut self, listener: Listener) -> io::Result<()> {
        let bound = match listener.address()? {
            Some(address) => Bound::Tcp(address),
            None => Bound::Unix(listener.path()?.unwrap_or_default()),
        };
        match self.0.iter_mut().find(|group| group.bound == bound) {
            Some(group) => group.listeners.push(listener),
            None => self.0.push(Group {
                bound,
                listeners: vec![listener],
            }),
        }
        Ok(())
    }

    /// Adds those of `other`.
    pub fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where they listen.
    pub fn addresses(&self) -> impl Iterator<Item = &Bound> {
        self.0.iter().map(|group| &group.bound)
    }

    /// The paths of Unix sockets that this process, or its predecessor, has made: those with a lock.
    pub(crate) fn locked_paths(&self) -> Vec<PathBuf> {
        let locked = self.0.iter().filter_map(|group| match &group.bound {
            Bound::Unix(path) if group.listeners.iter().any(|listener| listener.lock().is_some()) => {
                Some(path.clone())
            }
            _ => None,
        });
        locked.collect()
    }

    /// The same sockets once more, with descriptors of their own. A connection is taken by one of their holders.
    ///
    /// # Errors
    ///
    /// When there are no descriptors left.
    pub fn duplicate(&self) -> io::Result<Self> {
        let groups = self.0.iter().map(|group| {
            Ok(Group {
                bound: group.bound.clone(),
                listeners: group
                    .listeners
                    .iter()
                    .map(Listener::duplicate)
                    .collect::<io::Result<_>>()?,
            })
        });
        groups.collect::<io::Result<_>>().map(Self)
    }

    /// Gives each worker its listeners, at least one of each address.
    pub(crate) fn shares(self, workers: usize) -> io::Result<Vec<Vec<Listener>>> {
        let mut shares: Vec<Vec<Listener>> = (0..workers).map(|_| Vec::new()).collect();
        for group in self.0 {
            let sockets = group.listeners.len();
            // Of workers beyond the sockets each waits on one that another worker has too.
            for (worker, share) in shares.iter_mut().enumerate().skip(sockets) {
                share.push(group.listeners[worker % sockets].duplicate()?);
            }
            // And of sockets beyond the workers each is some worker's: it has a backlog of its own.
            for (index, listener) in group.listeners.into_iter().enumerate() {
                shares[index % workers].push(listener);
            }
        }
        Ok(shares)
    }
}

/// What the program needs beside: for its first words, and to hand sockets over.
#[cfg(feature = "cli")]
impl Sockets {
    /// Takes over one socket of this server's predecessor, with the lock of its path.
    pub(crate) fn take_over(&mut self, fd: OwnedFd, lock: Option<std::sync::Arc<Lock>>) -> io::Result<()> {
        self.add(Listener::inherited(fd, lock)?)
    }

    /// What an operator wants to know of each: where it listens, how many sockets it has, whether those of IPv6 answer
    /// IPv4 too.
    pub(crate) fn facts(&self) -> impl Iterator<Item = (&Bound, usize, bool)> {
        self.0.iter().map(|group| {
            let first = group.listeners.first();
            let both = first.is_some_and(Listener::takes_both_families);
            (&group.bound, group.listeners.len(), both)
        })
    }

    /// Each socket.
    pub(crate) fn listeners(&self) -> impl Iterator<Item = &Listener> {
        self.0.iter().flat_map(|group| &group.listeners)
    }
}

/// The addresses of a name.
struct Resolved {
    addresses: Vec<SocketAddr>,
    /// They stand for one another: the first that this machine has is enough.
    is_one_of: bool,
}

/// `:8080` is every address of this machine, by one socket for both families where there are both.
fn resolve(name: &str) -> io::Result<Resolved> {
    let port = name.strip_prefix(':').and_then(|port| port.parse::<u16>().ok());
    Ok(match port {
        Some(port) => Resolved {
            addresses: vec![
                (Ipv6Addr::UNSPECIFIED, port).into(),
                (Ipv4Addr::UNSPECIFIED, port).into(),
            ],
            is_one_of: true,
        },
        None => Resolved {
            addresses: name.to_socket_addrs()?.collect(),
            is_one_of: false,
        },
    })
}

fn bind_tcp(address: SocketAddr, options: &Options, families: Families) -> io::Result<Group> {
    let is_group = options.accept == AcceptMode::Reuseport && options.workers > 1;
    let sharing = if is_group { Sharing::First } else { Sharing::Alone };
    // OpenBSD has no sockets for both families.
    let first = match Listener::bind_tcp(address, sharing, families) {
        Err(error) if families == Families::Both && error.kind() == io::ErrorKind::InvalidInput => {
            Listener::bind_tcp(address, sharing, Families::Own)?
        }
        first => first?,
    };
    let real = first.address()?.unwrap_or(address);
    let families = if first.takes_both_families() {
        Families::Both
    } else {
        Families::Own
    };
    let mut listeners = vec![first];
    if is_group {
        for _ in 1..options.workers {
            listeners.push(Listener::bind_tcp(real, Sharing::Join, families)?);
        }
    }
    Ok(Group {
        bound: Bound::Tcp(real),
        listeners,
    })
}

/// Whether this machine has no such address, or no addresses of that family at all.
fn is_not_here(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::AddrNotAvailable
        || error.raw_os_error() == Some(Errno::EAFNOSUPPORT as i32)
}

impl fmt::Display for Sockets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, address) in self.addresses().enumerate() {
            let before = if index == 0 { "" } else { ", " };
            write!(f, "{before}{address}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
