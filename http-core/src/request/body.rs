//! The part of the input that is being read: a head, a body of one framing or another, trailers, or nothing.

use super::Fault::{Broken, Incomplete};
use super::chunked::{Chunked, prefix};
use super::section::Progress;
use super::table::{Slot, Table};
use super::trailers;
use crate::limits::Caps;
use crate::rules::Rule;

/// The part that is being read, and how far.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reading {
    /// A head, scanned as far as this.
    Head(Progress),
    /// A body with a Content-Length.
    Length(Length),
    /// A chunked body.
    Chunked(Chunked),
    /// A trailer section, scanned as far as this.
    Trailers(Progress),
    /// The end of a body, which has not been reported yet.
    Ending,
}

/// The rest of a body with a Content-Length. Packed, so that a connection stays small.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed)]
pub(crate) struct Length {
    left: u64,
    /// How many bytes may still come.
    allowed: u64,
}

impl Length {
    /// Takes what `input` has of the body, unless more is announced than may come.
    #[inline(always)]
    fn take<'a>(&mut self, input: &'a [u8]) -> Result<&'a [u8], (usize, Rule)> {
        if self.left > self.allowed {
            return Err((0, Rule::BodyTooLong));
        }
        let data = prefix(input, self.left);
        self.left -= data.len() as u64;
        self.allowed -= data.len() as u64;
        Ok(data)
    }
}

/// A step through a body.
pub(crate) enum Part<'a> {
    /// This many bytes were framing; more are needed.
    More(usize),
    /// This many bytes were consumed, of which these are data.
    Data(usize, &'a [u8]),
    /// A trailer section is in the table: from the first of these indices to the second.
    Trailers(usize, usize),
    /// The body has ended; this many bytes of framing were consumed.
    End(usize),
}

impl Reading {
    /// Before the first byte of a head.
    pub(crate) const START: Self = Self::Head(Progress::NONE);

    /// Before the first byte of a body of `left` bytes, of which `allowed` may come.
    pub(crate) const fn length(left: u64, allowed: u64) -> Self {
        Self::Length(Length { left, allowed })
    }

    /// Before the first byte of a chunked body that may have `allowed` bytes of data.
    pub(crate) const fn chunked(allowed: u64) -> Self {
        Self::Chunked(Chunked::new(allowed))
    }

    /// Takes note of an empty line before a head. Returns whether it may be skipped: not when there were too many.
    pub(crate) fn skips_line(&mut self) -> bool {
        match self {
            Self::Head(progress) => progress.skips_line(),
            Self::Length(_) | Self::Chunked(_) | Self::Trailers(_) | Self::Ending => false,
        }
    }

    /// Whether more bytes are announced than may come.
    #[inline(always)]
    pub(crate) const fn is_over_limit(&self) -> bool {
        match self {
            Self::Length(length) => length.left > length.allowed,
            Self::Chunked(_) | Self::Head(_) | Self::Trailers(_) | Self::Ending => false,
        }
    }

    /// Lets `allowed` more bytes of the body come. A chunk whose size was read is let through whole.
    pub(crate) fn allow(&mut self, allowed: u64) {
        match self {
            Self::Length(length) => length.allowed = allowed,
            Self::Chunked(chunked) => chunked.allow(allowed),
            Self::Head(_) | Self::Trailers(_) | Self::Ending => {}
        }
    }

    /// How many bytes of a section were scanned and not yet consumed.
    pub(crate) const fn scanned(&self) -> u32 {
        match self {
            Self::Head(progress) | Self::Trailers(progress) => progress.seen(),
            Self::Length(_) | Self::Chunked(_) | Self::Ending => 0,
        }
    }

    /// Reads on in a body. An error is the index of the byte that breaks a rule, and the rule; a body that waits is no error.
    #[inline(always)]
    pub(crate) fn body<'a>(
        &mut self,
        input: &'a [u8],
        caps: &Caps,
        table: &mut Table<[Slot]>,
    ) -> Result<Part<'a>, (usize, Rule)> {
        match self {
            Self::Length(length) => {
                let data = length.take(input)?;
                if length.left == 0 {
                    *self = Self::Ending;
                }
                Ok(if data.is_empty() {
                    Part::More(0)
                } else {
                    Part::Data(data.len(), data)
                })
            }
            Self::Chunked(chunked) => {
                let framing = chunked.advance(input, caps)?;
                table.work.add(framing);
                if chunked.was_last() {
                    *self = Self::Trailers(Progress::NONE);
                    return self.tail(input, framing, caps, table);
                }
                let data = prefix(input.get(framing..).unwrap_or(&[]), chunked.left_of_data());
                if data.is_empty() {
                    return Ok(Part::More(framing));
                }
                chunked.take(data.len());
                Ok(Part::Data(framing + data.len(), data))
            }
            Self::Trailers(_) | Self::Ending | Self::Head(_) => self.tail(input, 0, caps, table),
        }
    }

    /// Reads what follows the data, from `from` on.
    #[inline(never)]
    fn tail<'a>(
        &mut self,
        input: &'a [u8],
        from: usize,
        caps: &Caps,
        table: &mut Table<[Slot]>,
    ) -> Result<Part<'a>, (usize, Rule)> {
        let rest = input.get(from..).unwrap_or(&[]);
        match self {
            Self::Trailers(_) if rest.is_empty() => Ok(Part::More(from)),
            Self::Trailers(_) if rest.starts_with(b"\r\n") => {
                *self = Self::START;
                Ok(Part::End(from + 2))
            }
            Self::Trailers(progress) => match trailers::read(progress, rest, caps, table) {
                Ok(length) => {
                    *self = Self::Ending;
                    Ok(Part::Trailers(from, from + length))
                }
                Err(Incomplete) => Ok(Part::More(from)),
                Err(Broken(at, rule)) => Err((from + at, rule)),
            },
            Self::Ending | Self::Head(_) | Self::Length(_) | Self::Chunked(_) => {
                debug_assert!(matches!(self, Self::Ending), "no body is being read");
                *self = Self::START;
                Ok(Part::End(from))
            }
        }
    }
}
