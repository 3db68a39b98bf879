//! Media types by a name's extension.

use super::text::Text;

/// What is said of a file whose extension nobody knows: bytes, to be saved rather than guessed at.
const UNKNOWN: &str = "application/octet-stream";

/// The media type of a file with this name, without parameters.
pub(crate) fn essence(name: &[u8]) -> &'static str {
    let file = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let extension = file
        .iter()
        .rposition(|&byte| byte == b'.')
        .and_then(|dot| std::str::from_utf8(&file[dot + 1..]).ok());
    match extension {
        // The commonest ones without a search through a thousand.
        Some("html") => "text/html",
        Some("css") => "text/css",
        Some("js" | "mjs") => "text/javascript",
        Some("txt") => "text/plain",
        Some(extension) => mime_guess::from_ext(extension).first_raw().unwrap_or(UNKNOWN),
        None => UNKNOWN,
    }
}

/// The Content-Type of this media type: text is said to be UTF-8.
///
/// Not XML, which names its own encoding; nor what is not `text/*`, where the parameter means nothing (JSON,
/// RFC 8259 §11) or is the format's own business.
pub(crate) fn content_type(essence: &'static str) -> Text<96> {
    let mut value = Text::new();
    value.push(essence.as_bytes());
    if essence.starts_with("text/") && essence != "text/xml" {
        value.push(b"; charset=utf-8");
    }
    value
}

/// Whether content of this type may gain from a content coding, so that siblings are worth a look.
pub(crate) fn is_compressible(essence: &str) -> bool {
    let (kind, subtype) = essence.split_once('/').unwrap_or((essence, ""));
    match kind {
        "audio" | "video" => false,
        "image" => matches!(subtype, "svg+xml" | "bmp" | "x-icon" | "vnd.microsoft.icon"),
        "font" => !subtype.starts_with("woff"),
        "application" => !matches!(
            subtype,
            "zip"
                | "gzip"
                | "zstd"
                | "x-gzip"
                | "x-bzip2"
                | "x-xz"
                | "x-7z-compressed"
                | "vnd.rar"
                | "java-archive"
        ),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_extension_gives_the_type_and_text_is_utf_8() {
        let table = [
            ("index.html", "text/html; charset=utf-8"),
            ("INDEX.HTML", "text/html; charset=utf-8"),
            ("a/b.c/style.css", "text/css; charset=utf-8"),
            ("app.js", "text/javascript; charset=utf-8"),
            ("app.mjs", "text/javascript; charset=utf-8"),
            ("notes.md", "text/markdown; charset=utf-8"),
            ("a.txt", "text/plain; charset=utf-8"),
            ("feed.xml", "text/xml"),
            ("data.json", "application/json"),
            ("logo.svg", "image/svg+xml"),
            ("photo.JPG", "image/jpeg"),
            ("photo.png", "image/png"),
            ("app.wasm", "application/wasm"),
            ("font.woff2", "font/woff2"),
            ("archive.tar.gz", "application/gzip"),
            ("README", "application/octet-stream"),
            ("a.b/README", "application/octet-stream"),
            ("x.unheard-of", "application/octet-stream"),
            ("x.", "application/octet-stream"),
            ("", "application/octet-stream"),
        ];
        for (name, expected) in table {
            let value = content_type(essence(name.as_bytes()));
            assert_eq!(std::str::from_utf8(value.as_bytes()), Ok(expected), "{name:?}");
        }
        assert_eq!(essence(b"x.\xff\xfe"), UNKNOWN);
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
            assert!(is_compressible(essence(name.as_bytes())), "{name}");
        }
        for name in [
            "a.png", "a.jpg", "a.mp4", "a.mp3", "a.woff2", "a.zip", "a.gz", "a.7z",
        ] {
            assert!(!is_compressible(essence(name.as_bytes())), "{name}");
        }
    }
}
