//! What a request's field lines ask of a file.

use http_core::Head;

use super::coding::{self, Wanted};

/// What one look at the field lines tells.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    /// The codings of which a sibling is wanted.
    pub(super) wanted: Wanted,
    /// Whether a condition or a range may be among the lines, so that it is worth to read them.
    pub(super) is_conditional: bool,
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
        is_conditional: false,
    };

    /// Reads the lines of a request; its codings only where there may be siblings.
    #[inline(always)]
    pub(super) fn read(siblings: bool, codings: &mut Codings, head: &Head<'_>) -> Self {
        let mut accepted: Option<&[u8]> = None;
        let mut asked = Self::NOTHING;
        let mut several = false;
        for (name, value) in head.field_bytes() {
            match name.len() {
                15 if is_name(name, b"accept-encoding") => {
                    several |= accepted.replace(value).is_some();
                }
                // Range, If-Match and If-Range, If-None-Match, If-Modified-Since, If-Unmodified-Since.
                5 | 8 | 13 | 17 | 19 => {
                    let first = name[0] | 0x20;
                    asked.is_conditional |= first == b'i' || first == b'r';
                }
                _ => {}
            }
        }
        asked.wanted = match accepted {
            Some(value) if siblings => codings.read(value, several, head),
            _ => Wanted::NONE,
        };
        asked
    }
}

impl Codings {
    #[inline]
    fn read(&mut self, value: &[u8], several: bool, head: &Head<'_>) -> Wanted {
        if several || *self.value != *value {
            return self.read_anew(value, several, head);
        }
        self.wanted
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

/// Whether a field is called `lower`, without regard to case. A name is a token, in which no other byte becomes a letter
/// or the dash by the bit that tells the cases apart; the length is known to the compiler, so it compares words.
#[inline(always)]
pub(super) fn is_name<const N: usize>(name: &[u8], lower: &[u8; N]) -> bool {
    let Ok(name) = <&[u8; N]>::try_from(name) else {
        return false;
    };
    name.iter()
        .zip(lower)
        .fold(0, |odd, (one, another)| odd | ((one | 0x20) ^ another))
        == 0
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
