//! A head: the request line, the field lines, and what they mean together.

use super::Fault::{self, Broken};
use super::known::{self, KnownFields};
use super::line;
use super::section::Section;
use super::table::{Slot, Table};
use crate::limits::{Caps, TargetPolicy};
use crate::rules::Rule;

/// Parses a whole head. Returns its length.
///
/// Every verdict depends on the bytes up to the one that proves it and on no later one, so that a prefix of `bytes` gets the
/// same one or none.
#[inline(always)]
pub(crate) fn parse(
    bytes: &[u8],
    caps: &Caps,
    targets: TargetPolicy,
    table: &mut Table<[Slot]>,
) -> Result<usize, Fault> {
    let section = Section::Head(targets);
    let longest = caps.head as usize;
    let bytes = &bytes[..bytes.len().min(longest.saturating_add(1))];
    let next = match line::parse(bytes, targets, &mut table.info) {
        Ok(next) if next <= caps.request_line as usize && next <= longest => next,
        Ok(next) => return Err(section.judge(Broken(next - 1, Rule::HeadTooLong), 0, bytes, caps)),
        Err(fault) => {
            table.work.add(bytes.len());
            return Err(section.judge(fault, 0, bytes, caps));
        }
    };
    let mut known = KnownFields::default();
    let length = section.fields(bytes, next, caps, table, &mut known)?;
    match known.decide(bytes, table) {
        Ok(()) => Ok(length),
        Err(rule) => Err(Broken(known::place(rule, bytes, length, table.filled()), rule)),
    }
}
