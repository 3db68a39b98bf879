//! Short texts made on the stack, so that a field's value costs no allocation.

use std::fmt;

/// At most `N` bytes of text. The rest of a longer text is left out, so `N` is chosen for the longest value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<const N: usize> {
    bytes: [u8; N],
    length: usize,
}

impl<const N: usize> Text<N> {
    pub(crate) const fn new() -> Self {
        Self {
            bytes: [0; N],
            length: 0,
        }
    }

    /// Returns the text that `{}` prints of a value.
    pub(crate) fn of(value: fmt::Arguments<'_>) -> Self {
        let mut text = Self::new();
        // Never an error: `write_str` has none, and the values printed here have none of their own.
        let _ = fmt::Write::write_fmt(&mut text, value);
        text
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) {
        debug_assert!(bytes.len() <= N - self.length, "{N} bytes are too few");
        let room = &mut self.bytes[self.length..];
        let count = bytes.len().min(room.len());
        room[..count].copy_from_slice(&bytes[..count]);
        self.length += count;
    }

    /// Appends a number as `{:x}` prints it, without the ways of the standard library's formatting.
    pub(crate) fn push_hex(&mut self, number: u64) {
        let digits: [u8; 16] =
            std::array::from_fn(|at| b"0123456789abcdef"[(number >> (60 - 4 * at)) as usize & 15]);
        // Zero has a digit, too.
        let leading = (number | 1).leading_zeros() as usize / 4;
        self.push(&digits[leading..]);
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl<const N: usize> fmt::Write for Text<N> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.push(text.as_bytes());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_spelled_as_the_standard_library_spells_it() {
        let powers = (0..64).map(|bit| 1_u64 << bit);
        for number in powers
            .flat_map(|power| [power - 1, power, power + 1])
            .chain([u64::MAX])
        {
            let mut text = Text::<16>::new();
            text.push_hex(number);
            assert_eq!(text.as_bytes(), format!("{number:x}").as_bytes());
        }
    }
}
