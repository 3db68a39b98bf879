//! What is being read: a head, a body of one framing or another, trailers, or nothing.

use super::chunked::{Chunked, Found};
use super::head::{Slot, Table};
use super::scan::{self, Progress, Room, Verdict};
use super::{Stop, parse, parse_trailers};
use crate::limits::Caps;
use crate::rules::Rule;

/// What is being read, and how far.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Reading {
    /// A head, of which this much was scanned.
    Head(Progress),
    /// A body with so many octets left.
    Length(u64),
    /// A chunked body.
    Chunked(Chunked),
    /// A trailer section, of which this much was scanned.
    Trailers(Progress),
    /// The end of a body, which is still to be told.
    Ending,
}

impl Reading {
    /// Before the first octet of a head.
    pub(crate) const START: Self = Self::Head(Progress { line: 0, seen: 0 });
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

/// Parses a head, or scans on in it. `Ok(None)` means that more octets are needed.
#[inline]
pub(crate) fn head(
    progress: &mut Progress,
    input: &[u8],
    caps: &Caps,
    table: &mut Table<[Slot]>,
) -> Result<Option<usize>, Rule> {
    if progress.seen != 0 {
        let room = Room {
            first_line: caps.request_line as usize,
            line: caps.field_line as usize,
            section: caps.head as usize,
        };
        // Each octet is looked at for its LF, and once more in its line.
        table
            .work
            .add(2 * input.len().saturating_sub(progress.seen as usize));
        if scan::resume(input, progress, room, Some(&mut table.info)) == Verdict::More {
            return Ok(None);
        }
    }
    settle(parse(input, caps, table), input, progress)
}

/// Parses trailers, or scans on in them.
fn trailers(
    progress: &mut Progress,
    input: &[u8],
    caps: &Caps,
    table: &mut Table<[Slot]>,
) -> Result<Option<usize>, Rule> {
    if progress.seen != 0 {
        let line = caps.field_line as usize;
        let room = Room {
            first_line: line,
            line,
            section: usize::from(caps.trailers),
        };
        table
            .work
            .add(2 * input.len().saturating_sub(progress.seen as usize));
        if scan::resume(input, progress, room, None) == Verdict::More {
            return Ok(None);
        }
    }
    settle(parse_trailers(input, caps, table), input, progress)
}

#[inline(always)]
fn settle(parsed: Result<usize, Stop>, input: &[u8], progress: &mut Progress) -> Result<Option<usize>, Rule> {
    match parsed {
        Ok(length) => Ok(Some(length)),
        Err(Stop::Broken(rule)) => Err(rule),
        Err(Stop::Incomplete { line }) => {
            *progress = Progress {
                line: line as u32,
                seen: input.len() as u32,
            };
            Ok(None)
        }
    }
}

impl Reading {
    /// Before the first octet of a chunked body that may have `allowed` octets of data.
    pub(crate) const fn chunked(allowed: u64) -> Self {
        Self::Chunked(Chunked::new(allowed))
    }

    /// Reads on in a body.
    #[inline]
    pub(crate) fn body<'a>(
        &mut self,
        input: &'a [u8],
        caps: &Caps,
        table: &mut Table<[Slot]>,
    ) -> Result<Part<'a>, Rule> {
        let mut consumed = 0;
        loop {
            let rest = input.get(consumed..).unwrap_or(&[]);
            match self {
                Self::Length(left) => {
                    let taken = usize::try_from(*left).unwrap_or(usize::MAX).min(rest.len());
                    *left -= taken as u64;
                    if *left == 0 {
                        *self = Self::Ending;
                    }
                    return Ok(if taken == 0 {
                        Part::More(0)
                    } else {
                        Part::Data(taken, &rest[..taken])
                    });
                }
                Self::Chunked(chunked) => {
                    let (framing, found) = chunked.advance(rest, caps)?;
                    table.work.add(framing);
                    consumed += framing;
                    match found {
                        Found::More => return Ok(Part::More(consumed)),
                        Found::Last => *self = Self::Trailers(Progress { line: 0, seen: 0 }),
                        Found::Data => {
                            let rest = &rest[framing..];
                            let taken = usize::try_from(chunked.left)
                                .unwrap_or(usize::MAX)
                                .min(rest.len());
                            if taken == 0 {
                                return Ok(Part::More(consumed));
                            }
                            chunked.take(taken);
                            return Ok(Part::Data(consumed + taken, &rest[..taken]));
                        }
                    }
                }
                Self::Trailers(progress) => {
                    if rest.is_empty() {
                        return Ok(Part::More(consumed));
                    }
                    if rest.starts_with(b"\r\n") {
                        *self = Self::START;
                        return Ok(Part::End(consumed + 2));
                    }
                    let Some(length) = trailers(progress, rest, caps, table)? else {
                        return Ok(Part::More(consumed));
                    };
                    *self = Self::Ending;
                    return Ok(Part::Trailers(consumed, consumed + length));
                }
                Self::Ending => {
                    *self = Self::START;
                    return Ok(Part::End(consumed));
                }
                Self::Head(_) => return Ok(Part::End(consumed)),
            }
        }
    }
}
