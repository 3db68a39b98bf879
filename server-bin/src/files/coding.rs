//! Content codings (RFC 9110 §8.4.1) of which a file may have a sibling, and which of them a request wants.

/// A coding in which a file may lie beside itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Coding {
    /// `.br`
    Brotli,
    /// `.zst`
    Zstandard,
    /// `.gz`
    Gzip,
}

impl Coding {
    /// All of them; where a request wants several equally, the earlier one, which is commonly the smaller one.
    const ALL: [Self; 3] = [Self::Brotli, Self::Zstandard, Self::Gzip];

    /// The name in Content-Encoding.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Brotli => "br",
            Self::Zstandard => "zstd",
            Self::Gzip => "gzip",
        }
    }

    /// The end of a sibling's name, behind the file's.
    pub(crate) fn suffix(self) -> &'static [u8] {
        match self {
            Self::Brotli => b".br",
            Self::Zstandard => b".zst",
            Self::Gzip => b".gz",
        }
    }
}

/// The codings that a request wants, the most wanted one first: two bits for each, so that answers are kept by it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted(u8);

impl Wanted {
    /// Nothing but the file itself.
    pub(crate) const NONE: Self = Self(0);

    /// Reads the Accept-Encoding lines of a request.
    pub(crate) fn read<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        Accepted::read(fields).in_order()
    }

    pub(crate) fn iter(self) -> impl Iterator<Item = Coding> {
        let places = [self.0 & 3, self.0 >> 2 & 3, self.0 >> 4 & 3].into_iter();
        places.filter_map(|number| Coding::ALL.get(usize::from(number).checked_sub(1)?).copied())
    }
}

/// What a request's Accept-Encoding lines say (§12.5.3), as weights in thousandths.
#[derive(Clone, Copy, Debug, Default)]
struct Accepted {
    codings: [Option<u16>; 3],
    identity: Option<u16>,
    any: Option<u16>,
}

impl Accepted {
    /// Reads all lines of the field; without one nothing but the file itself is wanted.
    fn read<'a>(fields: impl Iterator<Item = (&'a str, &'a [u8])>) -> Self {
        let mut accepted = Self::default();
        for (name, value) in fields {
            if name.len() == 15 && name.eq_ignore_ascii_case("accept-encoding") {
                value
                    .split(|&byte| byte == b',')
                    .for_each(|element| accepted.element(element));
            }
        }
        accepted
    }

    fn element(&mut self, element: &[u8]) {
        let mut parts = element.split(|&byte| byte == b';').map(<[u8]>::trim_ascii);
        let coding = parts.next().unwrap_or_default();
        let weight = match (parts.next(), parts.next()) {
            (None, _) => Some(1000),
            (Some(parameter), None) => weight(parameter),
            (Some(_), Some(_)) => None,
        };
        // An element whose weight cannot be read might as well mean "never".
        let Some(weight) = weight else { return };
        let is = |name: &str| coding.eq_ignore_ascii_case(name.as_bytes());
        match Coding::ALL.iter().position(|known| is(known.name())) {
            Some(at) => self.codings[at] = Some(weight),
            // RFC 9110 §8.4.1.3.
            None if is("x-gzip") => self.codings[2] = Some(weight),
            None if is("identity") => self.identity = Some(weight),
            None if is("*") => self.any = Some(weight),
            None => {}
        }
    }

    /// The codings that are wanted at least as much as the file itself, the most wanted one first.
    fn in_order(&self) -> Wanted {
        let mut ranked = [1, 2, 3].map(|number| {
            let weight = self.codings[usize::from(number - 1)].or(self.any);
            (weight.unwrap_or(0), number)
        });
        // The sort is stable, so equal weights stay in our order.
        ranked.sort_by_key(|&(weight, _)| std::cmp::Reverse(weight));
        let least = self.identity.unwrap_or(0).max(1);
        let wanted = ranked.into_iter().filter(|&(weight, _)| weight >= least);
        Wanted(
            wanted
                .rev()
                .fold(0, |all, (_, number): (_, u8)| all << 2 | number),
        )
    }
}

/// `"q=" ( "0" [ "." *3DIGIT ] / "1" [ "." *3"0" ] )` (§12.4.2), in thousandths.
pub(super) fn weight(parameter: &[u8]) -> Option<u16> {
    let (name, value) = parameter.split_at_checked(2)?;
    if !name.eq_ignore_ascii_case(b"q=") {
        return None;
    }
    let (whole, fraction) = match value {
        [whole, b'.', fraction @ ..] if fraction.len() <= 3 => (whole, fraction),
        [whole] => (whole, &[][..]),
        _ => return None,
    };
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digits = fraction.iter().chain(b"000").take(3);
    let thousandths = digits.fold(0, |sum: u16, digit| sum * 10 + u16::from(digit - b'0'));
    match whole {
        b'0' => Some(thousandths),
        b'1' if thousandths == 0 => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_wildcards_order_the_codings() {
        let table: &[(&[&str], &str)] = &[
            (&[], ""),
            (&[""], ""),
            (&["gzip, deflate, br, zstd"], "br zstd gzip"),
            (&["gzip"], "gzip"),
            (&["GZip"], "gzip"),
            (&["x-gzip"], "gzip"),
            (&["deflate"], ""),
            (&["gzip", "br"], "br gzip"),
            (&["gzip;q=1, br;q=0.5"], "gzip br"),
            (&["gzip;q=0"], ""),
            (&["gzip;q=0.000"], ""),
            (&["gzip;q=0.001"], "gzip"),
            (&["gzip ; Q=0.5 , br;q=0.50, zstd;q=0.499"], "br gzip zstd"),
            (&["*"], "br zstd gzip"),
            (&["*;q=0"], ""),
            (&["*, br;q=0"], "zstd gzip"),
            (&["gzip;q=0.5, *;q=0.1"], "gzip br zstd"),
            (&["identity"], ""),
            (&["gzip, identity"], "gzip"),
            (&["gzip;q=0.5, identity"], ""),
            (&["gzip;q=0.5, identity;q=0.5"], "gzip"),
            (&["gzip, identity;q=0"], "gzip"),
            // Weights that are none.
            (&["gzip;q=2"], ""),
            (&["gzip;q=1.001"], ""),
            (&["gzip;q=0.1234"], ""),
            (&["gzip;q=-1"], ""),
            (&["gzip;q="], ""),
            (&["gzip;q"], ""),
            (&["gzip;level=1"], ""),
            (&["gzip;q=1;q=1"], ""),
            (&["gzip;q=0.x"], ""),
        ];
        for (lines, expected) in table {
            let fields = lines.iter().map(|line| ("Accept-Encoding", line.as_bytes()));
            let names: Vec<_> = Wanted::read(fields).iter().map(Coding::name).collect();
            assert_eq!(names.join(" "), *expected, "{lines:?}");
        }
    }
}
