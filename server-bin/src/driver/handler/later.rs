//! Answers and news from elsewhere: a ticket for the connection, a completer for the thread that makes the answer, a
//! notifier for the one that has news, and the desk where a handler gets them.
//!
//! Each is bound to one request by a [`Serial`], so that none can reach another request, however late it comes and
//! whatever number its connection's slot has by then.

use std::fmt;
use std::sync::{Arc, Weak};

use http_core::{FieldBlock, ResponseHead};

use super::mailbox::{Answer, Letter, Mailbox};
use super::sync::{AtomicBool, Ordering};
use super::{Completed, Serial, Ticket, status};

/// Completes one request, from any thread.
///
/// Dropped without an answer, it answers 500: a request never hangs because its completer was forgotten.
pub struct Completer {
    mailbox: Option<Arc<Mailbox>>,
    connection: usize,
    serial: Serial,
    number: u32,
    notifier: Notifier,
}

impl Completer {
    /// Answers the request with the status and the fields of `head`, and with `body`.
    ///
    /// When the client has gone meanwhile, the answer is dropped.
    pub fn complete(mut self, head: ResponseHead, body: impl Into<Completed>) {
        self.post(head, body.into());
    }

    /// Returns a notifier of the same request, for a source that it is completed with.
    pub fn notifier(&self) -> Notifier {
        self.notifier.0.handed_out.store(true, Ordering::Relaxed);
        self.notifier.clone()
    }

    fn post(&mut self, head: ResponseHead, body: Completed) {
        if let Some(mailbox) = self.mailbox.take() {
            mailbox.post(Letter::Answer(Answer {
                connection: self.connection,
                serial: self.serial,
                number: self.number,
                head,
                body,
            }));
        }
    }
}

impl Drop for Completer {
    fn drop(&mut self) {
        let mut head = ResponseHead::new(500);
        status::refusal(&mut head, &FieldBlock::new(), 500);
        self.post(head, status::text(500).into());
    }
}

impl fmt::Debug for Completer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Completer")
            .field("serial", &self.serial)
            .finish_non_exhaustive()
    }
}

/// Wakes one request of one connection, from any thread: its source is pulled, its sink goes on, its protocol is called.
///
/// Firing it twice before the worker looks is firing it once; firing it after the request has ended does nothing.
/// When the last clone is dropped, the request is woken a last time: a source or a sink that waits then waits for
/// nothing, and has failed.
#[derive(Clone)]
pub struct Notifier(Arc<Bell>);

impl Notifier {
    /// Wakes the request. It costs one system call at most, and none when the worker is awake or already woken.
    pub fn notify(&self) {
        // Release: what was done before is seen by the worker that takes the news; Acquire is its counterpart there.
        if !self.0.rung.swap(true, Ordering::AcqRel) {
            self.0.post();
        }
    }

    /// Wakes the requests of all these notifiers: each of their workers once at most, when all news lie in its mailbox.
    ///
    /// Notified one by one, the first would wake its worker, which could then fall asleep again between any two of the
    /// others.
    pub fn notify_all<'a>(notifiers: impl IntoIterator<Item = &'a Self>) {
        let mut alerts = Alerts::default();
        for Self(bell) in notifiers {
            if !bell.rung.swap(true, Ordering::AcqRel)
                && let Some(mailbox) = &bell.mailbox
            {
                alerts.add(mailbox);
                mailbox.put(bell.letter());
            }
        }
    }

    pub(crate) fn nowhere() -> Self {
        Self(Arc::new(Bell {
            mailbox: None,
            connection: 0,
            serial: Serial(0),
            rung: AtomicBool::new(false),
            handed_out: AtomicBool::new(false),
        }))
    }
}

impl fmt::Debug for Notifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notifier")
            .field("serial", &self.0.serial)
            .finish_non_exhaustive()
    }
}

/// What all clones of a [`Notifier`] share.
pub(crate) struct Bell {
    mailbox: Option<Arc<Mailbox>>,
    connection: usize,
    serial: Serial,
    /// Whether the news is in the mailbox already. The worker takes it back before it looks for what is new.
    rung: AtomicBool,
    /// Whether anybody but a completer has it, and may have let its source or its sink wait for it.
    handed_out: AtomicBool,
}

impl Bell {
    fn letter(&self) -> Letter {
        Letter::News {
            connection: self.connection,
            serial: self.serial,
        }
    }

    fn post(&self) {
        if let Some(mailbox) = &self.mailbox {
            mailbox.post(self.letter());
        }
    }
}

/// Mailboxes whose workers are still to be told of what was put there. Its drop tells them: also when the iterator of
/// notifiers panics, nothing stays unseen.
#[derive(Default)]
struct Alerts<'a>(Vec<&'a Arc<Mailbox>>);

impl<'a> Alerts<'a> {
    fn add(&mut self, mailbox: &'a Arc<Mailbox>) {
        // There are as many as workers.
        if !self.0.iter().any(|known| Arc::ptr_eq(known, mailbox)) {
            self.0.push(mailbox);
        }
    }
}

impl Drop for Alerts<'_> {
    fn drop(&mut self) {
        self.0.iter().for_each(|mailbox| mailbox.alert());
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        if self.handed_out.load(Ordering::Relaxed) {
            self.post();
        }
    }
}

/// The parts of a request that are elsewhere: its number, its tickets, and its bell.
#[derive(Default)]
pub(crate) struct Elsewhere {
    pub(crate) serial: Serial,
    tickets: u32,
    bell: Weak<Bell>,
    /// The ticket whose answer is waited for; 0 is none.
    pub(crate) awaited: u32,
    /// Answers that came before they were waited for.
    pub(crate) early: Vec<Answer>,
}

impl Elsewhere {
    /// Whether `ticket` was given out for this request.
    pub(crate) fn has_given(&self, ticket: &Ticket) -> bool {
        ticket.serial == self.serial && (1..=self.tickets).contains(&ticket.number)
    }

    /// Whether a notifier exists that may fire. The one inside a completer does not count, because nobody can fire it.
    pub(crate) fn can_be_notified(&self) -> bool {
        let bell = self.bell.upgrade();
        bell.is_some_and(|bell| bell.handed_out.load(Ordering::Relaxed))
    }

    /// Takes the news, so that the next one is posted again. Called before the worker looks for what is new.
    pub(crate) fn take_news(&self) {
        if let Some(bell) = self.bell.upgrade() {
            // A swap, because a plain store would not be ordered after what a notifier did that found the bell rung.
            bell.rung.swap(false, Ordering::AcqRel);
            // Should this have become the last one, its drop posts a letter: one turn too many, and never one too few.
        }
    }

    /// The answer that is waited for, if it has come.
    pub(crate) fn take_awaited(&mut self) -> Option<Answer> {
        let at = self
            .early
            .iter()
            .position(|answer| answer.number == self.awaited)?;
        Some(self.early.swap_remove(at))
    }
}

/// Where a handler gets tickets and notifiers for the request that it is looking at.
pub(crate) struct Desk<'a> {
    pub(crate) mailbox: &'a Arc<Mailbox>,
    pub(crate) connection: usize,
    /// The last serial that the worker gave out.
    pub(crate) serials: &'a mut u64,
    pub(crate) elsewhere: &'a mut Option<Box<Elsewhere>>,
}

impl Desk<'_> {
    fn elsewhere(&mut self) -> &mut Elsewhere {
        let serials = &mut *self.serials;
        self.elsewhere.get_or_insert_with(|| {
            *serials += 1;
            Box::new(Elsewhere {
                serial: Serial(*serials),
                ..Elsewhere::default()
            })
        })
    }

    pub(crate) fn ticket(&mut self) -> (Ticket, Completer) {
        let notifier = self.bell();
        let (mailbox, connection) = (Arc::clone(self.mailbox), self.connection);
        let elsewhere = self.elsewhere();
        // A request with more than these has given them away by the billion: the last ones count as one.
        elsewhere.tickets = elsewhere.tickets.saturating_add(1);
        let (serial, number) = (elsewhere.serial, elsewhere.tickets);
        let completer = Completer {
            mailbox: Some(mailbox),
            connection,
            serial,
            number,
            notifier,
        };
        (Ticket { serial, number }, completer)
    }

    pub(crate) fn notifier(&mut self) -> Notifier {
        let notifier = self.bell();
        notifier.0.handed_out.store(true, Ordering::Relaxed);
        notifier
    }

    fn bell(&mut self) -> Notifier {
        let (mailbox, connection) = (Arc::clone(self.mailbox), self.connection);
        let elsewhere = self.elsewhere();
        if let Some(bell) = elsewhere.bell.upgrade() {
            return Notifier(bell);
        }
        let bell = Arc::new(Bell {
            mailbox: Some(mailbox),
            connection,
            serial: elsewhere.serial,
            rung: AtomicBool::new(false),
            handed_out: AtomicBool::new(false),
        });
        elsewhere.bell = Arc::downgrade(&bell);
        Notifier(bell)
    }

    /// A ticket and a completer that lead nowhere.
    pub(crate) fn nowhere() -> (Ticket, Completer) {
        let completer = Completer {
            mailbox: None,
            connection: 0,
            serial: Serial(0),
            number: 0,
            notifier: Notifier::nowhere(),
        };
        (
            Ticket {
                serial: Serial(0),
                number: 0,
            },
            completer,
        )
    }
}
