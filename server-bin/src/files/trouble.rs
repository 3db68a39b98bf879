//! Files that a client asked for and that cannot be sent although something is there: an operator wants to know of them, and
//! the client is told no more than the status. The usual 404 of a name that is not there is none of these.

use std::ffi::{CString, OsStr};
use std::fmt;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;

use nix::errno::Errno;

use super::path::Name;
use super::status::status_of;
use crate::sys::{Kind, Root};

/// A file that a client asked for and that cannot be sent, by its path below the root. Its text is one line.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileEvent<'a> {
    /// The server may not read it, or may not search a directory on its way; the client got 403, or, of a file in another coding,
    /// the one that lies beside it.
    Forbidden(&'a Path),
    /// It is a symbolic link, or lies behind one, that leads to nothing below the root; the client got 404.
    DeadLink(&'a Path),
    /// It could not be opened or read for another reason, as for want of descriptors; the client got 503 or 500.
    Failed(&'a Path, &'a io::Error),
}

impl fmt::Display for FileEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Forbidden(path) => write!(
                f,
                "{path:?} may not be read (403); let this user read it, and search the directories on its way"
            ),
            Self::DeadLink(path) => write!(
                f,
                "{path:?} is or lies behind a link that leads to nothing below the root (404); mend the link, which has to be \
                 relative"
            ),
            Self::Failed(path, error) => {
                write!(f, "{path:?} cannot be opened or read for the moment: {error}")?;
                match Errno::from_raw(error.raw_os_error().unwrap_or(0)) {
                    Errno::EMFILE => {
                        f.write_str("; raise the limit of open files (ulimit -Hn), or hold fewer connections")
                    }
                    Errno::ENFILE => f.write_str("; raise the limit of open files of the whole system"),
                    _ => Ok(()),
                }
            }
        }
    }
}

/// The function that hears of files that cannot be sent.
type FileLog = dyn Fn(&FileEvent<'_>) + Send + Sync;

/// Says which files cannot be sent, if somebody wants to hear it.
#[derive(Clone, Default)]
pub(super) struct Troubles(Option<Arc<FileLog>>);

impl Troubles {
    pub(super) fn new(log: impl Fn(&FileEvent<'_>) + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(log)))
    }

    /// A name that something was found for cannot be looked at, opened or read. `linked` says that it is a link.
    #[cold]
    pub(super) fn failed(&self, name: &[u8], error: &io::Error, linked: bool) {
        let Some(log) = &self.0 else { return };
        let name = joined(name);
        let path = match &name[..] {
            b"" => Path::new("."),
            name => Path::new(OsStr::from_bytes(name)),
        };
        match status_of(error) {
            403 => log(&FileEvent::Forbidden(path)),
            404 if linked => log(&FileEvent::DeadLink(path)),
            500.. => log(&FileEvent::Failed(path, error)),
            _ => {}
        }
    }

    /// The directory of a name cannot be opened. Whether a link on its way is why, costs some looks.
    #[cold]
    pub(super) fn no_way(&self, root: &Root, name: &Name, error: &io::Error) {
        if self.0.is_some() {
            let name = joined(name.as_bytes());
            self.failed(
                &name,
                error,
                status_of(error) == 404 && has_dead_link(root, &name),
            );
        }
    }
}

impl fmt::Debug for Troubles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Troubles").field(&self.0.is_some()).finish()
    }
}

/// A name that may be cut, as a whole.
fn joined(name: &[u8]) -> Vec<u8> {
    let whole = |&byte: &u8| if byte == b'\0' { b'/' } else { byte };
    name.iter().map(whole).collect()
}

/// Whether the way to this name leads over a link that leads to nothing below the root.
fn has_dead_link(root: &Root, name: &[u8]) -> bool {
    let is_dead = |end: usize| -> Option<bool> {
        let (parent, last) = match name[..end].iter().rposition(|&byte| byte == b'/') {
            Some(at) => (&name[..at], &name[at + 1..end]),
            None => (&b""[..], &name[..end]),
        };
        let [parent, last, whole] = [parent, last, &name[..end]].map(CString::new);
        let found = root.place(&parent.ok()?).ok()?.look(&last.ok()?).ok()?;
        Some(found.kind() == Kind::Link && root.look(&whole.ok()?).is_err())
    };
    let slashes = (0..name.len()).filter(|&at| name[at] == b'/');
    let mut ends = slashes.chain([name.len()]).map(is_dead);
    // Behind a name that is not there nothing is.
    ends.find(|is_dead| *is_dead != Some(false)) == Some(Some(true))
}
