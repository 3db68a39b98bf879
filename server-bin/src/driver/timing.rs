//! How long a connection is given in each phase.

use std::time::{Duration, Instant};

use super::buffers::{Kit, READ_SIZE};
use super::connection::Connection;
use super::phase::{Phase, Timeout};
use super::settings::{NEVER, TURN_BYTES};
use super::socket::Socket;

impl<S: Socket> Connection<S> {
    /// When the connection wants [`expire`](Self::expire) to be called.
    #[inline]
    pub(crate) fn deadline(&self, kit: &Kit) -> Instant {
        self.deadline_in(self.phase(), kit)
    }

    fn deadline_in(&self, phase: Phase, kit: &Kit) -> Instant {
        let settings = &kit.settings;
        let timeout = match phase.timeout() {
            Timeout::Idle if kit.lent.draining => settings.drain_idle_timeout,
            Timeout::Idle => settings.idle_timeout,
            Timeout::Head if kit.lent.draining && phase == Phase::Fresh => settings.drain_idle_timeout,
            Timeout::Head => settings.head_timeout,
            Timeout::Body => settings.body_timeout,
            Timeout::Write => settings.write_timeout,
            Timeout::Reply => settings.reply_timeout,
            Timeout::HalfClosed => return self.half_closed_deadline(kit),
            Timeout::Own => self.own_timeout(),
            Timeout::Linger => {
                let left = settings
                    .linger_time
                    .saturating_sub(Duration::from_millis(self.lingered.into()));
                settings.linger_timeout.min(left)
            }
            Timeout::Protocol => return self.protocol_deadline(),
            Timeout::None => NEVER,
        };
        self.since + timeout.min(NEVER)
    }

    /// The nearer of two ends: of the time that a peer has from shutting its side on, which is one for all waits of the
    /// source; and of the source's own for its present wait.
    fn half_closed_deadline(&self, kit: &Kit) -> Instant {
        let own = self.since + self.own_timeout().min(NEVER);
        let peer_shut = self.work.as_ref().and_then(|work| work.peer_shut);
        let half_closed = kit.settings.half_closed_timeout.min(NEVER);
        own.min(peer_shut.unwrap_or(self.since) + half_closed)
    }

    /// The timeout that a source or a sink has named for its present wait.
    fn own_timeout(&self) -> Duration {
        self.work
            .as_ref()
            .and_then(|work| work.own_timeout)
            .unwrap_or(NEVER)
    }

    /// How long others in this process have, where it is them that the connection waits for: who made a promise, or gives a
    /// source or a sink its news.
    pub(crate) fn time_of_others(&self, kit: &Kit) -> Option<Duration> {
        match self.phase().timeout() {
            Timeout::Reply => Some(kit.settings.reply_timeout),
            Timeout::Own => Some(self.own_timeout()),
            Timeout::None
            | Timeout::Idle
            | Timeout::Head
            | Timeout::Body
            | Timeout::Write
            | Timeout::HalfClosed
            | Timeout::Protocol
            | Timeout::Linger => None,
        }
    }

    /// The nearer of the deadline that a protocol has set itself, and the end of its idle timeout.
    fn protocol_deadline(&self) -> Instant {
        let idle = self.idle_end();
        let own = self.work.as_ref().and_then(|work| work.own_deadline);
        own.map_or(idle, |own| own.min(idle))
    }

    /// When a protocol's idle timeout ends.
    pub(super) fn idle_end(&self) -> Instant {
        self.since + self.own_timeout().min(NEVER)
    }

    /// Begins the timeout that fits the phase at the end of a turn. Returns whether the deadline came nearer.
    ///
    /// Head and reply timeouts are absolute, and so is that of one wait of a source or a sink. The linger timeout begins
    /// anew with each read, within the linger time. For bodies and responses every byte moves the deadline by its share
    /// of a second at the least rate, at most to now plus the timeout. So a peer may stand still for less than the
    /// timeout, and is cut off when it falls that far behind the least rate.
    #[inline]
    pub(super) fn settle(&mut self, before: Phase, is_next_request: bool, kit: &Kit) -> bool {
        // Nearly every turn ends so: it was idle, it has answered, it is idle.
        if before == Phase::Idle && self.phase() == Phase::Idle {
            self.since = kit.lent.now;
            return false;
        }
        self.settle_anew(before, is_next_request, kit)
    }

    /// The rest of it. Apart, so that the usual way is short.
    #[inline(never)]
    fn settle_anew(&mut self, before: Phase, is_next_request: bool, kit: &Kit) -> bool {
        if self.phase() == Phase::Closed {
            return false;
        }
        let deadline = self.deadline_in(before, kit);
        let timeout = self.phase().timeout();
        // The time of a first byte begins behind the preface, and that of a head with its first byte.
        let has_begun = matches!(before, Phase::Preface | Phase::Fresh) && self.phase() != before;
        if timeout != before.timeout() || is_next_request || has_begun {
            self.since = kit.lent.now;
        } else {
            self.go_on_in(timeout, kit);
        }
        let was_set_anew = match &mut self.work {
            Some(work) => std::mem::take(&mut work.has_new_deadline),
            None => false,
        };
        was_set_anew || self.deadline(kit) < deadline
    }

    /// A source begins to wait, or a sink to pause, and has named the timeout for it.
    pub(super) fn begin_wait(&mut self, timeout: Option<Duration>, kit: &Kit) {
        let Some(work) = &mut self.work else { return };
        work.has_new_deadline |= work.own_timeout != timeout;
        work.own_timeout = timeout;
        self.since = kit.lent.now;
    }

    /// The same timeout runs on: what this turn's bytes are worth.
    fn go_on_in(&mut self, timeout: Timeout, kit: &Kit) {
        self.since = match timeout {
            Timeout::Head | Timeout::Reply | Timeout::HalfClosed | Timeout::None => self.since,
            // A new wait has begun its timeout itself.
            Timeout::Own => self.since,
            Timeout::Idle => kit.lent.now,
            Timeout::Body => self.since_after(self.min_body_rate(kit), READ_SIZE, kit),
            Timeout::Write => self.since_after(kit.settings.min_write_rate, TURN_BYTES, kit),
            Timeout::Protocol if kit.moved == 0 => self.since,
            Timeout::Protocol => kit.lent.now,
            Timeout::Linger if kit.moved == 0 => self.since,
            Timeout::Linger => {
                let passed = kit.lent.now.saturating_duration_since(self.since).as_millis();
                let passed = u32::try_from(passed).unwrap_or(u32::MAX);
                self.lingered = self.lingered.saturating_add(passed);
                // The rest, less than a millisecond, counts the next time.
                self.since + Duration::from_millis(passed.into())
            }
        };
    }

    fn min_body_rate(&self, kit: &Kit) -> u32 {
        let taking = self.work.as_ref().and_then(|work| work.taking.as_ref());
        taking.map_or(kit.settings.min_body_rate, |taking| taking.min_rate)
    }

    /// The start of the timeout after this turn's bytes are credited. With a rate of 0 any byte restarts it.
    ///
    /// If the turn stopped at its own budget (`most`), data may still lie in the socket: the peer is not waited for, so
    /// the timeout restarts, however late this worker is.
    fn since_after(&self, rate: u32, most: usize, kit: &Kit) -> Instant {
        let nanoseconds = (kit.moved as u64).saturating_mul(1_000_000_000);
        match nanoseconds.checked_div(rate.into()) {
            Some(worth) if kit.moved < most => (self.since + Duration::from_nanos(worth)).min(kit.lent.now),
            None if kit.moved == 0 => self.since,
            _ => kit.lent.now,
        }
    }
}
