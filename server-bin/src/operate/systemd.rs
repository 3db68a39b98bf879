//! What a service manager is told, sd_notify(3), and the sockets that it has opened, sd_listen_fds(3).

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;

use listenfd::ListenFd;
use nix::sys::stat::fstat;
use socket2::{Domain, SockAddr, Socket, Type};

/// Tells the service manager, if there is one. It may have gone, and that is no reason to stop serving.
///
/// The lines are those of sd_notify(3): `READY=1`, `STOPPING=1`, `MAINPID=4242`, `STATUS=…`.
pub(crate) fn notify(lines: &str) {
    if let Some(address) = std::env::var_os("NOTIFY_SOCKET") {
        let _ = notify_at(&address, lines);
    }
}

fn notify_at(address: &OsStr, lines: &str) -> io::Result<()> {
    let mut path = address.as_bytes().to_vec();
    // An abstract address of Linux is spelled with an @ for its zero.
    if path.first() == Some(&b'@') {
        path[0] = 0;
    }
    let socket = Socket::new(Domain::UNIX, Type::DGRAM, None)?;
    // A manager that hangs must hold nobody up.
    socket.set_nonblocking(true)?;
    socket.send_to(lines.as_bytes(), &SockAddr::unix(OsStr::from_bytes(&path))?)?;
    Ok(())
}

/// Whether a stream leads to systemd's journal: JOURNAL_STREAM of systemd.exec(5). That variable is there for all that a service
/// starts, also where the stream leads to a file, so it names the device and the inode that are to be compared.
pub(crate) fn is_the_journal(stream: impl AsFd) -> bool {
    std::env::var("JOURNAL_STREAM").is_ok_and(|journal| is_named(stream, &journal))
}

fn is_named(stream: impl AsFd, journal: &str) -> bool {
    fstat(stream).is_ok_and(|found| journal == format!("{}:{}", found.st_dev, found.st_ino))
}

/// The sockets that a service manager has opened for this process, in its order; LISTEN_FDS.
///
/// # Errors
///
/// A line that says which of them is of a wrong kind.
pub(crate) fn sockets() -> Result<Vec<OwnedFd>, String> {
    let mut all = ListenFd::from_env();
    (0..all.len()).map(|index| socket(&mut all, index)).collect()
}

fn socket(all: &mut ListenFd, index: usize) -> Result<OwnedFd, String> {
    // Either says of a socket of the other kind that it is wrong, and leaves it.
    if let Ok(Some(tcp)) = all.take_tcp_listener(index) {
        return Ok(tcp.into());
    }
    match all.take_unix_listener(index) {
        Ok(Some(unix)) => Ok(unix.into()),
        Ok(None) => Err(format!("socket {index} of LISTEN_FDS is not there")),
        Err(error) => Err(format!(
            "socket {index} of LISTEN_FDS is no stream socket: {error}; use ListenStream= in the socket unit"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixDatagram;

    #[test]
    fn the_journal_is_known_by_its_device_and_inode() {
        use std::os::unix::fs::MetadataExt as _;
        let file = tempfile::tempfile().expect("a file");
        let found = file.metadata().expect("it is there");
        let journal = format!("{}:{}", found.dev(), found.ino());
        assert!(is_named(&file, &journal));
        for other in [
            format!("{}:{}", found.dev(), found.ino() + 1),
            String::new(),
            "9:8:7".into(),
        ] {
            assert!(!is_named(&file, &other), "{other}");
        }
    }

    #[test]
    fn lines_arrive_at_the_socket_of_the_manager() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).expect("a free path");
        notify_at(path.as_os_str(), "READY=1\nMAINPID=4242").expect("it is there");
        let mut lines = [0; 64];
        let count = manager.recv(&mut lines).expect("a datagram");
        assert_eq!(&lines[..count], b"READY=1\nMAINPID=4242");
        notify_at(folder.path().join("gone").as_os_str(), "READY=1").expect_err("nobody is there");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn an_abstract_socket_is_found_by_its_at_sign() {
        use std::os::linux::net::SocketAddrExt as _;
        let name = format!("server-bin-test-{}", std::process::id());
        let address = std::os::unix::net::SocketAddr::from_abstract_name(&name).expect("a short name");
        let manager = UnixDatagram::bind_addr(&address).expect("a free name");
        notify_at(OsStr::new(&format!("@{name}")), "READY=1").expect("it is there");
        assert_eq!(manager.recv(&mut [0; 64]).expect("a datagram"), 7);
    }
}
