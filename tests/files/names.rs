//! Odd names, and odd spellings of paths.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use support::{Client, Launch};
use tempfile::TempDir;

fn get(client: &mut Client, path: &str) -> (u16, String) {
    let request = format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let response = client.exchange(request).expect("an answer");
    (response.status, response.text())
}

/// Names as sites have them, and as nobody expects them; none of them is hidden or holds a backslash.
const NAMES: &[&[u8]] = &[
    b"plain.txt",
    b"with space.txt",
    b"100%.txt",
    b"%41.txt",
    b"a+b=c&d;e,f.txt",
    b"what?.txt",
    b"#1.txt",
    b"[brackets]{braces}|.txt",
    b"<i>'\"`.txt",
    b"http:.txt",
    b"~tilde!$()*@^_-.txt",
    b"line\nbreak\ttab\r.txt",
    b"\xe6\x97\xa5\xe6\x9c\xac\xe8\xaa\x9e.txt",
    b"\xf0\x9f\x92\xa9.txt",
    b"latin-1 \xe9\xff\xfe.txt",
    b"\x01\x7f.txt",
    b"..almost",
];

fn make(folder: &Path, release: &str) -> BTreeMap<Vec<u8>, String> {
    let mut made = BTreeMap::new();
    let servable = NAMES.iter().filter(|name| !name.starts_with(b"."));
    for (number, name) in servable.enumerate() {
        let content = format!("{release} {number}");
        fs::write(folder.join(OsStr::from_bytes(name)), &content).expect("a file");
        made.insert(name.to_vec(), content);
    }
    made
}

/// Every link of a listing but the one to the directory above.
fn links(page: &str) -> Vec<String> {
    let rows = page
        .lines()
        .filter_map(|line| line.strip_prefix("<tr><td><a href=\"./"));
    rows.filter_map(|row| row.split('"').next())
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_name_of_a_listing_can_be_asked_for_before_and_after_a_rebuild() {
    let base = TempDir::new().expect("a directory");
    let root = base.path().join("site");
    fs::create_dir(&root).expect("a directory");
    let server = Launch::of(&root).args(["--listing"]).start();
    let mut client = server.connect();
    for release in ["old", "new"] {
        let folder = root.join("d\u{e9}p\u{f4}t");
        fs::create_dir_all(&folder).expect("a directory");
        let made = make(&folder, release);
        let began = std::time::Instant::now();
        let path = loop {
            let listed = links(&get(&mut client, "/").1);
            match listed.iter().find(|link| link.starts_with("d%C3%A9p%C3%B4t/")) {
                Some(link) => break format!("/{link}"),
                None => assert!(began.elapsed().as_secs() < 3, "{listed:?}"),
            }
        };
        let links = links(&get(&mut client, &path).1);
        assert_eq!(links.len(), made.len(), "{links:?}");
        let mut contents: Vec<String> = links
            .iter()
            .map(|link| get(&mut client, &format!("{path}{link}")).1)
            .collect();
        contents.sort();
        let mut expected: Vec<String> = made.into_values().collect();
        expected.sort();
        assert_eq!(contents, expected);
        fs::remove_dir_all(&root).expect("gone");
        fs::create_dir(&root).expect("a directory");
    }
    server.stop();
}

/// A small generator, so that a failing run is the same run again (Marsaglia's xorshift).
struct Chance(u64);

impl Chance {
    fn below(&mut self, most: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % most as u64) as usize
    }
}

/// What paths out of a root are made of, in spellings that some server has fallen for.
const PIECES: &[&str] = &[
    "..",
    ".",
    "/",
    "/",
    "/",
    "//",
    "/../",
    "%2e",
    "%2E%2e",
    ".%2e",
    "%252e",
    "%2f",
    "%5c",
    "%5C..",
    "%c0%ae",
    "%c0%af",
    "%e0%80%ae",
    "%0a",
    "%09",
    "%20",
    "%7f",
    "%ff",
    ";",
    ":",
    "..;",
    "...",
    "~",
    "secret",
    "site",
    "inner",
    "inner/",
    "inner/",
    "link-out",
    "link-up",
    "absolute",
    "proc",
    "self",
    "root",
    "etc",
    "passwd",
    "a.txt",
    "a.txt",
    "?",
    "&x=../secret",
    "index.html",
    ".hidden",
    ".well-known",
    "%2e%2e%2fsecret",
    "..%2fsecret",
];

/// Pieces that no target may hold: a request with one is refused, and its connection closes.
const WRONG: &[&str] = &[
    "%00",
    "%",
    "%2",
    "%zz",
    "\\",
    "..\\secret",
    "[",
    "]",
    "|",
    "^",
    "\"",
    "<",
];

#[test]
fn twenty_thousand_spellings_lead_nowhere_out_of_the_root() {
    let base = TempDir::new().expect("a directory");
    let root = base.path().join("site");
    fs::create_dir_all(root.join("inner/.well-known")).expect("directories");
    fs::write(base.path().join("secret"), "SECRET").expect("a file");
    for name in ["a.txt", "inner/a.txt", "inner/index.html"] {
        fs::write(root.join(name), "public").expect("a file");
    }
    fs::write(root.join(".hidden"), "SECRET").expect("a file");
    for (name, target) in [
        ("link-out", "../secret"),
        ("inner/link-up", "../.."),
        ("absolute", "/"),
    ] {
        std::os::unix::fs::symlink(target, root.join(name)).expect("a link");
    }
    let server = Launch::of(&root).args(["--listing"]).start();
    let mut client = server.connect();
    let mut chance = Chance(0x5eed_0001);
    let mut statuses = BTreeMap::new();
    for number in 0..20_000 {
        let pieces = 1 + chance.below(9);
        let path: String = (0..pieces)
            .map(|_| match chance.below(40) {
                0 => WRONG[chance.below(WRONG.len())],
                _ => PIECES[chance.below(PIECES.len())],
            })
            .collect();
        let request = format!("GET /{path} HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let response = client
            .exchange(&request)
            .unwrap_or_else(|error| panic!("{number} /{path}: {error}"));
        let text = response.text();
        assert!(
            !text.contains("SECRET") && !text.contains("root:x:"),
            "/{path}: {text}"
        );
        assert!(
            matches!(response.status, 200 | 301 | 400 | 404),
            "/{path}: {}",
            response.status
        );
        if let Some(location) = response.field("location") {
            assert!(
                location.starts_with("./") && !location[2..].starts_with('/'),
                "/{path}: {location}"
            );
        }
        *statuses.entry(response.status).or_insert(0) += 1;
        // A target that http-core refuses ends the connection.
        if response.says_close() {
            client = server.connect();
        }
    }
    println!("answers by status: {statuses:?}");
    assert!(
        statuses.values().all(|&count| count > 50) && statuses.len() == 4,
        "{statuses:?}"
    );
    server.stop();
}
