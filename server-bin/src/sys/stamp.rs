//! What the file system says of a file, as far as it tells one state of a file from another.

use std::ffi::CStr;
use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Stat, fstat, statat};

/// A moment as file systems store it: seconds since the epoch, negative before it, and nanoseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub(crate) struct Time {
    pub(crate) seconds: i64,
    pub(crate) nanoseconds: u32,
}

/// What kind of file it is, as far as it matters here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    File,
    Directory,
    Link,
    /// A FIFO, a socket or a device.
    Other,
}

/// Which directory it is: a path may lead to another one after a rename, a new link, or a mount.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Identity {
    device: u64,
    inode: u64,
    /// Bind mounts show one directory in several places. None where the kernel has no number for a mount.
    mount: Option<u64>,
}

impl Identity {
    /// Which directory the path leads to now, links followed.
    ///
    /// # Errors
    /// As stat(2).
    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        let metadata = fs::metadata(path)?;
        Ok(Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            mount: mount_at(path),
        })
    }
}

/// The number of the mount that the path leads into (Linux 5.8 and later).
#[cfg(target_os = "linux")]
fn mount_at(path: &Path) -> Option<u64> {
    use rustix::fs::{CWD, StatxFlags, statx};
    let statx = statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID).ok()?;
    let known = statx.stx_mask & StatxFlags::MNT_ID.bits() != 0;
    known.then_some(statx.stx_mnt_id)
}

/// On other systems each mount is a device of its own.
#[cfg(not(target_os = "linux"))]
fn mount_at(_path: &Path) -> Option<u64> {
    None
}

/// What stat(2) says of a file. Two equal stamps are the same file with the same content, as far as the clock that
/// stamped them can tell: a change within its resolution may go unseen, and so may one through a shared mapping.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stamp {
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) size: u64,
    /// The last change of the content, unless somebody set it.
    pub(crate) modified: Time,
    /// The last change of content or inode; nobody can set it.
    pub(crate) changed: Time,
    /// What kind of file it is, as st_mode says.
    mode: u32,
}

impl Stamp {
    #[inline]
    pub(crate) fn kind(&self) -> Kind {
        match FileType::from_raw_mode(self.mode as _) {
            FileType::RegularFile => Kind::File,
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Link,
            _ => Kind::Other,
        }
    }

    /// The stamp of an open file.
    ///
    /// # Errors
    /// As fstat(2).
    #[inline]
    pub(crate) fn of(file: impl AsFd) -> io::Result<Self> {
        Ok(Self::from_stat(&fstat(file)?))
    }

    /// The stamp of a name in a directory. A symbolic link is not followed.
    ///
    /// # Errors
    /// As fstatat(2).
    #[inline]
    pub(crate) fn at(directory: impl AsFd, name: &CStr) -> io::Result<Self> {
        Ok(Self::from_stat(&statat(
            directory,
            name,
            AtFlags::SYMLINK_NOFOLLOW,
        )?))
    }

    pub(crate) fn is_file(&self) -> bool {
        self.kind() == Kind::File
    }

    #[cfg(test)]
    pub(crate) fn is_directory(&self) -> bool {
        self.kind() == Kind::Directory
    }

    // The widths of these numbers differ from system to system; none of them is negative but the seconds.
    #[allow(
        clippy::unnecessary_cast,
        clippy::cast_sign_loss,
        clippy::cast_possible_truncation,
        reason = "other systems need the casts, and a fraction is less than a billion"
    )]
    #[inline(always)]
    fn from_stat(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as u64,
            modified: Time {
                seconds: stat.st_mtime as i64,
                nanoseconds: stat.st_mtime_nsec as u32,
            },
            changed: Time {
                seconds: stat.st_ctime as i64,
                nanoseconds: stat.st_ctime_nsec as u32,
            },
            mode: stat.st_mode as u32,
        }
    }
}
