//! The chunked decoder (RFC 9112 section 7.1): a machine that names the octet it waits for, so that no octet between a
//! size and its data passes unread, however the input is cut.

use crate::bytes::{self, TOKEN, VALUE};
use crate::limits::Caps;
use crate::rules::Rule;

/// What the decoder waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A digit of the chunk size, or what may follow one.
    Size,
    /// White space before `;`.
    BeforeExtension,
    /// White space or a name, after `;`.
    ExtensionStart,
    /// The rest of a name.
    ExtensionName,
    /// White space between a name and `=` or `;`.
    AfterName,
    /// White space or a value, after `=`.
    ValueStart,
    /// The rest of a token.
    ValueToken,
    /// The rest of a quoted string.
    Quoted,
    /// The octet after a backslash.
    Escaped,
    /// What follows the closing quote.
    AfterQuoted,
    /// The LF of the chunk line.
    LineLf,
    /// Data.
    Data,
    /// The CR behind the data.
    DataCr,
    /// The LF behind the data.
    DataLf,
}

/// What the decoder found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    /// All input was framing; more is needed.
    More,
    /// Data begins here.
    Data,
    /// The last chunk's line has ended: the trailer section begins here.
    Last,
}

/// A decoder in the middle of a body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Chunked {
    /// The size as far as it is read, then what is left of the chunk.
    pub(crate) left: u64,
    /// How much data may still come.
    allowed: u64,
    /// Octets of framing that the data has not earned.
    overhead: u32,
    /// Octets of extensions so far.
    extensions: u16,
    digits: u8,
    pub(crate) step: Step,
}

impl Chunked {
    pub(crate) const fn new(allowed: u64) -> Self {
        Self {
            left: 0,
            allowed,
            overhead: 0,
            extensions: 0,
            digits: 0,
            step: Step::Size,
        }
    }

    /// Reads framing up to the next data. Answers how many octets that took.
    #[inline]
    pub(crate) fn advance(&mut self, input: &[u8], caps: &Caps) -> Result<(usize, Found), Rule> {
        let mut at = 0;
        if self.step == Step::Data {
            return Ok((
                0,
                if input.is_empty() {
                    Found::More
                } else {
                    Found::Data
                },
            ));
        }
        if self.step == Step::DataCr && input.starts_with(b"\r\n") {
            self.step = Step::Size;
            at = 2;
        }
        if self.step == Step::Size
            && self.digits == 0
            && let Some((size, end)) = plain_line(input, at)
        {
            let found = self.line_ends(size, end - at, caps)?;
            return Ok((end, found));
        }
        self.step_by_step(input, at, caps)
    }

    /// Takes `taken` octets of data out of the chunk.
    #[inline]
    pub(crate) fn take(&mut self, taken: usize) {
        self.left -= taken as u64;
        if self.left == 0 {
            self.step = Step::DataCr;
        }
    }

    fn step_by_step(&mut self, input: &[u8], from: usize, caps: &Caps) -> Result<(usize, Found), Rule> {
        for (i, &byte) in input.iter().enumerate().skip(from) {
            if !matches!(self.step, Step::DataCr | Step::DataLf) {
                self.overhead += 1;
            }
            self.step = self.octet(byte)?;
            if self.in_extension() {
                self.extensions = self.extensions.saturating_add(1);
                if self.extensions > caps.chunk_extensions {
                    return Err(Rule::ChunkExtensionsTooLong);
                }
            }
            if self.step == Step::Data {
                let found = self.line_ends(self.left, 0, caps)?;
                return Ok((i + 1, found));
            }
        }
        Ok((input.len(), Found::More))
    }

    const fn in_extension(&self) -> bool {
        !matches!(
            self.step,
            Step::Size | Step::LineLf | Step::Data | Step::DataCr | Step::DataLf
        )
    }

    /// The chunk line has ended: `size` octets follow, and the line had `octets` that are not accounted for.
    #[inline]
    fn line_ends(&mut self, size: u64, octets: usize, caps: &Caps) -> Result<Found, Rule> {
        self.digits = 0;
        if size > self.allowed {
            return Err(Rule::BodyTooLong);
        }
        if size == 0 {
            return Ok(Found::Last);
        }
        self.allowed -= size;
        self.left = size;
        self.step = Step::Data;
        // The line and the CRLF behind the data, less what the chunk earns.
        let owed = u64::from(self.overhead) + octets as u64 + 2;
        let owed = owed.saturating_sub(size.saturating_mul(2).saturating_add(16));
        if owed > u64::from(caps.chunk_overhead) {
            return Err(Rule::ChunkOverhead);
        }
        self.overhead = owed as u32;
        Ok(Found::Data)
    }

    /// The step after `byte`, or the rule that it breaks.
    fn octet(&mut self, byte: u8) -> Result<Step, Rule> {
        let token = bytes::is(byte, TOKEN);
        match self.step {
            Step::Size => self.size_octet(byte),
            Step::BeforeExtension => match byte {
                b' ' | b'\t' => Ok(Step::BeforeExtension),
                b';' => Ok(Step::ExtensionStart),
                _ => Err(bad_extension(byte)),
            },
            Step::ExtensionStart => match byte {
                b' ' | b'\t' => Ok(Step::ExtensionStart),
                _ if token => Ok(Step::ExtensionName),
                _ => Err(bad_extension(byte)),
            },
            Step::ExtensionName => match byte {
                _ if token => Ok(Step::ExtensionName),
                b' ' | b'\t' => Ok(Step::AfterName),
                b'=' => Ok(Step::ValueStart),
                b';' => Ok(Step::ExtensionStart),
                b'\r' => Ok(Step::LineLf),
                _ => Err(bad_extension(byte)),
            },
            Step::AfterName => match byte {
                b' ' | b'\t' => Ok(Step::AfterName),
                b'=' => Ok(Step::ValueStart),
                b';' => Ok(Step::ExtensionStart),
                _ => Err(bad_extension(byte)),
            },
            Step::ValueStart => match byte {
                b' ' | b'\t' => Ok(Step::ValueStart),
                b'"' => Ok(Step::Quoted),
                _ if token => Ok(Step::ValueToken),
                _ => Err(bad_extension(byte)),
            },
            Step::ValueToken if token => Ok(Step::ValueToken),
            Step::ValueToken | Step::AfterQuoted => match byte {
                b' ' | b'\t' => Ok(Step::BeforeExtension),
                b';' => Ok(Step::ExtensionStart),
                b'\r' => Ok(Step::LineLf),
                _ => Err(bad_extension(byte)),
            },
            Step::Quoted => match byte {
                b'"' => Ok(Step::AfterQuoted),
                b'\\' => Ok(Step::Escaped),
                _ if bytes::is(byte, VALUE) => Ok(Step::Quoted),
                _ => Err(bad_extension(byte)),
            },
            Step::Escaped if bytes::is(byte, VALUE) => Ok(Step::Quoted),
            Step::Escaped => Err(bad_extension(byte)),
            Step::LineLf if byte == b'\n' => Ok(Step::Data),
            Step::LineLf => Err(Rule::BadChunkLineEnd),
            Step::DataCr if byte == b'\r' => Ok(Step::DataLf),
            Step::DataLf if byte == b'\n' => Ok(Step::Size),
            Step::DataCr | Step::DataLf => Err(Rule::BadChunkDataEnd),
            Step::Data => Ok(Step::Data),
        }
    }

    fn size_octet(&mut self, byte: u8) -> Result<Step, Rule> {
        match hex(byte) {
            Some(_) if self.digits == 16 => Err(Rule::ChunkSizeOverflow),
            Some(digit) => {
                self.left = if self.digits == 0 {
                    digit
                } else {
                    self.left << 4 | digit
                };
                self.digits += 1;
                Ok(Step::Size)
            }
            None if self.digits == 0 => Err(Rule::BadChunkSize),
            None => match byte {
                b'\r' => Ok(Step::LineLf),
                b';' => Ok(Step::ExtensionStart),
                b' ' | b'\t' => Ok(Step::BeforeExtension),
                b'\n' => Err(Rule::BadChunkLineEnd),
                _ => Err(Rule::BadChunkSize),
            },
        }
    }
}

fn bad_extension(byte: u8) -> Rule {
    if byte == b'\n' {
        Rule::BadChunkLineEnd
    } else {
        Rule::BadChunkExtension
    }
}

/// The value of a hexadecimal digit.
#[inline(always)]
const fn hex(byte: u8) -> Option<u64> {
    match byte {
        b'0'..=b'9' => Some((byte - b'0') as u64),
        b'a'..=b'f' => Some((byte - b'a') as u64 + 10),
        b'A'..=b'F' => Some((byte - b'A') as u64 + 10),
        _ => None,
    }
}

/// A chunk line without extensions that has arrived whole: its size and the index behind it.
#[inline(always)]
fn plain_line(input: &[u8], from: usize) -> Option<(u64, usize)> {
    let mut size = 0;
    let mut at = from;
    while let Some(digit) = input.get(at).copied().and_then(hex) {
        size = size << 4 | digit;
        at += 1;
        if at - from > 16 {
            return None;
        }
    }
    let whole = at > from && input.get(at..).is_some_and(|rest| rest.starts_with(b"\r\n"));
    whole.then_some((size, at + 2))
}
