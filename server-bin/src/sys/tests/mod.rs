//! Opening below a root and sending from a file, on the real kernel.

pub(crate) mod children;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod memory;
mod opening;
mod sending;

use std::io;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;

use nix::sys::stat::{Mode, SFlag};
use tempfile::TempDir;

/// A directory with everything in it that could lead out, and a secret beside it.
pub(crate) struct Tree {
    base: TempDir,
}

impl Tree {
    pub(crate) fn new() -> Self {
        let tree = Self {
            base: TempDir::new().expect("a temporary directory"),
        };
        tree.fill().expect("a tree of files");
        tree
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.base.path().join("root")
    }

    fn fill(&self) -> io::Result<()> {
        let (base, root) = (self.base.path(), self.root());
        std::fs::create_dir_all(root.join("dir/deep"))?;
        std::fs::write(base.join("secret"), "secret")?;
        std::fs::create_dir(base.join("rooted"))?;
        std::fs::write(base.join("rooted/secret"), "secret")?;
        std::fs::write(root.join("file"), "file")?;
        std::fs::write(root.join("dir/inner"), "inner")?;
        std::fs::write(root.join("dir/deep/inner"), "deep")?;
        std::fs::hard_link(root.join("file"), root.join("hard"))?;
        let links = [
            ("in", "file"),
            ("dir/up", ".."),
            ("dir/side", "../dir/deep/../inner"),
            ("dir/deep/back", "../../file"),
            ("here", "."),
            ("slashed", "dir//deep///"),
            ("file-as-directory", "file/"),
            ("file-and-dot", "file/."),
            ("chain", "chain1"),
            ("chain1", "dir/chain2"),
            ("dir/chain2", "up/in"),
            ("dangling", "nowhere"),
            ("loop", "loop"),
            ("ping", "pong"),
            ("pong", "ping"),
            ("out", "../secret"),
            ("out-and-in", "../root/file"),
            ("dir/out", "../../secret"),
            ("dir/deep/out", "up/../../../../secret"),
            ("parent", ".."),
            ("magic", "/proc/self/root"),
        ];
        for (name, target) in links {
            symlink(target, root.join(name))?;
        }
        symlink(root.join("file"), root.join("absolute-in"))?;
        symlink(base.join("secret"), root.join("absolute-out"))?;
        nix::unistd::mkfifo(&root.join("fifo"), Mode::S_IRWXU)?;
        UnixListener::bind(root.join("socket"))?;
        // Only root may make one, so without it nothing is lost but this case.
        let null = std::fs::metadata("/dev/null")?.rdev();
        let _ = nix::sys::stat::mknod(
            &root.join("device"),
            SFlag::S_IFCHR,
            Mode::S_IRWXU,
            null as nix::libc::dev_t,
        );
        Ok(())
    }
}
