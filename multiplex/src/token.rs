//! The caller's number for a registration, and what the backend adds to it on its way through the kernel.

use std::io;

use crate::sys::Bits;

/// The caller's number for a registration: it comes back in every [`Event`](crate::Event) of that registration.
///
/// The poller never interprets it. The usual choice is an index into a table of connections, with a generation (a count of how
/// often that place was used) by which events of an earlier connection are recognised. Two registrations may share a token; then
/// their events cannot be told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(usize);

impl Token {
    /// The largest token that can be registered.
    ///
    /// The kernel keeps one number beside each registration. Its two highest bits belong to the poller, the others to the token.
    ///
    /// # Portability
    ///
    /// - On 64 bits it is 2⁶² - 1. An address in memory fits, unless the allocator marks it in the highest byte, as on Android
    ///   (since 11, on arm64): such an address is refused, so use an index there.
    /// - On 32 bits an epoll keeps 64 bits, so every `usize` fits. A kqueue keeps 32: the largest is 2³⁰ - 1.
    pub const MAX: Token = Token(largest());

    /// Makes a token of `value`.
    ///
    /// A value above [`Token::MAX`] is refused where it is used, with [`io::ErrorKind::InvalidInput`].
    #[inline]
    pub const fn new(value: usize) -> Self {
        Self(value)
    }

    /// Returns the number that this token was made of.
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
        Ok(Tagged(self.0 as Bits | kind.bits()))
    }
}

#[cold]
fn too_large() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "the token is larger than Token::MAX")
}

const KIND_BITS: u32 = 2;
const KIND_MASK: Bits = !(Bits::MAX >> KIND_BITS);

const fn largest() -> usize {
    let most = !KIND_MASK;
    if most as u128 > usize::MAX as u128 {
        usize::MAX
    } else {
        narrowed(most)
    }
}

/// A number that was made of a `usize`.
#[inline]
#[allow(clippy::unnecessary_cast, reason = "the kernel keeps a u64 or a usize")]
const fn narrowed(bits: Bits) -> usize {
    bits as usize
}

/// What was registered. An accept is told from a read by this, and a wake from both, without a table.
///
/// One bit per special kind instead of a two-bit number: once a caller has ruled out accept and wake, the compiler knows that
/// both bits are 0 and drops the mask in `token()`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Source = 0,
    Waker = 1,
    Listener = 2,
}

impl Kind {
    #[inline]
    pub(crate) const fn bits(self) -> Bits {
        (self as Bits) << (Bits::BITS - KIND_BITS)
    }
}

/// A token with its kind in the two highest bits: what the kernel keeps and gives back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tagged(Bits);

impl Tagged {
    /// Takes back what [`Tagged::bits`] gave to the kernel.
    #[inline]
    pub(crate) const fn from_bits(bits: Bits) -> Self {
        Self(bits)
    }

    #[inline]
    pub(crate) const fn bits(self) -> Bits {
        self.0
    }

    #[inline]
    pub(crate) const fn token(self) -> Token {
        Token(narrowed(self.0 & !KIND_MASK))
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
        let Some(larger) = Token::MAX.value().checked_add(1) else {
            return; // each `usize` is a token where the kernel keeps more
        };
        let error = Token::new(larger).tagged(Kind::Source).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
