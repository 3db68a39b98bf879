//! Field lines that an operator gives to files by their names.

use http_core::FieldBlock;

/// A pattern of names below the root: `*` and `?` within a segment, `**` across them, `[a-z]` and `{one,another}`. One
/// without a slash is held against the last segment alone.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    pattern: String,
    has_slash: bool,
    /// Matches every name.
    is_all: bool,
}

/// Why a rule cannot be used; says in one line what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} {text:?}: {why}")]
pub struct RuleError {
    what: &'static str,
    text: String,
    why: &'static str,
}

impl RuleError {
    pub(super) fn new(what: &'static str, text: &str, why: &'static str) -> Self {
        Self {
            what,
            text: text.to_owned(),
            why,
        }
    }
}

impl Glob {
    /// Checks a pattern.
    pub(super) fn new(text: &str) -> Result<Self, RuleError> {
        let wrong = |why| Err(RuleError::new("the pattern", text, why));
        let pattern = text.strip_prefix('/').unwrap_or(text);
        if pattern.is_empty() {
            return wrong("name files by it, for example \"*.js\", \"assets/**\" or \"**\" for all");
        }
        if fast_glob::validate(pattern).is_err() {
            return wrong("close each [ and { in it, or write a \\ before one that is meant as it is");
        }
        Ok(Self {
            pattern: pattern.to_owned(),
            has_slash: text.contains('/'),
            is_all: pattern == "**",
        })
    }

    pub(super) fn is_all(&self) -> bool {
        self.is_all
    }

    /// Whether a name below the root is meant.
    pub(super) fn matches(&self, name: &[u8]) -> bool {
        let held_against = match self.has_slash {
            true => name,
            false => name.rsplit(|&byte| byte == b'/').next().unwrap_or(name),
        };
        self.is_all || fast_glob::glob_match(&self.pattern, held_against)
    }
}

/// Field lines, each for the names of a pattern.
#[derive(Clone, Debug, Default)]
pub(super) struct Rules {
    cache_control: Vec<(Glob, FieldBlock)>,
    headers: Vec<(Glob, FieldBlock)>,
    /// The lines of `headers` that are for everything.
    everywhere: FieldBlock,
}

impl Rules {
    pub(super) fn add_cache_control(&mut self, glob: &str, value: &str) -> Result<(), RuleError> {
        let line = line("cache-control", value)?;
        self.cache_control.push((Glob::new(glob)?, line));
        Ok(())
    }

    pub(super) fn add_header(&mut self, glob: &str, name: &str, value: &str) -> Result<(), RuleError> {
        if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
            let why = "the server writes this field itself; leave it out";
            return Err(RuleError::new("the field", name, why));
        }
        let (glob, line) = (Glob::new(glob)?, line(name, value)?);
        if glob.is_all() {
            self.everywhere.push_all(&line);
        }
        self.headers.push((glob, line));
        Ok(())
    }

    /// Returns the caching field of the first pattern that matches, if one does.
    pub(super) fn cache_control(&self, name: &[u8]) -> Option<&FieldBlock> {
        let first = self.cache_control.iter().find(|(glob, _)| glob.matches(name));
        first.map(|(_, line)| line)
    }

    /// The lines of all patterns that match.
    pub(super) fn headers<'a>(&'a self, name: &'a [u8]) -> impl Iterator<Item = &'a FieldBlock> {
        let matching = self.headers.iter().filter(|(glob, _)| glob.matches(name));
        matching.map(|(_, line)| line)
    }

    /// The lines of answers that are no files.
    pub(super) fn everywhere(&self) -> &FieldBlock {
        &self.everywhere
    }
}

/// Fields whose values depend on the file and the request.
const OURS: [&str; 13] = [
    "accept-ranges",
    "allow",
    "cache-control",
    "content-encoding",
    "content-range",
    "content-type",
    "date",
    "etag",
    "last-modified",
    "location",
    "upgrade",
    "vary",
    "x-content-type-options",
];

fn line(name: &str, value: &str) -> Result<FieldBlock, RuleError> {
    let mut block = FieldBlock::new();
    match block.push(name, value) {
        Ok(()) => Ok(block),
        Err(http_core::Misuse::BadFieldValue) => Err(RuleError::new(
            "the value",
            value,
            "a field's value has no control characters, and no space at its ends",
        )),
        Err(http_core::Misuse::FramingField) => Err(RuleError::new(
            "the field",
            name,
            "the server writes this field itself; leave it out",
        )),
        Err(_) => Err(RuleError::new(
            "the field",
            name,
            "a field's name is made of letters, digits and dashes",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pattern_without_a_slash_is_held_against_the_last_segment() {
        let table: &[(&str, &str, bool)] = &[
            ("*.js", "app.js", true),
            ("*.js", "assets/deep/app.js", true),
            ("*.js", "app.json", false),
            ("assets/*", "assets/a.js", true),
            ("assets/*", "assets/deep/a.js", false),
            ("assets/**", "assets/deep/a.js", true),
            ("/assets/**", "assets/deep/a.js", true),
            ("assets/**", "other/a.js", false),
            ("assets/**/*.{js,css}", "assets/deep/a.css", true),
            ("**", "", true),
            ("**", "any/thing", true),
            ("*", "any/thing", true),
            ("[ab]?.txt", "b1.txt", true),
            ("[ab]?.txt", "c1.txt", false),
            ("index.html", "deep/index.html", true),
            ("/index.html", "deep/index.html", false),
            ("/index.html", "index.html", true),
        ];
        for (pattern, name, expected) in table {
            let glob = Glob::new(pattern).expect("a pattern");
            assert_eq!(glob.matches(name.as_bytes()), *expected, "{pattern} {name}");
        }
        assert!(Glob::new("*.js").is_ok_and(|glob| glob.matches(b"\xff\xfe.js")));
    }

    #[test]
    fn what_cannot_be_meant_is_refused_in_one_line() {
        for pattern in ["", "/", "[a", "{a,b", "a\\"] {
            let error = Glob::new(pattern).err().map(|error| error.to_string());
            assert!(
                error.is_some_and(|line| line.starts_with("the pattern \"") && !line.contains('\n')),
                "{pattern}"
            );
        }
        let mut rules = Rules::default();
        for (name, value) in [
            ("a b", "x"),
            ("", "x"),
            ("x", "a\nb"),
            ("x", " a"),
            ("Content-Length", "1"),
            ("ETag", "x"),
            ("Upgrade", "x"),
            ("Connection", "close"),
        ] {
            assert!(rules.add_header("**", name, value).is_err(), "{name}: {value}");
        }
        assert!(rules.add_cache_control("*", "a\0").is_err() && rules.cache_control(b"x").is_none());
    }

    #[test]
    fn the_first_rule_of_caching_counts_and_every_header_that_matches() -> Result<(), RuleError> {
        let mut rules = Rules::default();
        rules.add_cache_control("assets/*", "immutable")?;
        rules.add_cache_control("**", "no-store")?;
        rules.add_header("**", "x-all", "1")?;
        rules.add_header("*.js", "x-script", "2")?;
        let caching = |name: &[u8]| rules.cache_control(name).map(FieldBlock::as_bytes);
        assert_eq!(
            caching(b"assets/a.js"),
            Some(&b"cache-control: immutable\r\n"[..])
        );
        assert_eq!(caching(b"a.js"), Some(&b"cache-control: no-store\r\n"[..]));
        let headers = |name: &'static [u8]| {
            rules
                .headers(name)
                .map(FieldBlock::as_bytes)
                .collect::<Vec<_>>()
                .concat()
        };
        assert_eq!(headers(b"a.js"), b"x-all: 1\r\nx-script: 2\r\n");
        assert_eq!(headers(b"a.css"), b"x-all: 1\r\n");
        assert_eq!(rules.everywhere().as_bytes(), b"x-all: 1\r\n");
        Ok(())
    }
}
