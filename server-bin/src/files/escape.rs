//! Names as they have to be written in a URL and in HTML.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};

/// Everything but the unreserved characters of RFC 3986 §2.3 and the slash between segments. So neither a second
/// slash, a backslash, a colon nor a control character of a name can give the URL another meaning.
const IN_PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// What RFC 3986 §3.4 does not allow in a query. `%` stays: a query that arrives is escaped already.
const NOT_IN_QUERY: &AsciiSet = &percent_encoding::CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// The URL of the directory `name` (without a slash at its end) as seen from its own name, with the query behind it.
///
/// It is relative, so that it stays below whatever a proxy has before the path, and begins with `./`, so that it is
/// neither another host nor a scheme, whatever the name.
pub(crate) fn directory_url(name: &[u8], query: Option<&str>) -> String {
    let last = name.rsplit(|&byte| byte == b'/').next().unwrap_or_default();
    let mut url = String::new();
    push_relative_url(&mut url, last);
    url.push('/');
    if let Some(query) = query {
        url.push('?');
        url.extend(percent_encode(query.as_bytes(), NOT_IN_QUERY));
    }
    url
}

/// Appends one segment of a path as a relative URL: `./` keeps it from being read as a scheme.
pub(crate) fn push_relative_url(html: &mut String, segment: &[u8]) {
    html.push_str("./");
    html.extend(percent_encode(segment, IN_PATH));
}

/// Appends text, with nothing left in it that HTML would take for markup. Bytes that are no UTF-8 are replaced.
pub(crate) fn push_html(html: &mut String, text: &[u8]) {
    for character in String::from_utf8_lossy(text).chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            // Controls, and those that turn the direction of writing around, could make a name look like another.
            control if control.is_control() => html.push('\u{fffd}'),
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                html.push('\u{fffd}')
            }
            other => html.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_directory_url_names_no_other_host() {
        let table: &[(&[u8], Option<&str>, &str)] = &[
            (b"a", None, "./a/"),
            (b"a/b c", Some("x=1&y=%20"), "./b%20c/?x=1&y=%20"),
            (b"evil.com", Some(""), "./evil.com/?"),
            (b"\tevil", None, "./%09evil/"),
            (b"\\evil", None, "./%5Cevil/"),
            (b"http:", None, "./http%3A/"),
            (
                b"a\r\nSet-Cookie: x",
                Some("q\r\n#<\\"),
                "./a%0D%0ASet-Cookie%3A%20x/?q%0D%0A%23%3C%5C",
            ),
            (b"\xff%", None, "./%FF%25/"),
        ];
        for (name, query, url) in table {
            assert_eq!(directory_url(name, *query), *url);
        }
    }

    #[test]
    fn html_and_urls_hold_no_markup() {
        let mut html = String::new();
        push_html(&mut html, b"<script>\"'&\xff\x1b\xe2\x80\xae");
        assert_eq!(html, "&lt;script&gt;&quot;&#39;&amp;\u{fffd}\u{fffd}\u{fffd}");
        let mut url = String::new();
        push_relative_url(&mut url, b"javascript:alert('1')\"<>");
        assert_eq!(url, "./javascript%3Aalert%28%271%27%29%22%3C%3E");
    }

    proptest! {
        #[test]
        fn a_url_leads_back_to_its_name(name in prop::collection::vec(1..=255_u8, 0..40)) {
            let mut url = String::new();
            push_relative_url(&mut url, &name);
            let decoded: Vec<u8> = percent_encoding::percent_decode_str(&url[2..]).collect();
            prop_assert_eq!(decoded, name);
            prop_assert!(url.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"'<>&\\:?#".contains(&byte)));
        }
    }
}
