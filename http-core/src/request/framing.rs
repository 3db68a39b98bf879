//! How the end of a request's body is known: one pure function, in the order of RFC 9112 section 6.3.

use super::parts::{Framing, Version};
use crate::bytes::{self, TOKEN};
use crate::rules::Rule;
use core::num::NonZeroU64;

/// The meaning of all Transfer-Encoding lines together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TransferEncoding {
    Absent,
    /// Exactly `chunked`.
    Chunked,
    /// Other codings, and one `chunked` at the end.
    OthersThenChunked,
    /// Anything else: the end of the body cannot be known.
    Invalid,
}

impl TransferEncoding {
    /// Reads the values of all lines as one list.
    pub(crate) fn read<'a>(values: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut verdict = Self::Invalid; // of no codings at all
        let mut others = false;
        for coding in values.flat_map(bytes::list) {
            if verdict == Self::Chunked || verdict == Self::OthersThenChunked {
                return Self::Invalid; // something follows chunked
            }
            if coding.eq_ignore_ascii_case(b"chunked") {
                verdict = if others {
                    Self::OthersThenChunked
                } else {
                    Self::Chunked
                };
            } else if bytes::all(coding, TOKEN) {
                others = true;
            } else {
                return Self::Invalid; // parameters, or no coding
            }
        }
        verdict
    }
}

/// The meaning of Content-Length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContentLength {
    Absent,
    Value(u64),
    /// More than one line, or a list in one.
    Repeated,
    Invalid,
    Overflow,
}

impl ContentLength {
    /// Reads the value of the only line: `1*DIGIT`, leading zeros allowed.
    pub(crate) fn read(value: &[u8]) -> Self {
        if value.is_empty() {
            return Self::Invalid;
        }
        let mut length: u64 = 0;
        let mut fits = true;
        for &byte in value {
            if byte == b',' {
                return Self::Repeated;
            }
            if !byte.is_ascii_digit() {
                return Self::Invalid;
            }
            match length
                .checked_mul(10)
                .and_then(|tens| tens.checked_add(u64::from(byte - b'0')))
            {
                Some(sum) => length = sum,
                None => fits = false,
            }
        }
        if fits { Self::Value(length) } else { Self::Overflow }
    }
}

/// Decides the framing of a request's body (RFC 9112 section 6.3; a request without either field has no body).
pub(crate) fn decide(version: Version, te: TransferEncoding, cl: ContentLength) -> Result<Framing, Rule> {
    // Step 3: Transfer-Encoding. 6.1 lets a server refuse both fields together and distrust HTTP/1.0 with it.
    match (te, cl) {
        (TransferEncoding::Absent, _) => {}
        (_, ContentLength::Absent) if version == Version::Http10 => {
            return Err(Rule::TransferEncodingInHttp10);
        }
        (TransferEncoding::Chunked, ContentLength::Absent) => return Ok(Framing::Chunked),
        // Step 4: chunked is not the final coding, so the length cannot be known.
        (TransferEncoding::Invalid, ContentLength::Absent) => return Err(Rule::BadTransferEncoding),
        (TransferEncoding::OthersThenChunked, ContentLength::Absent) => {
            return Err(Rule::UnsupportedTransferCoding);
        }
        (_, _) => return Err(Rule::BothFramings),
    }
    // Steps 5 to 7: Content-Length, or no body.
    match cl {
        ContentLength::Absent => Ok(Framing::Empty),
        ContentLength::Value(length) => Ok(NonZeroU64::new(length).map_or(Framing::Empty, Framing::Length)),
        ContentLength::Repeated => Err(Rule::RepeatedContentLength),
        ContentLength::Invalid => Err(Rule::BadContentLength),
        ContentLength::Overflow => Err(Rule::ContentLengthOverflow),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn te(lines: &[&str]) -> TransferEncoding {
        TransferEncoding::read(lines.iter().map(|line| line.as_bytes()))
    }

    #[test]
    fn only_one_final_chunked_is_a_transfer_encoding() {
        use TransferEncoding::{Chunked, Invalid, OthersThenChunked};
        for lines in [&["chunked"][..], &["Chunked"], &[", chunked ,"], &["", "chunked"]] {
            assert_eq!(te(lines), Chunked, "{lines:?}");
        }
        for lines in [
            &["gzip, chunked"][..],
            &["gzip", "chunked"],
            &["identity,chunked"],
        ] {
            assert_eq!(te(lines), OthersThenChunked, "{lines:?}");
        }
        for lines in [
            &[""][..],
            &["gzip"],
            &["chunked, gzip"],
            &["chunked, chunked"],
            &["chunked", "chunked"],
            &["chunked;a=b"],
            &["xchunked"],
            &["chunked\u{b}"],
            &["gzip;q=1, chunked"],
            &["\"chunked\""],
            &["chunked chunked"],
        ] {
            assert_eq!(te(lines), Invalid, "{lines:?}");
        }
    }

    #[test]
    fn content_length_is_digits_that_fit() {
        assert_eq!(ContentLength::read(b"0"), ContentLength::Value(0));
        assert_eq!(ContentLength::read(b"007"), ContentLength::Value(7));
        assert_eq!(
            ContentLength::read(b"18446744073709551615"),
            ContentLength::Value(u64::MAX)
        );
        assert_eq!(
            ContentLength::read(b"18446744073709551616"),
            ContentLength::Overflow
        );
        assert_eq!(
            ContentLength::read(b"99999999999999999999x"),
            ContentLength::Invalid
        );
        assert_eq!(ContentLength::read(b"5, 5"), ContentLength::Repeated);
        for bad in [
            "", "+5", "-5", "0x5", "5 5", "5.0", "1e3", "1_000", "5;", "\u{0665}",
        ] {
            assert_eq!(
                ContentLength::read(bad.as_bytes()),
                ContentLength::Invalid,
                "{bad}"
            );
        }
    }

    #[test]
    fn both_framings_are_refused_whatever_they_say() {
        use TransferEncoding::{Chunked, Invalid, OthersThenChunked};
        for version in [Version::Http10, Version::Http11] {
            for te in [Chunked, OthersThenChunked, Invalid] {
                for cl in [
                    ContentLength::Value(0),
                    ContentLength::Repeated,
                    ContentLength::Invalid,
                ] {
                    assert_eq!(decide(version, te, cl), Err(Rule::BothFramings));
                }
            }
        }
    }

    #[test]
    fn http_1_0_has_no_transfer_encoding() {
        let decided = decide(Version::Http10, TransferEncoding::Chunked, ContentLength::Absent);
        assert_eq!(decided, Err(Rule::TransferEncodingInHttp10));
    }
}
