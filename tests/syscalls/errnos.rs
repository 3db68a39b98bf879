//! Errors by their names: numbers, texts, and the classes by which a choice of them is made.

use nix::libc;

/// The cause of an error, as its class. CI takes at least one of each class.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Class {
    /// A signal came between.
    Interrupted,
    /// There is nothing to do now.
    NotNow,
    /// Descriptors, memory, room on the disk: others may give some back.
    Shortage,
    /// The peer or the network to it.
    Peer,
    /// Somebody does not allow it.
    Forbidden,
    /// A name leads to nothing, or to another kind of thing.
    Name,
    /// A device.
    Device,
    /// It cannot be, unless the server or the kernel is wrong.
    Mistake,
}

use Class::{Device, Forbidden, Interrupted, Mistake, Name, NotNow, Peer, Shortage};

const ERRNOS: &[(&str, i32, Class)] = &[
    ("E2BIG", libc::E2BIG, Mistake),
    ("EACCES", libc::EACCES, Forbidden),
    ("EADDRINUSE", libc::EADDRINUSE, Forbidden),
    ("EADDRNOTAVAIL", libc::EADDRNOTAVAIL, Name),
    ("EAFNOSUPPORT", libc::EAFNOSUPPORT, Mistake),
    ("EAGAIN", libc::EAGAIN, NotNow),
    ("EALREADY", libc::EALREADY, Mistake),
    ("EBADF", libc::EBADF, Mistake),
    ("ECONNABORTED", libc::ECONNABORTED, Peer),
    ("ECONNREFUSED", libc::ECONNREFUSED, Peer),
    ("ECONNRESET", libc::ECONNRESET, Peer),
    ("EDESTADDRREQ", libc::EDESTADDRREQ, Mistake),
    ("EDQUOT", libc::EDQUOT, Shortage),
    ("EEXIST", libc::EEXIST, Mistake),
    ("EFAULT", libc::EFAULT, Mistake),
    ("EFBIG", libc::EFBIG, Shortage),
    ("EHOSTDOWN", libc::EHOSTDOWN, Peer),
    ("EHOSTUNREACH", libc::EHOSTUNREACH, Peer),
    ("EINTR", libc::EINTR, Interrupted),
    ("EINVAL", libc::EINVAL, Mistake),
    ("EIO", libc::EIO, Device),
    ("EISCONN", libc::EISCONN, Mistake),
    ("EISDIR", libc::EISDIR, Name),
    ("ELOOP", libc::ELOOP, Name),
    ("EMFILE", libc::EMFILE, Shortage),
    ("EMSGSIZE", libc::EMSGSIZE, Mistake),
    ("ENAMETOOLONG", libc::ENAMETOOLONG, Name),
    ("ENETDOWN", libc::ENETDOWN, Peer),
    ("ENETUNREACH", libc::ENETUNREACH, Peer),
    ("ENFILE", libc::ENFILE, Shortage),
    ("ENOBUFS", libc::ENOBUFS, Shortage),
    ("ENODEV", libc::ENODEV, Device),
    ("ENOENT", libc::ENOENT, Name),
    ("ENOEXEC", libc::ENOEXEC, Name),
    ("ENOLCK", libc::ENOLCK, Shortage),
    ("ENOMEM", libc::ENOMEM, Shortage),
    #[cfg(any(target_os = "linux", target_os = "android"))]
    ("ENONET", libc::ENONET, Peer),
    ("ENOPROTOOPT", libc::ENOPROTOOPT, Mistake),
    ("ENOSPC", libc::ENOSPC, Shortage),
    ("ENOSYS", libc::ENOSYS, Forbidden),
    ("ENOTCONN", libc::ENOTCONN, Peer),
    ("ENOTDIR", libc::ENOTDIR, Name),
    ("ENOTSOCK", libc::ENOTSOCK, Mistake),
    ("ENXIO", libc::ENXIO, Device),
    ("EOPNOTSUPP", libc::EOPNOTSUPP, Mistake),
    ("EOVERFLOW", libc::EOVERFLOW, Mistake),
    ("EPERM", libc::EPERM, Forbidden),
    ("EPIPE", libc::EPIPE, Peer),
    ("EPROTO", libc::EPROTO, Peer),
    ("EROFS", libc::EROFS, Forbidden),
    ("ESPIPE", libc::ESPIPE, Mistake),
    ("ESRCH", libc::ESRCH, Name),
    ("ETIMEDOUT", libc::ETIMEDOUT, Peer),
    ("ETXTBSY", libc::ETXTBSY, NotNow),
    ("EXDEV", libc::EXDEV, Name),
];

fn row(name: &str) -> &'static (&'static str, i32, Class) {
    let found = ERRNOS.iter().find(|(known, ..)| *known == name);
    found.unwrap_or_else(|| panic!("{name} is missing in the table of errors"))
}

/// Returns the class of each error of the table.
pub(crate) fn classes() -> impl Iterator<Item = Class> {
    ERRNOS.iter().map(|row| row.2)
}

pub(crate) fn class(name: &str) -> Class {
    row(name).2
}

/// The words of strerror(3) as Rust shows them.
pub(crate) fn text(name: &str) -> String {
    std::io::Error::from_raw_os_error(row(name).1).to_string()
}
