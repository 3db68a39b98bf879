//! The fields that this crate acts on: Host, the framing, Connection, Expect and Upgrade; and those of which it says only
//! whether they are there.

use super::field::Line;
use super::framing::{self, ContentLength, TransferEncoding};
use super::host;
use super::parts::{Expectation, Framing, KnownField, Modifier, Version};
use super::section::Visitor;
use super::table::{MethodKind, Slot, Table};
use super::view::can_be_switched_to;
use crate::bytes::{self, is_name};
use crate::rules::Rule;

/// The fields that this crate acts on, and fields of which only the presence is noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Known {
    Other = 0,
    Host = 1,
    ContentLength = 2,
    TransferEncoding = 4,
    Connection = 8,
    Expect = 16,
    Upgrade = 32,
    ContentType = 64,
    /// Any [`Modifier`].
    Modifier = 128,
    AcceptEncoding = 256,
}

impl Known {
    /// Which field `name` is. The length alone decides for most.
    #[inline(always)]
    pub(crate) fn of(name: &[u8]) -> Self {
        match name.len() {
            4 if is_name(name, b"host") => Self::Host,
            6 if is_name(name, b"expect") => Self::Expect,
            7 if is_name(name, b"upgrade") => Self::Upgrade,
            10 if is_name(name, b"connection") => Self::Connection,
            12 if is_name(name, b"content-type") => Self::ContentType,
            14 if is_name(name, b"content-length") => Self::ContentLength,
            15 if is_name(name, b"accept-encoding") => Self::AcceptEncoding,
            17 if is_name(name, b"transfer-encoding") => Self::TransferEncoding,
            5 | 8 | 13 | 17 | 19 if Modifier::of(name).is_some() => Self::Modifier,
            _ => Self::Other,
        }
    }
}

impl KnownField {
    /// The bit of the field in [`Info::known`](super::table::Info::known).
    #[inline]
    pub(crate) const fn bit(self) -> u16 {
        match self {
            Self::AcceptEncoding => Known::AcceptEncoding as u16,
            Self::Modifier => Known::Modifier as u16,
        }
    }
}

/// The known fields of one head, gathered line by line.
#[derive(Default)]
pub(crate) struct KnownFields {
    /// One bit for each [`Known`] field that occurred.
    once: u16,
    /// One bit for each that occurred again.
    again: u16,
    host: usize,
    content_length: usize,
    close: bool,
    keep_alive: bool,
    upgrade: bool,
}

impl Visitor for KnownFields {
    #[inline(always)]
    fn keeps(&mut self, line: &Line<'_>, slot: usize) -> bool {
        let known = Known::of(line.name);
        if known != Known::Other {
            self.note(known, line.value, slot);
        }
        true
    }
}

impl KnownFields {
    /// Takes note of a field that this crate acts on.
    #[inline(always)]
    fn note(&mut self, known: Known, value: &[u8], index: usize) {
        self.again |= self.once & known as u16;
        self.once |= known as u16;
        match known {
            Known::Host => self.host = index,
            Known::ContentLength => self.content_length = index,
            // Nearly every Connection has one of these two values.
            Known::Connection if is_name(value, b"keep-alive") => self.keep_alive = true,
            Known::Connection if is_name(value, b"close") => self.close = true,
            Known::Connection => self.connection(value),
            Known::TransferEncoding
            | Known::Expect
            | Known::Upgrade
            | Known::ContentType
            | Known::Modifier
            | Known::AcceptEncoding
            | Known::Other => {}
        }
    }

    /// Reads the options of one Connection line (RFC 9110 section 7.6.1).
    #[inline(never)]
    fn connection(&mut self, value: &[u8]) {
        for option in bytes::list(value) {
            self.close |= is_name(option, b"close");
            self.keep_alive |= is_name(option, b"keep-alive");
            self.upgrade |= is_name(option, b"upgrade");
        }
    }

    /// Judges the fields of the head `bytes` together, and completes the table's facts about it.
    #[inline(always)]
    pub(crate) fn decide(&self, bytes: &[u8], table: &mut Table<[Slot]>) -> Result<(), Rule> {
        let http11 = table.info.version == Version::Http11;
        if self.once & Known::Host as u16 != 0 {
            if self.again & Known::Host as u16 != 0 {
                return Err(Rule::RepeatedHost);
            }
            let value = table.slots[self.host].value.of(bytes);
            table.work.add(value.len());
            if host::parse(value).is_none() {
                return Err(Rule::BadHost);
            }
            table.info.host = self.host as u16;
        } else if http11 {
            return Err(Rule::MissingHost);
        } else {
            table.info.host = u16::MAX;
        }
        table.info.known = self.once;
        table.info.keep_alive = !self.close && (http11 || self.keep_alive);
        table.info.framing = Framing::Empty;
        table.info.expectation = Expectation::None;
        table.info.upgrade = false;
        // Most requests have none of the others.
        let rare = Known::ContentLength as u16
            | Known::TransferEncoding as u16
            | Known::Expect as u16
            | Known::Upgrade as u16
            | Known::ContentType as u16;
        if self.once & rare == 0 {
            Ok(())
        } else {
            self.decide_body_and_upgrade(bytes, table)
        }
    }

    #[inline(never)]
    fn decide_body_and_upgrade(&self, bytes: &[u8], table: &mut Table<[Slot]>) -> Result<(), Rule> {
        let Table { info, slots, work } = table;
        let slots = &slots[..usize::from(info.count)];
        if self.again & Known::ContentType as u16 != 0 {
            return Err(Rule::RepeatedContentType);
        }
        let values = |known: Known| {
            slots
                .iter()
                .filter(move |slot| Known::of(slot.name.of(bytes)) == known)
                .map(|slot| slot.value.of(bytes))
        };
        let content_length = if self.once & Known::ContentLength as u16 == 0 {
            ContentLength::Absent
        } else if self.again & Known::ContentLength as u16 != 0 {
            ContentLength::Repeated
        } else {
            let value = slots[self.content_length].value.of(bytes);
            work.add(value.len());
            ContentLength::read(value)
        };
        let transfer_encoding = if self.once & Known::TransferEncoding as u16 == 0 {
            TransferEncoding::Absent
        } else {
            values(Known::TransferEncoding).for_each(|value| work.add(value.len()));
            TransferEncoding::read(values(Known::TransferEncoding))
        };
        info.framing = framing::decide(info.version, transfer_encoding, content_length)?;
        // RFC 9110 section 10.1.1: a server ignores the expectation of an HTTP/1.0 request.
        if self.once & Known::Expect as u16 != 0 && info.version == Version::Http11 {
            for expectation in values(Known::Expect).flat_map(bytes::list) {
                info.expectation = match info.expectation {
                    Expectation::None | Expectation::Continue if is_name(expectation, b"100-continue") => {
                        Expectation::Continue
                    }
                    Expectation::None | Expectation::Continue | Expectation::Unknown => Expectation::Unknown,
                };
            }
        }
        // RFC 9110 section 7.8: Upgrade counts only with its Connection option, and not in HTTP/1.0. Nor with POST:
        // no client can mean that its POST is answered in another protocol.
        info.upgrade = self.once & Known::Upgrade as u16 != 0
            && self.upgrade
            && info.version == Version::Http11
            && info.method != MethodKind::Post;
        // An Upgrade without a protocol that can be switched to asks for nothing.
        info.upgrade = info.upgrade
            && values(Known::Upgrade)
                .flat_map(bytes::list)
                .any(can_be_switched_to);
        Ok(())
    }
}

/// Returns the place of a breach that is judged over a whole head of `length` bytes: the first byte of the last field line with
/// the name that decided, or the last byte of the head if a field is missing.
#[cold]
pub(crate) fn place(rule: Rule, bytes: &[u8], length: usize, slots: &[Slot]) -> usize {
    let known = match rule {
        Rule::RepeatedHost | Rule::BadHost => Known::Host,
        Rule::RepeatedContentType => Known::ContentType,
        Rule::RepeatedContentLength | Rule::BadContentLength | Rule::ContentLengthOverflow => {
            Known::ContentLength
        }
        Rule::BothFramings
        | Rule::TransferEncodingInHttp10
        | Rule::BadTransferEncoding
        | Rule::UnsupportedTransferCoding => Known::TransferEncoding,
        _ => return length - 1,
    };
    let named = |slot: &&Slot| Known::of(slot.name.of(bytes)) == known;
    let last = slots.iter().rev().find(named);
    last.map_or(length - 1, |slot| slot.name.start as usize)
}
