//! The caller's number for a registration, and what the backend adds to it on its way through the kernel.

use std::io;

/// The caller's number for a registration: it comes back in every [`Event`](crate::Event) of that registration.
///
/// The poller never interprets it. An index into a slab, with a generation against stale events, is the usual
/// choice. Two registrations may share a token; then their events cannot be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(usize);

impl Token {
    /// The largest token that can be registered: the two highest bits of a `usize` belong to the poller.
    pub const MAX: Token = Token(usize::MAX >> KIND_BITS);

    /// Makes a token of `value`.
    ///
    /// A value above [`Token::MAX`] is refused where it is used, with [`io::ErrorKind::InvalidInput`].
    #[inline]
    pub const fn new(value: usize) -> Self {
        Self(value)
    }

    /// The number that this token was made of.
    #[inline]
    pub const fn value(self) -> usize {
        self.0
    }

    /// Adds the kind of registration, or refuses a token that leaves no room for it.
    #[inline]
    pub(crate) fn tagged(self, kind: Kind) -> io::Result<Tagged> {
        if self > Self::MAX {
            return Err(too_large());
        }
        Ok(Tagged(self.0 | kind.bits()))
    }
}

#[cold]
fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the token is larger than Token::MAX")
}

const KIND_BITS: u32 = 2;
const KIND_MASK: usize = !(usize::MAX >> KIND_BITS);

/// What was registered. An accept is told from a read by this, and a wake from both, without a table.
///
/// A bit for each kind but the usual one, rather than a number in two bits: a loop that has asked whether an event is an
/// accept and whether it is a wake leaves the compiler in no doubt that the token beside them is as it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Source = 0,
    Waker = 1,
    Listener = 2,
}

impl Kind {
    #[inline]
    const fn bits(self) -> usize {
        (self as usize) << (usize::BITS - KIND_BITS)
    }
}

/// A token with its kind in the two highest bits: what the kernel keeps and gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tagged(usize);

impl Tagged {
    /// Takes back what [`Tagged::bits`] gave to the kernel.
    #[inline]
    pub(crate) const fn from_bits(bits: usize) -> Self {
        Self(bits)
    }

    #[inline]
    pub(crate) const fn bits(self) -> usize {
        self.0
    }

    #[inline]
    pub(crate) const fn token(self) -> Token {
        Token(self.0 & !KIND_MASK)
    }

    #[inline]
    pub(crate) const fn is(self, kind: Kind) -> bool {
        match kind {
            Kind::Source => self.0 & KIND_MASK == 0,
            Kind::Waker | Kind::Listener => self.0 & kind.bits() != 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_token_survives_every_kind() {
        for kind in [Kind::Source, Kind::Listener, Kind::Waker] {
            let tagged = Token::MAX.tagged(kind).unwrap();
            assert_eq!(tagged.token(), Token::MAX);
            assert!(tagged.is(kind));
        }
    }

    #[test]
    fn a_token_past_the_largest_is_invalid_input() {
        let error = Token::new(Token::MAX.value() + 1)
            .tagged(Kind::Source)
            .unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
