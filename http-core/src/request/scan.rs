//! The scan of a section that has not arrived whole: from LF to LF, never looking at an octet twice, and judging each
//! line at its end, so that what no later octet can mend is refused at once.

use super::fields;
use super::head::Info;
use super::line;
use memchr::memchr;

/// How far an incomplete section was scanned: where its open line begins, and where the octets not yet seen do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Progress {
    pub(crate) line: u32,
    pub(crate) seen: u32,
}

/// What a scan found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Nothing yet: more octets are needed.
    More,
    /// The section is whole, or broken: parse it to learn which.
    Parse,
}

/// How long the open line and the section may become before they have to be parsed, to be refused.
#[derive(Clone, Copy)]
pub(crate) struct Room {
    pub(crate) first_line: usize,
    pub(crate) line: usize,
    pub(crate) section: usize,
}

/// Scans on from `progress`. `info` is scratch for the request line; `None` where the section has none (trailers).
#[inline]
pub(crate) fn resume(
    bytes: &[u8],
    progress: &mut Progress,
    room: Room,
    mut info: Option<&mut Info>,
) -> Verdict {
    let mut seen = progress.seen as usize;
    while let Some(fresh) = bytes.get(seen..) {
        let Some(lf) = find_lf(fresh) else {
            let limit = if progress.line == 0 {
                room.first_line
            } else {
                room.line
            };
            let open = bytes.len() - (progress.line as usize).min(seen);
            progress.seen = bytes.len() as u32;
            return if open > limit || bytes.len() > room.section {
                Verdict::Parse
            } else {
                Verdict::More
            };
        };
        let next = seen + lf + 1;
        if !is_sound(bytes, progress.line as usize, next, info.as_deref_mut()) {
            return Verdict::Parse;
        }
        progress.line = next as u32;
        seen = next;
    }
    Verdict::Parse // fewer octets than last time: not what was promised
}

#[inline]
fn find_lf(fresh: &[u8]) -> Option<usize> {
    match fresh {
        [byte] => (*byte == b'\n').then_some(0), // octet by octet, a call would cost more than the look
        _ => memchr(b'\n', fresh),
    }
}

/// Whether the line from `start` to `next` is one that others may follow. The empty line is not: it ends the section.
fn is_sound(bytes: &[u8], start: usize, next: usize, info: Option<&mut Info>) -> bool {
    match (bytes.get(start..next), info) {
        (Some(line), Some(info)) if start == 0 => line::parse(line, info).is_ok(),
        (Some(line), _) => fields::field_line(line, 0).is_ok(),
        (None, _) => false,
    }
}
