//! From a request's path to the name of a file below the root: a pure function over bytes.
//!
//! The rules, in the order in which they apply:
//!
//! 1. A path begins with a slash and is cut at its slashes *before* anything is decoded, so that `%2F` never
//!    separates. A name holds no slash, so a segment with an encoded one names nothing (404).
//! 2. Each segment is percent-decoded exactly once (RFC 3986 §2.1): `%252e` is the name `%2e`. A `%` that no two
//!    hexadecimal digits follow stands for itself, as in the WHATWG URL standard: it only comes here where the server
//!    takes targets as browsers send them. An encoded NUL, at which the kernel would end the name, is 400.
//! 3. A backslash is never part of a name here (404): proxies and browsers take it for a slash.
//! 4. Empty segments and `.` are dropped, `..` takes the segment before it away (RFC 3986 §5.2.4), whether it was
//!    written in dots or in `%2e`. A `..` with nothing before it would leave the root: 400.
//! 5. No segment that remains may begin with a dot: a name like `.git` or `.htpasswd` is hidden (404). A first segment
//!    `.well-known` may (RFC 8615 §3); names below it are hidden as everywhere.
//! 6. A last segment that is empty, `.` or `..` asks for a directory.
//!
//! The result has no empty segment, no `.` and no `..`, and never begins with a slash. Whatever the file system does
//! with it is bounded a second time, by the way in which it is opened (see [`crate::sys`]).

use std::ffi::CStr;

use percent_encoding::percent_decode;

/// The longest name that is tried, its NUL included: PATH_MAX of every kernel but Linux, whose 4,096 would have to be
/// zeroed for each request.
const CAPACITY: usize = 1024;

/// Why a path names nothing that could be served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadPath {
    /// It does not begin with a slash.
    NotAbsolute,
    /// An encoded NUL.
    Nul,
    /// More `..` than segments before it.
    AboveRoot,
    /// An encoded slash inside of a segment.
    EncodedSlash,
    /// A backslash.
    Backslash,
    /// A segment that begins with a dot.
    Hidden,
    /// Longer than any name that a kernel takes.
    TooLong,
}

impl BadPath {
    /// The status to answer: 400 where the path is wrong in itself, 404 where no file can have the name.
    pub(crate) fn status(self) -> u16 {
        match self {
            Self::NotAbsolute | Self::Nul | Self::AboveRoot => 400,
            Self::EncodedSlash | Self::Backslash | Self::Hidden | Self::TooLong => 404,
        }
    }
}

/// The name of a file below the root, with its NUL, in a buffer on the stack.
pub(crate) struct Name {
    /// `length` bytes of name, then zeroes only.
    bytes: [u8; CAPACITY],
    length: usize,
    directory: bool,
    /// Where the last slash was, while a NUL stands in its place.
    cut: Option<usize>,
}

impl Name {
    /// Judges and decodes the path of a request (without its query).
    pub(crate) fn parse(path: &[u8]) -> Result<Self, BadPath> {
        Self::read(path, Self::decode)
    }

    /// The same for a path that is not encoded.
    pub(crate) fn plain(path: &[u8]) -> Result<Self, BadPath> {
        Self::read(path, |name, segment| name.push_name(segment.iter().copied()))
    }

    fn read(path: &[u8], push: fn(&mut Self, &[u8]) -> Result<(), BadPath>) -> Result<Self, BadPath> {
        let mut name = Self {
            bytes: [0; CAPACITY],
            length: 0,
            directory: false,
            cut: None,
        };
        let segments = path.strip_prefix(b"/").ok_or(BadPath::NotAbsolute)?;
        for segment in segments.split(|&byte| byte == b'/') {
            name.directory = name.enter(segment, push)?;
        }
        if name.is_hidden() {
            Err(BadPath::Hidden)
        } else {
            Ok(name)
        }
    }

    /// The name as the kernel takes it; `.` for the root itself.
    pub(crate) fn as_c_str(&self) -> &CStr {
        match c_str(&self.bytes[..=self.length]) {
            name if !name.is_empty() => name,
            _ => c".",
        }
    }

    /// The decoded segments with a slash between each two; empty for the root itself.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// Parts the directory's name from the last segment's, so that each is a name for the kernel, until [`join`](Self::join).
    pub(crate) fn cut(&mut self) {
        self.cut = self.as_bytes().iter().rposition(|&byte| byte == b'/');
        if let Some(at) = self.cut {
            self.bytes[at] = b'\0';
        }
    }

    /// Takes [`cut`](Self::cut) back.
    pub(crate) fn join(&mut self) {
        if let Some(at) = self.cut.take() {
            self.bytes[at] = b'/';
        }
    }

    /// The directory's name of a name that is cut; empty for the root.
    pub(crate) fn parent(&self) -> &CStr {
        self.cut.map_or(c"", |at| c_str(&self.bytes[..=at]))
    }

    /// The last segment of a name that is cut.
    pub(crate) fn last(&self) -> &CStr {
        c_str(&self.bytes[self.cut.map_or(0, |at| at + 1)..=self.length])
    }

    /// How many bytes it has.
    pub(crate) fn len(&self) -> usize {
        self.length
    }

    /// Whether the path asks for a directory: it ends in a slash or a dot segment.
    pub(crate) fn asks_for_directory(&self) -> bool {
        self.directory
    }

    /// Whether the name has to be the root's own.
    pub(crate) fn is_root(&self) -> bool {
        self.length == 0
    }

    /// Appends one more segment, `index.html` for example.
    pub(crate) fn push_segment(&mut self, segment: &[u8]) -> Result<(), BadPath> {
        if !self.is_root() {
            self.push(b'/')?;
        }
        self.push_bytes(segment)
    }

    /// Appends to the last segment, `.gz` for example.
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) -> Result<(), BadPath> {
        // One byte stays for the NUL.
        let end = self.length + bytes.len();
        let room = self.bytes[..CAPACITY - 1]
            .get_mut(self.length..end)
            .ok_or(BadPath::TooLong)?;
        room.copy_from_slice(bytes);
        self.length = end;
        Ok(())
    }

    /// Takes the name back to its first `length` bytes.
    pub(crate) fn truncate(&mut self, length: usize) {
        if let Some(cut) = self.bytes.get_mut(length..self.length) {
            cut.fill(0);
            self.length = length;
        }
    }

    /// Takes one segment of the path; true if nothing may come after it but a directory's content.
    fn enter(
        &mut self,
        segment: &[u8],
        push: fn(&mut Self, &[u8]) -> Result<(), BadPath>,
    ) -> Result<bool, BadPath> {
        let parent = self.length;
        if parent != 0 {
            self.push(b'/')?;
        }
        let start = self.length;
        push(self, segment)?;
        match &self.bytes[start..self.length] {
            b"" | b"." => self.truncate(parent),
            b".." if parent == 0 => return Err(BadPath::AboveRoot),
            b".." => {
                let before = self.bytes[..parent].iter().rposition(|&byte| byte == b'/');
                self.truncate(before.unwrap_or(0));
            }
            _ => return Ok(false),
        }
        Ok(true)
    }

    /// Appends a segment, percent-decoded once.
    fn decode(&mut self, segment: &[u8]) -> Result<(), BadPath> {
        // Nearly every segment: nothing in it has to be decoded or judged.
        if !segment
            .iter()
            .any(|byte| matches!(byte, b'%' | b'\0' | b'/' | b'\\'))
        {
            return self.push_bytes(segment);
        }
        self.push_name(percent_decode(segment))
    }

    /// Appends decoded bytes that have to be able to stand in a file's name.
    fn push_name(&mut self, bytes: impl Iterator<Item = u8>) -> Result<(), BadPath> {
        for byte in bytes {
            match byte {
                b'\0' => return Err(BadPath::Nul),
                b'/' => return Err(BadPath::EncodedSlash),
                b'\\' => return Err(BadPath::Backslash),
                _ => self.push(byte)?,
            }
        }
        Ok(())
    }

    fn push(&mut self, byte: u8) -> Result<(), BadPath> {
        self.push_bytes(&[byte])
    }

    fn is_hidden(&self) -> bool {
        let mut segments = self.as_bytes().split(|&byte| byte == b'/');
        let first = segments.next().unwrap_or_default();
        (first.starts_with(b".") && first != b".well-known") || segments.any(|name| name.starts_with(b"."))
    }
}

/// Bytes with one NUL, at their end: the only ones that this is asked for.
fn c_str(bytes: &[u8]) -> &CStr {
    debug_assert_eq!(bytes.iter().position(|&byte| byte == 0), Some(bytes.len() - 1));
    CStr::from_bytes_until_nul(bytes).unwrap_or(c"")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parse(path: &str) -> Result<String, BadPath> {
        let name = Name::parse(path.as_bytes())?;
        let mut text = String::from_utf8_lossy(name.as_bytes()).into_owned();
        if name.asks_for_directory() {
            text.push('/');
        }
        Ok(text)
    }

    #[test]
    fn each_spelling_is_judged_as_the_rules_say() {
        use BadPath::*;
        let table: &[(&str, Result<&str, BadPath>)] = &[
            ("/", Ok("/")),
            ("/a", Ok("a")),
            ("/a/", Ok("a/")),
            ("/a/b.txt", Ok("a/b.txt")),
            ("/a%20b", Ok("a b")),
            ("/%61", Ok("a")),
            ("/%C3%A9", Ok("é")),
            ("/a+b", Ok("a+b")),
            // Dot segments, in dots and in escapes.
            ("/.", Ok("/")),
            ("/a/.", Ok("a/")),
            ("/a/./b", Ok("a/b")),
            ("/a/..", Ok("/")),
            ("/a/../b", Ok("b")),
            ("/a/b/../../c", Ok("c")),
            ("/a/b/..", Ok("a/")),
            ("/a/%2e%2E/b", Ok("b")),
            ("/a/.%2e/b", Ok("b")),
            ("/..", Err(AboveRoot)),
            ("/../", Err(AboveRoot)),
            ("/%2e%2e/etc/passwd", Err(AboveRoot)),
            ("/a/../../etc/passwd", Err(AboveRoot)),
            ("/a/../../a/b", Err(AboveRoot)),
            ("//..", Err(AboveRoot)),
            // Double encoding stays a name.
            ("/%252e%252e/x", Ok("%2e%2e/x")),
            ("/%25", Ok("%")),
            // Empty segments.
            ("//evil", Ok("evil")),
            ("//evil//", Ok("evil/")),
            ("/a//b", Ok("a/b")),
            // Bytes that no name holds.
            ("/a%2fb", Err(EncodedSlash)),
            ("/..%2f..%2fetc", Err(EncodedSlash)),
            ("/a%5cb", Err(Backslash)),
            ("/a\\b", Err(Backslash)),
            ("/..%5c..%5cetc", Err(Backslash)),
            ("/a%00b", Err(Nul)),
            ("/%00", Err(Nul)),
            // A `%` for itself, and what it makes of its neighbours is not decoded again.
            ("/100%", Ok("100%")),
            ("/a%2", Ok("a%2")),
            ("/a%zz", Ok("a%zz")),
            ("/a%2%30", Ok("a%20")),
            ("/%%32e%%32e/x", Ok("%2e%2e/x")),
            ("/%+2e", Ok("%+2e")),
            ("/%%2e/x", Ok("%./x")),
            ("/%2%65", Ok("%2e")),
            // Bytes that Chromium sends raw.
            ("/[slug].js", Ok("[slug].js")),
            ("/a|b", Ok("a|b")),
            ("", Err(NotAbsolute)),
            ("*", Err(NotAbsolute)),
            ("a/b", Err(NotAbsolute)),
            // Hidden names.
            ("/.git/config", Err(Hidden)),
            ("/%2egit/config", Err(Hidden)),
            ("/a/.htpasswd", Err(Hidden)),
            ("/...", Err(Hidden)),
            ("/.well-known/security.txt", Ok(".well-known/security.txt")),
            ("/.well-known", Ok(".well-known")),
            ("/.well-known/.secret", Err(Hidden)),
            ("/a/.well-known/x", Err(Hidden)),
            ("/.well-knownx/x", Err(Hidden)),
            ("/.git/../a", Ok("a")),
        ];
        for (path, expected) in table {
            assert_eq!(parse(path), expected.map(String::from), "{path:?}");
        }
    }

    #[test]
    fn a_name_that_no_kernel_takes_is_refused_and_one_byte_less_is_not() {
        let longest = format!("/{}", "a".repeat(CAPACITY - 1));
        assert_eq!(
            Name::parse(longest.as_bytes()).map(|name| name.as_c_str().count_bytes()),
            Ok(CAPACITY - 1)
        );
        let longer = format!("{longest}a");
        assert_eq!(parse(&longer), Err(BadPath::TooLong));
        let mut name = Name::parse(longest.as_bytes()).unwrap_or_else(|_| unreachable!());
        assert_eq!(name.push_bytes(b"x"), Err(BadPath::TooLong));
    }

    #[test]
    fn a_name_grows_and_shrinks_and_stays_a_c_string() {
        let mut name = Name::parse(b"/").unwrap_or_else(|_| unreachable!());
        assert_eq!(name.as_c_str(), c".");
        name.push_segment(b"index.html")
            .unwrap_or_else(|_| unreachable!());
        assert_eq!(name.as_c_str(), c"index.html");
        name.push_bytes(b".gz").unwrap_or_else(|_| unreachable!());
        assert_eq!(name.as_c_str(), c"index.html.gz");
        name.truncate(10);
        assert_eq!(name.as_c_str(), c"index.html");
        name.truncate(0);
        assert!(name.is_root());
        assert_eq!(name.as_c_str(), c".");
    }

    #[test]
    fn a_name_that_is_cut_is_two_and_can_be_joined_again() {
        for (path, parent, last) in [
            ("/a", c"", c"a"),
            ("/a/b", c"a", c"b"),
            ("/a/b/c.d", c"a/b", c"c.d"),
        ] {
            let mut name = Name::parse(path.as_bytes()).unwrap_or_else(|_| unreachable!());
            name.cut();
            assert_eq!((name.parent(), name.last()), (parent, last));
            let length = name.length;
            name.push_bytes(b".gz").unwrap_or_else(|_| unreachable!());
            assert_eq!(
                (name.parent().count_bytes(), name.last().count_bytes()),
                (parent.count_bytes(), last.count_bytes() + 3)
            );
            name.truncate(length);
            name.join();
            assert_eq!(name.as_bytes(), &path.as_bytes()[1..]);
        }
    }

    proptest! {
        #[test]
        fn no_spelling_yields_a_name_that_could_leave_the_root(
            segments in prop::collection::vec(
                prop_oneof![
                    Just("..".to_owned()), Just(".".to_owned()), Just(String::new()), Just("%2e%2e".to_owned()),
                    Just(".%2E".to_owned()), Just("%252e%252e".to_owned()), Just("%2f".to_owned()), Just("%5c".to_owned()),
                    Just("%00".to_owned()), Just(".well-known".to_owned()), "[a-z.%/\\\\0-9]{0,6}", "\\PC{0,4}",
                ],
                0..8,
            )
        ) {
            let path = format!("/{}", segments.join("/"));
            if let Ok(name) = Name::parse(path.as_bytes()) {
                let bytes = name.as_bytes();
                prop_assert!(!bytes.contains(&0) && !bytes.contains(&b'\\'));
                prop_assert_eq!(name.as_c_str().to_bytes(), if bytes.is_empty() { b"." } else { bytes });
                if !bytes.is_empty() {
                    for (at, segment) in bytes.split(|&byte| byte == b'/').enumerate() {
                        prop_assert!(!segment.is_empty());
                        prop_assert!(!segment.starts_with(b".") || (at == 0 && segment == b".well-known"));
                    }
                }
            }
        }

        #[test]
        fn any_bytes_are_judged_without_a_panic(path in prop::collection::vec(any::<u8>(), 0..6000)) {
            let _ = Name::parse(&path);
        }

        #[test]
        fn escaping_every_byte_of_a_path_changes_nothing(path in "/([a-z.]{0,3}/){0,5}[a-z.]{0,3}") {
            let escaped: String = path
                .bytes()
                .map(|byte| if byte == b'/' { "/".to_owned() } else { format!("%{byte:02x}") })
                .collect();
            prop_assert_eq!(parse(&path), parse(&escaped));
        }
    }
}
