//! The field lines that choose between a file's answers.

use http_core::{Head, KnownField};

use super::coding::{self, Wanted};

/// The parts of a request that choose between a file's answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// The codings of which a sibling is wanted.
    pub(super) wanted: Wanted,
    /// Whether there is a condition or a range.
    pub(super) has_modifiers: bool,
}

/// The value of Accept-Encoding that was read last: most clients of a site send the same.
#[derive(Debug, Default)]
pub(super) struct Codings {
    value: Vec<u8>,
    wanted: Wanted,
}

impl Asked {
    /// The file itself, whole.
    pub(super) const NOTHING: Self = Self {
        wanted: Wanted::NONE,
        has_modifiers: false,
    };

    /// Reads the lines of a request; its codings only where there may be siblings.
    #[inline(always)]
    pub(super) fn read(siblings: bool, codings: &mut Codings, head: &Head<'_>) -> Self {
        Self {
            wanted: match siblings && head.has(KnownField::AcceptEncoding) {
                true => codings.read(head),
                false => Wanted::NONE,
            },
            has_modifiers: head.has(KnownField::Modifier),
        }
    }
}

impl Codings {
    fn read(&mut self, head: &Head<'_>) -> Wanted {
        let mut values = head.values("accept-encoding");
        match (values.next(), values.next()) {
            (Some(value), None) if *self.value == *value => self.wanted,
            (Some(value), another) => self.read_anew(value, another.is_some(), head),
            (None, _) => Wanted::NONE,
        }
    }

    #[cold]
    fn read_anew(&mut self, value: &[u8], several: bool, head: &Head<'_>) -> Wanted {
        let wanted = Wanted::read(head.fields());
        // A value that is as long as nobody sends it is not worth to be kept.
        if !several && value.len() <= 256 {
            self.value.clear();
            self.value.extend_from_slice(value);
            self.wanted = wanted;
        }
        wanted
    }
}

/// Whether Accept names `text/html` (RFC 9110 §12.5.1), as browsers do for pages and not for scripts or images. A
/// wildcard is not enough.
pub(super) fn takes_html(head: &Head<'_>) -> bool {
    let lines = head
        .fields()
        .filter(|(name, _)| name.eq_ignore_ascii_case("accept"));
    lines
        .flat_map(|(_, value)| value.split(|&byte| byte == b','))
        .any(|element| {
            let mut parts = element.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
            let is_html = parts
                .next()
                .is_some_and(|range| range.eq_ignore_ascii_case(b"text/html"));
            is_html && !parts.any(|part| coding::weight(part) == Some(0))
        })
}
