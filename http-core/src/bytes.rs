//! Classes of bytes, and the two scans that every parser here is made of.

/// `tchar` of RFC 9110 section 5.6.2.
pub(crate) const TOKEN: u8 = 1;
/// `pchar` and `/` without `%` (RFC 3986 section 3.3): the bytes of a path.
pub(crate) const PATH: u8 = 2;
/// [`PATH`] and `?` (RFC 3986 section 3.4): the bytes of a query.
pub(crate) const QUERY: u8 = 4;
/// The bytes of a path as browsers send it: [`PATH`], and `[ ] | %`, which the WHATWG URL standard does not encode there.
pub(crate) const BROWSER_PATH: u8 = PATH << BROWSERS;
/// The bytes of a query as browsers send it: [`QUERY`], and `[ ] | { } \ ^ %` and the backtick.
pub(crate) const BROWSER_QUERY: u8 = QUERY << BROWSERS;
/// How many bits the browsers' class of a path or a query is above the RFC's.
pub(crate) const BROWSERS: u8 = 4;
/// `unreserved` and `sub-delims` (RFC 3986 section 3.2.2): the bytes of a registered name.
pub(crate) const NAME: u8 = 8;
/// HTAB, SP, VCHAR and `obs-text` (RFC 9110 section 5.5): the bytes of a field value.
pub(crate) const VALUE: u8 = 16;

static CLASS: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut b = 0;
    while b < 256 {
        let byte = b as u8;
        let alnum = byte.is_ascii_alphanumeric();
        let sub_delim = matches!(
            byte,
            b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'='
        );
        let unreserved = alnum || matches!(byte, b'-' | b'.' | b'_' | b'~');
        let path = unreserved || sub_delim || matches!(byte, b':' | b'@' | b'/');
        let token = alnum
            || matches!(byte, b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+')
            || matches!(byte, b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~');
        let browser_path = path || matches!(byte, b'[' | b']' | b'|' | b'%');
        let browser_query = browser_path || matches!(byte, b'?' | b'{' | b'}' | b'\\' | b'^' | b'`');
        let value = byte == b'\t' || (byte >= b' ' && byte != 0x7f);
        table[b] = TOKEN * (token as u8)
            + PATH * (path as u8)
            + QUERY * ((path || byte == b'?') as u8)
            + BROWSER_PATH * (browser_path as u8)
            + BROWSER_QUERY * (browser_query as u8)
            + NAME * ((unreserved || sub_delim) as u8)
            + VALUE * (value as u8);
        b += 1;
    }
    table
}

/// Whether `byte` is of `class`.
#[inline(always)]
pub(crate) const fn is(byte: u8, class: u8) -> bool {
    CLASS[byte as usize] & class != 0
}

/// Whether all bytes are of `class`. It does not stop early, because nearly always they are.
#[inline(always)]
pub(crate) fn all(bytes: &[u8], class: u8) -> bool {
    let shared = bytes.iter().fold(class, |shared, &b| shared & CLASS[b as usize]);
    shared != 0
}

/// Returns the index of the first byte from `from` on that is not of `class`, or the length; `from` itself if it is past the
/// end.
///
/// It checks the bounds once for eight bytes, which halves the instructions.
#[inline(always)]
pub(crate) fn span(bytes: &[u8], from: usize, class: u8) -> usize {
    let mut at = from;
    while let Some(eight) = bytes.get(at..at + 8) {
        for (i, &byte) in eight.iter().enumerate() {
            if !is(byte, class) {
                return at + i;
            }
        }
        at += 8;
    }
    while let Some(&byte) = bytes.get(at)
        && is(byte, class)
    {
        at += 1;
    }
    at
}

/// As [`span`] with the class of a path or a query, for targets that may be long.
#[inline(always)]
pub(crate) fn long_span(bytes: &[u8], from: usize, class: u8) -> usize {
    let short = bytes.len().min(from.saturating_add(16));
    let end = span(&bytes[..short], from, class);
    if end < short {
        end
    } else {
        blocks_span(bytes, end, class)
    }
}

/// Skips whole blocks of the bytes that nearly all targets consist of, and goes byte by byte through other blocks.
#[inline(never)]
fn blocks_span(bytes: &[u8], from: usize, class: u8) -> usize {
    let mut at = from;
    loop {
        let (blocks, _) = bytes[at..].as_chunks::<16>();
        at += 16 * blocks.iter().take_while(|block| is_target_block(block)).count();
        let short = bytes.len().min(at.saturating_add(16));
        at = span(&bytes[..short], at, class);
        if at < short || at == bytes.len() {
            return at;
        }
    }
}

/// Whether a block holds nothing but letters, digits and `&'()*+,-./:;=_`: all of them are of each class of targets.
#[inline(always)]
fn is_target_block(block: &[u8; 16]) -> bool {
    // Each term is 0 exactly for the bytes of its class, so the minimum is 0 exactly for bytes of any of the classes.
    let odd = |&byte: &u8| {
        outside(byte | 0x20, b'a', b'z')
            .min(outside(byte, b'&', b';'))
            .min(byte ^ b'_')
            .min(byte ^ b'=')
    };
    block.iter().map(odd).fold(0, |all, odd| all | odd) == 0
}

/// Whether a block holds a byte that is no printable ASCII: a control, DEL or over 0x7f.
#[inline(always)]
fn has_odd(block: &[u8; 16]) -> bool {
    let odd = |&byte: &u8| outside(byte, b' ', b'~');
    block.iter().map(odd).fold(0, |all, odd| all | odd) != 0
}

/// 0 if `byte` is from `first` to `last`.
///
/// It has no branch, nor have its callers, so that the compiler looks at all bytes of a block at once (SSE2, NEON).
#[inline(always)]
fn outside(byte: u8, first: u8, last: u8) -> u8 {
    byte.wrapping_sub(first).saturating_sub(last - first)
}

/// Returns the index of the first odd byte of a block that has one.
#[inline(always)]
fn first_odd(block: &[u8; 16]) -> usize {
    const ONES: u64 = u64::from_ne_bytes([1; 8]);
    // The high bit of the first odd byte is set. The bits above it mean nothing, because the additions carry into them.
    let odd = |word: u64| (word.wrapping_sub(ONES << 5) | word.wrapping_add(ONES) | word) & (ONES << 7);
    let block = u128::from_le_bytes(*block);
    let low = odd(block as u64);
    let bits = if low != 0 {
        low.trailing_zeros()
    } else {
        64 + odd((block >> 64) as u64).trailing_zeros()
    };
    (bits / 8) as usize
}

/// As [`span`] with [`VALUE`].
///
/// HTAB and bytes over 0x7f are legal but rare: they stop the fast loop, and each is stepped over alone.
#[inline(always)]
pub(crate) fn value_span(bytes: &[u8], from: usize) -> usize {
    let mut at = from;
    while let Some(block) = bytes.get(at..at + 16).and_then(<[u8]>::first_chunk::<16>) {
        if !has_odd(block) {
            at += 16;
            continue;
        }
        at += first_odd(block);
        if !is(bytes[at], VALUE) {
            return at;
        }
        at += 1;
    }
    span(bytes, at, VALUE)
}

/// Whether `name` is `lower` without regard to case. `lower` is a lower-case token and `name` was checked to be one, so
/// that setting bit 5 folds the letters and nothing else.
#[inline(always)]
pub(crate) fn is_name<const N: usize>(name: &[u8], lower: &[u8; N]) -> bool {
    let Ok(name) = <&[u8; N]>::try_from(name) else {
        return false;
    };
    let differ = |name: &[u8; 8], lower: &[u8; 8]| {
        (u64::from_ne_bytes(*name) | u64::from_ne_bytes([0x20; 8])) ^ u64::from_ne_bytes(*lower)
    };
    let (Some(end), Some(lower_end)) = (name.last_chunk(), lower.last_chunk()) else {
        return name.iter().zip(lower).all(|(name, lower)| name | 0x20 == *lower);
    };
    // Whole words from the beginning, and the last eight bytes, which share some with the word before.
    let words = name.as_chunks().0.iter().zip(lower.as_chunks().0);
    let differences = words.map(|(name, lower)| differ(name, lower));
    differences.fold(differ(end, lower_end), |all, one| all | one) == 0
}

/// `bytes` without the SP and HTAB on both sides (OWS, RFC 9110 section 5.6.3).
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The elements of a comma-separated list, trimmed, without the empty ones (RFC 9110 section 5.6.1).
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value
        .split(|&b| b == b',')
        .map(trim)
        .filter(|element| !element.is_empty())
}

/// Returns `bytes` as text. They were checked to be ASCII; if the caller has changed them since, the text is empty.
#[inline]
pub(crate) fn text(bytes: &[u8]) -> &str {
    core::str::from_utf8(bytes).unwrap_or("")
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::vec::Vec;

    /// Calls `check` with bytes that are all of every class but for one, which is every value at every place of every
    /// length, and with the place where that class ends.
    fn at_every_place(class: u8, check: impl Fn(&[u8]) -> usize) {
        for length in 0..44 {
            let mut bytes: Vec<u8> = std::vec![b'a'; length];
            for at in 0..length {
                for byte in 0..=255 {
                    bytes[at] = byte;
                    let end = if is(byte, class) { length } else { at };
                    assert_eq!(check(&bytes), end, "{byte:#x} at {at} of {length}");
                }
                bytes[at] = b'a';
            }
            assert_eq!(check(&bytes), length);
        }
    }

    #[test]
    fn a_span_ends_at_the_first_byte_of_another_class() {
        for class in [TOKEN, PATH, QUERY, BROWSER_PATH, BROWSER_QUERY, NAME, VALUE] {
            at_every_place(class, |bytes| {
                let end = span(bytes, 0, class);
                assert_eq!(all(bytes, class), end == bytes.len());
                end
            });
        }
    }

    #[test]
    fn the_span_of_a_value_is_a_span() {
        at_every_place(VALUE, |value| value_span(value, 0));
    }

    #[test]
    fn the_span_of_a_long_target_is_a_span() {
        for class in [PATH, QUERY, BROWSER_PATH, BROWSER_QUERY] {
            at_every_place(class, |target| long_span(target, 0, class));
        }
    }

    #[test]
    fn a_span_begins_where_it_is_told_to() {
        let bytes = [b' '; 3].into_iter().chain([b'a'; 40]).chain(*b" a");
        let bytes: Vec<u8> = bytes.collect();
        for from in 3..=43 {
            assert_eq!(span(&bytes, from, PATH), 43, "{from}");
            assert_eq!(long_span(&bytes, from, PATH), 43, "{from}");
            assert_eq!(value_span(&bytes, from), 45, "{from}");
        }
        assert_eq!(value_span(&bytes, 45), 45);
        assert_eq!((span(&bytes, 46, PATH), value_span(&bytes, 46)), (46, 46));
    }

    #[test]
    fn the_browsers_sets_hold_what_the_url_standard_leaves_raw_and_no_more() {
        let more = |class: u8, than: u8| -> Vec<u8> {
            let all = 0..=255;
            all.filter(|&byte| is(byte, class) && !is(byte, than)).collect()
        };
        assert_eq!(more(BROWSER_PATH, PATH), b"%[]|");
        assert_eq!(more(BROWSER_QUERY, QUERY), b"%[\\]^`{|}");
        assert!(more(PATH, BROWSER_PATH).is_empty() && more(QUERY, BROWSER_QUERY).is_empty());
    }

    #[test]
    fn names_fold_letters_only() {
        assert!(is_name(b"CoNtEnT-LeNgTh", b"content-length"));
        assert!(!is_name(b"content_length", b"content-length"));
        assert!(!is_name(b"host2", b"host"));
    }
}
