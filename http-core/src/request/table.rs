//! Where the parts of a head are: offsets into the caller's octets, which outlive none of them.

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

/// The facts about a head that are no field lines; offsets count from the first octet of the method.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Info {
    pub(crate) framing: Framing,
    pub(crate) target: u32,
    pub(crate) target_end: u32,
    pub(crate) path: u32,
    /// Where the `?` is, or else where the path ends.
    pub(crate) path_end: u32,
    /// How many slots are filled.
    pub(crate) count: u16,
    /// The slot of Host, or `u16::MAX`.
    pub(crate) host: u16,
    pub(crate) method: MethodKind,
    pub(crate) method_end: u8,
    pub(crate) form: Form,
    pub(crate) version: Version,
    pub(crate) expectation: Expectation,
    pub(crate) keep_alive: bool,
    pub(crate) upgrade: bool,
}

/// Where one field line is: offsets of its name and its value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    pub(crate) name: u32,
    pub(crate) name_end: u32,
    pub(crate) value: u32,
    pub(crate) value_end: u32,
}

impl Slot {
    #[inline(always)]
    pub(crate) fn name<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes
            .get(self.name as usize..self.name_end as usize)
            .unwrap_or(&[])
    }

    #[inline(always)]
    pub(crate) fn value<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        bytes
            .get(self.value as usize..self.value_end as usize)
            .unwrap_or(&[])
    }
}

/// Counts the octets that parsers look at, so that tests can hold the work to the bytes. Only with debug assertions.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Work {
    #[cfg(debug_assertions)]
    octets: u64,
}

impl Work {
    #[inline(always)]
    pub(crate) fn add(&mut self, octets: usize) {
        #[cfg(debug_assertions)]
        {
            self.octets += octets as u64;
        }
        let _ = octets;
    }

    fn octets(self) -> Option<u64> {
        #[cfg(debug_assertions)]
        return Some(self.octets);
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
/// A request with more than `N` field lines is refused with 431 ([`Rule::TooManyFields`](crate::Rule::TooManyFields)).
#[derive(Clone, Debug)]
pub struct Fields<const N: usize> {
    pub(crate) table: Table<[Slot; N]>,
}

impl<const N: usize> Fields<N> {
    /// Makes empty room.
    #[must_use]
    pub const fn new() -> Self {
        const { assert!(N < u16::MAX as usize, "65,534 field lines are enough") };
        let info = Info {
            framing: Framing::Empty,
            target: 0,
            target_end: 0,
            path: 0,
            path_end: 0,
            count: 0,
            host: u16::MAX,
            method: MethodKind::Get,
            method_end: 0,
            form: Form::Origin,
            version: Version::Http11,
            expectation: Expectation::None,
            keep_alive: false,
            upgrade: false,
        };
        let slot = Slot {
            name: 0,
            name_end: 0,
            value: 0,
            value_end: 0,
        };
        let work = Work {
            #[cfg(debug_assertions)]
            octets: 0,
        };
        Self {
            table: Table {
                info,
                work,
                slots: [slot; N],
            },
        }
    }

    /// How many octets were looked at with these slots, counted only with debug assertions: for tests.
    #[doc(hidden)]
    #[must_use]
    pub fn work(&self) -> Option<u64> {
        self.table.work.octets()
    }
}

impl<const N: usize> Default for Fields<N> {
    fn default() -> Self {
        Self::new()
    }
}
