//! What is being read: a head, a body of one framing or another, trailers, or nothing.

use super::chunked::{Chunked, Found, prefix};
use super::scan::{Progress, Room, Verdict};
use super::table::{Slot, Table};
use super::{Stop, parse, parse_trailers};
use crate::limits::{Caps, TargetPolicy};
use crate::rules::Rule;

/// What is being read, and how far.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reading {
    /// A head, of which this much was scanned.
    Head(Progress),
    /// A body with a Content-Length: this many bytes are left of it, and as many as `allowed` may still come.
    Length { left: u64, allowed: u64 },
    /// A chunked body.
    Chunked(Chunked),
    /// A trailer section, of which this much was scanned.
    Trailers(Progress),
    /// The end of a body, which is still to be told.
    Ending,
}

impl Reading {
    /// Before the first octet of a head.
    pub(crate) const START: Self = Self::Head(Progress::NONE);
}

/// A step through a body.
pub(crate) enum Part<'a> {
    /// This many octets were framing; more are needed.
    More(usize),
    /// So many octets were consumed, of which these are data.
    Data(usize, &'a [u8]),
    /// A trailer section is in the table: from the first of these indices to the second.
    Trailers(usize, usize),
    /// The body has ended; so many octets of framing were consumed.
    End(usize),
}

/// Parses a head of which nothing was seen before. `Ok(None)` means that more octets are needed.
#[inline(always)]
pub(crate) fn head(
    progress: &mut Progress,
    input: &[u8],
    caps: &Caps,
    targets: TargetPolicy,
    table: &mut Table<[Slot]>,
) -> Result<Option<usize>, Rule> {
    settle(
        parse(input, caps, targets, table),
        input,
        progress,
        Room::of_head(caps),
    )
}

/// Scans on in a head, and parses it when it is whole. `Ok(None)` means that more octets are needed.
pub(crate) fn more_head(
    progress: &mut Progress,
    input: &[u8],
    caps: &Caps,
    targets: TargetPolicy,
    table: &mut Table<[Slot]>,
) -> Result<Option<usize>, Rule> {
    // Each octet is looked at for its LF, and once more in its line.
    table.work.add(2 * input.len().saturating_sub(progress.seen()));
    if progress.resume(input, Room::of_head(caps), Some((&mut table.info, targets))) == Verdict::More {
        return Ok(None);
    }
    head(progress, input, caps, targets, table)
}

/// Parses trailers, or scans on in them.
#[inline(never)]
fn trailers(
    progress: &mut Progress,
    input: &[u8],
    caps: &Caps,
    table: &mut Table<[Slot]>,
) -> Result<Option<usize>, Rule> {
    let room = Room::of_trailers(caps);
    if progress.has_begun() {
        table.work.add(2 * input.len().saturating_sub(progress.seen()));
        if progress.resume(input, room, None) == Verdict::More {
            return Ok(None);
        }
    }
    settle(parse_trailers(input, caps, table), input, progress, room)
}

#[inline(always)]
fn settle(
    parsed: Result<usize, Stop>,
    input: &[u8],
    progress: &mut Progress,
    room: Room,
) -> Result<Option<usize>, Rule> {
    match parsed {
        Ok(length) => Ok(Some(length)),
        Err(Stop::Broken(rule)) => Err(rule),
        Err(Stop::Incomplete { line }) => {
            *progress = Progress::new(line, input.len(), room);
            Ok(None)
        }
    }
}

impl Reading {
    /// Takes note of an empty line before a head. Returns whether it may be skipped: not when there were too many.
    pub(crate) fn skips_line(&mut self) -> bool {
        match self {
            Self::Head(progress) => progress.skips_line(),
            Self::Length { .. } | Self::Chunked(_) | Self::Trailers(_) | Self::Ending => false,
        }
    }

    /// Whether more bytes are announced than may come.
    #[inline(always)]
    pub(crate) const fn is_over_limit(&self) -> bool {
        match self {
            Self::Length { left, allowed } => *left > *allowed,
            Self::Chunked(_) | Self::Head(_) | Self::Trailers(_) | Self::Ending => false,
        }
    }

    /// Lets `allowed` more bytes of the body come. A chunk whose size was read is let through whole.
    pub(crate) fn allow(&mut self, limit: u64) {
        match self {
            Self::Length { allowed, .. } => *allowed = limit,
            Self::Chunked(chunked) => chunked.allow(limit),
            Self::Head(_) | Self::Trailers(_) | Self::Ending => {}
        }
    }

    /// Before the first octet of a chunked body that may have `allowed` octets of data.
    pub(crate) const fn chunked(allowed: u64) -> Self {
        Self::Chunked(Chunked::new(allowed))
    }

    /// Reads on in a body.
    #[inline(always)]
    pub(crate) fn body<'a>(
        &mut self,
        input: &'a [u8],
        caps: &Caps,
        table: &mut Table<[Slot]>,
    ) -> Result<Part<'a>, Rule> {
        match self {
            Self::Length { left, allowed } => {
                if *left > *allowed {
                    return Err(Rule::BodyTooLong);
                }
                let data = prefix(input, *left);
                *left -= data.len() as u64;
                *allowed -= data.len() as u64;
                if *left == 0 {
                    *self = Self::Ending;
                }
                Ok(if data.is_empty() {
                    Part::More(0)
                } else {
                    Part::Data(data.len(), data)
                })
            }
            Self::Chunked(chunked) => {
                let (framing, found) = chunked.advance(input, caps)?;
                table.work.add(framing);
                if found == Found::Last {
                    *self = Self::Trailers(Progress::NONE);
                    return self.tail(input, framing, caps, table);
                }
                if found == Found::More {
                    return Ok(Part::More(framing));
                }
                let data = if found == Found::Data {
                    &input[framing..]
                } else {
                    &[]
                };
                let data = prefix(data, chunked.left());
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
    ) -> Result<Part<'a>, Rule> {
        let rest = input.get(from..).unwrap_or(&[]);
        match self {
            Self::Trailers(_) if rest.is_empty() => Ok(Part::More(from)),
            Self::Trailers(_) if rest.starts_with(b"\r\n") => {
                *self = Self::START;
                Ok(Part::End(from + 2))
            }
            Self::Trailers(progress) => {
                let Some(length) = trailers(progress, rest, caps, table)? else {
                    return Ok(Part::More(from));
                };
                *self = Self::Ending;
                Ok(Part::Trailers(from, from + length))
            }
            Self::Ending | Self::Head(_) | Self::Length { .. } | Self::Chunked(_) => {
                *self = Self::START;
                Ok(Part::End(from))
            }
        }
    }
}
