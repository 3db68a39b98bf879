//! Views of the caller's bytes, as they were parsed.

use super::parts::{Expectation, Framing, KnownField, Method, Modifier, Target, Version};
use super::table::{Form, Info, MethodKind, Slot, Span, Table};
use crate::bytes::{self, text};
use core::fmt;

/// The value of the first field line called `name`, without regard to case.
fn value_of<'a>(name: &str, bytes: &'a [u8], table: &'a Table<[Slot]>) -> Option<&'a [u8]> {
    let mut slots = table.filled().iter();
    slots
        .find(|slot| slot.name.of(bytes).eq_ignore_ascii_case(name.as_bytes()))
        .map(|slot| slot.value.of(bytes))
}

/// The field lines of a section, in their order: names as received, values without white space around them.
#[derive(Clone)]
pub struct FieldLines<'a> {
    bytes: &'a [u8],
    slots: core::slice::Iter<'a, Slot>,
}

impl<'a> FieldLines<'a> {
    fn new(bytes: &'a [u8], table: &'a Table<[Slot]>) -> Self {
        Self {
            bytes,
            slots: table.filled().iter(),
        }
    }
}

impl<'a> Iterator for FieldLines<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.slots
            .next()
            .map(|slot| (text(slot.name.of(self.bytes)), slot.value.of(self.bytes)))
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
///
/// It borrows the input and the [`Fields`](crate::Fields) of the call that returned it: copy what is needed later before the
/// consumed bytes are removed or `receive` is called again.
#[derive(Clone, Copy)]
pub struct Head<'a> {
    bytes: &'a [u8],
    table: &'a Table<[Slot]>,
}

impl<'a> Head<'a> {
    #[inline(always)]
    pub(crate) const fn new(bytes: &'a [u8], table: &'a Table<[Slot]>) -> Self {
        Self { bytes, table }
    }

    fn part(&self, part: Span) -> &'a str {
        text(part.of(self.bytes))
    }

    /// Returns the method (RFC 9110 section 9).
    #[inline]
    #[must_use]
    pub fn method(&self) -> Method<'a> {
        match self.table.info.method {
            MethodKind::Get => Method::Get,
            MethodKind::Head => Method::Head,
            MethodKind::Post => Method::Post,
            MethodKind::Put => Method::Put,
            MethodKind::Delete => Method::Delete,
            MethodKind::Connect => Method::Connect,
            MethodKind::Options => Method::Options,
            MethodKind::Trace => Method::Trace,
            MethodKind::Patch => Method::Patch,
            MethodKind::Extension => Method::Extension(self.part(self.table.info.method_span())),
        }
    }

    /// Returns the target, in its form (RFC 9112 section 3.2).
    #[inline]
    #[must_use]
    pub fn target(&self) -> Target<'a> {
        let Info { target, path, .. } = self.table.info;
        let before = Span {
            end: path.start,
            ..target
        };
        let query = Span {
            start: path.end + 1,
            ..target
        };
        let query = (path.end < target.end).then(|| self.part(query));
        let path = self.part(path);
        match self.table.info.form {
            Form::Origin => Target::Origin { path, query },
            Form::Absolute => {
                let before = self.part(before);
                let (scheme, authority) = before.split_once("://").unwrap_or((before, ""));
                Target::Absolute {
                    scheme,
                    authority,
                    path,
                    query,
                }
            }
            Form::Authority => Target::Authority(self.part(target)),
            Form::Asterisk => Target::Asterisk,
        }
    }

    /// Returns the path of the target as bytes, without the check that makes text of it: `/` where an absolute target has
    /// none, and empty if the target is an authority or `*`.
    #[inline]
    #[must_use]
    pub fn path(&self) -> &'a [u8] {
        let path = self.table.info.path.of(self.bytes);
        match self.table.info.form {
            Form::Absolute if path.is_empty() => b"/",
            _ => path,
        }
    }

    /// Returns the target as it stands in the request line.
    #[must_use]
    pub fn target_str(&self) -> &'a str {
        self.part(self.table.info.target)
    }

    /// Returns the version (RFC 9112 section 2.3).
    #[inline]
    #[must_use]
    pub const fn version(&self) -> Version {
        self.table.info.version
    }

    /// Returns the value of the first field line called `name`, without regard to case (RFC 9110 section 5.1).
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        value_of(name, self.bytes, self.table)
    }

    /// Returns all field lines, in their order.
    #[must_use]
    pub fn fields(&self) -> FieldLines<'a> {
        FieldLines::new(self.bytes, self.table)
    }

    /// Returns the values of all field lines called `name`, in their order, without regard to case.
    #[inline]
    pub fn values<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a [u8]> + use<'a, 'n> {
        let bytes = self.bytes;
        let slots = self.table.filled().iter();
        slots
            .filter(move |slot| slot.name.of(bytes).eq_ignore_ascii_case(name.as_bytes()))
            .map(move |slot| slot.value.of(bytes))
    }

    /// Returns whether there is such a field. It is known since the head was parsed, so a handler need not look through the
    /// lines of every request for one.
    ///
    /// ```
    /// # use http_core::{Connection, Event, Fields, KnownField, Limits, Modifier};
    /// let wire = b"GET / HTTP/1.1\r\nHost: a\r\nIf-Match: *\r\n\r\n";
    /// let mut fields = Fields::<8>::new();
    /// let received = Connection::server(Limits::default()).receive(wire, &mut fields)?;
    /// let Event::Request(head) = received.event else {
    ///     unreachable!("it is whole");
    /// };
    /// assert!(head.has(KnownField::Modifier) && !head.has(KnownField::AcceptEncoding));
    /// assert_eq!(head.modifiers().next(), Some((Modifier::IfMatch, &b"*"[..])));
    /// # Ok::<(), http_core::Rejection>(())
    /// ```
    #[inline]
    #[must_use]
    pub const fn has(&self, field: KnownField) -> bool {
        self.table.info.known & field.bit() != 0
    }

    /// Returns the field lines that are a [`Modifier`] with their values, in their order.
    #[inline]
    pub fn modifiers(&self) -> impl Iterator<Item = (Modifier, &'a [u8])> + use<'a> {
        let bytes = self.bytes;
        let slots = self.table.filled().iter();
        slots.filter_map(move |slot| Some((Modifier::of(slot.name.of(bytes))?, slot.value.of(bytes))))
    }

    /// Returns all field lines, in their order, with their names as bytes: without the check that makes text of them.
    #[inline]
    pub fn field_bytes(&self) -> impl Iterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let bytes = self.bytes;
        let slots = self.table.filled().iter();
        slots.map(move |slot| (slot.name.of(bytes), slot.value.of(bytes)))
    }

    /// Returns how the end of the body is known (RFC 9112 section 6.3).
    #[inline]
    #[must_use]
    pub const fn framing(&self) -> Framing {
        self.table.info.framing
    }

    /// Returns the host that the request is for: of the target, if that names one, else of Host (RFC 9112 section 3.3).
    /// The port is part of it, as received. `None` only in HTTP/1.0, where Host may be missing.
    #[must_use]
    pub fn host(&self) -> Option<&'a str> {
        match self.target() {
            Target::Absolute { authority, .. } | Target::Authority(authority) => Some(authority),
            Target::Origin { .. } | Target::Asterisk => self
                .table
                .slots
                .get(usize::from(self.table.info.host))
                .map(|slot| text(slot.value.of(self.bytes))),
        }
    }

    /// Returns the meaning of Expect; it has none in HTTP/1.0 (RFC 9110 section 10.1.1).
    #[inline]
    #[must_use]
    pub const fn expectation(&self) -> Expectation {
        self.table.info.expectation
    }

    /// Returns whether the client waits for 100 before it sends the body that it announced.
    ///
    /// Call [`close_after_response`](crate::Connection::close_after_response) before a final response that is sent in place of
    /// 100: the client may leave the body out then, and its next request would be taken for the body.
    #[inline]
    #[must_use]
    pub const fn expects_continue(&self) -> bool {
        matches!(self.table.info.expectation, Expectation::Continue)
            && !matches!(self.table.info.framing, Framing::Empty)
    }

    /// Returns whether the client lets the connection persist (RFC 9112 section 9.3).
    #[inline]
    #[must_use]
    pub const fn keep_alive(&self) -> bool {
        self.table.info.keep_alive
    }

    /// Returns the protocols that the client would change to, in its order of preference: none unless Connection names Upgrade
    /// and the version is 1.1 (RFC 9110 section 7.8), and none with POST, whose Upgrade is ignored. `h2c` is left out: RFC
    /// 9113 section 3.1 took it back.
    pub fn upgrade(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        let bytes = self.bytes;
        let slots = if self.table.info.upgrade {
            self.table.filled()
        } else {
            &[]
        };
        slots
            .iter()
            .filter(move |slot| slot.name.of(bytes).eq_ignore_ascii_case(b"upgrade"))
            .flat_map(move |slot| bytes::list(slot.value.of(bytes)))
            .filter(|protocol| can_be_switched_to(protocol))
            .map(text)
    }
}

/// `token ["/" token]` (RFC 9110 section 7.8); anything else names no protocol. `h2c` is left out: RFC 9113 section 3.1
/// took it back.
pub(crate) fn can_be_switched_to(protocol: &[u8]) -> bool {
    let mut parts = protocol.splitn(2, |&byte| byte == b'/');
    parts.all(|part| !part.is_empty() && bytes::all(part, bytes::TOKEN))
        && !protocol.eq_ignore_ascii_case(b"h2c")
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
    bytes: &'a [u8],
    table: &'a Table<[Slot]>,
}

impl<'a> Trailers<'a> {
    pub(crate) const fn new(bytes: &'a [u8], table: &'a Table<[Slot]>) -> Self {
        Self { bytes, table }
    }

    /// Returns the value of the first field line called `name`, without regard to case.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&'a [u8]> {
        value_of(name, self.bytes, self.table)
    }

    /// Returns all field lines, in their order.
    #[must_use]
    pub fn fields(&self) -> FieldLines<'a> {
        FieldLines::new(self.bytes, self.table)
    }
}

impl fmt::Debug for Trailers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Trailers").field(&self.fields()).finish()
    }
}
