//! ABNF by brute force: a rule maps a set of positions to the set of all positions where it can end.

/// A grammar rule. Nothing is greedy and nothing is ordered, as in RFC 5234.
#[derive(Clone)]
pub enum Abnf {
    /// One byte of a class.
    Byte(fn(u8) -> bool),
    /// These bytes.
    Text(&'static str),
    /// These bytes, in any case.
    NoCase(&'static str),
    Seq(Vec<Abnf>),
    Alt(Vec<Abnf>),
    /// Between `.0` and `.1` times.
    Times(usize, usize, Box<Abnf>),
}

/// The verdict of a rule on an input.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Verdict {
    /// It matches the first `n` bytes, and no longer prefix.
    Matches(usize),
    /// It matches no prefix yet, and more bytes could complete one.
    Open,
    /// No bytes that follow can mend it.
    Fails,
}

pub fn byte(class: fn(u8) -> bool) -> Abnf {
    Abnf::Byte(class)
}
pub fn text(text: &'static str) -> Abnf {
    Abnf::Text(text)
}
pub fn no_case(text: &'static str) -> Abnf {
    Abnf::NoCase(text)
}
pub fn seq<const N: usize>(rules: [Abnf; N]) -> Abnf {
    Abnf::Seq(rules.to_vec())
}
pub fn alt<const N: usize>(rules: [Abnf; N]) -> Abnf {
    Abnf::Alt(rules.to_vec())
}
pub fn times(min: usize, max: usize, rule: Abnf) -> Abnf {
    Abnf::Times(min, max, Box::new(rule))
}
/// `*rule`
pub fn any(rule: Abnf) -> Abnf {
    times(0, usize::MAX, rule)
}
/// `1*rule`
pub fn some(rule: Abnf) -> Abnf {
    times(1, usize::MAX, rule)
}
/// `[ rule ]`
pub fn opt(rule: Abnf) -> Abnf {
    times(0, 1, rule)
}

/// Positions, ascending, none twice.
type Places = Vec<usize>;

impl Abnf {
    /// Judges the beginning of `input`.
    pub fn judge(&self, input: &[u8]) -> Verdict {
        let mut open = false;
        let ends = self.ends(input, &[0], &mut open);
        match ends.last() {
            Some(end) => Verdict::Matches(*end),
            None if open => Verdict::Open,
            None => Verdict::Fails,
        }
    }

    /// Whether the rule matches all of `input`.
    pub fn matches(&self, input: &[u8]) -> bool {
        self.ends(input, &[0], &mut false).contains(&input.len())
    }

    /// Where the rule can end when it begins at one of `starts`; `open` is set when the input ended inside it.
    fn ends(&self, input: &[u8], starts: &[usize], open: &mut bool) -> Places {
        match self {
            Self::Byte(class) => one(input, starts, open, class),
            Self::Text(text) => text
                .bytes()
                .fold(starts.to_vec(), |at, want| one(input, &at, open, &|b| b == want)),
            Self::NoCase(text) => text.bytes().fold(starts.to_vec(), |at, want| {
                one(input, &at, open, &|b| b.eq_ignore_ascii_case(&want))
            }),
            Self::Seq(rules) => rules
                .iter()
                .fold(starts.to_vec(), |at, rule| rule.ends(input, &at, open)),
            Self::Alt(rules) => merged(
                rules
                    .iter()
                    .flat_map(|rule| rule.ends(input, starts, open))
                    .collect(),
            ),
            Self::Times(min, max, rule) => repeat(rule, (*min, *max), input, starts, open),
        }
    }
}

fn merged(mut places: Places) -> Places {
    places.sort_unstable();
    places.dedup();
    places
}

fn one(input: &[u8], starts: &[usize], open: &mut bool, class: &dyn Fn(u8) -> bool) -> Places {
    *open |= starts.contains(&input.len());
    starts
        .iter()
        .filter(|at| input.get(**at).is_some_and(|b| class(*b)))
        .map(|at| at + 1)
        .collect()
}

fn repeat(
    rule: &Abnf,
    (min, max): (usize, usize),
    input: &[u8],
    starts: &[usize],
    open: &mut bool,
) -> Places {
    // Positions found before bring nothing new.
    let mut found = Places::new();
    let mut at = starts.to_vec();
    let mut round = 0;
    loop {
        if round >= min {
            at.retain(|place| match found.binary_search(place) {
                Ok(_) => false,
                Err(index) => {
                    found.insert(index, *place);
                    true
                }
            });
        }
        if at.is_empty() || round == max {
            return found;
        }
        at = rule.ends(input, &at, open);
        round += 1;
    }
}

// RFC 5234 and RFC 9110, section 5.6.
pub fn is_digit(b: u8) -> bool {
    b.is_ascii_digit()
}
pub fn is_hex(b: u8) -> bool {
    b.is_ascii_hexdigit()
}
pub fn is_tchar(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b)
}
pub fn is_blank(b: u8) -> bool {
    b == b' ' || b == b'\t'
}
pub fn is_obs_text(b: u8) -> bool {
    b >= 0x80
}
pub fn is_vchar(b: u8) -> bool {
    (0x21..=0x7e).contains(&b)
}
pub fn token() -> Abnf {
    some(byte(is_tchar))
}
pub fn crlf() -> Abnf {
    text("\r\n")
}
/// Optional blanks: OWS and BWS are spelled alike.
pub fn ows() -> Abnf {
    any(byte(is_blank))
}
/// `quoted-string`
pub fn quoted_string() -> Abnf {
    let qdtext = byte(|b| {
        is_blank(b) || b == 0x21 || (0x23..=0x5b).contains(&b) || (0x5d..=0x7e).contains(&b) || is_obs_text(b)
    });
    let quoted_pair = seq([text("\\"), byte(|b| is_blank(b) || is_vchar(b) || is_obs_text(b))]);
    seq([text("\""), any(alt([qdtext, quoted_pair])), text("\"")])
}
