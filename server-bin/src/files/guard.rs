//! Large files that must not change while they are sent.

use std::io;
use std::os::fd::BorrowedFd;

use crate::handler::FileGuard;
use crate::sys::Stamp;

/// The state of a file when its response began.
///
/// Its length and modification time are compared, not its change time: a file that is renamed or deleted while it is sent
/// keeps its content, and that is how sites are published. A change within the resolution of the clock that stamps changes
/// (some milliseconds) does not show, nor one whose author sets the old modification time again, and not each one that is
/// made through a shared mapping.
#[derive(Debug)]
struct Unchanged(Stamp);

/// A guard over a file that was like this.
pub(super) fn of(stamp: Stamp) -> Box<dyn FileGuard> {
    Box::new(Unchanged(stamp))
}

impl FileGuard for Unchanged {
    fn is_unchanged(&self, file: BorrowedFd<'_>) -> io::Result<bool> {
        let now = Stamp::of(file)?;
        Ok((now.size, now.modified) == (self.0.size, self.0.modified))
    }

    fn read(&self, file: BorrowedFd<'_>, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        Ok(rustix::io::pread(file, buffer, offset)?)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::{FileExt as _, PermissionsExt as _};
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_file_that_is_renamed_or_deleted_keeps_its_content_and_one_that_is_written_does_not() -> io::Result<()>
    {
        let folder = tempfile::tempdir()?;
        let at = |name: &str| folder.path().join(name);
        fs::write(at("a"), "0123456789")?;
        let file = File::options().read(true).write(true).open(at("a"))?;
        // So that each change has another time.
        let rest = || std::thread::sleep(Duration::from_millis(25));
        rest();
        let guard = of(Stamp::of(&file)?);
        let holds = || guard.is_unchanged(file.as_fd());
        fs::rename(at("a"), at("b"))?;
        assert!(holds()?);
        fs::hard_link(at("b"), at("c"))?;
        fs::set_permissions(at("b"), fs::Permissions::from_mode(0o600))?;
        assert!(holds()?);
        fs::remove_file(at("b"))?;
        fs::remove_file(at("c"))?;
        assert!(holds()?);
        file.write_all_at(b"x", 3)?;
        assert!(!holds()?);
        rest();
        let guard = of(Stamp::of(&file)?);
        file.set_len(9)?;
        assert!(!guard.is_unchanged(file.as_fd())?);
        Ok(())
    }
}
