//! The wire files of `tests/corpus` and what is expected of each.
//!
//! `NAME.http` holds the bytes as they come over the wire. `NAME.expect` beside it holds, one to a line:
//!
//! ```text
//! # why this vector exists; lines that begin with # are for the reader
//! request METHOD TARGET VERSION empty|length N|chunked keep-alive|close [expects-…] [upgrade=…]
//! field NAME: VALUE          all fields of that request; when no file line says `field`, they are not compared
//! body BYTES                 trailer NAME: VALUE          end
//! need-more | closed | reject RULE STATUS                 how it ends, exactly one of these
//! eof ok | eof reject RULE STATUS                         after need-more: what an end of input means there
//! at N [line N]                                           after reject: the byte that decided, from the request's first, and its line
//! decided N                  fed byte by byte, the verdict comes with the Nth byte and not before
//! ```

use super::Outcome;
use std::fs;
use std::path::{Path, PathBuf};

/// One wire file with its expectation.
pub struct Vector {
    /// `directory/NAME`, for messages.
    pub name: String,
    pub wire: Vec<u8>,
    want: Vec<String>,
    pub decided: Option<usize>,
}

/// Where the corpus lies.
pub fn root() -> PathBuf {
    // Packages below http-core share this module.
    let mut above = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|directory| directory.join("tests/corpus"));
    above
        .find(|corpus| corpus.is_dir())
        .expect("the corpus directory")
}

/// All vectors of one directory, by name.
pub fn load(directory: &str) -> Vec<Vector> {
    let mut vectors = Vec::new();
    for entry in fs::read_dir(root().join(directory)).expect("the corpus directory") {
        let path = entry.expect("a directory entry").path();
        match path.extension().and_then(|e| e.to_str()) {
            Some("http") => vectors.push(Vector::read(directory, &path)),
            Some("expect") => assert!(path.with_extension("http").exists(), "{path:?} has no wire file"),
            _ => panic!("{path:?} is neither a wire file nor an expectation"),
        }
    }
    vectors.sort_by(|a, b| a.name.cmp(&b.name));
    vectors
}

/// All vectors of the three directories whose verdicts are by the default limits; those of `browsers` are by
/// `TargetPolicy::Browsers`.
pub fn load_all() -> Vec<Vector> {
    ["valid", "invalid", "ambiguous"]
        .into_iter()
        .flat_map(load)
        .collect()
}

impl Vector {
    fn read(directory: &str, path: &Path) -> Self {
        let stem = path
            .file_stem()
            .and_then(|s| s.to_str())
            .expect("a name in ASCII");
        let name = format!("{directory}/{stem}");
        let text = fs::read_to_string(path.with_extension("expect"))
            .unwrap_or_else(|e| panic!("{name} has no expectation: {e}"));
        let mut decided = None;
        let mut want = Vec::new();
        for line in text
            .lines()
            .map(str::trim_end)
            .filter(|l| !l.is_empty() && !l.starts_with('#'))
        {
            match line.strip_prefix("decided ") {
                Some(n) => decided = Some(n.parse().unwrap_or_else(|e| panic!("{name}: {line}: {e}"))),
                None => want.push(line.to_owned()),
            }
        }
        Self {
            name,
            wire: fs::read(path).expect("the wire file"),
            want,
            decided,
        }
    }

    /// The rule that the vector expects to be named, here or at the end of input.
    pub fn rules(&self) -> impl Iterator<Item = &str> {
        let words = self
            .want
            .iter()
            .map(|line| line.strip_prefix("eof ").unwrap_or(line));
        words.filter_map(|line| line.strip_prefix("reject ")?.split(' ').next())
    }

    /// Whether the vector expects a rejection while bytes come.
    pub fn rejects(&self) -> bool {
        self.want.iter().any(|line| line.starts_with("reject "))
    }

    /// Compares an outcome with what the file says; `Err` says how they differ.
    pub fn check(&self, outcome: &Outcome) -> Result<(), String> {
        let got = outcome.lines(self.want.iter().any(|line| line.starts_with("field ")));
        if got == self.want {
            return Ok(());
        }
        let wire = self.wire[..self.wire.len().min(1000)].escape_ascii();
        let (got, want) = (got.join("\n"), self.want.join("\n"));
        Err(format!(
            "{}\n--- wire\n{wire}\n--- expected\n{want}\n--- got\n{got}\n",
            self.name
        ))
    }
}
