//! A worker: one thread, one poller, its own connections. Nothing here is shared with other workers but the
//! listeners and the count of connections.
//!
//! A *round* is all that follows one wait: letters from elsewhere, events, connections that have yielded, and deadlines.
//! A *turn* is one connection's part of it.

pub(crate) mod accept;
pub(crate) mod counters;
pub(crate) mod deadlines;
mod residents;
pub(crate) mod slab;
pub(crate) mod stage;
mod stream;

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use multiplex::{Event, Events, Fanout, Poller, Token, Waker};

use crate::driver::buffers::{Inlet, Kit, Watching};
use crate::driver::handler::mailbox::{Letter, Mailbox, Wake};
use crate::driver::handler::{AnyHandler, Notice};
use crate::driver::held;
use crate::driver::settings::{NEVER, Settings};
use crate::driver::socket::Ready;
use crate::sys::net::{BACKLOG, Listener};
use accept::{ACCEPTS_PER_EVENT, Acceptor, Admission, PAUSE, Reaction, reaction};
use counters::{Census, Counted};
use deadlines::{Alarm, Deadlines};
use residents::Resident;
use slab::{Key, Slab};
use stage::{CurrentStage, Stage};

/// Events that one wait reports at most.
const EVENTS: usize = 256;

/// What all workers of a server are made from.
pub(crate) struct Plan {
    pub(crate) handler: Box<dyn AnyHandler>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) stage: Arc<CurrentStage>,
    pub(crate) fanout: Fanout,
    pub(crate) watching: Watching,
}

pub(crate) struct Worker {
    poller: Poller,
    acceptor: Acceptor,
    residents: Slab<Resident>,
    /// Connections that have done their share and get their next turn in the next round.
    yielded: Vec<Key>,
    deadlines: Deadlines,
    inlet: Inlet,
    kit: Kit,
    /// Emptied each time; kept for its capacity.
    letters: Vec<Letter>,
    admission: Arc<Admission>,
    server_stage: Arc<CurrentStage>,
    stage: Stage,
    /// Rounds in a row that have put off what is due.
    postponed: usize,
    census: Arc<Census>,
    /// What the worker itself has counted; the rest is added at a census.
    counted: Counted,
    /// Responses up to the last turn whose time was counted.
    responses: u64,
}

impl Wake for Waker {
    fn wake(&self) -> io::Result<()> {
        Waker::wake(self)
    }
}

impl Worker {
    /// A worker that is ready to run, with its listeners registered, so that no client waits for its thread.
    pub(crate) fn new(plan: &Plan, listeners: Vec<Listener>) -> io::Result<Self> {
        let now = Instant::now();
        let poller = Poller::new()?;
        let waker = Waker::new(&poller, Token::new(0))?;
        let mailbox = Arc::new(Mailbox::new(Some(Box::new(waker))));
        let mut acceptor = Acceptor::new(listeners, plan.fanout);
        acceptor.resume(&poller)?;
        let kit = Kit::new(
            plan.handler.fresh(),
            Arc::clone(&plan.settings),
            &plan.watching,
            mailbox,
            now,
            SystemTime::now(),
        );
        Ok(Self {
            poller,
            acceptor,
            residents: Slab::default(),
            yielded: Vec::new(),
            deadlines: Deadlines::new(now),
            inlet: Inlet::default(),
            kit,
            letters: Vec::new(),
            admission: Arc::clone(&plan.admission),
            server_stage: Arc::clone(&plan.stage),
            stage: Stage::Serving,
            postponed: 0,
            census: Arc::default(),
            counted: Counted::default(),
            responses: 0,
        })
    }

    /// How to reach this worker from outside.
    pub(crate) fn mailbox(&self) -> Arc<Mailbox> {
        Arc::clone(&self.kit.lent.mailbox)
    }

    /// Where what it counts is asked for.
    pub(crate) fn census(&self) -> Arc<Census> {
        Arc::clone(&self.census)
    }

    /// How it shares its listeners with the others.
    pub(crate) fn fanout(&self) -> Fanout {
        self.acceptor.fanout()
    }

    /// Serves until the drain is over. Returns how many connections were cut off at its end.
    pub(crate) fn run(mut self) -> io::Result<usize> {
        let end = self.serve();
        let cut = self.cut_all();
        self.hold_census();
        // What came too late is the handlers' own.
        let mut letters = Vec::new();
        self.kit.lent.mailbox.collect(&mut letters);
        letters.into_iter().for_each(held::discard);
        // The handler goes with its worker.
        held::discard(self);
        end.map(|()| cut)
    }

    fn serve(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        while !self.is_done() {
            let timeout = self.timeout();
            // The clock is read right after, so that waiting on after a signal is this loop's own matter.
            let interrupted = match self.poller.wait_interruptible(&mut events, timeout) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
                result => result.map(|()| false)?,
            };
            self.round(&events, interrupted);
        }
        Ok(())
    }

    /// How long to wait: not at all while something is left to be done.
    #[inline]
    fn timeout(&self) -> Option<Duration> {
        if self.yielded.is_empty() && self.postponed == 0 && self.kit.lent.mailbox.fall_asleep() {
            self.deadlines.timeout()
        } else {
            Some(Duration::ZERO)
        }
    }

    /// Does all that follows one wait.
    #[inline]
    fn round(&mut self, events: &Events, interrupted: bool) {
        self.kit.begin(Instant::now(), SystemTime::now);
        let yielded = self.yielded.len();
        if self.kit.lent.mailbox.wake_up() {
            self.counted.wakes += 1;
            self.read_letters();
            self.enter(self.server_stage.stage());
            if self.census.is_wanted() {
                self.hold_census();
            }
        }
        for event in events {
            self.react(event);
        }
        if yielded > 0 {
            self.run_yielded(yielded);
        }
        if self.deadlines.want(self.kit.lent.now) {
            let has_seen_all = !interrupted && events.len() < EVENTS;
            self.ring_or_look_again(has_seen_all);
        }
        self.kit.end_round();
        if self.kit.counts() {
            self.kit.tally.round(Instant::now() - self.kit.lent.now);
        }
    }

    fn is_done(&self) -> bool {
        match self.stage {
            Stage::Serving => false,
            Stage::Draining => self.residents.is_empty(),
            Stage::Stopped => true,
        }
    }

    #[inline]
    fn react(&mut self, event: Event) {
        if event.is_wake() {
            // The mailbox has told of it already.
        } else if event.is_acceptable() {
            self.accept(event.token().value(), ACCEPTS_PER_EVENT);
        } else {
            let ready = Ready {
                readable: event.is_readable(),
                read_closed: event.is_read_closed(),
                gone: event.is_error() || (event.is_read_closed() && event.is_write_closed()),
            };
            self.turn(Key::from_value(event.token().value()), ready);
        }
    }

    fn accept(&mut self, listener: usize, most: usize) {
        for _ in 0..most {
            // The others wait in the backlog, where another worker may find them.
            if self.residents.is_full() || !self.admission.enter() {
                return self.pause_accepting();
            }
            match self.acceptor.accept(listener, &self.poller) {
                Ok((stream, peer)) => self.open(stream, peer),
                Err(error) => {
                    self.admission.leave();
                    match reaction(&error) {
                        Reaction::Wait => return,
                        Reaction::Next => {}
                        Reaction::Pause => {
                            self.tell_of_pause(error);
                            return self.pause_accepting();
                        }
                    }
                }
            }
        }
    }

    /// Says that accepting rests, once for all failures in a row.
    fn tell_of_pause(&mut self, error: io::Error) {
        if !self.acceptor.is_paused() {
            self.kit.notify(&Notice::AcceptPaused(error));
        }
    }

    fn pause_accepting(&mut self) {
        self.acceptor.pause(&self.poller);
        if self.acceptor.wants_alarm() {
            self.deadlines.ring(self.kit.lent.now + PAUSE, Alarm::Accept);
        }
    }

    fn resume_accepting(&mut self) {
        if self.acceptor.is_paused() && self.acceptor.resume(&self.poller).is_err() {
            self.pause_accepting();
        }
    }

    /// Gives answers and news from elsewhere to their connections.
    fn read_letters(&mut self) {
        let mut letters = std::mem::take(&mut self.letters);
        self.kit.lent.mailbox.collect(&mut letters);
        self.counted.letters += letters.len() as u64;
        for letter in letters.drain(..) {
            self.read_letter(letter);
        }
        self.letters = letters;
    }

    /// Does what is due, unless a socket may be ready that this round has not heard of: a worker that was stopped or held up
    /// must not call a client late whose bytes are there. So it looks again first, as often as it takes to hear of all.
    #[cold]
    fn ring_or_look_again(&mut self, has_seen_all: bool) {
        let most = self.residents.len() / EVENTS + 2;
        if has_seen_all || self.postponed >= most {
            self.postponed = 0;
            self.ring();
        } else {
            self.postponed += 1;
        }
    }

    /// Does what is due, and asks the wheel how long there is nothing more to do.
    fn ring(&mut self) {
        while let Some(alarm) = self.deadlines.due(self.kit.lent.now) {
            match alarm {
                Alarm::Accept => {
                    self.acceptor.alarm_rang();
                    self.resume_accepting();
                }
                Alarm::Stop => self.stage = Stage::Stopped,
                Alarm::Connection(key) => self.look_at(key),
            }
        }
        self.deadlines.ask(self.kit.lent.now);
    }

    /// Follows the server into its next stage.
    fn enter(&mut self, stage: Stage) {
        if stage == Stage::Draining && self.stage == Stage::Serving {
            self.drain();
        }
        self.stage = self.stage.max(stage);
    }

    /// Begins to drain. The kernel has accepted the connections in the backlog as far as their clients can tell, so they
    /// are taken in first, but no more than fit into it: a flood must not hold the drain up.
    fn drain(&mut self) {
        self.kit.lent.draining = true;
        for listener in 0..self.acceptor.len() {
            self.accept(listener, BACKLOG as usize);
        }
        self.acceptor.close(&self.poller);
        self.tell_all_of_drain();
        let timeout = self.kit.settings.drain_timeout.min(NEVER);
        self.deadlines.ring(self.kit.lent.now + timeout, Alarm::Stop);
    }
}
