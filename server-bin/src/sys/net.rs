//! Sockets and limits as each system has them: listening, accepting, writing without a signal.

use std::fs::Permissions;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
#[cfg(feature = "cli")]
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use rustix::net::{RecvFlags, SendFlags};
use socket2::{Domain, SockAddr, Type};

use super::lock::Lock;

/// Connections that the kernel holds ready for `accept`; it lowers the number to its own limit.
pub(crate) const BACKLOG: i32 = 4096;

/// A connected stream socket that never blocks, of TCP or of the Unix domain.
#[derive(Debug)]
pub(crate) struct Stream(socket2::Socket);

impl Stream {
    // On Linux rustix makes the system call itself. glibc's functions are cancellation points, and looking after that
    // costs more than half of their instructions.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::read(&self.0, buffer)?)
    }

    pub(crate) fn write(&mut self, bytes: &[u8], more: bool) -> io::Result<usize> {
        Ok(rustix::net::send(
            &self.0,
            bytes,
            if more { MORE | NO_SIGNAL } else { NO_SIGNAL },
        )?)
    }

    pub(crate) fn send_file(
        &mut self,
        file: BorrowedFd<'_>,
        offset: u64,
        count: usize,
        buffer: &mut [u8],
    ) -> io::Result<usize> {
        super::send_file(&self.0, file, offset, count, buffer)
    }

    pub(crate) fn shutdown_write(&mut self) -> io::Result<()> {
        self.0.shutdown(std::net::Shutdown::Write)
    }

    /// Whether something has arrived that was not read, apart from the end of the stream.
    pub(crate) fn has_unread(&self) -> bool {
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        rustix::net::recv(&self.0, &mut [0; 1], flags).is_ok_and(|(_, length)| length > 0)
    }

    /// Lets the kernel forget what the peer has not acknowledged when the socket closes, and reset the connection. Where
    /// it does not say whether there is something, it closes as always.
    pub(crate) fn reset_on_close(&mut self) {
        #[cfg(target_os = "linux")]
        if super::ffi::unacknowledged(self.as_fd()).is_some_and(|bytes| bytes > 0) {
            // What fails here costs the kernel some memory for some minutes.
            let _ = self.0.set_linger(Some(Duration::ZERO));
        }
    }
}

impl AsFd for Stream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// A socket that accepts connections and never blocks; of a Unix socket with the lock of its path.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: socket2::Socket,
    /// Shared by the duplicates: the last listener that goes lets go of the path.
    lock: Option<Arc<Lock>>,
}

impl Listener {
    /// Takes the next connection from the backlog.
    pub(crate) fn accept(&self) -> io::Result<(Stream, Option<SocketAddr>)> {
        let (socket, peer) = accept(&self.socket)?;
        Ok((Stream(socket), peer.as_socket()))
    }

    /// Whether a connection waits to be accepted.
    pub(crate) fn has_waiting(&self) -> bool {
        is_readable(self.as_fd())
    }

    /// How many connections wait to be accepted, where the kernel tells.
    pub(crate) fn waiting(&self) -> Option<usize> {
        #[cfg(target_os = "linux")]
        return super::ffi::waiting(self.as_fd());
        #[cfg(not(target_os = "linux"))]
        None
    }

    /// The address that it is bound to; none for a Unix socket.
    pub(crate) fn address(&self) -> io::Result<Option<SocketAddr>> {
        Ok(self.socket.local_addr()?.as_socket())
    }

    /// Whether it is of IPv6 and takes IPv4 connections too.
    pub(crate) fn takes_both_families(&self) -> bool {
        self.socket.only_v6().is_ok_and(|only| !only)
    }

    /// The same socket once more, with a descriptor of its own.
    pub(crate) fn duplicate(&self) -> io::Result<Self> {
        Ok(Self {
            socket: self.socket.try_clone()?,
            lock: self.lock.clone(),
        })
    }

    /// Lets the kernel keep so many bytes for each connection that is not read from, if it is one of TCP. Accepted sockets
    /// inherit it.
    pub(crate) fn limit_unread(&self, bytes: usize) -> io::Result<()> {
        match self.address()? {
            Some(_) => self.socket.set_recv_buffer_size(bytes),
            None => Ok(()),
        }
    }

    /// Lets the kernel hold connections back for so long at most while their clients have sent nothing, or, with no time, no
    /// longer. Then those that it holds come as soon as they send, and else within [`longest_deferral`]. It does nothing for a
    /// Unix socket, and on other systems than Linux.
    pub(crate) fn defer_accept(&self, time: Duration) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        if self.address()?.is_some() {
            let seconds = seconds(time).try_into().unwrap_or(i32::MAX);
            return super::ffi::defer_accept(self.as_fd(), seconds);
        }
        let _ = time;
        Ok(())
    }

    /// The lock of its path, if it has one.
    pub(crate) fn lock(&self) -> Option<&Arc<Lock>> {
        self.lock.as_ref()
    }

    /// Listens on `address`.
    ///
    /// The first socket of a group finds out without the permission to share the port whether that is free: else a
    /// second server of the same user would join silently instead of hearing that the port is taken.
    pub(crate) fn bind_tcp(address: SocketAddr, sharing: Sharing, families: Families) -> io::Result<Self> {
        let socket = tcp(address, families)?;
        match sharing {
            Sharing::Alone => socket.bind(&address.into())?,
            Sharing::First => bind_first(&socket, address, families)?,
            Sharing::Join => {
                set_reuse_port(&socket)?;
                socket.bind(&address.into())?;
            }
        }
        socket.listen(BACKLOG)?;
        Ok(Self { socket, lock: None })
    }

    /// Listens on a Unix socket at `path`, with these permissions, or those that the umask leaves. A socket file that
    /// nobody listens on any more is replaced.
    pub(crate) fn bind_unix(path: &Path, mode: Option<u32>) -> io::Result<Self> {
        let address = SockAddr::unix(path)?;
        let lock = Lock::take(path)?;
        let socket = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        match socket.bind(&address) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_abandoned(path, &address) => {
                std::fs::remove_file(path)?;
                socket.bind(&address)?;
            }
            bound => bound?,
        }
        if let Some(mode) = mode {
            // Nobody can connect before listen(2).
            std::fs::set_permissions(path, Permissions::from_mode(mode))?;
        }
        socket.listen(BACKLOG)?;
        Ok(Self {
            socket,
            lock: Some(Arc::new(lock)),
        })
    }

    /// A stream socket that another process has bound. `InvalidInput` for anything else.
    pub(crate) fn inherited(fd: OwnedFd, lock: Option<Arc<Lock>>) -> io::Result<Self> {
        let socket = socket2::Socket::from(fd);
        if socket.r#type()? != Type::STREAM {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // It says so of a connected socket, and does no harm to one that listens already.
        socket.listen(BACKLOG)?;
        socket.set_nonblocking(true)?;
        if socket.local_addr()?.as_socket().is_some() {
            socket.set_tcp_nodelay(true)?;
            hold_little_unsent(&socket)?;
        }
        Ok(Self { socket, lock })
    }

    /// The path of a Unix socket, if it has one.
    pub(crate) fn path(&self) -> io::Result<Option<PathBuf>> {
        Ok(self.socket.local_addr()?.as_pathname().map(Path::to_owned))
    }
}

impl AsFd for Listener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

/// poll(2) without waiting.
fn is_readable(fd: BorrowedFd<'_>) -> bool {
    let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
    poll(&mut fds, PollTimeout::ZERO).is_ok_and(|ready| ready > 0)
}

/// A socket to listen on `address` with, as yet without one.
fn tcp(address: SocketAddr, families: Families) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.set_reuse_address(true)?;
    // Accepted sockets inherit it, which saves a call per connection.
    socket.set_tcp_nodelay(true)?;
    hold_little_unsent(&socket)?;
    if address.is_ipv6() {
        socket.set_only_v6(families == Families::Own)?;
    }
    Ok(socket)
}

/// Response bytes that a TCP socket holds before they are on their way, where the kernel can be told.
///
/// Else they are megabytes, and the socket says that there is room again only when a third of them has left: a reader
/// of 40 kB/s seems to take nothing for half a minute. With this much, readers of 4 kB/s are served (in packets of the
/// usual size, with the default timeout). Bytes on their way do not count, so fast readers lose nothing.
#[cfg(any(target_os = "linux", target_os = "android"))]
const UNSENT: u32 = 128 * 1024;

/// Accepted sockets inherit it.
#[cfg(any(target_os = "linux", target_os = "android"))]
fn hold_little_unsent(listener: &socket2::Socket) -> io::Result<()> {
    listener.set_tcp_notsent_lowat(UNSENT)
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
fn hold_little_unsent(_listener: &socket2::Socket) -> io::Result<()> {
    Ok(())
}

/// Whether the kernel can hold connections back that nothing was sent on.
#[cfg(feature = "cli")]
pub(crate) const DEFERS_ACCEPT: bool = cfg!(target_os = "linux");

/// Returns how long it takes at most, on a way without losses and besides the way itself, until the last connection comes that
/// was held back for `time` when the kernel was told to do so no longer.
///
/// The kernel lets a client that has acknowledged its SYN-ACK come when it repeats that, and the client acknowledges once more.
/// It does so 1, 3, 7 and 15 seconds after the first one, and takes the next of them for the end of `time`. So half of
/// that is the longest that one has still to wait. (`reqsk_timer_handler` in net/ipv4/inet_connection_sock.c)
pub(crate) fn longest_deferral(time: Duration) -> Duration {
    match seconds(time) {
        0 => Duration::ZERO,
        seconds => Duration::from_secs((seconds / 2 + 1).next_power_of_two()),
    }
}

/// The kernel counts in whole ones.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

/// Whether a listener shares its port with others.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sharing {
    /// It is the only one.
    Alone,
    /// It is the first of a group.
    First,
    /// It joins the group of another one.
    Join,
}

/// Which connections a socket for IPv6 takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Families {
    /// Those of its own family.
    Own,
    /// Those of IPv4 too, which then come from `::ffff:192.0.2.1` and the like.
    Both,
}

/// Removes the file of a Unix socket that nobody listens on any more. Someone may: a server that was started while
/// this one drained found the file abandoned, and put its own in its place; then that one has the lock.
pub(crate) fn remove_abandoned(path: &Path) -> io::Result<()> {
    let _lock = match Lock::take(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => return Ok(()),
        lock => lock?,
    };
    if is_abandoned(path, &SockAddr::unix(path)?) {
        std::fs::remove_file(path)?;
    }
    Ok(())
}

fn is_abandoned(path: &Path, address: &SockAddr) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    let refused = || {
        let probe = socket2::Socket::new(Domain::UNIX, Type::STREAM, None)?;
        // Whoever listens there may have a full backlog, and that would be waited for.
        probe.set_nonblocking(true)?;
        probe.connect(address)
    };
    is_socket && refused().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

/// Whether the kernel spreads new connections over listeners that share a port. Elsewhere one of them gets all.
pub(crate) const BALANCES_SHARED_PORTS: bool = cfg!(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd"
));

#[cfg(not(target_os = "freebsd"))]
fn bind_first(socket: &socket2::Socket, address: SocketAddr, _: Families) -> io::Result<()> {
    socket.bind(&address.into())?;
    set_reuse_port(socket)
}

/// Here bind(2) puts a socket into its group, and one that takes the option on afterwards would never hear of a
/// connection. So another socket finds out whether the port is free, and which one it is.
#[cfg(target_os = "freebsd")]
fn bind_first(socket: &socket2::Socket, address: SocketAddr, families: Families) -> io::Result<()> {
    let probe = tcp(address, families)?;
    probe.bind(&address.into())?;
    let free = probe.local_addr()?;
    drop(probe);
    set_reuse_port(socket)?;
    socket.bind(&free)
}

#[cfg(target_os = "freebsd")]
fn set_reuse_port(socket: &socket2::Socket) -> io::Result<()> {
    // Plain SO_REUSEPORT does not balance here. setsockopt(2) of FreeBSD.
    socket.set_reuse_port_lb(true)
}

#[cfg(not(target_os = "freebsd"))]
fn set_reuse_port(socket: &socket2::Socket) -> io::Result<()> {
    socket.set_reuse_port(true)
}

#[cfg(not(target_vendor = "apple"))]
fn accept(listener: &socket2::Socket) -> io::Result<(socket2::Socket, SockAddr)> {
    listener.accept4(nix::libc::SOCK_CLOEXEC | nix::libc::SOCK_NONBLOCK)
}

#[cfg(target_vendor = "apple")]
fn accept(listener: &socket2::Socket) -> io::Result<(socket2::Socket, SockAddr)> {
    let (socket, peer) = listener.accept_raw()?;
    // There is no accept4(2), and SO_NOSIGPIPE is for want of MSG_NOSIGNAL. The kernel refuses options (EINVAL) to a socket whose peer
    // has reset it, or has closed a Unix socket: that is about this one connection.
    let set = || {
        socket.set_cloexec(true)?;
        socket.set_nosigpipe(true)?;
        socket.set_nonblocking(true)
    };
    match set() {
        Ok(()) => Ok((socket, peer)),
        Err(_) => Err(nix::errno::Errno::ECONNABORTED.into()),
    }
}

/// More follows at once, where the kernel can be told.
#[cfg(any(target_os = "linux", target_os = "android"))]
const MORE: SendFlags = SendFlags::MORE;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const MORE: SendFlags = SendFlags::empty();

/// No SIGPIPE for what is sent from memory. For sendfile(2), which has no such flag, a program has to ignore the signal,
/// as Rust's runtime does before `main`.
#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: SendFlags = SendFlags::NOSIGNAL;
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: SendFlags = SendFlags::empty();

/// Raises the soft limit of open descriptors to the hard one. Returns the limit in force. setrlimit(2).
#[cfg(feature = "cli")]
pub(crate) fn raise_descriptor_limit() -> io::Result<usize> {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
    // macOS answers EINVAL to more than OPEN_MAX, although it shows an unlimited hard limit.
    let open_max = 10_240.min(hard);
    let raised = [hard, open_max]
        .into_iter()
        .find(|&wish| wish > soft && setrlimit(Resource::RLIMIT_NOFILE, wish, hard).is_ok());
    // The type is a signed one on FreeBSD, and unlimited more than any number of files.
    let limit = i128::from(raised.unwrap_or(soft));
    Ok(usize::try_from(limit).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests;
