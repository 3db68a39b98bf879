//! What kind of file an fd names: kqueues take some that they cannot wait for, and lose or never tell the end of others.

use std::fs::{self, Metadata};
use std::io::IsTerminal;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::sync::OnceLock;

use super::ffi;

/// A file as one fstat(2) sees it. `None` stands for a number that names no file: kevent(2) says that better.
pub(super) struct File(Option<Metadata>);

impl File {
    #[inline]
    pub(super) fn of(fd: BorrowedFd<'_>) -> Self {
        Self(ffi::metadata(fd).ok())
    }

    /// True for what poll(2) calls ready at any time.
    ///
    /// FreeBSD 15.1 and OpenBSD 7.3 register regular files, directories and /dev/null, and then report them always, or never
    /// again after the end of the file: a loop that waits for one sleeps for ever. So they are refused before the kernel is
    /// asked, as epoll does. Of devices this is said of the simple ones alone; most others do block.
    pub(super) fn is_always_ready(&self) -> bool {
        self.0.as_ref().is_some_and(|metadata| {
            let kind = metadata.file_type();
            kind.is_file()
                || kind.is_dir()
                || kind.is_block_device()
                || (kind.is_char_device() && simple_devices().contains(&Some(metadata.rdev())))
        })
    }

    /// True for a device that the kernel refuses to watch because it never blocks. macOS refuses terminals too, and those do
    /// block.
    pub(super) fn may_be_always_ready(&self, fd: BorrowedFd<'_>) -> bool {
        let is_device = |metadata: &Metadata| metadata.file_type().is_char_device();
        self.is_always_ready() || (self.0.as_ref().is_some_and(is_device) && !fd.is_terminal())
    }

    pub(super) fn is_fifo(&self) -> bool {
        self.0
            .as_ref()
            .is_some_and(|metadata| metadata.file_type().is_fifo())
    }

    /// True for a pipe(2) whose end is told to its writer by EVFILT_READ, because EVFILT_WRITE does not do it.
    ///
    /// - FreeBSD 15.1 reports EVFILT_WRITE once when the reader has gone, with EV_ONESHOT, whatever was asked for, and deletes the
    ///   knote: a level-triggered writer is told once, and then nobody knows it any more. `knlist_cleardel` in kern_event.c.
    /// - OpenBSD 7.3 and NetBSD never report it if the pipe is full: `pipe_destroy` in sys_pipe.c wakes the writer before it
    ///   cuts it off, the filter finds no space, and is not asked again. The writer waits for ever.
    ///
    /// On all three EVFILT_READ of the same fd goes on to report EV_EOF. A FIFO with a name has neither fault. On macOS and
    /// DragonFly nobody has recorded any of it, so they keep the plain registration.
    pub(super) fn is_pipe_that_hides_its_end(&self) -> bool {
        self.is_fifo() && NAMELESS.is_some_and(|links| self.links() == links)
    }

    fn links(&self) -> u64 {
        self.0.as_ref().map_or(u64::MAX, Metadata::nlink)
    }
}

/// The links of a pipe(2), by which it is told from a FIFO with a name: 0 on the BSDs (`pipe_stat` in sys_pipe.c), 1 on Linux.
/// EVFILT_READ of such a FIFO's writer says on NetBSD and OpenBSD that the reader has not read all yet (`filt_fiforead` in
/// fifo_vnops.c), which a level-triggered writer would be told for ever.
const NAMELESS: Option<u64> = if cfg!(multiplex_kqueue) {
    Some(1)
} else if cfg!(any(
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd"
)) {
    Some(0)
} else {
    None
};

/// The numbers of the devices that read and write without ever blocking. Asked once: a process may lose sight of /dev.
fn simple_devices() -> &'static [Option<u64>; 3] {
    static DEVICES: OnceLock<[Option<u64>; 3]> = OnceLock::new();
    let number = |path| fs::metadata(path).map(|metadata| metadata.rdev()).ok();
    DEVICES.get_or_init(|| ["/dev/null", "/dev/zero", "/dev/full"].map(number))
}

#[cfg(test)]
mod tests {
    use std::fs::File as Opened;
    use std::io;
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn what_never_blocks_is_always_ready() {
        let program = std::env::current_exe().unwrap();
        let folder = program.parent().unwrap();
        for path in [
            program.as_path(),
            folder,
            "/dev/null".as_ref(),
            "/dev/zero".as_ref(),
        ] {
            let file = Opened::open(path).unwrap();
            assert!(File::of(file.as_fd()).is_always_ready(), "{path:?}");
        }
    }

    #[test]
    fn what_may_block_is_not() {
        let (reader, writer) = io::pipe().unwrap();
        let (socket, _peer) = std::os::unix::net::UnixStream::pair().unwrap();
        for source in [reader.as_fd(), writer.as_fd(), socket.as_fd()] {
            let file = File::of(source);
            assert!(!file.is_always_ready() && !file.may_be_always_ready(source));
        }
    }

    #[test]
    fn a_device_that_the_kernel_refuses_is_always_ready_unless_it_is_a_terminal() {
        let device = Opened::open("/dev/urandom").unwrap();
        let file = File::of(device.as_fd());
        assert!(!file.is_always_ready() && file.may_be_always_ready(device.as_fd()));
    }

    /// A FIFO has a name, and one with two has another number of links than any pipe.
    #[test]
    #[cfg(any(
        target_os = "freebsd",
        target_os = "netbsd",
        target_os = "openbsd",
        multiplex_kqueue
    ))]
    fn a_fifo_with_names_is_no_pipe() {
        let folder = std::env::temp_dir().join(format!("multiplex-fifo-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        let (path, other) = (folder.join("fifo"), folder.join("other"));
        let made = std::process::Command::new("mkfifo").arg(&path).status().unwrap();
        fs::hard_link(&path, &other).unwrap();
        let fifo = Opened::options().read(true).write(true).open(&path).unwrap();
        let file = File::of(fifo.as_fd());
        fs::remove_dir_all(&folder).unwrap();
        assert!(made.success() && file.is_fifo() && !file.is_pipe_that_hides_its_end());
        let (_reader, writer) = io::pipe().unwrap();
        assert!(File::of(writer.as_fd()).is_pipe_that_hides_its_end());
    }
}
