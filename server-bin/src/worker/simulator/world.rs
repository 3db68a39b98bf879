//! What goes on around a worker: its peers, other threads, signals, and the time. All of it happens while the worker waits.

use std::cell::RefCell;
use std::io;
use std::time::{Duration, Instant};

use super::luck::{Oddity, note};
use super::network::Network;
use super::peer::Peer;
use super::seams::Elsewhere;
use super::themes::{Theme, some_bytes};
use crate::driver::tests::random::Random;
use crate::worker::counters::Counters;
use crate::worker::stage::Handle;

/// What may happen in a run beside bytes that come in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    /// Nothing: each peer gets every answer.
    Calm,
    /// Peers shut their side, some in the middle of a request, and want the answers all the same.
    Cuts,
    /// Peers vanish.
    Resets,
    /// The clock jumps over deadlines.
    Jumps,
    /// The server drains from some moment on, and may be stopped.
    Drain,
    /// System calls fail, and handlers panic.
    Faults,
}

impl Weather {
    /// Those with many faces come more often.
    pub(super) const ALL: [Self; 9] = [
        Self::Calm,
        Self::Cuts,
        Self::Resets,
        Self::Jumps,
        Self::Drain,
        Self::Faults,
        Self::Faults,
        Self::Jumps,
        Self::Jumps,
    ];
}

/// Now and then a wait in vain is the network's fault; so many in a row are a worker that spins. It may look again for
/// those that are late, and calls a protocol some times that does nothing.
const SPINNING: usize = 300;
/// Waits in a row in which nothing happens but that time passes. The longest timeout is over before that.
const QUIET: usize = 200;
/// Waits of a whole run.
const ENDLESS: usize = 200_000;

/// Ends a worker, and asks what it counts.
pub(super) struct Office {
    pub(super) handle: Handle,
    pub(super) counters: Counters,
}

/// All that is not the worker.
pub(super) struct World {
    random: Random,
    pub(super) weather: Weather,
    theme: &'static Theme,
    pub(super) peers: Vec<Peer>,
    elsewhere: Elsewhere,
    pub(super) office: Option<Office>,
    /// Happenings that chance still has; then everyone hurries to the end.
    left: usize,
    pub(super) happenings: usize,
    pub(super) has_stopped: bool,
    is_draining: bool,
    limit: usize,
    /// Waits in a row without anything new, and since when: what had moved by then.
    quiet: usize,
    in_vain: usize,
    moved: usize,
}

impl World {
    pub(super) fn new(
        mut random: Random,
        (weather, theme): (Weather, &'static Theme),
        peers: Vec<Peer>,
        elsewhere: Elsewhere,
        limit: usize,
    ) -> Self {
        Self {
            left: theme.least + random.below(400),
            random,
            weather,
            theme,
            peers,
            elsewhere,
            office: None,
            happenings: 0,
            has_stopped: false,
            is_draining: false,
            limit,
            quiet: 0,
            in_vain: 0,
            moved: 0,
        }
    }

    /// The worker waits.
    pub(super) fn wait(&mut self, network: &RefCell<Network>, timeout: Option<Duration>) -> io::Result<()> {
        let end = timeout.map(|timeout| network.borrow().clock.now() + timeout);
        network.borrow_mut().begin_wait();
        self.look_after_worker(&mut network.borrow_mut(), timeout);
        if network.borrow_mut().is_interrupted() {
            if self.weather == Weather::Jumps && self.random.once_in(4) {
                note(Oddity::Stopped);
                self.jump(network);
                self.everybody_acts(network, false);
            }
            return Err(io::ErrorKind::Interrupted.into());
        }
        // The world went on while the worker worked.
        for _ in 0..self.random.below(3) {
            self.happen(network);
        }
        while !network.borrow_mut().look() {
            let now = network.borrow().clock.now();
            if end.is_some_and(|end| end <= now) {
                break;
            }
            self.go_on(network, end, now);
        }
        network.borrow_mut().end_wait();
        Ok(())
    }

    /// Holds what can be held of a worker that waits.
    fn look_after_worker(&mut self, network: &mut Network, timeout: Option<Duration>) {
        if let Some(wrong) = network.wrong.take() {
            panic!("{wrong}");
        }
        let longest = Duration::from_secs(1);
        assert!(
            timeout.is_some_and(|timeout| timeout <= longest),
            "it sleeps for {timeout:?}, though a wake may have failed"
        );
        let has_moved = std::mem::replace(&mut self.moved, network.moved) != network.moved;
        self.in_vain = if has_moved { 0 } else { self.in_vain + 1 };
        assert!(self.in_vain < SPINNING, "it spins: {}", self.state(network));
        assert!(
            network.waits < ENDLESS,
            "it does not end: {}",
            self.state(network)
        );
        let open = network.wires.iter().filter(|wire| !wire.closed).count();
        if open > self.limit && !network.backlog.is_empty() {
            note(Oddity::Limit);
        }
        // A round takes its time.
        network.clock.pass(Duration::from_micros(3));
    }

    fn state(&self, network: &Network) -> String {
        let peers: Vec<String> = self.peers.iter().map(|peer| peer.state(network)).collect();
        format!("{peers:#?}")
    }

    /// The worker sleeps, and something happens; nothing else can but that time passes.
    fn go_on(&mut self, network: &RefCell<Network>, end: Option<Instant>, now: Instant) {
        if self.left > 0 {
            return self.happen(network);
        }
        if self.everybody_acts(network, true) || self.end(network) {
            self.quiet = 0;
            return;
        }
        self.quiet += 1;
        assert!(
            self.quiet < QUIET,
            "it sleeps for ever: {}",
            self.state(&network.borrow())
        );
        let end = end.expect("it looks at its mailbox now and then");
        network.borrow().clock.pass(end - now);
    }

    /// Everybody does all they can at once. Returns whether anything was done.
    fn everybody_acts(&mut self, network: &RefCell<Network>, and_others: bool) -> bool {
        let mut acted = false;
        while and_others && self.elsewhere.run_one() {
            acted = true;
        }
        for peer in &mut self.peers {
            acted |= peer.hurry(&mut network.borrow_mut(), and_others);
        }
        acted
    }

    /// When all peers have what they will get, the server is told to end. Returns whether that is news.
    fn end(&mut self, network: &RefCell<Network>) -> bool {
        let is_over = self.peers.iter().all(|peer| peer.is_over(&network.borrow()));
        is_over && self.drain()
    }

    fn drain(&mut self) -> bool {
        if std::mem::replace(&mut self.is_draining, true) {
            return false;
        }
        note(Oddity::Drain);
        self.office().handle.drain();
        true
    }

    fn stop(&mut self) {
        if !std::mem::replace(&mut self.has_stopped, true) {
            note(Oddity::Stop);
            self.office().handle.stop();
        }
    }

    fn office(&self) -> &Office {
        self.office.as_ref().expect("the worker was made")
    }

    fn jump(&mut self, network: &RefCell<Network>) {
        if network.borrow().has_forgotten_one() {
            note(Oddity::JumpWhileForgotten);
        }
        let jump = *self.random.pick(self.theme.jumps);
        network.borrow().clock.pass(Duration::from_secs(jump));
    }

    /// One thing happens.
    fn happen(&mut self, network: &RefCell<Network>) {
        if self.left == 0 {
            return;
        }
        self.left -= 1;
        self.happenings += 1;
        let number = self.random.below(self.peers.len());
        let theme = self.theme;
        let takes_from = theme.sends;
        let errands_from = takes_from + theme.takes;
        let others_from = errands_from + theme.errands;
        match self.random.below(16) {
            chosen if chosen < takes_from => {
                let most = some_bytes(&mut self.random, theme.pieces);
                let is_silent = theme.is_silent && self.peers[number].is_away();
                self.peers[number].send(&mut network.borrow_mut(), if is_silent { 0 } else { most });
            }
            chosen if chosen < errands_from => {
                let most = some_bytes(&mut self.random, theme.pieces);
                self.peers[number].take(&mut network.borrow_mut(), most);
            }
            chosen if chosen < others_from => drop(self.elsewhere.run_one()),
            chosen if chosen == others_from && self.random.once_in(4) => {
                note(Oddity::Census);
                self.office().counters.read(Duration::ZERO);
            }
            chosen if chosen == others_from && self.random.once_in(4) => {
                self.everybody_acts(network, false);
            }
            _ => {
                let passed = self.random.below(50) as u64;
                network.borrow().clock.pass(Duration::from_millis(passed));
            }
        }
        match self.weather {
            Weather::Resets if self.random.once_in(theme.reset_once_in) => {
                self.peers[number].reset(&mut network.borrow_mut())
            }
            Weather::Jumps if self.random.once_in(theme.jump_once_in) => {
                note(Oddity::Overslept);
                self.jump(network);
            }
            Weather::Drain if self.random.once_in(theme.drain_once_in) => drop(self.drain()),
            Weather::Drain if self.is_draining && self.random.once_in(theme.drain_once_in) => self.stop(),
            _ => {}
        }
    }
}
