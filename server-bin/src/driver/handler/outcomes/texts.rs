//! The texts of an [`Outcome`](super::Outcome) in the bytes of a head.
//!
//! http-core has judged these bytes, so that looking for the texts is all that is left to do: not on the worker, where
//! nobody may want them, but where they are read.

use http_core::{Head, Version};

use super::outcome::MAX_TEXT;

/// A head of at most so many bytes is kept as it came. Of a longer one, which has long cookies, only the texts are.
pub(crate) const MOST_RAW: usize = 2048;

/// The texts; all are empty without a head.
pub(crate) struct Texts<'a> {
    pub(crate) method: &'a [u8],
    pub(crate) target: &'a [u8],
    pub(crate) version: Option<Version>,
    pub(crate) referer: &'a [u8],
    pub(crate) user_agent: &'a [u8],
}

/// Finds the texts in a head, which was judged before.
pub(crate) fn find(head: &[u8]) -> Texts<'_> {
    // Empty lines may have come before it.
    let start = head
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'))
        .count();
    let mut lines = head[start..].split(|&byte| byte == b'\n');
    let mut words = lines.next().unwrap_or_default().split(|&byte| byte == b' ');
    let mut word = || words.next().unwrap_or_default();
    let (method, target) = (word(), cap(word()));
    let version = match word().trim_ascii_end() {
        b"" => None,
        b"HTTP/1.0" => Some(Version::Http10),
        _ => Some(Version::Http11),
    };
    let (mut referer, mut user_agent) = (None, None);
    for line in lines {
        let Some(colon) = line.iter().position(|&byte| byte == b':') else {
            continue;
        };
        let (name, value) = (&line[..colon], cap(line[colon + 1..].trim_ascii()));
        // The first line of a name counts.
        if name.eq_ignore_ascii_case(b"referer") {
            referer.get_or_insert(value);
        } else if name.eq_ignore_ascii_case(b"user-agent") {
            user_agent.get_or_insert(value);
        }
    }
    Texts {
        method,
        target,
        version,
        referer: referer.unwrap_or_default(),
        user_agent: user_agent.unwrap_or_default(),
    }
}

/// Hands on, piece by piece, a head that has the texts of a longer one.
#[cold]
pub(crate) fn put(head: &Head<'_>, put: &mut dyn FnMut(&[u8])) {
    let version: &[u8] = match head.version() {
        Version::Http10 => b" HTTP/1.0\r\n",
        Version::Http11 => b" HTTP/1.1\r\n",
    };
    put(head.method().as_str().as_bytes());
    put(b" ");
    put(cap(head.target_str().as_bytes()));
    put(version);
    for name in ["referer", "user-agent"] {
        if let Some(value) = head.field(name) {
            put(name.as_bytes());
            put(b": ");
            put(cap(value));
            put(b"\r\n");
        }
    }
}

fn cap(text: &[u8]) -> &[u8] {
    &text[..text.len().min(MAX_TEXT)]
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_core::{Connection, Event, Fields, Limits};
    use proptest::prelude::*;

    /// A head as http-core takes it, with empty lines before it and blanks around values.
    fn heads() -> impl Strategy<Value = String> {
        let line = prop_oneof![
            "(Referer|referer|REFERER): {0,2}[!-~]{0,40}\t?",
            "(User-Agent|user-agent): ?[!-~]([ -~]{0,40}[!-~])?",
            "X-(Referer|User-Agent): [!-~]{1,20}",
            "Cookie: [a-z]{1,30}",
            Just(format!("Cookie: {}", "c".repeat(1500))),
            Just(format!("Referer: http://a/{}", "r".repeat(1500))),
        ];
        let first = "(\r\n){0,2}(GET|OPTIONS|x) /[a-z?=]{0,30} HTTP/1\\.[019]";
        (first, proptest::collection::vec(line, 0..6))
            .prop_map(|(first, lines)| format!("{first}\r\nHost: a\r\n{}\r\n\r\n", lines.join("\r\n")))
            .prop_map(|head| head.replace("\r\n\r\n\r\n", "\r\n\r\n"))
    }

    proptest! {
        #[test]
        fn the_texts_are_those_that_http_core_finds(raw in heads()) {
            let mut connection = Connection::server(Limits::default());
            let mut fields = Fields::<16>::new();
            let received = connection.receive(raw.as_bytes(), &mut fields);
            let Ok(Event::Request(head)) = received.map(|received| received.event) else {
                return Ok(());
            };
            let mut short = Vec::new();
            put(&head, &mut |piece| short.extend_from_slice(piece));
            prop_assert!(short.len() <= 3 * MAX_TEXT + 100);
            for bytes in [raw.as_bytes(), &short] {
                let texts = find(bytes);
                prop_assert_eq!(texts.method, head.method().as_str().as_bytes());
                prop_assert_eq!(texts.target, head.target_str().as_bytes());
                prop_assert_eq!(texts.version, Some(head.version()));
                prop_assert_eq!(texts.referer, cap(head.field("referer").unwrap_or_default()));
                prop_assert_eq!(texts.user_agent, cap(head.field("user-agent").unwrap_or_default()));
            }
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let texts = find(&bytes);
            prop_assert!(texts.referer.len() <= MAX_TEXT && texts.target.len() <= MAX_TEXT);
        }
    }

    #[test]
    fn without_a_head_there_are_no_texts() {
        let texts = find(b"");
        assert!(texts.method.is_empty() && texts.target.is_empty() && texts.version.is_none());
    }
}
