//! Opening below a root and sending from a file, on the real kernel.

use std::ffi::CString;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc;
use std::time::Duration;

use nix::sys::stat::SFlag;
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;

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

/// What opening came to: the file's identity, or nothing.
fn open(root: &Root, name: &str) -> Option<(u64, u64)> {
    let name = CString::new(name).ok()?;
    let metadata = root.open_below(&name).ok()?.metadata().ok()?;
    Some((metadata.dev(), metadata.ino()))
}

fn identity(path: impl AsRef<Path>) -> Option<(u64, u64)> {
    let metadata = std::fs::metadata(path).ok()?;
    Some((metadata.dev(), metadata.ino()))
}

#[test]
fn links_are_followed_while_they_stay_below_the_root() {
    let tree = Tree::new();
    let file = identity(tree.root().join("file"));
    for root in [Root::open(&tree.root()), Root::walking(&tree.root())] {
        let root = root.expect("the root");
        for name in [
            "file",
            "hard",
            "in",
            "dir/up/file",
            "dir/deep/back",
            "here/here/file",
            "chain",
            "dir/../file",
        ] {
            assert_eq!(open(&root, name), file, "{name} {root:?}");
        }
        assert_eq!(open(&root, "dir/side"), identity(tree.root().join("dir/inner")));
        assert_eq!(
            open(&root, "slashed/inner"),
            identity(tree.root().join("dir/deep/inner"))
        );
        assert_eq!(open(&root, "."), identity(tree.root()));
        assert_eq!(open(&root, "here"), identity(tree.root()));
    }
}

#[test]
fn nothing_outside_of_the_root_is_opened() {
    let tree = Tree::new();
    let absolute = tree.base.path().join("secret").to_string_lossy().into_owned();
    for root in [Root::open(&tree.root()), Root::walking(&tree.root())] {
        let root = root.expect("the root");
        let names = [
            "..",
            "../secret",
            "../root/file",
            "dir/../../secret",
            "/etc/passwd",
            "/",
            &absolute,
            "out",
            "out-and-in",
            "dir/out",
            "dir/deep/out",
            "parent",
            "parent/secret",
            "parent/root/file",
            "absolute-in",
            "absolute-out",
            "magic",
            "magic/etc/passwd",
            "dir/up/../secret",
            "loop",
            "ping",
            "dangling",
            "file-as-directory",
            "file-and-dot",
            "file/",
            "file/.",
            "file/..",
            "file/../file",
            "",
        ];
        for name in names {
            assert_eq!(open(&root, name), None, "{name} {root:?}");
        }
    }
}

#[test]
fn a_magic_link_is_not_followed() {
    for root in [
        Root::open(Path::new("/proc/self")),
        Root::walking(Path::new("/proc/self")),
    ] {
        let Ok(root) = root else { return };
        for name in ["root/etc", "cwd", "exe", "fd/0"] {
            assert_eq!(open(&root, name), None, "{name} {root:?}");
        }
    }
}

#[test]
fn more_links_than_linux_follows_are_an_error() {
    let tree = Tree::new();
    symlink("file", tree.root().join("l0")).expect("a link");
    for n in 1..=MAX_LINKS {
        symlink(format!("l{}", n - 1), tree.root().join(format!("l{n}"))).expect("a link");
    }
    for root in [Root::open(&tree.root()), Root::walking(&tree.root())] {
        let root = root.expect("the root");
        assert!(open(&root, &format!("l{}", MAX_LINKS - 1)).is_some(), "{root:?}");
        assert_eq!(open(&root, &format!("l{MAX_LINKS}")), None, "{root:?}");
    }
}

#[test]
fn a_fifo_and_a_socket_do_not_block() {
    let tree = Tree::new();
    let (done, opened) = mpsc::channel();
    let roots = [Root::open(&tree.root()), Root::walking(&tree.root())];
    std::thread::spawn(move || {
        for root in roots {
            let root = root.expect("the root");
            let fifo = root
                .open_below(c"fifo")
                .and_then(|file| file.metadata())
                .map(|metadata| metadata.is_file());
            let socket = root.open_below(c"socket").is_ok();
            done.send((fifo.expect("a fifo can be opened"), socket))
                .expect("a receiver");
        }
    });
    for _ in 0..2 {
        assert_eq!(opened.recv_timeout(Duration::from_secs(10)), Ok((false, false)));
    }
}

#[test]
fn a_root_that_is_renamed_stays_the_root() {
    let tree = Tree::new();
    let root = Root::open(&tree.root()).expect("the root");
    std::fs::rename(tree.root(), tree.base.path().join("renamed")).expect("a rename");
    assert_eq!(
        open(&root, "file"),
        identity(tree.base.path().join("renamed/file"))
    );
}

#[test]
fn a_missing_root_and_a_file_as_root_are_errors() {
    let tree = Tree::new();
    let kind = |name: &str| {
        Root::open(&tree.root().join(name))
            .map_err(|error| error.kind())
            .err()
    };
    assert_eq!(kind("nowhere"), Some(io::ErrorKind::NotFound));
    assert_eq!(kind("file"), Some(io::ErrorKind::NotADirectory));
    assert_eq!(kind("fifo"), Some(io::ErrorKind::NotADirectory));
}

proptest! {
    #[test]
    fn the_walk_and_the_kernel_agree(
        steps in prop::collection::vec(
            prop_oneof![
                prop::sample::select(&[".", "..", "", "dir", "deep", "up", "here", "slashed", "back", "file"][..]),
                prop::sample::select(&["in", "inner", "side", "chain", "out", "out-and-in", "parent", "absolute-in",
                    "magic", "root", "secret", "loop", "dangling", "file-as-directory", "rooted", "hard"][..]),
            ],
            0..7,
        )
    ) {
        thread_local! {
            static TREE: (Tree, Root, Root) = {
                let tree = Tree::new();
                let (kernel, walking) = (Root::open(&tree.root()), Root::walking(&tree.root()));
                (tree, kernel.expect("the root"), walking.expect("the root"))
            };
        }
        let name = steps.join("/");
        TREE.with(|(tree, kernel, walking)| {
            let opened = open(walking, &name);
            prop_assert_eq!(opened, open(kernel, &name), "{}", name);
            if opened.is_some() {
                // What both opened is what the name means to everybody, and it lies below the root.
                let real = tree.root().join(&name).canonicalize().expect("a real path");
                prop_assert!(real.starts_with(tree.root().canonicalize().expect("a real root")), "{}", name);
                prop_assert_eq!(opened, identity(real), "{}", name);
            }
            Ok(())
        })?;
    }
}

/// A file with these bytes, and a pair of sockets, the first of them nonblocking.
fn file_and_sockets(bytes: &[u8]) -> (File, UnixStream, UnixStream) {
    let mut file = tempfile::tempfile().expect("a file");
    file.write_all(bytes).expect("bytes in it");
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    ours.set_nonblocking(true).expect("a nonblocking socket");
    theirs
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a timeout");
    (file, ours, theirs)
}

fn received(socket: &mut UnixStream, count: usize) -> Vec<u8> {
    let mut bytes = vec![0; count];
    socket.read_exact(&mut bytes).expect("the bytes");
    bytes
}

#[test]
fn a_part_of_a_file_is_sent_and_its_position_stays() {
    let (file, ours, mut theirs) = file_and_sockets(b"0123456789");
    let mut buffer = [0; 4];
    assert_eq!(send_file(&ours, file.as_fd(), 2, 5, &mut buffer).ok(), Some(5));
    assert_eq!(received(&mut theirs, 5), b"23456");
    assert_eq!(send_file(&ours, file.as_fd(), 8, 5, &mut buffer).ok(), Some(2));
    assert_eq!(received(&mut theirs, 2), b"89");
    assert_eq!(send_file(&ours, file.as_fd(), 10, 5, &mut buffer).ok(), Some(0));
    assert_eq!(send_file(&ours, file.as_fd(), 0, 0, &mut buffer).ok(), Some(0));
    assert!(send_file(&ours, file.as_fd(), u64::MAX, 5, &mut buffer).is_err());
    assert_eq!(nix::unistd::lseek(&file, 0, nix::unistd::Whence::SeekCur), Ok(10));
}

#[test]
fn bytes_past_four_gib_are_opened_and_sent_whatever_the_width_of_a_pointer() {
    use std::os::unix::fs::FileExt as _;
    let tree = Tree::new();
    let offset = (4 << 30) + 7;
    // A hole up to there: it takes no room on the disk.
    let writer = File::create(tree.root().join("large")).expect("a file");
    writer
        .write_all_at(b"far", offset)
        .expect("a file system with holes");
    let (_, ours, mut theirs) = file_and_sockets(b"");
    for root in [Root::open(&tree.root()), Root::walking(&tree.root())] {
        let file = root.expect("the root").open_below(c"large").expect("the file");
        assert_eq!(
            send_file(&ours, file.as_fd(), offset, 9, &mut [0; 4]).ok(),
            Some(3)
        );
        assert_eq!(received(&mut theirs, 3), b"far");
        assert_eq!(
            copy(ours.as_fd(), file.as_fd(), offset, 9, &mut [0; 4]).ok(),
            Some(3)
        );
        assert_eq!(received(&mut theirs, 3), b"far");
    }
}

#[test]
fn a_full_socket_takes_what_it_can_and_then_says_would_block() {
    let content: Vec<u8> = (0..4_000_000_u32).map(|n| (n % 251) as u8).collect();
    let (file, ours, mut theirs) = file_and_sockets(&content);
    type Send = fn(&UnixStream, &File, u64, usize, &mut [u8]) -> io::Result<usize>;
    let copying: Send =
        |socket, file, offset, count, buffer| copy(socket.as_fd(), file.as_fd(), offset, count, buffer);
    let sending: Send =
        |socket, file, offset, count, buffer| send_file(socket, file.as_fd(), offset, count, buffer);
    for send in [sending, copying] {
        let (mut sent, mut buffer) = (0, vec![0; 64 * 1024]);
        let mut arrived = Vec::new();
        while sent < content.len() {
            match send(&ours, &file, sent as u64, content.len() - sent, &mut buffer) {
                Ok(count) => {
                    assert!(count > 0);
                    sent += count;
                }
                Err(error) => {
                    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
                    let waiting = sent - arrived.len();
                    arrived.extend(received(&mut theirs, waiting));
                }
            }
        }
        let waiting = sent - arrived.len();
        arrived.extend(received(&mut theirs, waiting));
        assert!(arrived == content, "the bytes differ");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_sendfile_refuses_goes_through_the_buffer() {
    // sendfile(2), EINVAL: "out_fd has the O_APPEND flag set".
    let (file, _, _) = file_and_sockets(b"0123456789");
    let directory = TempDir::new().expect("a directory");
    let path = directory.path().join("appended");
    let appended = File::options()
        .append(true)
        .create(true)
        .open(&path)
        .expect("a file");
    let refused = kernel_send(appended.as_fd(), file.as_fd(), 0, 5);
    assert_eq!(refused, (Err(Errno::EINVAL), 0));
    assert_eq!(
        send_file(&appended, file.as_fd(), 2, 5, &mut [0; 3]).ok(),
        Some(3)
    );
    assert_eq!(
        send_file(&appended, file.as_fd(), 5, 5, &mut [0; 30]).ok(),
        Some(5)
    );
    assert_eq!(
        send_file(&appended, file.as_fd(), 10, 5, &mut [0; 30]).ok(),
        Some(0)
    );
    assert_eq!(std::fs::read(&path).expect("the copy"), b"23456789");
}

#[test]
fn bytes_sent_beside_an_error_count() {
    assert_eq!(sent_or_error((Err(Errno::EAGAIN), 7)), Ok(7));
    assert_eq!(sent_or_error((Err(Errno::EAGAIN), 0)), Err(Errno::EAGAIN));
    assert_eq!(sent_or_error((Err(Errno::EPIPE), 0)), Err(Errno::EPIPE));
    assert_eq!(sent_or_error((Ok(()), 0)), Ok(0));
    assert_eq!(sent_or_error((Ok(()), 9)), Ok(9));
}

#[test]
fn a_gone_reader_is_an_error() {
    let (file, ours, theirs) = file_and_sockets(b"0123456789");
    drop(theirs);
    let error = send_file(&ours, file.as_fd(), 0, 10, &mut [0; 4])
        .err()
        .map(|error| error.kind());
    assert_eq!(error, Some(io::ErrorKind::BrokenPipe));
}
