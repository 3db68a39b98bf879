//! What differs from kernel to kernel: opening below a directory, sending from a file to a socket, and the sockets
//! themselves (in [`net`]).
//!
//! **Opening.** [`Root`] opens names that stay below it. Symbolic links are followed as long as each step of the way
//! stays below the root; an absolute target is refused, wherever it points. Linux does that in the kernel with
//! openat2(2); elsewhere, and where openat2 is missing or forbidden (Linux before 5.6, some seccomp filters), the
//! same rule is walked name by name with openat(2). A test holds the two against each other.
//!
//! **Sending.** [`send_file`] is sendfile(2) as Linux, FreeBSD and the Apple systems have it, and a copy through a
//! buffer elsewhere and for files that it refuses. Bytes that were sent before an error count as sent.

pub(crate) mod net;

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;

/// How every file is opened: reading a FIFO that nobody writes to must not block, and no terminal becomes ours.
const OPEN: OFlag = OFlag::O_RDONLY
    .union(OFlag::O_NONBLOCK)
    .union(OFlag::O_NOCTTY)
    .union(OFlag::O_CLOEXEC)
    .union(LARGE);

/// Without it, Linux on 32 bits refuses to open what is larger than 2 GiB.
#[cfg(any(target_os = "linux", target_os = "android"))]
const LARGE: OFlag = OFlag::O_LARGEFILE;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const LARGE: OFlag = OFlag::empty();

/// As many symbolic links as Linux follows in one name (path_resolution(7)).
const MAX_LINKS: usize = 40;

/// How often a name is opened again when a rename elsewhere kept the kernel from being sure of the way.
const MAX_TRIES: usize = 8;

/// A directory below which files are opened. Held open, so that it stays the same one when it is renamed.
#[derive(Debug)]
pub(crate) struct Root {
    directory: OwnedFd,
    /// Whether openat2(2) does the work.
    kernel_resolves: bool,
}

impl Root {
    /// Opens the directory.
    ///
    /// # Errors
    /// What open(2) answers, if `path` is missing, is no directory, or may not be read.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let directory = nix::fcntl::open(path, OPEN | OFlag::O_DIRECTORY, Mode::empty())?;
        let kernel_resolves = kernel_open(directory.as_fd(), c".").is_ok();
        Ok(Self {
            directory,
            kernel_resolves,
        })
    }

    /// Opens the file of this relative name for reading, if the way to it stays below the root.
    ///
    /// What kind of file it is remains to be seen. The name may hold `..`; that is judged like the rest of the way.
    ///
    /// # Errors
    /// What open(2) answers; EXDEV or ELOOP for a name that leaves the root.
    pub(crate) fn open_below(&self, name: &CStr) -> io::Result<File> {
        let open = if self.kernel_resolves { kernel_open } else { walk };
        let mut tries = 1;
        loop {
            match open(self.directory.as_fd(), name) {
                Ok(file) => return Ok(file.into()),
                Err(Errno::EINTR) => {}
                Err(Errno::EAGAIN) if tries < MAX_TRIES => tries += 1,
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A root that never asks the kernel to resolve, as on systems that cannot.
    #[cfg(test)]
    pub(crate) fn walking(path: &Path) -> io::Result<Self> {
        Ok(Self {
            kernel_resolves: false,
            ..Self::open(path)?
        })
    }
}

/// openat2(2) with the rule in the kernel.
#[cfg(target_os = "linux")]
fn kernel_open(root: BorrowedFd<'_>, name: &CStr) -> nix::Result<OwnedFd> {
    use nix::fcntl::{OpenHow, ResolveFlag, openat2};
    let resolve = ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS;
    openat2(root, name, OpenHow::new().flags(OPEN).resolve(resolve))
}

/// Other kernels have nothing that follows some links and refuses the rest.
#[cfg(not(target_os = "linux"))]
fn kernel_open(_root: BorrowedFd<'_>, _name: &CStr) -> nix::Result<OwnedFd> {
    Err(Errno::ENOSYS)
}

/// How the directories on the way are opened: with permission to search them, where there is a way to ask for that.
#[cfg(any(target_os = "linux", target_os = "android"))]
const SEARCH: OFlag = OFlag::O_PATH;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const SEARCH: OFlag = OFlag::O_RDONLY;

/// Opens a name below `root` step by step, each directory from the one before it, so that nothing that is renamed
/// meanwhile can lead outside.
fn walk(root: BorrowedFd<'_>, name: &CStr) -> nix::Result<OwnedFd> {
    let mut way: Vec<OwnedFd> = Vec::new();
    let mut ahead = Vec::new();
    let mut links = 0;
    put_ahead(&mut ahead, name.to_bytes())?;
    while let Some(step) = ahead.pop() {
        match step.to_bytes() {
            b"." => continue,
            b".." => {
                way.pop().ok_or(Errno::EXDEV)?;
                continue;
            }
            _ => {}
        }
        let here = way.last().map_or(root, AsFd::as_fd);
        let last = ahead.is_empty();
        let flags = OFlag::O_NOFOLLOW
            | OPEN
            | if last {
                OFlag::empty()
            } else {
                SEARCH | OFlag::O_DIRECTORY
            };
        match openat(here, step.as_c_str(), flags, Mode::empty()) {
            Ok(file) if last => return Ok(file),
            Ok(directory) => way.push(directory),
            // Kernels disagree on the error for a link (ELOOP, EMLINK, EFTYPE, ENOTDIR), so the link itself is asked.
            Err(error) => {
                let target = readlinkat(here, step.as_c_str()).map_err(|_| error)?;
                links += 1;
                if links > MAX_LINKS {
                    return Err(Errno::ELOOP);
                }
                put_ahead(&mut ahead, target.as_encoded_bytes())?;
            }
        }
    }
    openat(way.last().map_or(root, AsFd::as_fd), c".", OPEN, Mode::empty())
}

/// Puts the steps of a name before those that are still ahead, the next one last.
fn put_ahead(ahead: &mut Vec<CString>, name: &[u8]) -> nix::Result<()> {
    match name.first() {
        None => return Err(Errno::ENOENT),
        Some(b'/') => return Err(Errno::EXDEV),
        Some(_) => {}
    }
    // A slash at the end asks for a directory, as `.` behind it does.
    let end = name.ends_with(b"/").then_some(&b"."[..]);
    let steps = name
        .split(|&byte| byte == b'/')
        .filter(|step| !step.is_empty())
        .chain(end);
    let first = ahead.len();
    for step in steps {
        ahead.push(CString::new(step).map_err(|_| Errno::EINVAL)?);
    }
    ahead[first..].reverse();
    Ok(())
}

/// Sends up to `count` bytes of `file` from `offset` on to a socket, and answers how many it took.
///
/// As write(2), it may take fewer; 0 (of more than 0) says that the file ends before `offset`. The file's own
/// position stays as it is. Where the kernel does not send from this file to this socket, the bytes go through
/// `buffer`, at most as many as fit into it.
///
/// # Errors
/// As write(2), and only if no byte was sent: an error beside sent bytes will come again with the next call.
///
/// # Portability
/// sendfile(2) on Linux, Android, FreeBSD and the Apple systems. Elsewhere always through `buffer`.
pub(crate) fn send_file(
    socket: impl AsFd,
    file: BorrowedFd<'_>,
    offset: u64,
    count: usize,
    buffer: &mut [u8],
) -> io::Result<usize> {
    // On BSD a count of 0 means the rest of the file.
    if count == 0 {
        return Ok(0);
    }
    let socket = socket.as_fd();
    let position = i64::try_from(offset).map_err(|_| Errno::EOVERFLOW)?;
    match sent_or_error(kernel_send(socket, file, position, count)) {
        // The file or the socket is of a kind that sendfile does not take.
        Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP | Errno::ENOTSOCK) => {
            copy(socket, file, offset, count, buffer)
        }
        result => Ok(result?),
    }
}

/// Sent bytes outweigh the error beside them.
fn sent_or_error((result, sent): (nix::Result<()>, usize)) -> nix::Result<usize> {
    match result {
        Err(error) if sent == 0 => Err(error),
        _ => Ok(sent),
    }
}

#[cfg(any(target_os = "linux", target_os = "android"))]
fn kernel_send(
    socket: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    offset: i64,
    count: usize,
) -> (nix::Result<()>, usize) {
    // An offset of 64 bits everywhere; libc's sendfile has one of 32 on 32-bit systems.
    match rustix::fs::sendfile(socket, file, Some(&mut offset.cast_unsigned()), count) {
        Ok(sent) => (Ok(()), sent),
        Err(error) => (Err(Errno::from_raw(error.raw_os_error())), 0),
    }
}

#[cfg(target_os = "freebsd")]
fn kernel_send(
    socket: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    offset: i64,
    count: usize,
) -> (nix::Result<()>, usize) {
    use nix::sys::sendfile::{SfFlags, sendfile};
    // sendfile(2): with EAGAIN, EINTR and EBUSY a part may have been sent.
    let (result, sent) = sendfile(file, socket, offset, Some(count), None, None, SfFlags::empty(), 0);
    (result, usize::try_from(sent).unwrap_or(0))
}

#[cfg(target_vendor = "apple")]
fn kernel_send(
    socket: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    offset: i64,
    count: usize,
) -> (nix::Result<()>, usize) {
    // sendfile(2): with EAGAIN and EINTR a part may have been sent.
    let count = i64::try_from(count).unwrap_or(i64::MAX);
    let (result, sent) = nix::sys::sendfile::sendfile(file, socket, offset, Some(count), None, None);
    (result, usize::try_from(sent).unwrap_or(0))
}

#[cfg(not(any(
    target_os = "linux",
    target_os = "android",
    target_os = "freebsd",
    target_vendor = "apple"
)))]
fn kernel_send(
    _socket: BorrowedFd<'_>,
    _file: BorrowedFd<'_>,
    _offset: i64,
    _count: usize,
) -> (nix::Result<()>, usize) {
    (Err(Errno::ENOSYS), 0)
}

/// Reads a piece of the file and writes it. What the socket does not take is read again the next time.
fn copy(
    socket: BorrowedFd<'_>,
    file: BorrowedFd<'_>,
    offset: u64,
    count: usize,
    buffer: &mut [u8],
) -> io::Result<usize> {
    let room = buffer.len().min(count);
    let length = rustix::io::pread(file, &mut buffer[..room], offset)?;
    if length == 0 {
        return Ok(0);
    }
    Ok(nix::unistd::write(socket, &buffer[..length])?)
}

#[cfg(test)]
pub(crate) mod tests;
