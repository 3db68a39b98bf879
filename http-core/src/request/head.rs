//! What was parsed: a view of the head in the caller's bytes.

use crate::bytes::{self, text};
use core::fmt;
use core::num::NonZeroU64;

/// The version of a request (RFC 9112 section 2.3). HTTP/1.2 to HTTP/1.9 count as 1.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

/// How the end of a request's body is known (RFC 9112 section 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Framing {
    /// There is no body.
    Empty,
    /// Content-Length says how many octets follow.
    Length(NonZeroU64),
    /// The body comes in chunks (RFC 9112 section 7.1).
    Chunked,
}

/// What Expect asks for (RFC 9110 section 10.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Expectation {
    /// Nothing.
    None,
    /// `100-continue`: the client waits for 100 or a final response before it sends the body.
    Continue,
    /// Something else: answer 417.
    Unknown,
}

/// A method (RFC 9110 section 9); case-sensitive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method<'a> {
    /// RFC 9110 section 9.3.1
    Get,
    /// RFC 9110 section 9.3.2
    Head,
    /// RFC 9110 section 9.3.3
    Post,
    /// RFC 9110 section 9.3.4
    Put,
    /// RFC 9110 section 9.3.5
    Delete,
    /// RFC 9110 section 9.3.6
    Connect,
    /// RFC 9110 section 9.3.7
    Options,
    /// RFC 9110 section 9.3.8
    Trace,
    /// RFC 5789
    Patch,
    /// Any other token.
    Extension(&'a str),
}

impl<'a> Method<'a> {
    /// The method as it stands in the request line.
    #[must_use]
    pub const fn as_str(self) -> &'a str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
            Self::Connect => "CONNECT",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Patch => "PATCH",
            Self::Extension(token) => token,
        }
    }
}

impl fmt::Display for Method<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A request target in one of its four forms (RFC 9112 section 3.2). All of it is ASCII, percent-encoded as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target<'a> {
    /// `/path?query`
    Origin {
        /// Begins with `/`.
        path: &'a str,
        /// What follows the first `?`.
        query: Option<&'a str>,
    },
    /// `http://authority/path?query`
    Absolute {
        /// `http` or `https`, in the case received.
        scheme: &'a str,
        /// The host and its port; it replaces Host (RFC 9112 section 3.2.2).
        authority: &'a str,
        /// Empty, or begins with `/`.
        path: &'a str,
        /// What follows the first `?`.
        query: Option<&'a str>,
    },
    /// `host:port`, of CONNECT.
    Authority(&'a str),
    /// `*`, of OPTIONS.
    Asterisk,
}

impl<'a> Target<'a> {
    /// The path: `/` for an absolute-form without one, empty for the two forms that have none.
    #[must_use]
    pub const fn path(self) -> &'a str {
        match self {
            Self::Origin { path, .. } => path,
            Self::Absolute { path, .. } if path.is_empty() => "/",
            Self::Absolute { path, .. } => path,
            Self::Authority(_) | Self::Asterisk => "",
        }
    }

    /// The query, without its `?`.
    #[must_use]
    pub const fn query(self) -> Option<&'a str> {
        match self {
            Self::Origin { query, .. } | Self::Absolute { query, .. } => query,
            Self::Authority(_) | Self::Asterisk => None,
        }
    }
}

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
    /// Where the `?` is; 0 if there is none.
    pub(crate) query: u32,
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
            query: 0,
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

/// A field section as it stands in the caller's bytes.
#[derive(Clone, Copy)]
struct Section<'a> {
    bytes: &'a [u8],
    slots: &'a [Slot],
}

impl<'a> Section<'a> {
    fn get(self, name: &str) -> Option<&'a [u8]> {
        let found = self
            .slots
            .iter()
            .find(|slot| slot.name(self.bytes).eq_ignore_ascii_case(name.as_bytes()));
        found.map(|slot| slot.value(self.bytes))
    }

    fn iter(self) -> FieldLines<'a> {
        FieldLines {
            bytes: self.bytes,
            slots: self.slots.iter(),
        }
    }
}

/// The field lines of a section, in their order: names as received, values without white space around them.
#[derive(Clone)]
pub struct FieldLines<'a> {
    bytes: &'a [u8],
    slots: core::slice::Iter<'a, Slot>,
}

impl<'a> Iterator for FieldLines<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.slots
            .next()
            .map(|slot| (text(slot.name(self.bytes)), slot.value(self.bytes)))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.slots.size_hint()
    }
}

impl ExactSizeIterator for FieldLines<'_> {}

impl fmt::Debug for FieldLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines = self.clone().map(|(name, value)| (name, value.escape_ascii()));
        f.debug_map()
            .entries(lines.map(|(name, value)| (name, Shown(value))))
            .finish()
    }
}

struct Shown<'a>(core::slice::EscapeAscii<'a>);

impl fmt::Debug for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0)
    }
}

/// The head of a request: a view of the caller's bytes, cheap to copy.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    bytes: &'a [u8],
    info: &'a Info,
    slots: &'a [Slot],
}

impl<'a> Head<'a> {
    #[inline(always)]
    pub(crate) fn new(bytes: &'a [u8], table: &'a Table<[Slot]>) -> Self {
        let slots = table.slots.get(..usize::from(table.info.count)).unwrap_or(&[]);
        Self {
            bytes,
            info: &table.info,
            slots,
        }
    }

    fn part(&self, start: u32, end: u32) -> &'a str {
        text(self.bytes.get(start as usize..end as usize).unwrap_or(&[]))
    }

    /// The method (RFC 9110 section 9).
    #[inline]
    #[must_use]
    pub fn method(&self) -> Method<'a> {
        match self.info.method {
            MethodKind::Get => Method::Get,
            MethodKind::Head => Method::Head,
            MethodKind::Post => Method::Post,
            MethodKind::Put => Method::Put,
            MethodKind::Delete => Method::Delete,
            MethodKind::Connect => Method::Connect,
            MethodKind::Options => Method::Options,
            MethodKind::Trace => Method::Trace,
            MethodKind::Patch => Method::Patch,
            MethodKind::Extension => Method::Extension(self.part(0, u32::from(self.info.method_end))),
        }
    }

    /// The target, in its form (RFC 9112 section 3.2).
    #[inline]
    #[must_use]
    pub fn target(&self) -> Target<'a> {
        let Info {
            target,
            target_end,
            path,
            query,
            ..
        } = *self.info;
        let (path_end, query) = match query {
            0 => (target_end, None),
            at => (at, Some(self.part(at + 1, target_end))),
        };
        match self.info.form {
            Form::Origin => Target::Origin {
                path: self.part(target, path_end),
                query,
            },
            Form::Absolute => {
                let before = self.part(target, path);
                let (scheme, authority) = before.split_once("://").unwrap_or((before, ""));
                Target::Absolute {
                    scheme,
                    authority,
                    path: self.part(path, path_end),
                    query,
                }
            }
            Form::Authority => Target::Authority(self.part(target, target_end)),
            Form::Asterisk => Target::Asterisk,
        }
    }

    /// The target as it stands in the request line.
    #[must_use]
    pub fn target_str(&self) -> &'a str {
        self.part(self.info.target, self.info.target_end)
    }

    /// The version (RFC 9112 section 2.3).
    #[inline]
    #[must_use]
    pub const fn version(&self) -> Version {
        self.info.version
    }

    /// The value of the first field line called `name`, without regard to case (RFC 9110 section 5.1).
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        self.section().get(name)
    }

    /// All field lines, in their order.
    #[must_use]
    pub fn fields(&self) -> FieldLines<'a> {
        self.section().iter()
    }

    const fn section(&self) -> Section<'a> {
        Section {
            bytes: self.bytes,
            slots: self.slots,
        }
    }

    /// How the end of the body is known (RFC 9112 section 6.3).
    #[inline]
    #[must_use]
    pub const fn framing(&self) -> Framing {
        self.info.framing
    }

    /// The host that the request is for: of the target, if that names one, else of Host (RFC 9112 section 3.3).
    #[must_use]
    pub fn host(&self) -> Option<&'a str> {
        match self.target() {
            Target::Absolute { authority, .. } | Target::Authority(authority) => Some(authority),
            Target::Origin { .. } | Target::Asterisk => self
                .slots
                .get(usize::from(self.info.host))
                .map(|slot| text(slot.value(self.bytes))),
        }
    }

    /// What Expect asks for; always nothing in HTTP/1.0 (RFC 9110 section 10.1.1).
    #[inline]
    #[must_use]
    pub const fn expectation(&self) -> Expectation {
        self.info.expectation
    }

    /// Whether the client waits for 100 before it sends the body that it announced.
    #[inline]
    #[must_use]
    pub const fn expects_continue(&self) -> bool {
        matches!(self.info.expectation, Expectation::Continue) && !matches!(self.info.framing, Framing::Empty)
    }

    /// Whether the client lets the connection persist (RFC 9112 section 9.3).
    #[inline]
    #[must_use]
    pub const fn keep_alive(&self) -> bool {
        self.info.keep_alive
    }

    /// The protocols that the client would change to, in its order of preference: none unless Connection names Upgrade
    /// and the version is 1.1 (RFC 9110 section 7.8). `h2c` is left out: RFC 9113 section 3.1 took it back.
    pub fn upgrade(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let bytes = self.bytes;
        let slots = if self.info.upgrade { self.slots } else { &[] };
        slots
            .iter()
            .filter(move |slot| slot.name(bytes).eq_ignore_ascii_case(b"upgrade"))
            .flat_map(move |slot| bytes::list(slot.value(bytes)))
            .map(text)
            .filter(|protocol| !protocol.is_empty() && !protocol.eq_ignore_ascii_case("h2c"))
    }
}

impl fmt::Debug for Head<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Head")
            .field("method", &self.method())
            .field("target", &self.target())
            .field("version", &self.version())
            .field("framing", &self.framing())
            .field("expectation", &self.expectation())
            .field("keep_alive", &self.keep_alive())
            .field("fields", &self.fields())
            .finish()
    }
}

/// The trailer section of a chunked body (RFC 9112 section 7.1.2), without the fields that must not be there; never
/// merged into the head.
#[derive(Clone, Copy)]
pub struct Trailers<'a> {
    section: Section<'a>,
}

impl<'a> Trailers<'a> {
    pub(crate) fn new(bytes: &'a [u8], table: &'a Table<[Slot]>) -> Self {
        let slots = table.slots.get(..usize::from(table.info.count)).unwrap_or(&[]);
        Self {
            section: Section { bytes, slots },
        }
    }

    /// The value of the first field line called `name`, without regard to case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        self.section.get(name)
    }

    /// All field lines, in their order.
    #[must_use]
    pub fn fields(&self) -> FieldLines<'a> {
        self.section.iter()
    }
}

impl fmt::Debug for Trailers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trailers").field(&self.fields()).finish()
    }
}
