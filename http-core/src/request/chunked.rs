//! The chunked decoder (RFC 9112 section 7.1): a machine that names the byte it waits for, so that no byte between a
//! size and its data passes unread, however the input is cut.

use crate::bytes::{self, TOKEN, VALUE};
use crate::limits::Caps;
use crate::rules::Rule;

/// The byte that the decoder waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The first digit of the chunk size.
    SizeStart,
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
    /// The byte after a backslash.
    Escaped,
    /// White space, `;` or the CR, after the closing quote.
    AfterQuoted,
    /// The LF of the chunk line.
    LineLf,
    /// Data.
    Data,
    /// The CR behind the data.
    DataCr,
    /// The LF behind the data.
    DataLf,
    /// Nothing: the line of the last chunk has ended.
    Last,
}

/// A decoder in the middle of a body. Packed, so that a connection stays small.
#[derive(Clone, Copy, Debug)]
#[repr(Rust, packed)]
pub(crate) struct Chunked {
    /// The size as far as it is read, then the number of bytes that are left of the chunk.
    left: u64,
    /// How much data may still come.
    allowed: u64,
    /// Bytes of framing that no data has paid for, those of the open line included. It stays at its largest value, which is
    /// over each limit.
    overhead: u16,
    /// Bytes of extensions so far.
    extensions: u16,
    step: Step,
}

impl Chunked {
    pub(crate) const fn new(allowed: u64) -> Self {
        Self {
            left: 0,
            allowed,
            overhead: 0,
            extensions: 0,
            step: Step::SizeStart,
        }
    }

    /// Fast path: a chunk line without extensions that arrived whole, or more data of a chunk. Returns how many bytes were
    /// consumed, and the data. `None` leaves the decoder unchanged, and `advance` decides.
    #[inline(always)]
    pub(crate) fn data<'a>(&mut self, input: &'a [u8]) -> Option<(usize, &'a [u8])> {
        let at = match self.step {
            Step::DataCr if input.starts_with(b"\r\n") => 2,
            Step::SizeStart => 0,
            _ => return None,
        };
        let (size, start) = whole_size_line(input, at)?;
        let data = prefix(&input[start..], size);
        // The line with its CRLF is at most 14 bytes and the CRLF behind the data is 2: a chunk earns at least as many, so
        // there is no debt, and `overhead` stays 0.
        if data.is_empty() || size > self.allowed || self.overhead > 0 || start - at > 14 {
            return None;
        }
        self.allowed -= size;
        self.left = size;
        self.take(data.len());
        Some((start + data.len(), data))
    }

    /// Reads framing up to the next data or the end of the last chunk's line. Returns how many bytes that took.
    #[inline(never)]
    pub(crate) fn advance(&mut self, input: &[u8], caps: &Caps) -> Result<usize, (usize, Rule)> {
        if self.step == Step::Data {
            return Ok(0);
        }
        for (i, &byte) in input.iter().enumerate() {
            self.line_byte(byte, caps).map_err(|rule| (i, rule))?;
            if matches!(self.step, Step::Data | Step::Last) {
                return Ok(i + 1);
            }
        }
        Ok(input.len())
    }

    /// Takes a step, and judges the line as far as it has come.
    #[inline(always)]
    fn line_byte(&mut self, byte: u8, caps: &Caps) -> Result<(), Rule> {
        if !matches!(self.step, Step::DataCr | Step::DataLf) {
            self.overhead = self.overhead.saturating_add(1);
        }
        let zero = self.step == Step::Size && self.left == 0;
        self.step = self.byte(byte)?;
        // A digit behind nothing but zeros makes them leading ones. There are too many of them if the line would be over
        // the limit with one byte of data.
        if zero && self.step == Step::Size && self.owed(1) > u64::from(caps.chunk_overhead) {
            return Err(Rule::ChunkOverhead);
        }
        if self.in_extension() {
            if self.extensions >= caps.chunk_extensions {
                return Err(Rule::ChunkExtensionsTooLong);
            }
            self.extensions += 1;
        }
        if self.step == Step::Data {
            self.step = self.line_ends(caps)?;
        }
        Ok(())
    }

    /// Lets `allowed` more bytes of data come, and the rest of the chunk whose data has begun.
    pub(crate) fn allow(&mut self, allowed: u64) {
        let begun = if self.step == Step::Data { self.left } else { 0 };
        self.allowed = allowed.saturating_sub(begun);
    }

    /// How many bytes are left of the data that has begun; 0 in framing.
    #[inline(always)]
    pub(crate) const fn left_of_data(&self) -> u64 {
        match self.step {
            Step::Data => self.left,
            _ => 0,
        }
    }

    /// Whether the line of the last chunk has ended: the trailer section begins.
    #[inline(always)]
    pub(crate) const fn was_last(&self) -> bool {
        matches!(self.step, Step::Last)
    }

    /// Takes `taken` bytes of data out of the chunk.
    #[inline(always)]
    pub(crate) fn take(&mut self, taken: usize) {
        debug_assert!(taken as u64 <= { self.left }, "more data than the chunk has left");
        self.left -= taken as u64;
        self.step = if self.left == 0 { Step::DataCr } else { Step::Data };
    }

    const fn in_extension(&self) -> bool {
        !matches!(
            self.step,
            Step::SizeStart
                | Step::Size
                | Step::LineLf
                | Step::Data
                | Step::DataCr
                | Step::DataLf
                | Step::Last
        )
    }

    /// Returns the bytes of framing that a chunk of `size` bytes does not pay for: its line and the CRLF behind its data, less
    /// 16 and twice its data.
    fn owed(&self, size: u64) -> u64 {
        let framing = u64::from(self.overhead) + 2;
        framing.saturating_sub(size.saturating_mul(2).saturating_add(16))
    }

    /// The chunk line has ended: judges the size.
    fn line_ends(&mut self, caps: &Caps) -> Result<Step, Rule> {
        if self.left > self.allowed {
            return Err(Rule::BodyTooLong);
        }
        if self.left == 0 {
            return Ok(Step::Last);
        }
        self.allowed -= self.left;
        let owed = self.owed(self.left);
        if owed > u64::from(caps.chunk_overhead) {
            return Err(Rule::ChunkOverhead);
        }
        self.overhead = owed as u16;
        Ok(Step::Data)
    }

    /// The step after `byte`, or the rule that it breaks.
    fn byte(&mut self, byte: u8) -> Result<Step, Rule> {
        let token = bytes::is(byte, TOKEN);
        match self.step {
            Step::SizeStart => match HEX[usize::from(byte)] {
                NO_HEX => Err(Rule::BadChunkSize),
                digit => {
                    // Nothing is left of the chunk before.
                    self.left = u64::from(digit);
                    Ok(Step::Size)
                }
            },
            Step::Size => self.size_byte(byte),
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
            Step::DataLf if byte == b'\n' => Ok(Step::SizeStart),
            Step::DataCr | Step::DataLf => Err(Rule::BadChunkDataEnd),
            Step::Data | Step::Last => Ok(self.step),
        }
    }

    fn size_byte(&mut self, byte: u8) -> Result<Step, Rule> {
        match HEX[usize::from(byte)] {
            NO_HEX => match byte {
                b'\r' => Ok(Step::LineLf),
                b';' => Ok(Step::ExtensionStart),
                b' ' | b'\t' => Ok(Step::BeforeExtension),
                b'\n' => Err(Rule::BadChunkLineEnd),
                _ => Err(Rule::BadChunkSize),
            },
            _ if self.left >> 60 != 0 => Err(Rule::ChunkSizeOverflow),
            digit => {
                self.left = (self.left << 4) | u64::from(digit);
                Ok(Step::Size)
            }
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

/// Stands for a byte that is no hexadecimal digit.
const NO_HEX: u8 = 0xff;

/// The values of hexadecimal digits.
static HEX: [u8; 256] = {
    let mut table = [NO_HEX; 256];
    let mut value = 0;
    while value < 16 {
        table[b"0123456789abcdef"[value] as usize] = value as u8;
        table[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    table
};

/// A chunk line of 1 to 16 digits without extensions that has arrived whole: its size and the index behind it.
#[inline(always)]
fn whole_size_line(input: &[u8], from: usize) -> Option<(u64, usize)> {
    let rest = input.get(from..)?;
    let mut size = 0;
    for (digits, &byte) in rest[..rest.len().min(17)].iter().enumerate() {
        let digit = HEX[usize::from(byte)];
        if digit == NO_HEX {
            let whole = digits > 0 && rest[digits..].starts_with(b"\r\n");
            return whole.then_some((size, from + digits + 2));
        }
        size = size << 4 | u64::from(digit);
    }
    None
}

/// The first `most` bytes of `input`, or all of it.
#[inline(always)]
pub(crate) fn prefix(input: &[u8], most: u64) -> &[u8] {
    if (input.len() as u64) < most {
        input
    } else {
        &input[..most as usize]
    }
}
