//! Opening names that stay below a directory.
//!
//! Symbolic links are followed as long as each step of the way stays below the root; an absolute target is refused,
//! wherever it points. Linux does that in the kernel with openat2(2); elsewhere, and where openat2 is missing or
//! forbidden (Linux before 5.6, some seccomp filters), the same rule is walked name by name with openat(2). A test
//! holds the two against each other.
//!
//! A file is looked at before it is opened, as opening a FIFO and closing it again kills its writer.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;

use super::stamp::{Kind, Stamp};

/// How a file is opened to be read: should it be a FIFO by now, that must not block, and no terminal becomes ours.
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

/// How directories on the way are opened: with permission to search them, where there is a way to ask for that.
#[cfg(any(target_os = "linux", target_os = "android"))]
const SEARCH: OFlag = OFlag::O_PATH.union(OFlag::O_CLOEXEC);
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const SEARCH: OFlag = OPEN;

/// How the kernel opens what is only looked at: nothing happens to a FIFO or a device by it.
#[cfg(any(target_os = "linux", target_os = "android"))]
const LOOK: OFlag = SEARCH;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const LOOK: OFlag = OPEN;

/// As many symbolic links as Linux follows in one name (path_resolution(7)).
pub(super) const MAX_LINKS: usize = 40;

/// How often a name is tried again when a rename elsewhere, or a signal, kept the kernel from being sure of the way.
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
    /// What open(2) says if `path` is missing, is no directory, or may not be read; and want of descriptors or memory.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let directory = nix::fcntl::open(path, OPEN | OFlag::O_DIRECTORY, Mode::empty())?;
        let tried = try_kernel(directory.as_fd(), c".", SEARCH);
        Ok(Self {
            kernel_resolves: can_resolve(tried)?,
            directory,
        })
    }

    /// Looks at what a relative name stands for, without opening it, if the way to it stays below the root.
    ///
    /// The name may hold `..`; that is judged like the rest of the way.
    ///
    /// # Errors
    /// What open(2) says; EXDEV or ELOOP for a name that leaves the root.
    pub(crate) fn look(&self, name: &CStr) -> io::Result<Stamp> {
        match self.kernel_resolves {
            true => Stamp::of(self.try_kernel(name, LOOK)?),
            false => {
                let (directory, last) = walk(self.directory.as_fd(), name)?;
                Stamp::at(self.or_itself(directory.as_ref()), &last)
            }
        }
    }

    /// Opens the file of this relative name for reading, under the rule of [`look`](Self::look).
    ///
    /// # Errors
    /// What open(2) says; EXDEV or ELOOP for a name that leaves the root.
    pub(crate) fn open_below(&self, name: &CStr) -> io::Result<File> {
        if self.kernel_resolves {
            return Ok(self.try_kernel(name, OPEN)?.into());
        }
        let (directory, last) = walk(self.directory.as_fd(), name)?;
        let directory = self.or_itself(directory.as_ref());
        Ok(openat(
            directory,
            last.as_c_str(),
            OPEN | OFlag::O_NOFOLLOW,
            Mode::empty(),
        )?
        .into())
    }

    /// The directory of this relative name, to look at names in it. The empty name is the root itself.
    ///
    /// # Errors
    /// What open(2) says; EXDEV or ELOOP for a name that leaves the root.
    #[inline(always)]
    pub(crate) fn place(&self, name: &CStr) -> io::Result<Place<'_>> {
        match name.is_empty() {
            true => Ok(Place::Root(self.directory.as_fd())),
            false => self.place_below(name),
        }
    }

    fn place_below(&self, name: &CStr) -> io::Result<Place<'_>> {
        let directory = OFlag::O_DIRECTORY | SEARCH;
        if self.kernel_resolves {
            return Ok(Place::Below(self.try_kernel(name, directory)?));
        }
        let (parent, last) = walk(self.directory.as_fd(), name)?;
        let parent = self.or_itself(parent.as_ref());
        let opened = openat(
            parent,
            last.as_c_str(),
            directory | OFlag::O_NOFOLLOW,
            Mode::empty(),
        )?;
        Ok(Place::Below(opened))
    }

    fn or_itself<'a>(&'a self, directory: Option<&'a OwnedFd>) -> BorrowedFd<'a> {
        directory.map_or(self.directory.as_fd(), AsFd::as_fd)
    }

    fn try_kernel(&self, name: &CStr, flags: OFlag) -> nix::Result<OwnedFd> {
        try_kernel(self.directory.as_fd(), name, flags)
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

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }
}

/// A directory below the root, or the root itself. The names asked for in it are single steps.
#[derive(Debug)]
pub(crate) enum Place<'a> {
    Root(BorrowedFd<'a>),
    Below(OwnedFd),
}

impl Place<'_> {
    /// Looks at a name in the directory. A link is seen as one.
    ///
    /// # Errors
    /// As fstatat(2).
    #[inline(always)]
    pub(crate) fn look(&self, name: &CStr) -> io::Result<Stamp> {
        Stamp::at(self, name)
    }

    /// Opens a file in the directory for reading. A link is not followed.
    ///
    /// # Errors
    /// As openat(2); ELOOP and its like for a link.
    pub(crate) fn open(&self, name: &CStr) -> io::Result<File> {
        Ok(openat(self.as_fd(), name, OPEN | OFlag::O_NOFOLLOW, Mode::empty())?.into())
    }
}

impl AsFd for Place<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        match self {
            Self::Root(directory) => *directory,
            Self::Below(directory) => directory.as_fd(),
        }
    }
}

fn try_kernel(root: BorrowedFd<'_>, name: &CStr, flags: OFlag) -> nix::Result<OwnedFd> {
    for _ in 1..MAX_TRIES {
        match kernel_open(root, name, flags) {
            Err(Errno::EINTR | Errno::EAGAIN) => {}
            result => return result,
        }
    }
    kernel_open(root, name, flags)
}

/// Whether the kernel does the work, by how it has opened the root itself. Want of descriptors or memory does not tell: the root
/// would be walked for good then. All other errors are those of kernels and filters without openat2(2).
fn can_resolve(tried: nix::Result<OwnedFd>) -> nix::Result<bool> {
    match tried {
        Err(error @ (Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM)) => Err(error),
        tried => Ok(tried.is_ok()),
    }
}

/// openat2(2) with the rule in the kernel.
#[cfg(target_os = "linux")]
fn kernel_open(root: BorrowedFd<'_>, name: &CStr, flags: OFlag) -> nix::Result<OwnedFd> {
    use rustix::fs::{Mode, OFlags, ResolveFlags, openat2};
    let flags = OFlags::from_bits_retain(flags.bits().cast_unsigned());
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
    openat2(root, name, flags, Mode::empty(), resolve).map_err(|error| Errno::from_raw(error.raw_os_error()))
}

/// Other kernels have nothing that follows some links and refuses the rest.
#[cfg(not(target_os = "linux"))]
fn kernel_open(_root: BorrowedFd<'_>, _name: &CStr, _flags: OFlag) -> nix::Result<OwnedFd> {
    Err(Errno::ENOSYS)
}

/// Goes the way to a name below `root` step by step, each directory opened from the one before it, so that nothing that
/// is renamed meanwhile can lead outside. Returns the directory at its end (none is the root) and the last step, which
/// is no link.
fn walk(root: BorrowedFd<'_>, name: &CStr) -> nix::Result<(Option<OwnedFd>, CString)> {
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
        match enter(here, &step, ahead.is_empty())? {
            Step::Last => return Ok((way.pop(), step)),
            Step::Directory(directory) => way.push(directory),
            Step::Link(target) => {
                links += 1;
                if links > MAX_LINKS {
                    return Err(Errno::ELOOP);
                }
                put_ahead(&mut ahead, &target)?;
            }
        }
    }
    Ok((way.pop(), c".".to_owned()))
}

/// What one step of the way led to.
enum Step {
    /// The name's end, whatever is there, if it is no link.
    Last,
    Directory(OwnedFd),
    Link(Vec<u8>),
}

fn enter(here: BorrowedFd<'_>, step: &CStr, last: bool) -> nix::Result<Step> {
    let target = |error| match readlinkat(here, step) {
        Ok(target) => Ok(Step::Link(target.into_encoded_bytes())),
        Err(_) => Err(error),
    };
    if last {
        let stamp = Stamp::at(here, step);
        return match stamp
            .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(0)))?
            .kind()
        {
            Kind::Link => target(Errno::EAGAIN),
            _ => Ok(Step::Last),
        };
    }
    let flags = OFlag::O_NOFOLLOW | OFlag::O_DIRECTORY | SEARCH;
    match openat(here, step, flags, Mode::empty()) {
        Ok(directory) => Ok(Step::Directory(directory)),
        // Kernels disagree on the error for a link (ELOOP, EMLINK, EFTYPE, ENOTDIR), so the link itself is asked.
        Err(error) => target(error),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortage_does_not_tell_what_the_kernel_can_do() {
        for errno in [Errno::EMFILE, Errno::ENFILE, Errno::ENOMEM] {
            assert_eq!(can_resolve(Err(errno)), Err(errno));
        }
        for errno in [
            Errno::ENOSYS,
            Errno::EPERM,
            Errno::EACCES,
            Errno::E2BIG,
            Errno::EINVAL,
        ] {
            assert_eq!(can_resolve(Err(errno)), Ok(false));
        }
        let directory = std::fs::File::open(".").expect("the present directory");
        assert_eq!(can_resolve(Ok(directory.into())), Ok(true));
    }
}
