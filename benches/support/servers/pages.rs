//! The files that every server serves.

use std::path::Path;
use std::{fs, io};

use tempfile::TempDir;

use crate::load::Request;

/// A folder of files, removed with its guard.
pub struct Pages(TempDir);

/// How many files the tree has.
const TREE: usize = 10_000;
/// The sizes of the files of the tree, by rank in turn.
const SIZES: [u64; 5] = [1_000, 2_000, 4_000, 8_000, 30_000];
/// How many names the long listing has.
const LISTED: usize = 10_000;

impl Pages {
    /// The files that have a size for a name, and their sizes.
    pub const SIZED: [(&'static str, u64); 5] = [
        ("plaintext", 13),
        ("1k", 1 << 10),
        ("16k", 16 << 10),
        ("100k", 100 << 10),
        ("1m", 1 << 20),
    ];
    /// The bytes of `/big`.
    pub const BIG: u64 = 8 << 20;

    /// Writes them into a folder of their own.
    ///
    /// # Errors
    ///
    /// When there is no room, or no right to write.
    pub fn write() -> io::Result<Self> {
        let folder = TempDir::with_prefix("compare-pages-")?;
        let write = |name: &str, size: u64| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
            fs::write(path, vec![b'x'; usize::try_from(size).map_err(io::Error::other)?])
        };
        for (name, size) in Self::SIZED {
            write(name, size)?;
        }
        write("big", Self::BIG)?;
        (0..TREE).try_for_each(|rank| write(&tree_name(rank), tree_size(rank)))?;
        (0..LISTED).try_for_each(|number| write(&format!("listed/a-name-among-others-{number}"), 0))?;
        Ok(Self(folder))
    }

    /// Where they are.
    pub fn root(&self) -> &Path {
        self.0.path()
    }

    /// A request for each file of the tree, the most popular first.
    pub fn tree() -> Vec<Request> {
        (0..TREE)
            .map(|rank| Request::get(&format!("/{}", tree_name(rank)), tree_size(rank)))
            .collect()
    }
}

/// Neighbours in rank lie in different directories.
fn tree_name(rank: usize) -> String {
    format!("tree/{}/page-{rank}", rank % 100)
}

fn tree_size(rank: usize) -> u64 {
    SIZES[rank % SIZES.len()]
}
