//! From a name to what the file system has there: a file to send, a directory, or a status.

use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;

use nix::errno::Errno;

use super::coding::{Accepted, Coding};
use super::path::Name;
use crate::sys::Root;

/// What stands for a directory, if it is there.
const INDEX: &[u8] = b"index.html";

/// What was opened, and what fstat(2) said of it then.
#[derive(Debug)]
pub(crate) struct Opened {
    pub(crate) file: File,
    pub(crate) metadata: Metadata,
}

/// What a name stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    /// A regular file: the name's own, or the index of the directory (then the name has grown by it).
    File,
    /// A directory without an index, asked for with a slash at the end.
    Directory,
    /// A directory, asked for without a slash at the end: relative links in it would lead astray.
    NeedsSlash,
}

/// Finds what `name` stands for, or the status that says why there is nothing.
///
/// Only regular files and directories exist here: a FIFO, a socket or a device is 404, and as everything is opened
/// nonblocking, none of them holds the worker up.
pub(crate) fn find(root: &Root, name: &mut Name) -> Result<(Kind, Opened), u16> {
    if name.asks_for_directory() {
        return find_in_directory(root, name);
    }
    match open(root, name) {
        Ok(opened) if opened.metadata.is_file() => Ok((Kind::File, opened)),
        Ok(opened) if opened.metadata.is_dir() => Ok((Kind::NeedsSlash, opened)),
        Ok(_) => Err(404),
        Err(error) => Err(status_of(&error)),
    }
}

fn find_in_directory(root: &Root, name: &mut Name) -> Result<(Kind, Opened), u16> {
    let length = name.as_bytes().len();
    name.push_segment(INDEX).map_err(|refusal| refusal.status())?;
    match open(root, name) {
        Ok(opened) if opened.metadata.is_file() => return Ok((Kind::File, opened)),
        Ok(_) => return Err(404),
        Err(error) if status_of(&error) != 404 => return Err(status_of(&error)),
        Err(_) => name.truncate(length),
    }
    match open(root, name) {
        Ok(opened) if opened.metadata.is_dir() => Ok((Kind::Directory, opened)),
        Ok(_) => Err(404),
        Err(error) => Err(status_of(&error)),
    }
}

/// Finds the most wanted coding in which the file lies beside itself.
///
/// A sibling that is older than its file is left over from an earlier one, and does not count. Whatever keeps a
/// sibling from being opened, the file itself is there to be sent.
pub(crate) fn find_sibling(
    root: &Root,
    name: &mut Name,
    plain: &Metadata,
    accepted: &Accepted,
) -> Option<(Coding, Opened)> {
    let length = name.as_bytes().len();
    for coding in accepted.in_order() {
        name.push_bytes(coding.suffix()).ok()?;
        let opened = open(root, name);
        name.truncate(length);
        if let Ok(opened) = opened
            && opened.metadata.is_file()
            && opened.metadata.mtime() >= plain.mtime()
        {
            return Some((coding, opened));
        }
    }
    None
}

fn open(root: &Root, name: &Name) -> io::Result<Opened> {
    let file = root.open_below(name.as_c_str())?;
    let metadata = file.metadata()?;
    Ok(Opened { file, metadata })
}

/// What a failed open means to the client.
///
/// Without permission it is 403 rather than 404: the name was found below the root and is not hidden by any rule of
/// ours, so this is most likely the operator's mistake, which 404 would only make harder to find.
fn status_of(error: &io::Error) -> u16 {
    match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
        Errno::EACCES | Errno::EPERM => 403,
        // Nothing of that name, or no name that a file can have.
        Errno::ENOENT
        | Errno::ENOTDIR
        | Errno::EISDIR
        | Errno::ENAMETOOLONG
        | Errno::EINVAL
        | Errno::EILSEQ => 404,
        // Outside of the root, or in circles.
        Errno::EXDEV | Errno::ELOOP => 404,
        // A socket, or a device without a driver.
        Errno::ENXIO | Errno::ENODEV | Errno::EOPNOTSUPP => 404,
        // It may be there, but not now: no descriptors, no memory, or a way that kept changing.
        Errno::EMFILE | Errno::ENFILE | Errno::ENOMEM | Errno::EAGAIN => 503,
        _ => 500,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_open_become_statuses() {
        let table = [
            (Errno::EACCES, 403),
            (Errno::EPERM, 403),
            (Errno::ENOENT, 404),
            (Errno::ENOTDIR, 404),
            (Errno::ELOOP, 404),
            (Errno::EXDEV, 404),
            (Errno::ENAMETOOLONG, 404),
            (Errno::ENXIO, 404),
            (Errno::EMFILE, 503),
            (Errno::ENFILE, 503),
            (Errno::ENOMEM, 503),
            (Errno::EAGAIN, 503),
            (Errno::EIO, 500),
        ];
        for (errno, status) in table {
            assert_eq!(status_of(&errno.into()), status, "{errno}");
        }
        assert_eq!(status_of(&io::Error::other("no number")), 500);
    }
}
