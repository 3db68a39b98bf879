//! Room for one more client at a limit: the connection that has been idle for longest is closed for it.
//!
//! The way of a request knows nothing of this. A worker that finds no place looks through its connections once, and keeps
//! the longest idle ones of them for the next that need a place. So many stand for one scan that a flood costs each
//! newcomer some visits of a slot, however many connections there are; how often is scanned is bounded, too. A list in the
//! order of idleness would answer at once, but moving a connection in it costs every request.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Worker;
use super::accept::PAUSE;
use super::deadlines::{Alarm, Single};
use super::residents::Resident;
use super::slab::Key;
use super::system::System;
use crate::driver::held;
use crate::driver::idle::Idle;

/// A connection is idle for this long before it is closed for another: the request of one that was just accepted is
/// behind its ACK.
const LEAST_IDLE: Duration = Duration::from_millis(10);
/// One that has begun a head, or lingers behind its last answer, is waited for so long: a packet of its client may be lost, and
/// is sent anew after 200 ms to a second.
const PATIENCE: Duration = Duration::from_secs(1);
/// The same when they are a [crowd](CROWD_PART), which keeps newcomers waiting: time for a round trip. The packets of a head
/// follow each other at once, unless the client waits for the ACK of the first.
const PATIENCE_WITH_CROWD: Duration = Duration::from_millis(50);
/// A crowd are more than one in so many of a worker's connections: heads that are whole when they come are never that many.
const CROWD_PART: usize = 2;
/// How long other workers have to give a place up.
const OTHERS: Duration = Duration::from_millis(10);
/// Connections that one call looks at: more than that have their turn in this very round.
const LOOKS: usize = 64;
/// Connections that a scan keeps: this many, or this part of all.
const KEPT: usize = 64;
const KEPT_PART: usize = 32;
/// Time after a scan for each connection that was looked at, which takes some 10 ns: so scans take a hundredth of the time. It is
/// shared by those that were found, since each of them is a place for a newcomer.
const SCAN_PAUSE: Duration = Duration::from_micros(1);
/// The longest time where none was found; the least is that after which a connection is idle.
const FRUITLESS: Duration = Duration::from_millis(50);

/// Says whether a peer is a proxy that others' connections come through.
pub(crate) type Trust = Arc<dyn Fn(Option<SocketAddr>) -> bool + Send + Sync>;

/// A connection whose place can be had. The order is that in which they are closed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Candidate {
    is_trusted: bool,
    idle: Idle,
    key: usize,
}

/// What came of the wish for a place.
pub(super) enum Place {
    Taken,
    /// No connection waits for one.
    NotWanted,
    /// There is none, and it can be tried again.
    None {
        again: Instant,
    },
}

/// What a worker knows of places that can be had.
#[derive(Debug)]
pub(super) struct Room {
    /// The longest idle connections, the first to be closed last.
    candidates: Vec<Candidate>,
    pub(super) scanned: Instant,
    next_scan: Instant,
    /// The same while those of trusted proxies are known, and others are looked for in vain.
    next_scan_for_others: Instant,
    /// When the first of those has been waited for long enough that have begun something, if the last scan found none other.
    ripens: Option<Instant>,
    /// The other workers were asked, and nobody has found a place since.
    has_asked: bool,
    /// When others are helped that have asked and could not be helped at once.
    alarm: Single,
}

impl Room {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            candidates: Vec::new(),
            scanned: now,
            next_scan: now,
            next_scan_for_others: now,
            ripens: None,
            has_asked: false,
            alarm: Single::new(Alarm::Room),
        }
    }

    /// When it is worth trying again after none was found.
    pub(super) fn again(&self, now: Instant) -> Instant {
        let ripens = self.ripens.map(|ripens| ripens.max(self.next_scan));
        ripens.map_or(now + PAUSE, |ripens| ripens.min(now + PAUSE))
    }
}

impl<S: System> Worker<S> {
    /// Takes a place for a connection that waits at this listener: a free one, or that of the longest idle one. Before that
    /// of a trusted proxy's, the other workers are asked for one of theirs.
    pub(super) fn take_place(&mut self, listener: usize) -> Place {
        let now = self.kit.lent.now;
        for _ in 0..3 {
            if !self.residents.is_full() && self.admission.enter() {
                self.has_asked_enough();
                return Place::Taken;
            }
            // The event may be an old one, and nobody is closed for nobody.
            if !self.acceptor.has_waiting(listener, &self.system) {
                self.wants_no_place();
                return Place::NotWanted;
            }
            match self.make_room(self.room.has_asked) {
                Ok(true) => continue,
                Ok(false) => self.room.has_asked = !self.room.has_asked,
                // The last scan has found none.
                Err(_) if self.room.candidates.is_empty() && !self.room.has_asked => {
                    self.room.has_asked = true
                }
                Err(again) => return Place::None { again },
            }
            if !self.room.has_asked {
                break;
            }
            // They can help where the limit of all is reached, and not where this worker can have no more.
            if !self.residents.is_full() && self.admission.ask_others(&self.door) {
                return Place::None { again: now + OTHERS };
            }
        }
        Place::None {
            again: self.room.again(now),
        }
    }

    /// Others are not asked any more, if nobody waits at another listener: else one of their connections would be closed for
    /// nobody.
    #[inline]
    fn has_asked_enough(&mut self) {
        if std::mem::take(&mut self.room.has_asked) && !self.acceptor.is_paused() {
            self.admission.stop_waiting(&self.door);
        }
    }

    /// The client has gone that a place was wanted for. Unless somebody waits at another listener, a call would wake this worker for
    /// nothing, and who waits at another worker would not be called.
    pub(super) fn wants_no_place(&mut self) {
        self.room.has_asked = false;
        if !self.acceptor.is_paused() {
            self.admission.stop_waiting(&self.door);
        }
    }

    /// Closes a connection for another worker that has asked, unless there is a place already. If none is idle for long enough,
    /// it is looked again as soon as one is.
    pub(super) fn make_room_for_others(&mut self) {
        if !self.admission.is_full() {
            return;
        }
        let again = match self.make_room(false) {
            Ok(true) => return,
            Ok(false) if self.room.ripens.is_none() => return,
            Ok(false) => self.room.again(self.kit.lent.now),
            Err(again) => again,
        };
        self.room.alarm.set(again, &mut self.deadlines);
    }

    /// The alarm has rung that was set then.
    pub(super) fn look_for_room_again(&mut self) {
        self.room.alarm.rang();
        if self.admission.is_waited_for() {
            self.make_room_for_others();
        }
    }

    /// Closes the connection that has been idle for longest. Returns whether there was one, of others than trusted proxies
    /// or of all.
    ///
    /// # Errors
    ///
    /// When to try again.
    pub(super) fn make_room(&mut self, takes_trusted: bool) -> Result<bool, Instant> {
        for _ in 0..LOOKS {
            let Some(candidate) = self.next_candidate()? else {
                return Ok(false);
            };
            if candidate.is_trusted && !takes_trusted {
                self.room.candidates.push(candidate);
                return Ok(false);
            }
            let ripe = candidate.idle.since + LEAST_IDLE;
            if self.kit.lent.now < ripe {
                self.room.candidates.push(candidate);
                return Err(ripe);
            }
            if self.close_if_idle(Key::from_value(candidate.key), candidate.idle) {
                self.counted.closed_for_others += 1;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The connection to be closed next, as far as is known. Behind a trusted proxy's none of others is known any more, so
    /// it is looked for those anew, now and then: there may be none but trusted ones.
    fn next_candidate(&mut self) -> Result<Option<Candidate>, Instant> {
        let now = self.kit.lent.now;
        let is_due = match self.room.candidates.last() {
            Some(next) => next.is_trusted && self.room.next_scan_for_others <= now,
            None if now < self.room.next_scan && self.room.scanned < now => return Err(self.room.next_scan),
            None => true,
        };
        if is_due && self.room.scanned < now {
            self.scan();
        }
        Ok(self.room.candidates.pop())
    }

    fn scan(&mut self) {
        let now = self.kit.lent.now;
        let kept = KEPT.max(self.residents.len() / KEPT_PART);
        let mut found: Vec<Candidate> = std::mem::take(&mut self.room.candidates);
        found.clear();
        self.room.scanned = now;
        let patience = self.patience();
        let mut ripens: Option<Instant> = None;
        for (key, resident) in self.residents.iter() {
            if let Some(idle) = resident.idle() {
                let ripe = idle.since + patience;
                if idle.has_begun && now < ripe {
                    ripens = Some(ripens.map_or(ripe, |first| first.min(ripe)));
                    continue;
                }
                // An embedder's code, which may panic.
                let trusts = |trusts: &Trust| held::run(|| trusts(resident.peer())).unwrap_or(false);
                found.push(Candidate {
                    is_trusted: self.trust.as_ref().is_some_and(trusts),
                    idle,
                    key: key.value(),
                });
                keep_first(&mut found, kept, 2 * kept);
            }
        }
        keep_first(&mut found, kept, kept + 1);
        found.sort_unstable_by(|a, b| b.cmp(a));
        let all = SCAN_PAUSE * u32::try_from(self.residents.len()).unwrap_or(u32::MAX);
        let each = u32::try_from(found.len())
            .ok()
            .and_then(|found| all.checked_div(found));
        self.room.next_scan = now + each.unwrap_or_else(|| all.clamp(LEAST_IDLE, FRUITLESS));
        self.room.next_scan_for_others = now + all;
        self.room.ripens = ripens.filter(|_| found.is_empty());
        self.room.candidates = found;
    }

    /// How long those are waited for that have begun something. A newcomer can wait for a slow client now and then; but many
    /// that begin and do not go on would make newcomers wait for one after the other.
    fn patience(&self) -> Duration {
        let idle = self.residents.values().filter_map(Resident::idle);
        let begun = idle.filter(|idle| idle.has_begun).count();
        match begun > self.residents.len() / CROWD_PART {
            true => PATIENCE_WITH_CROWD,
            false => PATIENCE,
        }
    }
}

/// Drops all but the first `kept`, in whatever order, once there are `most`.
fn keep_first(found: &mut Vec<Candidate>, kept: usize, most: usize) {
    if found.len() >= most {
        found.select_nth_unstable(kept);
        found.truncate(kept);
    }
}
