//! A worker: one thread, one poller, its own connections. It shares its listeners with the others, and the places for connections
//! with who waits for one (`admission`); whoever has something for it puts that into its mailbox and wakes it.
//!
//! A *round* is one pass of the loop: a wait, and what follows it, which is letters from elsewhere, events, connections that have
//! yielded, and deadlines. A *turn* is one connection's part of that. When a round has taken its time, those that had no turn are
//! kept for the next one, which goes on with them and does not wait: so each that was ready has its turn before any has a second
//! one, and what else is due, the drain for example, waits for no more than a round.

pub(crate) mod accept;
pub(crate) mod admission;
pub(crate) mod counters;
pub(crate) mod deadlines;
pub(crate) mod kernel;
mod listening;
mod many;
mod memory;
mod newcomers;
mod residents;
pub(crate) mod room;
#[cfg(test)]
mod simulator;
pub(crate) mod slab;
pub(crate) mod stage;
pub(crate) mod system;

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use multiplex::Fanout;

use crate::driver::buffers::{Inlet, Kit, Watching};
use crate::driver::handler::AnyHandler;
use crate::driver::handler::mailbox::{Letter, Mailbox};
use crate::driver::held;
use crate::driver::settings::{NEVER, Settings};
use accept::Acceptor;
use admission::{Admission, Door};
use counters::{Census, Counted};
use deadlines::{Alarm, Deadlines};
use many::Many;
use newcomers::Eagerness;
use residents::Resident;
use room::{Room, Trust};
use slab::{Key, Slab};
use stage::{CurrentStage, Stage};
use system::{Event, System};

/// What all workers of a server are made from.
pub(crate) struct Plan {
    pub(crate) handler: Box<dyn AnyHandler>,
    pub(crate) settings: Arc<Settings>,
    pub(crate) admission: Arc<Admission>,
    pub(crate) stage: Arc<CurrentStage>,
    pub(crate) fanout: Fanout,
    pub(crate) watching: Watching,
    pub(crate) trust: Option<Trust>,
    /// How long the listeners hold connections back that nothing was sent on; no time, if they do not.
    pub(crate) deferral: Duration,
}

pub(crate) struct Worker<S: System> {
    system: S,
    acceptor: Acceptor<S>,
    residents: Slab<Resident<S::Socket>>,
    /// Connections that have done their share and get their next turn in the next round.
    yielded: VecDeque<Key>,
    /// Connections that are not read from before there is room for more.
    held_back: VecDeque<Key>,
    /// How many of them, from the front, wait since before this round.
    held_before: usize,
    many: Many,
    deadlines: Deadlines,
    inlet: Inlet,
    kit: Kit,
    /// Letters that were not read yet, the first one last.
    letters: Vec<Letter>,
    /// What the last round has left.
    left: Option<Left>,
    admission: Arc<Admission>,
    door: Arc<Door>,
    room: Room,
    trust: Option<Trust>,
    server_stage: Arc<CurrentStage>,
    stage: Stage,
    /// Rounds in a row that have put off what is due.
    postponed: usize,
    /// When the first of those found that something is.
    due_at: Instant,
    census: Arc<Census>,
    /// What the worker itself has counted; the rest is added at a census.
    counted: Counted,
    eagerness: Eagerness,
    /// How long this round took until the end of its last turn, if that was what came last, and if it is counted.
    last_turn: Option<Duration>,
    /// A round has gone on, and the clock was not looked at since: somebody has a turn before its time may be over.
    owes_turn: bool,
}

/// Short turns from one look at the clock to the next.
const TURNS_PER_LOOK: usize = 4;
/// The same for alarms.
const ALARMS_PER_LOOK: u32 = 16;
/// A round's time, in turns.
const TURNS_PER_ROUND: u32 = 10;

/// How far a round came that had no time for all, beside the letters that were not read.
#[derive(Clone, Copy)]
struct Left {
    /// Events that were reacted to.
    events: usize,
    /// Connections that had yielded before the last wait, and have their turns still to come.
    yielded: usize,
}

impl<S: System> Worker<S> {
    /// A worker that is ready to run, with its listeners registered, so that no client waits for its thread.
    pub(crate) fn new(plan: &Plan, system: S, listeners: Vec<S::Listener>) -> io::Result<Self> {
        let now = system.now();
        let mailbox = Arc::new(Mailbox::new(Some(system.waker()?)));
        let mut acceptor = Acceptor::new(listeners, plan.fanout, plan.deferral);
        acceptor.resume(&system)?;
        let door = plan.admission.add_door(Arc::clone(&mailbox));
        let kit = Kit::new(
            plan.handler.fresh(),
            Arc::clone(&plan.settings),
            &plan.watching,
            mailbox,
            system.clock(),
            system.wall(),
        );
        Ok(Self {
            system,
            acceptor,
            residents: Slab::default(),
            yielded: VecDeque::new(),
            held_back: VecDeque::new(),
            held_before: 0,
            many: Many::new(),
            deadlines: Deadlines::new(now),
            inlet: Inlet::default(),
            kit,
            letters: Vec::new(),
            left: None,
            admission: Arc::clone(&plan.admission),
            door,
            room: Room::new(now),
            trust: plan.trust.clone(),
            server_stage: Arc::clone(&plan.stage),
            stage: Stage::Serving,
            postponed: 0,
            due_at: now,
            census: Arc::default(),
            counted: Counted::default(),
            eagerness: Eagerness::new(),
            last_turn: None,
            owes_turn: false,
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
        let cut = self.finish();
        end.map(|()| cut)
    }

    /// Lets go of all that is left. Returns how many connections are cut off by that.
    fn finish(mut self) -> usize {
        // What becomes free from here on is for others.
        self.admission.close(&self.door);
        let cut = self.cut_all();
        let now = self.system.now();
        self.kit.end_last_round(now);
        self.hold_census();
        // Letters that came too late hold values of the handlers' own.
        let mut letters = std::mem::take(&mut self.letters);
        letters.drain(..).for_each(held::discard);
        self.kit.lent.mailbox.collect(&mut letters);
        letters.into_iter().for_each(held::discard);
        // The handler goes with its worker.
        held::discard(self);
        cut
    }

    fn serve(&mut self) -> io::Result<()> {
        let mut interrupted = false;
        while !self.is_done() {
            if self.left.is_none() {
                let timeout = self.timeout();
                #[cfg(test)]
                self.hold_memory(timeout);
                // The clock is read right after, so that waiting on after a signal is this loop's own matter.
                interrupted = match self.system.wait(timeout) {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => true,
                    Err(error) => return Err(cannot_wait(error)),
                    Ok(()) => false,
                };
            }
            self.round(interrupted);
        }
        Ok(())
    }

    /// How long to wait: not at all while something is left to be done.
    #[inline]
    fn timeout(&self) -> Option<Duration> {
        if self.yielded.is_empty() && self.postponed == 0 && self.kit.lent.mailbox.fall_asleep() {
            Some(self.deadlines.timeout())
        } else {
            Some(Duration::ZERO)
        }
    }

    /// Does what follows a wait, or goes on with what the round before has left of that. A call of its own would cost each request some 25 instructions.
    #[inline(always)]
    fn round(&mut self, interrupted: bool) {
        let began = self.system.now();
        let went_on = self.left.is_some();
        let mut left = match self.left {
            None => self.begin(began),
            Some(left) => self.go_on(left, began),
        };
        if !self.give_turns(&mut left, began) {
            self.left = Some(left);
        } else if self.deadlines.want(self.kit.lent.now) {
            let has_seen_all = !interrupted && left.events < S::EVENTS;
            self.ring_or_look_again(has_seen_all, began);
        }
        self.end_round(went_on, began);
    }

    #[inline(always)]
    fn end_round(&mut self, went_on: bool, began: Instant) {
        let mut time = self.last_turn.take();
        if went_on {
            // It was measured from the wait on.
            time = Some(self.system.now() - began);
        }
        self.kit.end_round(time, || self.system.now());
    }

    /// Begins with what the wait has reported. What comes after it is not known, so its time counts until all have had their
    /// turns.
    #[inline]
    fn begin(&mut self, began: Instant) -> Left {
        self.kit.begin(began, || self.system.wall());
        self.kit.pace.begin_round();
        let yielded = self.yielded.len();
        #[cfg(test)]
        self.expect_turns();
        self.held_before = self.held_back.len();
        if self.kit.lent.mailbox.wake_up() {
            self.counted.wakes += 1;
            self.collect_letters();
            self.kit.lent.outcomes.heed_alert();
            self.enter(self.server_stage.stage());
            if self.census.is_wanted() {
                self.hold_census();
            }
            self.heed_admission();
            self.see_to_memory();
        }
        Left { events: 0, yielded }
    }

    /// Holds that nobody sleeps who waits for memory while there is some, for every test.
    #[cfg(test)]
    fn hold_memory(&self, timeout: Option<Duration>) {
        let sleeps = timeout != Some(Duration::ZERO);
        assert!(
            !sleeps || !self.kit.memory.can_go_on(),
            "there is memory, and it sleeps"
        );
    }

    #[cfg(test)]
    fn expect_turns(&mut self) {
        let residents = &mut self.residents;
        let yielded = self.yielded.iter().copied();
        simulator::turns::expect(yielded.filter(|&key| residents.get_mut(key).is_some()));
    }

    /// Goes on with what the round before has left. The mailbox has time; the end of the server has not.
    #[cold]
    fn go_on(&mut self, left: Left, began: Instant) -> Left {
        self.left = None;
        self.owes_turn = true;
        self.kit.pace.go_on(began - self.kit.lent.now);
        self.enter(self.server_stage.stage());
        self.see_to_memory();
        left
    }

    /// Lets all have their turns that have letters, are ready, or have yielded before. Returns `false` when the round's time
    /// is over before that.
    #[inline]
    fn give_turns(&mut self, left: &mut Left, began: Instant) -> bool {
        if !self.letters.is_empty() && !self.read_letters(began) {
            return false;
        }
        while let Some(event) = self.system.event(left.events) {
            if self.is_time_over(left.events, began) {
                return false;
            }
            left.events += 1;
            self.react(event);
        }
        while left.yielded > 0 {
            if self.is_time_over(left.yielded, began) {
                return false;
            }
            left.yielded -= 1;
            self.run_yielded();
        }
        true
    }

    /// Whether a round has taken its time, before a turn of this number. The clock is looked at before each fourth one, and
    /// before every one as soon as a turn was long enough to look at it.
    #[inline(always)]
    fn is_time_over(&mut self, turns: usize, began: Instant) -> bool {
        (self.kit.pace.has_looked || turns % TURNS_PER_LOOK == TURNS_PER_LOOK - 1) && self.look(began)
    }

    #[cold]
    #[inline(never)]
    fn look(&mut self, began: Instant) -> bool {
        let now = self.system.now();
        self.kit.pace.go_on(now - self.kit.lent.now);
        // However short its time is, somebody has a turn in it: else nobody ever would.
        !std::mem::take(&mut self.owes_turn) && self.has_taken_its_time(now, began)
    }

    /// Whether a round that began at that time has taken its time.
    fn has_taken_its_time(&self, now: Instant, began: Instant) -> bool {
        now - began >= self.kit.settings.turn_time.saturating_mul(TURNS_PER_ROUND)
    }

    fn is_done(&self) -> bool {
        match self.stage {
            Stage::Serving => false,
            Stage::Draining => self.residents.is_empty() && self.acceptor.is_closed(),
            Stage::Stopped => true,
        }
    }

    #[inline]
    fn react(&mut self, event: Event) {
        match event {
            // The mailbox has told of it already.
            Event::Wake => {}
            Event::Acceptable(listener) => {
                self.accept(listener);
                self.acceptor.close_if_drained(&self.system);
                // Somebody may have been closed for a newcomer.
                self.see_to_memory();
            }
            Event::Ready(key, ready) => self.turn(key, ready, true),
        }
    }

    /// Takes what lies in the mailbox.
    fn collect_letters(&mut self) {
        self.kit.lent.mailbox.collect(&mut self.letters);
        self.counted.letters += self.letters.len() as u64;
        self.letters.reverse();
    }

    /// Gives answers and news from elsewhere to their connections. Returns `false` when the round's time is over before that.
    #[inline(never)]
    fn read_letters(&mut self, began: Instant) -> bool {
        let mut is_over = false;
        while !is_over && let Some(letter) = self.letters.pop() {
            self.read_letter(letter);
            is_over = self.is_time_over(self.letters.len(), began);
        }
        self.see_to_memory();
        !is_over
    }

    /// Does what is due, unless a socket may be ready that this round has not heard of: a worker that was stopped or held up
    /// must not call a client late whose bytes are there. It may have been stopped behind the wait, too, and before the clock
    /// was read. So a look that begins after something was found to be due decides about that, and nothing that has become due
    /// since; and it looks as often as it takes to hear of all.
    #[cold]
    fn ring_or_look_again(&mut self, has_seen_all: bool, began: Instant) {
        if self.postponed == 0 && !self.deadlines.is_due(self.kit.lent.now) {
            // The worker's timeout is out of date, and nothing else.
            return self.deadlines.ask(self.kit.lent.now);
        }
        let most = self.residents.len() / S::EVENTS + 2;
        match self.postponed {
            0 => {
                self.due_at = self.kit.lent.now;
                self.deadlines.note_standstill(self.due_at);
                self.postponed = 1;
            }
            postponed if has_seen_all || postponed >= most => {
                self.postponed = 0;
                self.ring(self.due_at, began);
            }
            _ => self.postponed += 1,
        }
    }

    /// Does what was due at this time, and asks the wheel how long there is nothing more to do. When the round's time is over,
    /// the rest is for the next one.
    fn ring(&mut self, at: Instant, began: Instant) {
        self.last_turn = None;
        let is_all = self.ring_all(at, began);
        // Those that were late have given back what they held.
        self.see_to_memory();
        match is_all {
            true => self.deadlines.ask(self.kit.lent.now),
            false => self.postponed = 1,
        }
    }

    /// Returns `false` when the round's time is over before all has rung.
    fn ring_all(&mut self, at: Instant, began: Instant) -> bool {
        let mut rung = 0;
        while let Some(alarm) = self.deadlines.due(at) {
            match alarm {
                Alarm::Accept => {
                    self.acceptor.alarm_rang();
                    self.resume_accepting();
                    if self.stage == Stage::Draining && !self.acceptor.is_closed() {
                        self.accept_last();
                    }
                }
                Alarm::Stop => self.stage = Stage::Stopped,
                Alarm::Memory => self.look_at_memory(),
                Alarm::Room => self.look_for_room_again(),
                Alarm::Many => self.go_on_with_many(),
                Alarm::Connection(key) => self.look_at(key, at),
            }
            rung += 1;
            if rung % ALARMS_PER_LOOK == 0 && self.has_taken_its_time(self.system.now(), began) {
                return false;
            }
        }
        true
    }

    /// Follows the server into its next stage.
    fn enter(&mut self, stage: Stage) {
        if stage == Stage::Draining && self.stage == Stage::Serving {
            self.drain();
        }
        self.stage = self.stage.max(stage);
    }

    /// Begins to drain. The kernel has accepted the connections in the backlog as far as their clients can tell, so they
    /// are taken in first, or as soon as there are places; a flood behind them must not hold the drain up.
    fn drain(&mut self) {
        self.kit.lent.draining = true;
        self.end_accepting();
        self.tell_all_of_drain();
        let timeout = self.kit.settings.drain_timeout.min(NEVER);
        self.deadlines.ring(self.kit.lent.now + timeout, Alarm::Stop);
    }
}

#[cold]
fn cannot_wait(error: io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("it cannot wait for its sockets: {error}"))
}
