//! Byte ranges (RFC 9110 §14.1): which part of `length` bytes a Range field asks for.

/// The part of a file that a Range field asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Range {
    /// Everything: the field is malformed, in another unit, or asks for more than one part, and is ignored
    /// (§14.2 allows each).
    Whole,
    /// One part; never empty.
    Part {
        /// The offset of its first byte.
        first: u64,
        /// How many bytes.
        length: u64,
    },
    /// One part that lies behind the end (416).
    Unsatisfiable,
}

impl Range {
    /// Reads the field's value against a representation of `length` bytes.
    pub(crate) fn of(value: &[u8], length: u64) -> Self {
        match single(value) {
            Some(spec) => spec.against(length),
            None => Self::Whole,
        }
    }
}

/// One `range-spec` (§14.1.1), not yet held against a length.
#[derive(Clone, Copy)]
enum Spec {
    From(u64),
    Between(u64, u64),
    Last(u64),
}

impl Spec {
    fn against(self, length: u64) -> Range {
        let part = |first: u64, end: u64| Range::Part {
            first,
            length: end - first,
        };
        match self {
            Self::From(first) | Self::Between(first, _) if first >= length => Range::Unsatisfiable,
            Self::From(first) => part(first, length),
            Self::Between(first, last) => part(first, last.saturating_add(1).min(length)),
            Self::Last(0) => Range::Unsatisfiable,
            // A suffix of nothing is all of it, and an empty part has no Content-Range.
            Self::Last(_) if length == 0 => Range::Whole,
            Self::Last(count) => part(length - count.min(length), length),
        }
    }
}

/// The only spec of a well-formed value in bytes.
fn single(value: &[u8]) -> Option<Spec> {
    let (unit, set) = value.split_at_checked(b"bytes=".len())?;
    if !unit.eq_ignore_ascii_case(b"bytes=") {
        return None;
    }
    // Empty elements of a list mean nothing (§5.6.1.2).
    let mut specs = set
        .split(|&byte| byte == b',')
        .map(<[u8]>::trim_ascii)
        .filter(|spec| !spec.is_empty());
    let spec = spec(specs.next()?)?;
    specs.next().is_none().then_some(spec)
}

fn spec(text: &[u8]) -> Option<Spec> {
    let dash = text.iter().position(|&byte| byte == b'-')?;
    let (first, last) = (&text[..dash], &text[dash + 1..]);
    match (first.is_empty(), last.is_empty()) {
        (true, _) => Some(Spec::Last(number(last)?)),
        (false, true) => Some(Spec::From(number(first)?)),
        (false, false) => {
            let (first, last) = (number(first)?, number(last)?);
            (first <= last).then_some(Spec::Between(first, last))
        }
    }
}

/// `1*DIGIT`; what is too large for a u64 is beyond any file, as u64::MAX is.
fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |value: u64, digit| {
        value.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    }))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_range_gives_its_part() {
        use Range::*;
        let part = |first, length| Part { first, length };
        let table: &[(&str, u64, Range)] = &[
            ("bytes=0-0", 10, part(0, 1)),
            ("bytes=0-9", 10, part(0, 10)),
            ("bytes=2-4", 10, part(2, 3)),
            ("bytes=2-", 10, part(2, 8)),
            ("bytes=9-", 10, part(9, 1)),
            ("bytes=-1", 10, part(9, 1)),
            ("bytes=-10", 10, part(0, 10)),
            ("bytes=-11", 10, part(0, 10)),
            ("bytes=0-99", 10, part(0, 10)),
            ("bytes=5-18446744073709551615", 10, part(5, 5)),
            ("bytes=5-99999999999999999999999999", 10, part(5, 5)),
            ("bytes=-99999999999999999999999999", 10, part(0, 10)),
            ("Bytes=00001-2", 10, part(1, 2)),
            ("bytes=, 1-2 ,", 10, part(1, 2)),
            // Behind the end.
            ("bytes=10-", 10, Unsatisfiable),
            ("bytes=10-11", 10, Unsatisfiable),
            ("bytes=99999999999999999999999999-", 10, Unsatisfiable),
            ("bytes=-0", 10, Unsatisfiable),
            ("bytes=0-", 0, Unsatisfiable),
            ("bytes=-5", 0, Whole),
            // More than one.
            ("bytes=0-1,3-4", 10, Whole),
            ("bytes=0-1,20-30", 10, Whole),
            ("bytes=0-1,x", 10, Whole),
            // Malformed, or not ours.
            ("", 10, Whole),
            ("bytes", 10, Whole),
            ("bytes=", 10, Whole),
            ("bytes=-", 10, Whole),
            ("bytes=,", 10, Whole),
            ("bytes=4-2", 10, Whole),
            ("bytes=a-2", 10, Whole),
            ("bytes=+1-2", 10, Whole),
            ("bytes=1-2x", 10, Whole),
            ("bytes=1--2", 10, Whole),
            ("bytes=--2", 10, Whole),
            ("bytes=0x1-2", 10, Whole),
            ("bytes=1 -2", 10, Whole),
            ("bytes =1-2", 10, Whole),
            ("lines=1-2", 10, Whole),
            ("1-2", 10, Whole),
        ];
        for (value, length, range) in table {
            assert_eq!(
                Range::of(value.as_bytes(), *length),
                *range,
                "{value:?} of {length}"
            );
        }
    }

    proptest! {
        #[test]
        fn a_part_is_never_empty_and_never_reaches_behind_the_end(
            value in prop_oneof!["bytes=[0-9]{0,21}-[0-9]{0,21}", "bytes=[-0-9, ]{0,12}", "\\PC{0,20}"],
            length in prop_oneof![0..20u64, any::<u64>()],
        ) {
            if let Range::Part { first, length: count } = Range::of(value.as_bytes(), length) {
                prop_assert!(count > 0);
                prop_assert!(first.checked_add(count).is_some_and(|end| end <= length));
            }
        }
    }
}
