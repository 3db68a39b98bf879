//! Entity tags (RFC 9110 §8.8.3): made from what the file system knows about a file, and compared.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::text::Text;
use crate::sys::{Stamp, Time};

/// Room for `W/"`, three numbers of 16 digits with a dash after each, a coding's name and the closing quote.
const CAPACITY: usize = 64;

/// A kernel stamps changes by its tick, 10 ms at the most: two changes within one tick may carry the same time.
const FINE: Duration = Duration::from_millis(20);

/// File systems that store whole seconds (HFS+) or two of them (FAT).
const COARSE: Duration = Duration::from_secs(2);

/// The facts that entity tags are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tags {
    /// Length, modification time and change time, to the nanosecond: a change is never missed, but replicas of one file
    /// have different tags.
    #[default]
    Full,
    /// Length and modification time in seconds, which replicas share where what copies them keeps the times. A change
    /// that keeps both is missed.
    Mtime,
}

/// An entity tag: opaque text in quotes, with `W/` before it where it is weak.
///
/// It is made of length, modification time and change time (the inode's, in nanoseconds), and of the content coding
/// if there is one. The change time is there because the modification time lies after `touch -r`, and because build
/// systems stamp every file with the same second, so that two releases of one length would look the same. The
/// price: replicas of one file have different tags, and a client that is sent from one replica to another fetches
/// the file once more; [`Tags::Mtime`] is there for them. The inode's number would have cost the same and tells
/// outsiders more.
///
/// The tag is weak (RFC 9110 §8.8.1) as long as a change could still happen without changing it: within the
/// resolution of the file system's clock after the last change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ETag(Text<CAPACITY>);

impl ETag {
    /// The tag of a file's content, in a content coding or none (`""`). It is strong if the content was `settled`
    /// when it was looked at (see [`has_settled`]).
    pub(crate) fn of(file: &Stamp, coding: &str, tags: Tags, settled: bool) -> Self {
        let weak = if settled { b"" } else { WEAK };
        let mut text = Text::new();
        text.push(weak);
        text.push(b"\"");
        text.push_hex(file.size);
        text.push(b"-");
        match tags {
            Tags::Full => {
                text.push_hex(nanoseconds(file.modified));
                text.push(b"-");
                text.push_hex(nanoseconds(file.changed));
            }
            Tags::Mtime => text.push_hex(file.modified.seconds.cast_unsigned()),
        }
        if !coding.is_empty() {
            text.push(b"-");
            text.push(coding.as_bytes());
        }
        text.push(b"\"");
        Self(text)
    }

    /// No tag yet.
    pub(crate) const NONE: Self = Self(Text::new());

    /// A tag with this opaque text, for tables.
    #[cfg(test)]
    pub(crate) fn new(opaque: &str, weak: bool) -> Self {
        let weak = if weak { "W/" } else { "" };
        Self(Text::of(format_args!("{weak}\"{opaque}\"")))
    }

    /// The field value.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Whether the two are the same bytes for certain (§8.8.3.2): equal, and neither is weak.
    pub(crate) fn matches_strongly(&self, candidate: &[u8]) -> bool {
        !candidate.starts_with(WEAK) && candidate == self.as_bytes()
    }

    /// Whether the two mean the same (§8.8.3.2): equal but for `W/`. Nearly always the candidate is the very tag that was
    /// sent.
    #[inline]
    pub(crate) fn matches_weakly(&self, candidate: &[u8]) -> bool {
        candidate == self.as_bytes() || self.matches_but_for_weakness(candidate)
    }

    #[inline(never)]
    fn matches_but_for_weakness(&self, candidate: &[u8]) -> bool {
        without_weakness(candidate) == without_weakness(self.as_bytes())
    }
}

/// The letter and the slash before a weak tag.
const WEAK: &[u8] = b"W/";

fn without_weakness(tag: &[u8]) -> &[u8] {
    tag.strip_prefix(WEAK).unwrap_or(tag)
}

/// Nanoseconds since the epoch; those before it and after the year 2554 wrap, which is as good for telling two apart.
fn nanoseconds(time: Time) -> u64 {
    let nanoseconds = time.seconds.wrapping_mul(1_000_000_000);
    nanoseconds.wrapping_add(time.nanoseconds.into()).cast_unsigned()
}

/// Whether a change made at `now` or later is sure to show in the file's stamp: the file is as it was for longer than
/// the resolution of the clock that stamps it. A time in the future is never settled.
pub(crate) fn has_settled(file: &Stamp, now: SystemTime, tags: Tags) -> bool {
    let is_past = |time: Time| settles(time).is_some_and(|at| at < now);
    match tags {
        Tags::Full => is_past(file.changed),
        // The tag has whole seconds.
        Tags::Mtime => {
            is_past(file.changed)
                && is_past(Time {
                    nanoseconds: 0,
                    ..file.modified
                })
        }
    }
}

/// When a change made after this moment is sure to carry a later time.
fn settles(time: Time) -> Option<SystemTime> {
    // A time without a fraction is most likely one of a file system that stores none.
    let resolution = if time.nanoseconds == 0 { COARSE } else { FINE };
    let at = Duration::new(u64::try_from(time.seconds).ok()?, time.nanoseconds);
    UNIX_EPOCH.checked_add(at)?.checked_add(resolution)
}

/// Whether any of the entity tags of a list field, which may be `*`, is one that `matches`.
#[inline(never)]
pub(crate) fn any(field: &[u8], matches: impl Fn(&[u8]) -> bool) -> bool {
    field == b"*" || list(field).any(matches)
}

/// The entity tags of a list field (§8.8.3, `1#entity-tag`), up to the first thing that is none.
fn list(mut rest: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        rest = rest.trim_ascii_start();
        while let Some(after) = rest.strip_prefix(b",") {
            rest = after.trim_ascii_start();
        }
        let length = leading(rest)?;
        let (tag, after) = rest.split_at(length);
        // Anything else than a comma behind the tag makes what follows unreadable, but not the tag.
        rest = after.trim_ascii_start();
        if !rest.starts_with(b",") {
            rest = b"";
        }
        Some(tag)
    })
}

/// The length of the entity tag at the beginning of `text`, if there is one.
pub(crate) fn leading(text: &[u8]) -> Option<usize> {
    let prefix = if text.starts_with(b"W/") { 2 } else { 0 };
    let opaque = text[prefix..].strip_prefix(b"\"")?;
    let end = opaque.iter().position(|&byte| byte == b'"')?;
    let valid = opaque[..end]
        .iter()
        .all(|&byte| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..));
    valid.then_some(prefix + end + 2)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_list_gives_its_tags_and_ends_at_what_is_none() {
        let table: &[(&str, &[&str])] = &[
            ("\"a\"", &["\"a\""]),
            ("\"a\", W/\"b\" ,\"c\"", &["\"a\"", "W/\"b\"", "\"c\""]),
            (" , ,\"a\",, \"b\",", &["\"a\"", "\"b\""]),
            ("\"a,b\"", &["\"a,b\""]),
            ("\"\"", &["\"\""]),
            ("", &[]),
            ("a", &[]),
            ("\"a", &[]),
            ("w/\"a\"", &[]),
            ("\"a b\"", &[]),
            ("\"a\" \"b\"", &["\"a\""]),
            ("\"a\"x, \"b\"", &["\"a\""]),
        ];
        for (text, tags) in table {
            let found: Vec<_> = list(text.as_bytes())
                .map(|tag| String::from_utf8_lossy(tag).into_owned())
                .collect();
            assert_eq!(found, *tags, "{text:?}");
        }
    }

    #[test]
    fn strong_comparison_wants_both_strong_and_weak_comparison_does_not_care() {
        // RFC 9110 §8.8.3.2, the table.
        let (strong, weak) = (ETag::new("1", false), ETag::new("1", true));
        assert!(!weak.matches_strongly(b"W/\"1\"") && weak.matches_weakly(b"W/\"1\""));
        assert!(!weak.matches_strongly(b"W/\"2\"") && !weak.matches_weakly(b"W/\"2\""));
        assert!(!weak.matches_strongly(b"\"1\"") && weak.matches_weakly(b"\"1\""));
        assert!(strong.matches_strongly(b"\"1\"") && strong.matches_weakly(b"\"1\""));
        assert!(!strong.matches_strongly(b"W/\"1\"") && strong.matches_weakly(b"W/\"1\""));
    }

    #[test]
    fn a_tag_becomes_strong_once_a_change_would_show_and_keeps_its_text() -> std::io::Result<()> {
        let mut file = tempfile::tempfile()?;
        file.write_all(b"some bytes")?;
        let stamp = Stamp::of(&file)?;
        let changed = UNIX_EPOCH + Duration::new(stamp.changed.seconds as u64, stamp.changed.nanoseconds);
        let at = |now, tags| ETag::of(&stamp, "", tags, has_settled(&stamp, now, tags));
        let fresh = at(changed, Tags::Full);
        let settled = at(changed + Duration::from_secs(3), Tags::Full);
        let future = at(changed - Duration::from_secs(3), Tags::Full);
        let seconds = format!("\"a-{:x}\"", stamp.modified.seconds);
        assert_eq!(
            at(changed + Duration::from_secs(4), Tags::Mtime).as_bytes(),
            seconds.as_bytes()
        );
        assert!(
            at(changed + Duration::from_millis(900), Tags::Mtime)
                .as_bytes()
                .starts_with(b"W/")
        );
        assert!(fresh.as_bytes().starts_with(b"W/\"a-") && future.as_bytes().starts_with(b"W/\"a-"));
        assert!(settled.as_bytes().starts_with(b"\"a-") && settled.as_bytes().ends_with(b"\""));
        assert!(fresh.matches_weakly(settled.as_bytes()) && !settled.matches_strongly(fresh.as_bytes()));
        Ok(())
    }

    #[test]
    fn a_change_or_another_coding_gives_another_tag() -> std::io::Result<()> {
        let mut file = tempfile::tempfile()?;
        let of = |file: &std::fs::File, coding| {
            std::io::Result::Ok(ETag::of(&Stamp::of(file)?, coding, Tags::Full, true))
        };
        file.write_all(b"one")?;
        let one = of(&file, "")?;
        let gzip = of(&file, "gzip")?;
        assert!(!one.matches_weakly(gzip.as_bytes()) && gzip.as_bytes().ends_with(b"-gzip\""));
        // The same length and the same modification time, as a build with a fixed date leaves them.
        let modified = file.metadata()?.modified()?;
        std::thread::sleep(Duration::from_millis(15));
        std::os::unix::fs::FileExt::write_all_at(&file, b"two", 0)?;
        file.set_modified(modified)?;
        assert_eq!(file.metadata()?.modified()?, modified);
        assert!(!one.matches_weakly(of(&file, "")?.as_bytes()));
        Ok(())
    }

    #[test]
    fn times_at_the_edges_make_a_tag_too() -> std::io::Result<()> {
        let time = |seconds, nanoseconds| Time { seconds, nanoseconds };
        let mut stamp = Stamp::of(&tempfile::tempfile()?)?;
        stamp.size = u64::MAX;
        (stamp.modified, stamp.changed) = (time(-1, 999_999_999), time(i64::MIN, 0));
        let tag = |coding, tags| ETag::of(&stamp, coding, tags, true).as_bytes().to_vec();
        assert_eq!(tag("", Tags::Full), b"\"ffffffffffffffff-ffffffffffffffff-0\"");
        assert_eq!(
            tag("br", Tags::Mtime),
            b"\"ffffffffffffffff-ffffffffffffffff-br\""
        );
        assert_eq!(settles(time(-1, 0)), None);
        assert_eq!(settles(time(i64::MAX, 0)), None);
        Ok(())
    }
}
