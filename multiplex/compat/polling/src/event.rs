//! Events as polling has them: one type for what is asked and for what came.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::num::NonZeroUsize;

/// What is asked of a source, or what it reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// The caller's number for the source.
    pub key: usize,
    /// Whether a read will not block.
    pub readable: bool,
    /// Whether a write will not block.
    pub writable: bool,
    extra: Extra,
}

/// What a report says beside the two directions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Extra {
    interrupt: bool,
    priority: bool,
    error: bool,
}

impl Event {
    /// Makes an event of two directions.
    pub const fn new(key: usize, readable: bool, writable: bool) -> Event {
        let extra = Extra {
            interrupt: false,
            priority: false,
            error: false,
        };
        Event {
            key,
            readable,
            writable,
            extra,
        }
    }

    /// Makes an event of both directions.
    pub const fn all(key: usize) -> Event {
        Event::new(key, true, true)
    }

    /// Makes an event that is readable.
    pub const fn readable(key: usize) -> Event {
        Event::new(key, true, false)
    }

    /// Makes an event that is writable.
    pub const fn writable(key: usize) -> Event {
        Event::new(key, false, true)
    }

    /// Makes an event of nothing: a source that asks for it stays added and reports nothing.
    pub const fn none(key: usize) -> Event {
        Event::new(key, false, false)
    }

    /// Sets whether the connection has ended. A source reports that whether it is asked for or not.
    pub fn set_interrupt(&mut self, active: bool) {
        self.extra.interrupt = active;
    }

    /// Returns this event with `set_interrupt(true)`.
    pub fn with_interrupt(mut self) -> Self {
        self.set_interrupt(true);
        self
    }

    /// Sets whether urgent data is asked for. None is ever reported.
    pub fn set_priority(&mut self, active: bool) {
        self.extra.priority = active;
    }

    /// Returns this event with `set_priority(true)`.
    pub fn with_priority(mut self) -> Self {
        self.set_priority(true);
        self
    }

    /// True if the connection has ended in both directions.
    pub fn is_interrupt(&self) -> bool {
        self.extra.interrupt
    }

    /// True if `set_priority` said so: urgent data is not reported.
    pub fn is_priority(&self) -> bool {
        self.extra.priority
    }

    /// True if the source has an error and its connection has ended.
    #[deprecated(since = "3.4.0", note = "use `is_err` and `is_interrupt`")]
    pub fn is_connect_failed(&self) -> Option<bool> {
        Some(self.extra.error && self.extra.interrupt)
    }

    /// True if the source has an error.
    pub fn is_err(&self) -> Option<bool> {
        Some(self.extra.error)
    }

    /// Forgets all but the key and the two directions.
    pub fn clear_extra(&mut self) {
        self.extra = Extra::default();
    }

    /// Returns this event without all but the key and the two directions, for comparisons.
    pub fn with_no_extra(mut self) -> Self {
        self.clear_extra();
        self
    }
}

impl From<multiplex::Event> for Event {
    fn from(event: multiplex::Event) -> Self {
        let (readable, writable) = (event.is_readable(), event.is_writable());
        Event {
            extra: Extra {
                interrupt: event.is_write_closed(),
                priority: false,
                error: event.is_error(),
            },
            ..Event::new(event.token().value(), readable, writable)
        }
    }
}

/// The list to which [`Poller::wait`](crate::Poller::wait) appends.
pub struct Events {
    /// What one wait fills.
    pub(crate) buffer: multiplex::Events,
    list: Vec<Event>,
    /// As polling's: it is not `Sync`.
    not_sync: PhantomData<Cell<()>>,
}

/// As many as polling has room for.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

impl Events {
    /// Makes a list with room for 1,024 events of one wait.
    pub fn new() -> Self {
        Self::with_capacity(CAPACITY)
    }

    /// Makes a list with room for so many events of one wait.
    pub fn with_capacity(capacity: NonZeroUsize) -> Self {
        Self {
            buffer: multiplex::Events::with_capacity(capacity.get()),
            list: Vec::new(),
            not_sync: PhantomData,
        }
    }

    /// Appends what the buffer holds, but for the notifications.
    pub(crate) fn take(&mut self) {
        let sources = self.buffer.iter().filter(|event| !event.is_wake());
        self.list.extend(sources.map(Event::from));
    }

    /// The events, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = Event> + '_ {
        self.list.iter().copied()
    }

    /// Forgets the events. A wait does not: it appends.
    pub fn clear(&mut self) {
        self.list.clear();
    }

    /// How many events there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// True if there is no event.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many events one wait can append.
    pub fn capacity(&self) -> NonZeroUsize {
        NonZeroUsize::new(self.buffer.capacity()).unwrap_or(CAPACITY)
    }
}

impl Default for Events {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}
