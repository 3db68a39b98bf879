//! A worker: one thread, one poller, its own connections. Nothing here is shared with other workers but the
//! listeners, the handler, and the count of connections.

pub(crate) mod accept;
pub(crate) mod deadlines;
pub(crate) mod slab;
pub mod stage;
mod stream;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use multiplex::{Event, Events, Fanout, Interest, Poller, Token, Trigger, Waker};

use self::accept::{ACCEPTS_PER_EVENT, Acceptor, Admission, PAUSE, Reaction, reaction};
use self::deadlines::{Alarm, Deadlines};
use self::slab::{Key, Slab};
use crate::driver::buffers::{Inlet, Kit};
use crate::driver::connection::{Connection, Next, Turn};
use crate::driver::held;
use crate::driver::settings::{NEVER, Settings};
use crate::driver::socket::Ready;
use crate::handler::{Completion, Handler, Mailbox};
use crate::sys::net::{BACKLOG, Listener, Stream};
use crate::worker::stage::{Progress, Stage};

/// Events that one wait reports at most.
const EVENTS: usize = 256;

/// User memory of an idle connection: its slot and its timer. The socket's buffers are the kernel's.
const _: () = assert!(IDLE_BYTES <= 192);
const IDLE_BYTES: usize = size_of::<slab::Slot<Connection<Stream>>>() + TIMER_BYTES;
/// What `multiplex::timers` documents for a timer, and the value beside it.
const TIMER_BYTES: usize = 24 + size_of::<usize>();

/// What all workers of a server are made from.
pub(crate) struct Plan {
    pub(crate) handler: Arc<dyn Handler>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) progress: Arc<Progress>,
    pub(crate) fanout: Fanout,
}

pub(crate) struct Worker {
    poller: Poller,
    acceptor: Acceptor,
    connections: Slab<Connection<Stream>>,
    deadlines: Deadlines,
    inlet: Inlet,
    kit: Kit,
    /// Emptied each time; kept for its capacity.
    letters: Vec<Completion>,
    admission: Arc<Admission>,
    progress: Arc<Progress>,
    stage: Stage,
}

impl Worker {
    /// A worker that is ready to run, with its listeners registered, so that no client waits for its thread.
    pub(crate) fn new(plan: &Plan, listeners: Vec<Listener>) -> io::Result<Self> {
        let now = Instant::now();
        let poller = Poller::new()?;
        let waker = Waker::new(&poller, Token::new(0))?;
        let mailbox = Arc::new(Mailbox::new(Some(waker)));
        let mut acceptor = Acceptor::new(listeners, plan.fanout);
        acceptor.resume(&poller)?;
        let kit = Kit::with_mailbox(
            Arc::clone(&plan.handler),
            Arc::clone(&plan.settings),
            now,
            mailbox,
        );
        Ok(Self {
            poller,
            acceptor,
            connections: Slab::default(),
            deadlines: Deadlines::new(now),
            inlet: Inlet::default(),
            kit,
            letters: Vec::new(),
            admission: Arc::clone(&plan.admission),
            progress: Arc::clone(&plan.progress),
            stage: Stage::Serving,
        })
    }

    /// How to reach this worker from outside.
    pub(crate) fn mailbox(&self) -> Arc<Mailbox> {
        Arc::clone(&self.kit.mailbox)
    }

    /// How it shares its listeners with the others.
    pub(crate) fn fanout(&self) -> Fanout {
        self.acceptor.fanout()
    }

    /// Serves until the drain is over.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let end = self.serve();
        // The handler goes with its last worker.
        held::discard(self);
        end
    }

    fn serve(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(EVENTS);
        while !self.is_done() {
            // The clock is read right after, so that waiting on after a signal is this loop's own matter.
            match self
                .poller
                .wait_interruptible(&mut events, self.deadlines.timeout())
            {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => result?,
            }
            self.kit.begin(Instant::now());
            for event in &events {
                self.react(event);
            }
            if self.deadlines.want(self.kit.now) {
                self.ring();
            }
        }
        Ok(())
    }

    fn is_done(&self) -> bool {
        match self.stage {
            Stage::Serving => false,
            Stage::Draining => self.connections.is_empty(),
            Stage::Stopped => true,
        }
    }

    fn react(&mut self, event: Event) {
        if event.is_wake() {
            self.read_letters();
            self.follow(self.progress.stage());
        } else if event.is_acceptable() {
            self.accept(event.token().value(), ACCEPTS_PER_EVENT);
        } else {
            let ready = Ready {
                readable: event.is_readable(),
                gone: event.is_error() || (event.is_read_closed() && event.is_write_closed()),
            };
            let key = Key::from_value(event.token().value());
            self.drive(key, |connection, inlet, kit| {
                connection.turn(key.value(), ready, inlet, kit)
            });
        }
    }

    /// Lets a connection do something, and does what it asks for afterwards. A connection that has gone is one that
    /// an older event or letter was for.
    fn drive(&mut self, key: Key, act: impl FnOnce(&mut Connection<Stream>, &mut Inlet, &mut Kit) -> Turn) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        let armed = connection.armed();
        let turn = act(connection, &mut self.inlet, &mut self.kit);
        if turn.nearer
            && let Some(timer) = connection.timer
        {
            self.deadlines.advance(timer, connection.deadline(&self.kit));
        }
        let stays = turn.next == armed || {
            let (interest, trigger) = match turn.next {
                Next::Read => (Interest::READABLE, Trigger::Level),
                Next::Write => (Interest::WRITABLE, Trigger::Level),
                Next::Hangup => (Interest::READABLE, Trigger::Edge),
                Next::Close => return self.close(key),
            };
            let token = Token::new(key.value());
            self.poller
                .modify(connection.socket(), token, interest, trigger)
                .is_ok()
        };
        if !stays {
            self.close(key);
        }
    }

    /// Dropping the socket closes it, and closing takes it out of the poller.
    fn close(&mut self, key: Key) {
        let Some(connection) = self.connections.remove(key) else {
            return;
        };
        if let Some(timer) = connection.timer {
            self.deadlines.dismiss(timer);
        }
        drop(connection);
        self.admission.leave();
        self.resume_accepting();
    }

    fn accept(&mut self, listener: usize, most: usize) {
        for _ in 0..most {
            // The others wait in the backlog, where another worker may find them.
            if self.connections.is_full() || !self.admission.enter() {
                return self.pause_accepting();
            }
            match self.acceptor.accept(listener, &self.poller) {
                Ok((stream, peer)) => self.admit(stream, peer),
                Err(error) => {
                    self.admission.leave();
                    match reaction(&error) {
                        Reaction::Wait => return,
                        Reaction::Next => {}
                        Reaction::Pause => return self.pause_accepting(),
                    }
                }
            }
        }
    }

    fn admit(&mut self, stream: Stream, peer: Option<SocketAddr>) {
        let key = self.connections.insert(Connection::new(stream, peer, &self.kit));
        // It would not have been accepted without a slot for it.
        let Ok(key) = key else {
            return self.admission.leave();
        };
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        connection.timer = Some(self.deadlines.admit(key, connection.deadline(&self.kit)));
        let token = Token::new(key.value());
        if self
            .poller
            .add(connection.socket(), token, Interest::READABLE, Trigger::Level)
            .is_err()
        {
            // The kernel is short of memory or of registrations (ENOMEM, ENOSPC): one connection less.
            self.close(key);
        }
    }

    fn pause_accepting(&mut self) {
        self.acceptor.pause(&self.poller);
        if self.acceptor.wants_alarm() {
            self.deadlines.ring(self.kit.now + PAUSE, Alarm::Accept);
        }
    }

    fn resume_accepting(&mut self) {
        if self.acceptor.is_paused() && self.acceptor.resume(&self.poller).is_err() {
            self.pause_accepting();
        }
    }

    /// Gives the answers that came from elsewhere to their connections.
    fn read_letters(&mut self) {
        let mut letters = std::mem::take(&mut self.letters);
        self.kit.mailbox.collect(&mut letters);
        for letter in letters.drain(..) {
            let key = Key::from_value(letter.connection);
            self.drive(key, |connection, inlet, kit| {
                connection.complete(key.value(), letter, inlet, kit)
            });
        }
        self.letters = letters;
    }

    /// Does what is due, and asks the wheel how long there is nothing more to do.
    fn ring(&mut self) {
        while let Some(alarm) = self.deadlines.due(self.kit.now) {
            match alarm {
                Alarm::Accept => {
                    self.acceptor.alarm_rang();
                    self.resume_accepting();
                }
                Alarm::Stop => self.stage = Stage::Stopped,
                Alarm::Connection(key) => self.look_at(key),
            }
        }
        self.deadlines.ask(self.kit.now);
    }

    /// A connection's timer has fired, perhaps earlier than its deadline.
    fn look_at(&mut self, key: Key) {
        let Some(connection) = self.connections.get_mut(key) else {
            return;
        };
        connection.timer = None;
        if connection.deadline(&self.kit) <= self.kit.now {
            self.drive(key, |connection, inlet, kit| {
                connection.expire(key.value(), inlet, kit)
            });
        }
        // Whoever is still there has more to do until a later deadline.
        if let Some(connection) = self.connections.get_mut(key) {
            connection.timer = Some(self.deadlines.admit(key, connection.deadline(&self.kit)));
        }
    }

    /// Follows the server into its next stage.
    fn follow(&mut self, stage: Stage) {
        if stage == Stage::Draining && self.stage == Stage::Serving {
            self.drain();
        }
        self.stage = self.stage.max(stage);
    }

    /// Begins to drain. Who is in the backlog has been accepted as far as the client can tell, so it is taken in
    /// first, but no more than fit into it: a flood must not hold the drain up. Who is idle gets a moment for one more
    /// request, because it may be under way already.
    fn drain(&mut self) {
        self.kit.draining = true;
        for listener in 0..self.acceptor.len() {
            self.accept(listener, BACKLOG as usize);
        }
        self.acceptor.close(&self.poller);
        let keys: Vec<Key> = self.connections.keys().collect();
        for key in keys {
            if let Some(connection) = self.connections.get_mut(key)
                && connection.drain(&self.kit)
                && let Some(timer) = connection.timer
            {
                self.deadlines.advance(timer, connection.deadline(&self.kit));
            }
        }
        let timeout = self.kit.settings.drain_timeout.min(NEVER);
        self.deadlines.ring(self.kit.now + timeout, Alarm::Stop);
    }
}
