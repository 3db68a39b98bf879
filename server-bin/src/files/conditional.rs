//! Conditional requests (RFC 9110 §13) and ranges: what a GET or HEAD gets of a file that is there.
//!
//! Pure functions: field lines and what is known of the file go in, a verdict comes out. Nothing here applies to a
//! request whose answer would be anything else than 200 (§13.2.1), so it is asked last.

use http_core::Modifier;

use super::etag::{self, ETag};
use super::range::Range;

/// The facts about the representation that would be sent.
#[derive(Clone, Copy)]
pub(crate) struct Representation<'a, N> {
    pub(crate) etag: &'a ETag,
    /// The time in Last-Modified, in whole seconds since the epoch, if there is one.
    pub(crate) modified: Option<u64>,
    /// The same as it is sent, which is how most clients send it back.
    pub(crate) modified_text: &'a [u8],
    pub(crate) length: u64,
    /// Reads the server's clock, in whole seconds since the epoch. Hardly any request asks.
    pub(crate) now: N,
}

/// Which answer the conditions allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// 200 with everything.
    Whole,
    /// 206 with `length` bytes from `first`.
    Part {
        /// The offset of the first byte.
        first: u64,
        /// How many bytes, at least one.
        length: u64,
    },
    /// 304.
    NotModified,
    /// 412.
    PreconditionFailed,
    /// 416.
    Unsatisfiable,
}

/// Decides between the verdicts, in the order of §13.2.2.
///
/// `get` is false for HEAD, for which Range does not exist (§14.2).
pub(crate) fn verdict<'a, N: Fn() -> u64>(
    modifiers: impl Iterator<Item = (Modifier, &'a [u8])>,
    get: bool,
    representation: &Representation<'_, N>,
) -> Verdict {
    let asked = Asked::read(modifiers, representation.etag);
    let date = |lines: Lines<'_>| lines.date(representation);
    let modified_since = |date: u64| representation.modified.is_some_and(|modified| modified > date);
    // Steps 1 and 2: If-Match makes If-Unmodified-Since mean nothing.
    let holds = match asked.if_match {
        Some(matched) => matched,
        None => date(asked.if_unmodified_since).is_none_or(|date| !modified_since(date)),
    };
    if !holds {
        return Verdict::PreconditionFailed;
    }
    // Steps 3 and 4: If-None-Match makes If-Modified-Since mean nothing.
    let modified = match asked.if_none_match {
        Some(matched) => !matched,
        // Without a date of its own the file cannot be said to be unmodified.
        None => date(asked.if_modified_since)
            .is_none_or(|date| representation.modified.is_none() || modified_since(date)),
    };
    if !modified {
        return Verdict::NotModified;
    }
    // Step 5.
    match asked.range {
        Lines::One(range) if get && asked.if_range.allows(representation) => {
            match Range::of(range, representation.length) {
                Range::Whole => Verdict::Whole,
                Range::Part { first, length } => Verdict::Part { first, length },
                Range::Unsatisfiable => Verdict::Unsatisfiable,
            }
        }
        _ => Verdict::Whole,
    }
}

/// The lines of a field that has one value.
#[derive(Clone, Copy, Debug, Default)]
enum Lines<'a> {
    #[default]
    None,
    One(&'a [u8]),
    /// More than one line, which no such field may have: what they say is not used.
    Many,
}

impl<'a> Lines<'a> {
    fn add(&mut self, value: &'a [u8]) {
        *self = match self {
            Self::None => Self::One(value),
            Self::One(_) | Self::Many => Self::Many,
        };
    }

    /// The HTTP-date that the field holds; anything else is ignored (§13.1.3, §13.1.4).
    #[inline(always)]
    fn date<N>(self, representation: &Representation<'_, N>) -> Option<u64> {
        match self {
            Self::One(b"") => None,
            Self::One(value) if value == representation.modified_text => representation.modified,
            Self::One(value) => date(value),
            Self::None | Self::Many => None,
        }
    }

    /// As If-Range (§13.1.5): whether the range may be sent.
    fn allows<N: Fn() -> u64>(self, representation: &Representation<'_, N>) -> bool {
        match self {
            Self::None => true,
            Self::Many => false,
            Self::One(value) if etag::leading(value) == Some(value.len()) => {
                representation.etag.matches_strongly(value)
            }
            // A date has to be the very one that was sent, and from a second that is over, as the file might have
            // changed again within it (§8.8.2.2).
            Self::One(value) => date(value)
                .is_some_and(|date| Some(date) == representation.modified && date < (representation.now)()),
        }
    }
}

/// The modifiers of a request, with the entity tags already compared.
#[derive(Default)]
struct Asked<'a> {
    if_match: Option<bool>,
    if_none_match: Option<bool>,
    if_modified_since: Lines<'a>,
    if_unmodified_since: Lines<'a>,
    if_range: Lines<'a>,
    range: Lines<'a>,
}

impl<'a> Asked<'a> {
    fn read(modifiers: impl Iterator<Item = (Modifier, &'a [u8])>, etag: &ETag) -> Self {
        let mut asked = Self::default();
        for (modifier, value) in modifiers {
            match modifier {
                Modifier::Range => asked.range.add(value),
                Modifier::IfRange => asked.if_range.add(value),
                Modifier::IfMatch => {
                    let matched = etag::any(value, |tag| etag.matches_strongly(tag));
                    asked.if_match = Some(matched || asked.if_match == Some(true));
                }
                Modifier::IfNoneMatch => {
                    // Nearly always it is one tag.
                    let matched =
                        etag.matches_weakly(value) || etag::any(value, |tag| etag.matches_weakly(tag));
                    asked.if_none_match = Some(matched || asked.if_none_match == Some(true));
                }
                Modifier::IfModifiedSince => asked.if_modified_since.add(value),
                Modifier::IfUnmodifiedSince => asked.if_unmodified_since.add(value),
                // What a later http-core adds.
                _ => {}
            }
        }
        asked
    }
}

/// An HTTP-date in any of its three forms (§5.6.7), in seconds since the epoch.
#[inline(never)]
fn date(value: &[u8]) -> Option<u64> {
    let time = httpdate::parse_http_date(std::str::from_utf8(value).ok()?).ok()?;
    Some(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::Verdict::*;
    use super::*;

    /// 784111777, the example of RFC 9110 §5.6.7.
    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";
    const MODIFIED: u64 = 784_111_777;

    /// A file of 10 bytes with the tag `"a"`, modified at `DATE`, long ago.
    fn ask(get: bool, fields: &[(&str, &str)]) -> Verdict {
        ask_of(
            &ETag::new("a", false),
            Some(MODIFIED),
            MODIFIED + 100,
            get,
            fields,
        )
    }

    fn ask_of(etag: &ETag, modified: Option<u64>, now: u64, get: bool, fields: &[(&str, &str)]) -> Verdict {
        let representation = Representation {
            etag,
            modified,
            modified_text: b"",
            length: 10,
            now: || now,
        };
        verdict(
            fields
                .iter()
                .filter_map(|&(name, value)| Some((Modifier::of(name.as_bytes())?, value.as_bytes()))),
            get,
            &representation,
        )
    }

    const PART: Verdict = Part { first: 1, length: 3 };

    #[test]
    fn each_condition_gives_its_verdict_in_the_order_of_the_rfc() {
        let table: &[(&[(&str, &str)], Verdict)] = &[
            (&[], Whole),
            (&[("Host", "x"), ("Accept", "*/*")], Whole),
            // If-None-Match.
            (&[("If-None-Match", "\"a\"")], NotModified),
            (&[("if-none-match", "W/\"a\"")], NotModified),
            (&[("IF-NONE-MATCH", "\"b\", \"a\"")], NotModified),
            (
                &[("If-None-Match", "\"b\""), ("If-None-Match", "\"a\"")],
                NotModified,
            ),
            (
                &[("If-None-Match", "\"a\""), ("If-None-Match", "\"b\"")],
                NotModified,
            ),
            (&[("If-None-Match", "*")], NotModified),
            (&[("If-None-Match", "\"b\"")], Whole),
            (&[("If-None-Match", "a")], Whole),
            (&[("If-None-Match", "")], Whole),
            // If-Modified-Since.
            (&[("If-Modified-Since", DATE)], NotModified),
            (&[("If-Modified-Since", AFTER)], NotModified),
            (&[("If-Modified-Since", BEFORE)], Whole),
            (
                &[("If-Modified-Since", "Sunday, 06-Nov-94 08:49:37 GMT")],
                NotModified,
            ),
            (&[("If-Modified-Since", "Sun Nov  6 08:49:37 1994")], NotModified),
            (&[("If-Modified-Since", "yesterday")], Whole),
            (&[("If-Modified-Since", "")], Whole),
            (&[("If-Modified-Since", DATE), ("If-Modified-Since", DATE)], Whole),
            // If-None-Match decides alone.
            (&[("If-None-Match", "\"b\""), ("If-Modified-Since", AFTER)], Whole),
            (
                &[("If-None-Match", "\"a\""), ("If-Modified-Since", BEFORE)],
                NotModified,
            ),
            (
                &[("If-None-Match", "rubbish"), ("If-Modified-Since", AFTER)],
                Whole,
            ),
            // If-Match.
            (&[("If-Match", "\"a\"")], Whole),
            (&[("If-Match", "*")], Whole),
            (&[("If-Match", "\"b\", \"a\"")], Whole),
            (&[("If-Match", "\"b\"")], PreconditionFailed),
            (&[("If-Match", "W/\"a\"")], PreconditionFailed),
            (&[("If-Match", "rubbish")], PreconditionFailed),
            // If-Unmodified-Since.
            (&[("If-Unmodified-Since", DATE)], Whole),
            (&[("If-Unmodified-Since", AFTER)], Whole),
            (&[("If-Unmodified-Since", BEFORE)], PreconditionFailed),
            (&[("If-Unmodified-Since", "rubbish")], Whole),
            // If-Match decides alone, and both come before the others.
            (&[("If-Match", "\"a\""), ("If-Unmodified-Since", BEFORE)], Whole),
            (
                &[("If-Match", "\"b\""), ("If-Unmodified-Since", AFTER)],
                PreconditionFailed,
            ),
            (
                &[("If-Match", "\"b\""), ("If-None-Match", "\"a\"")],
                PreconditionFailed,
            ),
            (&[("If-Match", "\"a\""), ("If-None-Match", "\"a\"")], NotModified),
            (
                &[("If-Unmodified-Since", BEFORE), ("If-Modified-Since", AFTER)],
                PreconditionFailed,
            ),
            // Range comes last.
            (&[("Range", "bytes=1-3")], PART),
            (&[("range", "bytes=10-")], Unsatisfiable),
            (&[("Range", "bytes=1-3,5-6")], Whole),
            (&[("Range", "bytes=1-3"), ("Range", "bytes=5-6")], Whole),
            (&[("Range", "rubbish")], Whole),
            (&[("Range", "bytes=1-3"), ("If-None-Match", "\"a\"")], NotModified),
            (
                &[("Range", "bytes=1-3"), ("If-Match", "\"b\"")],
                PreconditionFailed,
            ),
            (
                &[("Range", "bytes=10-"), ("If-Modified-Since", DATE)],
                NotModified,
            ),
            (&[("Range", "bytes=1-3"), ("If-Match", "\"a\"")], PART),
            // If-Range.
            (&[("Range", "bytes=1-3"), ("If-Range", "\"a\"")], PART),
            (&[("Range", "bytes=1-3"), ("If-Range", "\"b\"")], Whole),
            (&[("Range", "bytes=1-3"), ("If-Range", "W/\"a\"")], Whole),
            (&[("Range", "bytes=10-"), ("If-Range", "\"b\"")], Whole),
            (&[("Range", "bytes=10-"), ("If-Range", "\"a\"")], Unsatisfiable),
            (&[("Range", "bytes=1-3"), ("If-Range", DATE)], PART),
            (&[("Range", "bytes=1-3"), ("If-Range", AFTER)], Whole),
            (&[("Range", "bytes=1-3"), ("If-Range", BEFORE)], Whole),
            (&[("Range", "bytes=1-3"), ("If-Range", "rubbish")], Whole),
            (&[("Range", "bytes=1-3"), ("If-Range", "*")], Whole),
            (
                &[
                    ("Range", "bytes=1-3"),
                    ("If-Range", "\"a\""),
                    ("If-Range", "\"a\""),
                ],
                Whole,
            ),
            (&[("If-Range", "\"b\"")], Whole),
        ];
        for (fields, expected) in table {
            assert_eq!(ask(true, fields), *expected, "{fields:?}");
        }
    }

    #[test]
    fn head_has_conditions_but_no_ranges() {
        assert_eq!(ask(false, &[("Range", "bytes=1-3")]), Whole);
        assert_eq!(ask(false, &[("Range", "bytes=10-")]), Whole);
        assert_eq!(ask(false, &[("If-None-Match", "\"a\"")]), NotModified);
        assert_eq!(ask(false, &[("If-Match", "\"b\"")]), PreconditionFailed);
    }

    #[test]
    fn a_weak_tag_answers_caches_and_neither_ranges_nor_if_match() {
        let weak = ETag::new("a", true);
        let ask = |fields: &[_]| ask_of(&weak, Some(MODIFIED), MODIFIED + 100, true, fields);
        assert_eq!(ask(&[("If-None-Match", "W/\"a\"")]), NotModified);
        assert_eq!(ask(&[("If-None-Match", "\"a\"")]), NotModified);
        assert_eq!(ask(&[("If-Match", "W/\"a\"")]), PreconditionFailed);
        assert_eq!(ask(&[("Range", "bytes=1-3"), ("If-Range", "W/\"a\"")]), Whole);
        assert_eq!(ask(&[("Range", "bytes=1-3")]), PART);
    }

    #[test]
    fn a_date_of_the_running_second_allows_no_range() {
        let tag = ETag::new("a", false);
        let fields = [("Range", "bytes=1-3"), ("If-Range", DATE)];
        assert_eq!(ask_of(&tag, Some(MODIFIED), MODIFIED, true, &fields), Whole);
        assert_eq!(ask_of(&tag, Some(MODIFIED), MODIFIED + 1, true, &fields), PART);
    }

    #[test]
    fn without_a_modification_date_the_dates_mean_nothing() {
        let tag = ETag::new("a", false);
        let ask = |fields: &[_]| ask_of(&tag, None, MODIFIED, true, fields);
        assert_eq!(ask(&[("If-Modified-Since", AFTER)]), Whole);
        assert_eq!(ask(&[("If-Unmodified-Since", BEFORE)]), Whole);
        assert_eq!(ask(&[("Range", "bytes=1-3"), ("If-Range", DATE)]), Whole);
    }
}
