//! Short texts made on the stack, so that a field's value costs no allocation.

use std::fmt;

/// At most `N` bytes of text. What does not fit is left out, so `N` is chosen for the longest value.
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

    /// What `{}` prints of a value.
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
