//! `uri-host [ ":" port ]` (RFC 9110 section 7.2, RFC 3986 section 3.2): Host, and the authority of a target.

use crate::bytes::{self, NAME};
use core::net::Ipv6Addr;

/// The port of a valid authority: `None` if the authority is invalid, `Some(None)` if it has no port or an empty one.
#[inline]
pub(crate) fn parse(authority: &[u8]) -> Option<Option<u16>> {
    let end = bytes::span(authority, 0, NAME);
    match &authority[end..] {
        _ if end == 0 => literal_or_encoded(authority),
        [] => Some(None),
        [b':', digits @ ..] => port(digits),
        [_, ..] => literal_or_encoded(authority),
    }
}

/// Judges an authority that has `%` in its name, begins with an IP literal, or is invalid.
#[inline(never)]
fn literal_or_encoded(authority: &[u8]) -> Option<Option<u16>> {
    let end = match authority.first()? {
        b'[' => ip_literal(authority)?,
        _ => encoded_name(authority)?,
    };
    match authority.get(end..)? {
        [] => Some(None),
        [b':', digits @ ..] => port(digits),
        [_, ..] => None,
    }
}

/// The index behind a registered name, not empty: two hexadecimal digits follow each `%` in it.
fn encoded_name(authority: &[u8]) -> Option<usize> {
    let mut at = bytes::span(authority, 0, NAME);
    while authority.get(at) == Some(&b'%') {
        let digits = authority.get(at + 1..at + 3)?;
        if !digits.iter().all(u8::is_ascii_hexdigit) {
            return None;
        }
        at = bytes::span(authority, at + 3, NAME);
    }
    (at > 0).then_some(at)
}

/// The index behind the `]` of an IPv6 address or a future one.
fn ip_literal(authority: &[u8]) -> Option<usize> {
    let end = authority.iter().position(|&b| b == b']')?;
    let inside = core::str::from_utf8(&authority[1..end]).ok()?;
    let valid = match inside.strip_prefix(['v', 'V']) {
        Some(future) => ip_future(future),
        None => inside.parse::<Ipv6Addr>().is_ok(),
    };
    valid.then_some(end + 1)
}

/// `1*HEXDIG "." 1*( unreserved / sub-delims / ":" )`, behind the `v`.
fn ip_future(text: &str) -> bool {
    let Some((version, address)) = text.split_once('.') else {
        return false;
    };
    let hex = !version.is_empty() && version.bytes().all(|b| b.is_ascii_hexdigit());
    hex && !address.is_empty() && address.bytes().all(|b| b == b':' || bytes::is(b, NAME))
}

/// `*DIGIT`, at most 65,535.
#[inline(always)]
fn port(digits: &[u8]) -> Option<Option<u16>> {
    let mut port: u32 = 0;
    for &byte in digits {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 || port > 6_553 {
            return None;
        }
        port = port * 10 + u32::from(digit);
    }
    match u16::try_from(port) {
        Ok(_) if digits.is_empty() => Some(None),
        Ok(port) => Some(Some(port)),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn hosts_are_names_and_addresses_with_at_most_one_port() {
        for host in [
            "a",
            "example.com",
            "a:80",
            "a:",
            "127.0.0.1:8080",
            "[::1]",
            "[::1]:80",
            "a:000000080",
            "[v1.a:b]",
            "a%20b",
        ] {
            assert!(parse(host.as_bytes()).is_some(), "{host}");
        }
    }

    #[test]
    fn anything_else_is_no_host() {
        for host in [
            "",
            ":80",
            "a b",
            "u@a",
            "a/b",
            "a?b",
            "a#b",
            "\"a\"",
            "a:b",
            "a:80:80",
            "a:65536",
            "a:655350",
            "a:99999999999999999999",
            "a:+1",
            "[::1",
            "::1",
            "[1]",
            "[v1]",
            "[v.a]",
            "[::1]a",
            "a%2",
            "a%zz",
            "a\u{e4}",
            "[::1%25eth0]",
            "a\\b",
            "<a>",
        ] {
            assert!(parse(host.as_bytes()).is_none(), "{host}");
        }
    }

    #[test]
    fn the_port_is_told() {
        assert_eq!(parse(b"a:65535"), Some(Some(65_535)));
        assert_eq!(parse(b"a:"), Some(None));
        assert_eq!(parse(b"a"), Some(None));
    }
}
