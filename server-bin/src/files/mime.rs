//! Media types by a name's extension.
//!
//! As every answer says `nosniff`, the type is final: what is called wrongly here is shown wrongly, or not at all.

use super::media_types::TYPES;
use super::text::Text;

/// The type of a file whose extension nobody knows: bytes, to be saved rather than guessed at.
const UNKNOWN: &str = "application/octet-stream";

/// The type of a file's content, by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Media {
    /// The media type, without parameters.
    pub(super) essence: &'static str,
    /// The content coding that the file itself is in, or none (`""`).
    pub(super) coding: &'static str,
}

/// Returns the type of a file with this name.
pub(super) fn of(name: &[u8]) -> Media {
    let file = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let Some(dot) = file.iter().rposition(|&byte| byte == b'.') else {
        return Media {
            essence: UNKNOWN,
            coding: "",
        };
    };
    let extension = &file[dot + 1..];
    Media {
        essence: essence(extension),
        coding: match extension.eq_ignore_ascii_case(b"svgz") {
            // SVG's own specification: a compressed file is sent with the coding.
            true => "gzip",
            false => "",
        },
    }
}

fn essence(extension: &[u8]) -> &'static str {
    let mut lower = [0; 16];
    let Some(lower) = lower.get_mut(..extension.len()) else {
        return UNKNOWN;
    };
    lower.copy_from_slice(extension);
    lower.make_ascii_lowercase();
    let lower = &*lower;
    if let Ok(at) = TYPES.binary_search_by(|(known, _)| known.as_bytes().cmp(lower)) {
        return TYPES[at].1;
    }
    let guess = std::str::from_utf8(extension).ok().map(mime_guess::from_ext);
    guess.and_then(|guess| guess.first_raw()).unwrap_or(UNKNOWN)
}

impl Media {
    /// The value of Content-Type: text is said to be UTF-8.
    ///
    /// Not HTML and XML, which say themselves what they are in, and a charset in the field would win over the page's
    /// own; nor what is not `text/*`, where the parameter means nothing (JSON, RFC 8259 §11) or is the format's own
    /// business.
    pub(super) fn content_type(self) -> Text<96> {
        let mut value = Text::new();
        value.push(self.essence.as_bytes());
        let says_itself = matches!(self.essence, "text/html" | "text/xml") || self.essence.ends_with("+xml");
        if self.essence.starts_with("text/") && !says_itself {
            value.push(b"; charset=utf-8");
        }
        value
    }

    /// Whether content of this type may gain from a content coding, so that siblings are worth a look.
    pub(super) fn is_compressible(self) -> bool {
        // By bytes, as each file is asked: the search for a char costs more than all that follows.
        let slash = self.essence.bytes().position(|byte| byte == b'/');
        let slash = slash.unwrap_or(self.essence.len());
        let (kind, subtype) = (
            &self.essence[..slash],
            self.essence.get(slash + 1..).unwrap_or(""),
        );
        let is_packed = match kind {
            "audio" | "video" => true,
            "image" => !matches!(subtype, "svg+xml" | "bmp" | "x-icon" | "vnd.microsoft.icon"),
            "font" => subtype.starts_with("woff"),
            "application" => {
                matches!(
                    subtype,
                    "zip" | "gzip" | "zstd" | "vnd.rar" | "java-archive" | "x-bzip2" | "x-xz"
                ) || matches!(subtype, "x-7z-compressed" | "vnd.android.package-archive")
            }
            _ => false,
        };
        self.coding.is_empty() && !is_packed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of IANA's registry of media types, as far as files have them.
    const IANA: &str = include_str!("tests/iana.txt");

    /// Types that are not registered, for files that have no registered one.
    const UNREGISTERED: [&str; 10] = [
        "application/rss+xml",
        "application/x-7z-compressed",
        "application/x-bittorrent",
        "application/x-bzip2",
        "application/x-rpm",
        "application/x-subrip",
        "application/x-tar",
        "application/x-xz",
        "audio/midi",
        "video/x-msvideo",
    ];

    #[test]
    fn every_type_of_the_table_is_one_of_iana() {
        let registered: Vec<&str> = IANA.lines().collect();
        for (extension, essence) in TYPES {
            let known = registered.contains(essence) || UNREGISTERED.contains(essence);
            assert!(known, "{extension}: {essence} is not registered");
        }
        for essence in UNREGISTERED {
            assert!(
                !registered.contains(&essence) && TYPES.iter().any(|(_, used)| *used == essence),
                "{essence}"
            );
        }
    }

    #[test]
    fn the_table_can_be_searched() {
        assert!(TYPES.is_sorted_by(|(one, _), (another, _)| one < another));
        for (extension, _) in TYPES {
            assert_eq!(*extension, extension.to_ascii_lowercase());
        }
    }

    #[test]
    fn an_extension_gives_the_type_and_text_is_utf_8_unless_it_says_itself() {
        let table = [
            ("index.html", "text/html"),
            ("INDEX.HTML", "text/html"),
            ("a.htm", "text/html"),
            ("a.xhtml", "application/xhtml+xml"),
            ("a/b.c/style.css", "text/css; charset=utf-8"),
            ("app.js", "text/javascript; charset=utf-8"),
            ("app.mjs", "text/javascript; charset=utf-8"),
            ("app.cjs", "text/javascript; charset=utf-8"),
            ("notes.md", "text/markdown; charset=utf-8"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("feed.xml", "text/xml"),
            ("data.json", "application/json"),
            ("logo.svg", "image/svg+xml"),
            ("logo.svgz", "image/svg+xml"),
            ("photo.JPG", "image/jpeg"),
            ("photo.png", "image/png"),
            ("app.wasm", "application/wasm"),
            ("font.woff", "font/woff"),
            ("font.woff2", "font/woff2"),
            ("font.otf", "font/otf"),
            ("font.ttf", "font/ttf"),
            ("segment.ts", "video/mp2t"),
            ("pkg.rpm", "application/x-rpm"),
            ("favicon.ico", "image/vnd.microsoft.icon"),
            ("archive.tar.gz", "application/gzip"),
            ("README", "application/octet-stream"),
            ("a.b/README", "application/octet-stream"),
            ("x.unheard-of", "application/octet-stream"),
            ("x.an-extension-longer-than-any", "application/octet-stream"),
            ("x.", "application/octet-stream"),
            ("", "application/octet-stream"),
        ];
        for (name, expected) in table {
            let value = of(name.as_bytes()).content_type();
            assert_eq!(std::str::from_utf8(value.as_bytes()), Ok(expected), "{name:?}");
        }
        assert_eq!(of(b"x.\xff\xfe").essence, UNKNOWN);
        assert_eq!((of(b"logo.SVGZ").coding, of(b"logo.svg").coding), ("gzip", ""));
    }

    #[test]
    fn what_is_compressed_already_has_no_siblings() {
        for name in [
            "a.html",
            "a.css",
            "a.json",
            "a.svg",
            "a.wasm",
            "a.ttf",
            "a.unheard-of",
            "a",
        ] {
            assert!(of(name.as_bytes()).is_compressible(), "{name}");
        }
        for name in [
            "a.png", "a.jpg", "a.mp4", "a.mp3", "a.woff", "a.woff2", "a.zip", "a.gz", "a.7z", "a.svgz",
            "a.apk",
        ] {
            assert!(!of(name.as_bytes()).is_compressible(), "{name}");
        }
    }
}
