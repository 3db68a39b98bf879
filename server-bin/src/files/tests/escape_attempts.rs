//! No spelling of a path leads out of the root, or to anything but a regular file or a directory.

use std::collections::HashSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::super::coding::Wanted;
use super::super::path::Name;
use super::super::resolve::{Found, Lookup, find};
use super::super::trouble::Troubles;
use super::support::within_seconds;
use crate::sys::tests::Tree;
use crate::sys::{Root, Stamp};

type Identity = (u64, u64);

/// Everything that lies below the root, links not followed.
fn inside(directory: &Path, found: &mut HashSet<Identity>) -> std::io::Result<()> {
    let metadata = std::fs::metadata(directory)?;
    found.insert((metadata.dev(), metadata.ino()));
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        if metadata.is_dir() {
            inside(&entry.path(), found)?;
        } else if metadata.is_file() {
            found.insert((metadata.dev(), metadata.ino()));
        }
    }
    Ok(())
}

/// A tree, the ways to open it, and what it holds.
struct Case {
    tree: Tree,
    roots: [Root; 2],
    inside: HashSet<Identity>,
}

impl Case {
    fn new() -> Self {
        let tree = Tree::new();
        let roots =
            [Root::open(&tree.root()), Root::walking(&tree.root())].map(|root| root.expect("the root"));
        let mut found = HashSet::new();
        inside(&tree.root(), &mut found).expect("the tree");
        Self {
            tree,
            roots,
            inside: found,
        }
    }

    /// Asks for a path. Returns the identity of what would be sent or listed, or a status.
    fn ask(&self, root: &Root, path: &str) -> Result<Option<Identity>, u16> {
        let mut name = Name::parse(path.as_bytes()).map_err(|refusal| refusal.status())?;
        let index = [b"index.html"[..].into()];
        let lookup = Lookup {
            root,
            index: &index,
            wanted: Wanted::NONE,
            troubles: &Troubles::default(),
        };
        let stamp = match find(&lookup, &mut name)? {
            Found::File(opened) => Stamp::of(&opened.file).expect("a stamp"),
            Found::Directory => root.look(name.as_c_str()).expect("a directory"),
            Found::NeedsSlash => return Ok(None),
        };
        assert!(stamp.is_file() || stamp.is_directory(), "{path}");
        Ok(Some((stamp.device, stamp.inode)))
    }
}

/// One byte as it is, escaped, or escaped twice or three times.
fn spelled(byte: u8, how: u8) -> String {
    match how {
        0..=4 => char::from(byte).to_string(),
        5 => format!("%{byte:02x}"),
        6 => format!("%{byte:02X}"),
        7 => format!("%25{byte:02x}"),
        _ => format!("%2525{byte:02x}"),
    }
}

fn segment() -> impl Strategy<Value = String> {
    let name = prop::sample::select(
        &[
            "..",
            ".",
            "",
            "...",
            "dir",
            "deep",
            "file",
            "hard",
            "inner",
            "in",
            "here",
            "up",
            "side",
            "back",
            "chain",
            "out",
            "out-and-in",
            "parent",
            "root",
            "secret",
            "absolute-in",
            "absolute-out",
            "magic",
            "etc",
            "passwd",
            "fifo",
            "socket",
            "device",
            "slashed",
            "dangling",
            "loop",
            "../secret",
            "..\\secret",
            "file\0",
            "index.html",
            "rooted",
            "proc",
            "self",
            "\u{2025}",
            "\u{ff0e}\u{ff0e}",
            "%c0%ae%c0%ae",
            "%e0%80%ae",
        ][..],
    );
    (name, prop::collection::vec(0..9_u8, 24)).prop_map(|(name, how)| {
        name.bytes()
            .zip(how)
            // Other bytes than ASCII can only be written escaped.
            .map(|(byte, how)| spelled(byte, if byte.is_ascii() { how } else { 5 }))
            .collect()
    })
}

#[test]
fn no_spelling_of_a_path_leads_out_of_the_root() {
    within_seconds(|| {
        let case = Case::new();
        let paths =
            prop::collection::vec(segment(), 1..8).prop_map(|segments| format!("/{}", segments.join("/")));
        let mut runner = TestRunner::new(ProptestConfig::with_cases(2000));
        let result = runner.run(&paths, |path| {
            let [kernel, walk] = case.roots.each_ref().map(|root| case.ask(root, &path));
            prop_assert_eq!(kernel, walk);
            match kernel {
                Ok(Some(found)) => prop_assert!(case.inside.contains(&found)),
                Ok(None) => {}
                Err(status) => prop_assert!(status == 400 || status == 404, "status {}", status),
            }
            Ok(())
        });
        if let Err(failure) = result {
            panic!("{failure}");
        }
    });
}

#[test]
fn the_paths_that_should_lead_somewhere_do() {
    let case = Case::new();
    let identity = |name: &str| {
        let metadata = std::fs::metadata(case.tree.root().join(name)).expect("a file");
        Ok(Some((metadata.dev(), metadata.ino())))
    };
    for root in &case.roots {
        for path in [
            "/file",
            "//file",
            "/%66ile",
            "/dir/../file",
            "/in",
            "/hard",
            "/dir/up/file",
            "/chain",
            "/./file",
        ] {
            assert_eq!(case.ask(root, path), identity("file"), "{path}");
        }
        assert_eq!(case.ask(root, "/dir/"), identity("dir"));
        assert_eq!(case.ask(root, "/"), identity("."));
        for path in ["/dir", "/here", "/slashed", "/dir/up"] {
            assert_eq!(case.ask(root, path), Ok(None), "{path}");
        }
    }
}

#[test]
fn what_is_neither_file_nor_directory_does_not_exist() {
    within_seconds(|| {
        let case = Case::new();
        for root in &case.roots {
            for path in [
                "/fifo",
                "/socket",
                "/device",
                "/fifo/",
                "/file/",
                "/file/x",
                "/dangling",
                "/loop",
                "/nowhere/",
            ] {
                assert_eq!(case.ask(root, path), Err(404), "{path}");
            }
        }
    });
}
