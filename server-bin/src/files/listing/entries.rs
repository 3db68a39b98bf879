//! The entries of a directory: read as a whole, sorted, and looked at closely where they are shown.

use std::ffi::{CStr, CString};
use std::io;
use std::ops::Range;
use std::os::fd::OwnedFd;

use nix::dir::{Dir, Type};

use crate::sys::{Kind, Place, Root, Stamp};

/// Memory that the names of one directory may take while they are sorted: those of more than a million files.
const MAX_BYTES: usize = 64 * 1024 * 1024;

/// The servable entries of a directory. All names lie in one buffer, so that 100,000 of them take a few megabytes.
pub(super) struct Entries<'a> {
    root: &'a Root,
    directory: &'a CStr,
    place: Place<'a>,
    names: Vec<u8>,
    entries: Vec<Entry>,
    complete: bool,
}

/// One entry: where its name lies, and what it leads to.
struct Entry {
    start: u32,
    length: u16,
    is_file: bool,
}

/// The entries of one page, for as long as it is sent. All names lie in one buffer here, too: a page of 1,000 waits in some
/// 50 kB for a client that does not read.
#[derive(Debug, Default)]
pub(super) struct Page {
    names: Vec<u8>,
    rows: Vec<Row>,
}

/// An entry as it is remembered, without its name.
#[derive(Debug)]
struct Row {
    /// Where its name ends.
    end: u32,
    is_file: bool,
    size: u64,
    modified: i64,
}

/// An entry that is shown.
#[derive(Debug)]
pub(super) struct Shown<'a> {
    pub(super) name: &'a [u8],
    /// Whether its name leads to a file; all others are directories.
    pub(super) is_file: bool,
    pub(super) size: u64,
    /// In seconds since the epoch.
    pub(super) modified: i64,
}

impl Page {
    fn push(&mut self, name: &[u8], stamp: &Stamp) {
        self.names.extend_from_slice(name);
        self.rows.push(Row {
            // A thousand names of at most 255 bytes.
            end: self.names.len() as u32,
            is_file: stamp.is_file(),
            size: stamp.size,
            modified: stamp.modified.seconds,
        });
    }

    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Bytes of memory that it holds.
    pub(super) fn memory(&self) -> usize {
        self.names.capacity() + self.rows.capacity() * size_of::<Row>()
    }

    /// The entries in this range.
    pub(super) fn entries(&self, range: Range<usize>) -> impl Iterator<Item = Shown<'_>> {
        let end = |row: usize| self.rows[row].end as usize;
        range.map(move |row| {
            let start = row.checked_sub(1).map_or(0, end);
            let Row {
                is_file,
                size,
                modified,
                ..
            } = self.rows[row];
            Shown {
                name: &self.names[start..end(row)],
                is_file,
                size,
                modified,
            }
        })
    }
}

/// Reads the directory `name` below the root: files and directories, and links that lead to one of them below the root.
/// Whatever would be 404 is left out.
///
/// # Errors
/// As open(2) and readdir(3).
pub(super) fn read<'a>(root: &'a Root, name: &'a CStr) -> io::Result<Entries<'a>> {
    read_within(root, name, MAX_BYTES)
}

fn read_within<'a>(root: &'a Root, name: &'a CStr, most: usize) -> io::Result<Entries<'a>> {
    let opened = root.open_below(if name.is_empty() { c"." } else { name })?;
    let mut directory = Dir::from_fd(OwnedFd::from(opened))?;
    let mut found = Entries {
        root,
        directory: name,
        place: root.place(name)?,
        names: Vec::new(),
        entries: Vec::new(),
        complete: true,
    };
    for entry in directory.iter() {
        let entry = entry?;
        let name = entry.file_name();
        let bytes = name.to_bytes();
        if bytes.starts_with(b".") || bytes.contains(&b'\\') {
            continue;
        }
        // The directory may say what an entry is, which spares a look. Some file systems do not know it, and a link may
        // lead to anything.
        let is_file = match entry.file_type() {
            Some(Type::Directory) => false,
            Some(Type::File) => true,
            Some(Type::Symlink) | None => match found.look(name) {
                Some(stamp) => stamp.is_file(),
                None => continue,
            },
            Some(_) => continue,
        };
        if !found.add(bytes, is_file, most) {
            break;
        }
    }
    Ok(found)
}

impl Entries<'_> {
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether these are all that there are.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    /// Directories before files, and each by name.
    pub(super) fn sort(&mut self) {
        let names = &self.names;
        self.entries.sort_unstable_by(|one, another| {
            let name = |entry: &Entry| &names[entry.range()];
            (one.is_file, name(one)).cmp(&(another.is_file, name(another)))
        });
    }

    /// Returns `count` entries from `first` on, or fewer at the end. Each is looked at again, and left out if it is gone.
    pub(super) fn page(&self, first: usize, count: usize) -> Page {
        let mut page = Page::default();
        for entry in self.entries.iter().skip(first).take(count) {
            let name = &self.names[entry.range()];
            if let Some(stamp) = CString::new(name).ok().and_then(|name| self.look(&name)) {
                page.push(name, &stamp);
            }
        }
        page.names.shrink_to_fit();
        page.rows.shrink_to_fit();
        page
    }

    /// Looks at the file or directory that a name leads to. Returns nothing if it is neither.
    fn look(&self, name: &CStr) -> Option<Stamp> {
        let mut stamp = self.place.look(name).ok()?;
        if stamp.kind() == Kind::Link {
            let separator: &[u8] = if self.directory.is_empty() { b"" } else { b"/" };
            let whole = [self.directory.to_bytes(), separator, name.to_bytes()].concat();
            stamp = self.root.look(&CString::new(whole).ok()?).ok()?;
        }
        matches!(stamp.kind(), Kind::File | Kind::Directory).then_some(stamp)
    }

    /// Whether there was room for one more.
    fn add(&mut self, name: &[u8], is_file: bool, most: usize) -> bool {
        let bytes = self.names.len() + name.len() + (self.entries.len() + 1) * size_of::<Entry>();
        let place = (u32::try_from(self.names.len()), u16::try_from(name.len()));
        let (Ok(start), Ok(length), true) = (place.0, place.1, bytes <= most) else {
            self.complete = false;
            return false;
        };
        self.names.extend_from_slice(name);
        self.entries.push(Entry {
            start,
            length,
            is_file,
        });
        true
    }
}

impl Entry {
    fn range(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + usize::from(self.length)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    fn names(entries: &Entries<'_>) -> Vec<String> {
        let page = entries.page(0, usize::MAX);
        let name = |entry: Shown<'_>| {
            let slash = if entry.is_file { "" } else { "/" };
            String::from_utf8_lossy(entry.name).into_owned() + slash
        };
        page.entries(0..page.len()).map(name).collect()
    }

    #[test]
    fn links_are_what_they_lead_to_and_what_would_be_404_is_left_out() -> io::Result<()> {
        let base = tempfile::tempdir()?;
        fs::create_dir_all(base.path().join("root/sub/inner"))?;
        let at = |name: &str| base.path().join("root/sub").join(name);
        for name in ["file", ".hidden", "x\\y", "\u{e9}"] {
            fs::write(at(name), "")?;
        }
        fs::write(base.path().join("secret"), "")?;
        nix::unistd::mkfifo(&at("fifo"), nix::sys::stat::Mode::S_IRWXU)?;
        for (name, target) in [
            ("to-file", "file"),
            ("to-directory", "inner"),
            ("up", "../sub"),
            ("out", "../../secret"),
            ("dangling", "nowhere"),
            ("to-fifo", "fifo"),
            ("loop", "loop"),
            ("absolute", "/etc/passwd"),
        ] {
            symlink(target, at(name))?;
        }
        for root in [
            Root::open(&base.path().join("root"))?,
            Root::walking(&base.path().join("root"))?,
        ] {
            let mut entries = read(&root, c"sub")?;
            entries.sort();
            let expected = ["inner/", "to-directory/", "up/", "file", "to-file", "\u{e9}"];
            assert_eq!(names(&entries), expected);
            assert_eq!(names(&read(&root, c"")?), ["sub/"]);
        }
        Ok(())
    }

    #[test]
    fn memory_is_bounded_and_what_is_left_out_is_said() -> io::Result<()> {
        let base = tempfile::tempdir()?;
        for n in 0..10 {
            fs::write(base.path().join(format!("file-{n}")), "")?;
        }
        let root = Root::open(base.path())?;
        let each = "file-0".len() + size_of::<Entry>();
        for (most, count) in [(each * 10, 10), (each * 10 - 1, 9), (each * 3, 3), (0, 0)] {
            let entries = read_within(&root, c"", most)?;
            assert_eq!((entries.len(), entries.is_complete()), (count, count == 10));
        }
        Ok(())
    }
}
