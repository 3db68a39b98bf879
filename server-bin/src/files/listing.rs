//! The page that lists a directory without an index, where that is switched on.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use nix::dir::{Dir, Type};

use super::escape;

/// A page of more entries helps nobody, and its memory has to be bounded.
const MAX_ENTRIES: usize = 10_000;

/// Makes the page for `directory`, which is `name` below the root.
///
/// It shows what could be asked for: files, directories and links with names that are not hidden. Names are escaped,
/// in the text as HTML and in the links as URLs.
///
/// # Errors
/// As readdir(3).
pub(crate) fn page(directory: File, name: &[u8]) -> io::Result<String> {
    let (entries, complete) = read(directory, MAX_ENTRIES)?;
    let mut html = String::with_capacity(200 + entries.len() * 100);
    html.push_str("<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n<title>/");
    escape::push_html(&mut html, name);
    html.push_str("</title>\n<h1>/");
    escape::push_html(&mut html, name);
    html.push_str("</h1>\n<ul>\n");
    if !name.is_empty() {
        html.push_str("<li><a href=\"../\">../</a>\n");
    }
    for entry in &entries {
        let slash = if entry.is_directory() { "/" } else { "" };
        html.push_str("<li><a href=\"");
        escape::push_relative_url(&mut html, &entry.name);
        html.push_str(slash);
        html.push_str("\">");
        escape::push_html(&mut html, &entry.name);
        html.push_str(slash);
        html.push_str("</a>\n");
    }
    html.push_str("</ul>\n");
    if !complete {
        html.push_str("<p>There are more entries than this page shows.\n");
    }
    Ok(html)
}

/// Directories come before files, and each group by name.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    is_file: bool,
    name: Vec<u8>,
}

impl Entry {
    fn is_directory(&self) -> bool {
        !self.is_file
    }
}

/// At most `limit` entries, sorted, and whether these are all.
fn read(directory: File, limit: usize) -> io::Result<(Vec<Entry>, bool)> {
    let mut directory = Dir::from_fd(OwnedFd::from(directory))?;
    let mut entries = Vec::new();
    let mut complete = true;
    for entry in directory.iter() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        let servable = !name.starts_with(b".") && !name.contains(&b'\\');
        // File systems that do not say the type leave it to the one who asks for the file.
        let is_file = match entry.file_type() {
            Some(Type::Directory) => false,
            Some(Type::File | Type::Symlink) | None => true,
            Some(_) => continue,
        };
        if servable && entries.len() == limit {
            complete = false;
            break;
        }
        if servable {
            entries.push(Entry {
                is_file,
                name: name.to_vec(),
            });
        }
    }
    entries.sort_unstable();
    Ok((entries, complete))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_page_shows_what_can_be_asked_for_and_escapes_it() -> io::Result<()> {
        let root = tempfile::tempdir()?;
        for name in [
            "b.txt",
            "a.txt",
            ".hidden",
            "x\\y",
            "<b>&\"'.html",
            "javascript:alert(1)",
        ] {
            fs::write(root.path().join(name), "")?;
        }
        fs::create_dir(root.path().join("dir"))?;
        nix::unistd::mkfifo(&root.path().join("fifo"), nix::sys::stat::Mode::S_IRWXU)?;
        let html = page(File::open(root.path())?, b"some<where>")?;
        let items: Vec<_> = html.lines().filter(|line| line.starts_with("<li>")).collect();
        assert_eq!(
            items,
            [
                "<li><a href=\"../\">../</a>",
                "<li><a href=\"./dir/\">dir/</a>",
                "<li><a href=\"./%3Cb%3E%26%22%27.html\">&lt;b&gt;&amp;&quot;&#39;.html</a>",
                "<li><a href=\"./a.txt\">a.txt</a>",
                "<li><a href=\"./b.txt\">b.txt</a>",
                "<li><a href=\"./javascript%3Aalert%281%29\">javascript:alert(1)</a>",
            ]
        );
        assert!(html.contains("<title>/some&lt;where&gt;</title>"));
        assert!(!page(File::open(root.path())?, b"")?.contains("../"));
        Ok(())
    }

    #[test]
    fn a_page_is_bounded_and_says_so() -> io::Result<()> {
        let root = tempfile::tempdir()?;
        for name in ["a", "b", "c", ".hidden"] {
            fs::write(root.path().join(name), "")?;
        }
        let read = |limit| {
            read(File::open(root.path())?, limit).map(|(entries, complete)| (entries.len(), complete))
        };
        assert_eq!(read(2)?, (2, false));
        assert_eq!(read(3)?, (3, true));
        Ok(())
    }
}
