//! From an error of the system to the status that tells a client of it.

use std::io;

use nix::errno::Errno;

/// Returns the status that tells the client of a failed call.
///
/// Without permission it is 403 rather than 404: the name was found below the root and is not hidden by any rule of
/// ours, so this is most likely the operator's mistake, which 404 would only make harder to find.
pub(super) fn status_of(error: &io::Error) -> u16 {
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
