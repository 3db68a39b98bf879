//! The places of the parts of a head: offsets into the caller's bytes, which the caller keeps until it has consumed them.

use super::parts::{Expectation, Framing, Version};

/// Which method, without its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MethodKind {
    Get,
    Head,
    Post,
    Put,
    Delete,
    Connect,
    Options,
    Trace,
    Patch,
    Extension,
}

/// Which form the target has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Origin,
    Absolute,
    Authority,
    Asterisk,
}

/// A part of the caller's bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    pub(crate) start: u32,
    /// The index behind the last byte.
    pub(crate) end: u32,
}

impl Span {
    pub(crate) const EMPTY: Self = Self { start: 0, end: 0 };

    #[inline(always)]
    pub(crate) const fn new(start: usize, end: usize) -> Self {
        Self {
            start: start as u32,
            end: end as u32,
        }
    }

    /// The part of `bytes`; empty if the caller has changed them so that there is none.
    #[inline(always)]
    pub(crate) fn of<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or(&[])
    }
}

/// The facts about a head that are no field lines; offsets count from the first byte of the method.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Info {
    pub(crate) framing: Framing,
    pub(crate) target: Span,
    /// It ends at the `?`, if there is one.
    pub(crate) path: Span,
    /// How many slots are filled.
    pub(crate) count: u16,
    /// The slot of Host, or `u16::MAX`.
    pub(crate) host: u16,
    /// One bit for each [`Known`](super::known::Known) field that occurred.
    pub(crate) known: u16,
    pub(crate) method: MethodKind,
    pub(crate) method_end: u8,
    pub(crate) form: Form,
    pub(crate) version: Version,
    pub(crate) expectation: Expectation,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
}

impl Info {
    pub(crate) const fn method_span(&self) -> Span {
        Span {
            start: 0,
            end: self.method_end as u32,
        }
    }
}

/// The place of one field line.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) name: Span,
    pub(crate) value: Span,
}

/// Counts the bytes that parsers look at, so that tests can hold the work to the bytes. Only with debug assertions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Work {
    #[cfg(debug_assertions)]
    bytes: u64,
}

impl Work {
    #[inline(always)]
    pub(crate) fn add(&mut self, bytes: usize) {
        #[cfg(debug_assertions)]
        {
            self.bytes += bytes as u64;
        }
        let _ = bytes;
    }

    fn bytes(self) -> Option<u64> {
        #[cfg(debug_assertions)]
        return Some(self.bytes);
        #[cfg(not(debug_assertions))]
        None
    }
}

/// The slots and facts of one head, whatever their number: `Table<[Slot; N]>` is passed on as `Table<[Slot]>`.
#[derive(Clone, Debug)]
pub(crate) struct Table<S: ?Sized> {
    pub(crate) info: Info,
    pub(crate) work: Work,
    pub(crate) slots: S,
}

impl Table<[Slot]> {
    /// The slots of the section that was parsed.
    pub(crate) fn filled(&self) -> &[Slot] {
        self.slots.get(..usize::from(self.info.count)).unwrap_or(&[])
    }
}

/// Room for the field lines of one head or trailer section: offsets, no lifetime, so one of them serves any number of
/// requests and connections.
///
/// A request with more than `N` field lines is refused with 431 ([`Rule::TooManyFields`](crate::Rule::TooManyFields)); so is
/// one with more than [`Limits::fields`](crate::Limits::fields), 100 by default.
#[derive(Clone, Debug)]
pub struct Fields<const N: usize> {
    pub(crate) table: Table<[Slot; N]>,
}

impl<const N: usize> Fields<N> {
    /// Makes empty room. An `N` over 65,534 does not compile.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N < u16::MAX as usize, "65,534 field lines are enough") };
        let info = Info {
            framing: Framing::Empty,
            target: Span::EMPTY,
            path: Span::EMPTY,
            count: 0,
            host: u16::MAX,
            known: 0,
            method: MethodKind::Get,
            method_end: 0,
            form: Form::Origin,
            version: Version::Http11,
            expectation: Expectation::None,
            keep_alive: false,
            upgrade: false,
        };
        let slot = Slot {
            name: Span::EMPTY,
            value: Span::EMPTY,
        };
        let work = Work {
            #[cfg(debug_assertions)]
            bytes: 0,
        };
        Self {
            table: Table {
                info,
                work,
                slots: [slot; N],
            },
        }
    }

    /// Returns how many bytes were looked at with these slots, counted only with debug assertions: for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn work(&self) -> Option<u64> {
        self.table.work.bytes()
    }
}

impl<const N: usize> Default for Fields<N> {
    fn default() -> Self {
        Self::new()
    }
}
