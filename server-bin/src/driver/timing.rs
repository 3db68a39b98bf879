//! What a connection is given time for, how much, and what happens when that is over.

use std::time::{Duration, Instant};

use super::connection::{Connection, Next, Phase, Turn};
use super::socket::{Ready, Socket};
use crate::driver::buffers::{Inlet, Kit, READ_SIZE};
use crate::driver::settings::NEVER;
use crate::driver::settings::TURN_BYTES;

/// Which timeout the deadline stands for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Timing {
    Idle,
    Head,
    Body,
    Write,
    Reply,
    Linger,
}

impl<S: Socket> Connection<S> {
    /// When the connection wants [`expire`](Self::expire) to be called.
    pub fn deadline(&self, kit: &Kit) -> Instant {
        let settings = &kit.settings;
        let timeout = match self.timing {
            Timing::Idle if kit.draining => settings.drain_idle_timeout,
            Timing::Idle => settings.idle_timeout,
            Timing::Head => settings.head_timeout,
            Timing::Body => settings.body_timeout,
            Timing::Write => settings.write_timeout,
            Timing::Reply => settings.reply_timeout,
            Timing::Linger => settings.linger_timeout,
        };
        self.since + timeout.min(NEVER)
    }

    /// Begins the timeout that fits what the connection waits for now. Answers whether the deadline came nearer.
    ///
    /// A head, a reply and a lingering close count from their beginning, whatever arrives. Bytes of a body and of a
    /// response move the deadline on, each by its share of a second at the least rate, but never further from now than
    /// a whole timeout. So the peer may stand still for less than that, and is cut off when it falls so far behind.
    #[inline]
    pub(super) fn settle(&mut self, next: Next, answered: bool, kit: &Kit) -> bool {
        // What nearly every turn comes to: it was idle, it has answered, it is idle.
        if self.timing == Timing::Idle && next == Next::Read && self.is_idle() {
            self.since = kit.now;
            return false;
        }
        self.settle_anew(next, answered, kit)
    }

    /// The rest of it. Apart, so that the usual way is short.
    #[inline(never)]
    fn settle_anew(&mut self, next: Next, answered: bool, kit: &Kit) -> bool {
        let timing = match (self.phase, next) {
            (_, Next::Close) => return false,
            (Phase::Lingering, _) => Timing::Linger,
            (_, Next::Write) => Timing::Write,
            (Phase::Waiting, _) => Timing::Reply,
            (Phase::Receiving, _) if self.http.is_idle() => Timing::Idle,
            (Phase::Receiving, _) if !self.http.response_due() => Timing::Head,
            (Phase::Receiving | Phase::Discarding | Phase::Sending | Phase::Closing, _) => Timing::Body,
        };
        if timing == self.timing {
            self.since = match timing {
                _ if answered => kit.now,
                Timing::Head | Timing::Reply | Timing::Linger => self.since,
                Timing::Idle => kit.now,
                Timing::Body => self.since_after(kit.settings.min_body_rate, READ_SIZE, kit),
                Timing::Write => self.since_after(kit.settings.min_write_rate, TURN_BYTES, kit),
            };
            return false;
        }
        let before = self.deadline(kit);
        self.timing = timing;
        self.since = kit.now;
        self.deadline(kit) < before
    }

    /// When the timeout begins that this turn's bytes have moved on; none are asked for at a rate of 0.
    ///
    /// A turn that moved `most` ended by itself: more may lie in the socket, so nobody waits for the peer, however late
    /// this worker is.
    fn since_after(&self, rate: u32, most: usize, kit: &Kit) -> Instant {
        let nanoseconds = (kit.moved as u64).saturating_mul(1_000_000_000);
        match nanoseconds.checked_div(rate.into()) {
            Some(worth) if kit.moved < most => (self.since + Duration::from_nanos(worth)).min(kit.now),
            _ => kit.now,
        }
    }

    /// Reacts to its deadline being over.
    pub fn expire(&mut self, key: usize, inlet: &mut Inlet, kit: &mut Kit) -> Turn {
        match (self.timing, self.phase) {
            (Timing::Head, _) | (Timing::Body, Phase::Receiving) => {
                self.refuse(408, kit);
                // Who is that slow does not send so much that a reset could destroy the answer.
                self.do_not_linger();
            }
            (Timing::Reply, _) => {
                self.phase = Phase::Receiving;
                self.refuse(503, kit);
            }
            // Nobody waits for a word here: there was no request, it was answered, or nothing gets through.
            (Timing::Idle | Timing::Body | Timing::Write | Timing::Linger, _) => {
                return Turn {
                    next: Next::Close,
                    nearer: false,
                };
            }
        }
        self.turn(key, Ready::default(), inlet, kit)
    }

    /// Gives an idle connection a moment for one more request. Answers whether it is idle.
    pub(crate) fn drain(&mut self, kit: &Kit) -> bool {
        let idle = self.timing == Timing::Idle;
        if idle {
            self.since = kit.now;
        }
        idle
    }
}
