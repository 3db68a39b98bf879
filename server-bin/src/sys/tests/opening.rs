//! Names below a root: by the kernel and by the walk, which have to agree.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt as _, symlink};
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use proptest::prelude::*;

use super::Tree;
use crate::sys::open::MAX_LINKS;
use crate::sys::{Kind, Root, Stamp};

/// What opening came to: the file's identity, or nothing. Looking has to come to the same.
#[track_caller]
fn open(root: &Root, name: &str) -> Option<(u64, u64)> {
    let name = CString::new(name).ok()?;
    let looked = root.look(&name).ok();
    let Ok(file) = root.open_below(&name) else {
        assert!(looked.is_none_or(|stamp| stamp.kind() == Kind::Other), "{name:?}");
        return None;
    };
    let stamp = Stamp::of(&file).expect("a stamp");
    assert_eq!(looked, Some(stamp), "{name:?}");
    let directory = root
        .place(&name)
        .ok()
        .map(|place| Stamp::of(&place).expect("a stamp"));
    assert_eq!(directory, stamp.is_directory().then_some(stamp), "{name:?}");
    Some((stamp.device, stamp.inode))
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

/// Opening a FIFO lets its writer in, and closing it again kills that one by SIGPIPE.
#[test]
fn a_look_at_a_fifo_does_not_let_its_writer_in() {
    let tree = Tree::new();
    let fifo = tree.root().join("fifo");
    let (entered, writer) = mpsc::channel();
    let path = fifo.clone();
    std::thread::spawn(move || {
        // It waits here until somebody opens the FIFO for reading (fifo(7)).
        let opened = File::options().write(true).open(path).is_ok();
        let _ = entered.send(opened);
    });
    // Time for the writer to wait; without it the test could miss a bug, but not see one that is not there.
    std::thread::sleep(Duration::from_millis(50));
    for root in [Root::open(&tree.root()), Root::walking(&tree.root())] {
        let root = root.expect("the root");
        assert_eq!(
            root.look(c"fifo").map(|stamp| stamp.kind()).ok(),
            Some(Kind::Other)
        );
        let place = root.place(c"").expect("the root");
        assert_eq!(
            place.look(c"fifo").map(|stamp| stamp.kind()).ok(),
            Some(Kind::Other)
        );
    }
    assert_eq!(
        writer.recv_timeout(Duration::from_millis(50)),
        Err(mpsc::RecvTimeoutError::Timeout)
    );
    let _reader = File::open(fifo).expect("the FIFO");
    assert_eq!(writer.recv_timeout(Duration::from_secs(10)), Ok(true));
}

#[test]
fn a_place_shows_links_as_what_they_are_and_opens_none() {
    let tree = Tree::new();
    for root in [Root::open(&tree.root()), Root::walking(&tree.root())] {
        let root = root.expect("the root");
        let place = root.place(c"dir/up/dir").expect("a directory");
        assert_eq!(
            place.look(c"inner").map(|stamp| stamp.kind()).ok(),
            Some(Kind::File)
        );
        assert_eq!(
            place.look(c"out").map(|stamp| stamp.kind()).ok(),
            Some(Kind::Link)
        );
        assert!(place.open(c"inner").is_ok());
        assert!(place.open(c"up").is_err() && place.open(c"out").is_err());
        assert!(root.place(c"file").is_err() && root.place(c"parent").is_err() && root.place(c"..").is_err());
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
