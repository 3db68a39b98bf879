//! What may go wrong in the simulated system, and how often it did.

use std::cell::RefCell;
use std::io;

use nix::errno::Errno;

use crate::driver::tests::random::Random;

/// The calls of a worker that may fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Call {
    Wait,
    Add,
    Modify,
    Forget,
    Listen,
    Accept,
    Read,
    Write,
    SendFile,
    Shutdown,
    Wake,
}

impl Call {
    /// In how many of 40 calls it fails with harm: the rarer the call, the more often; `losses` of the usual ones.
    fn chance_of_harm(self, losses: usize) -> usize {
        match self {
            Self::Wait => 0,
            Self::Read | Self::Write => losses,
            Self::Modify => 1,
            Self::SendFile => 6,
            Self::Wake => 4,
            Self::Add => 3,
            Self::Accept => 12,
            Self::Forget | Self::Listen | Self::Shutdown => 20,
        }
    }
}

/// What a failure costs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Cost {
    /// Nothing but another call.
    Nothing,
    /// Perhaps a connection.
    Harm,
}

/// Each error of each call, by its man page.
const FAULTS: [(Call, Errno, Cost); 41] = [
    (Call::Wait, Errno::EINTR, Cost::Nothing),
    (Call::Read, Errno::EINTR, Cost::Nothing),
    (Call::Read, Errno::EAGAIN, Cost::Nothing),
    (Call::Write, Errno::EINTR, Cost::Nothing),
    (Call::Write, Errno::EAGAIN, Cost::Nothing),
    (Call::SendFile, Errno::EINTR, Cost::Nothing),
    (Call::SendFile, Errno::EAGAIN, Cost::Nothing),
    (Call::Accept, Errno::EINTR, Cost::Nothing),
    (Call::Accept, Errno::EAGAIN, Cost::Nothing),
    (Call::Wake, Errno::EINTR, Cost::Nothing),
    (Call::Add, Errno::ENOMEM, Cost::Harm),
    (Call::Add, Errno::ENOSPC, Cost::Harm),
    (Call::Modify, Errno::ENOMEM, Cost::Harm),
    (Call::Forget, Errno::ENOMEM, Cost::Harm),
    (Call::Listen, Errno::ENOMEM, Cost::Harm),
    (Call::Listen, Errno::ENOSPC, Cost::Harm),
    (Call::Accept, Errno::EMFILE, Cost::Harm),
    (Call::Accept, Errno::ENFILE, Cost::Harm),
    (Call::Accept, Errno::ENOBUFS, Cost::Harm),
    (Call::Accept, Errno::ENOMEM, Cost::Harm),
    (Call::Accept, Errno::ECONNABORTED, Cost::Harm),
    (Call::Accept, Errno::EPROTO, Cost::Harm),
    (Call::Accept, Errno::EPERM, Cost::Harm),
    (Call::Accept, Errno::ENETDOWN, Cost::Harm),
    (Call::Read, Errno::ECONNRESET, Cost::Harm),
    (Call::Read, Errno::ETIMEDOUT, Cost::Harm),
    (Call::Read, Errno::EHOSTUNREACH, Cost::Harm),
    (Call::Read, Errno::ENOMEM, Cost::Harm),
    (Call::Write, Errno::EPIPE, Cost::Harm),
    (Call::Write, Errno::ECONNRESET, Cost::Harm),
    (Call::Write, Errno::ETIMEDOUT, Cost::Harm),
    (Call::Write, Errno::ENOBUFS, Cost::Harm),
    (Call::Write, Errno::ENOMEM, Cost::Harm),
    (Call::SendFile, Errno::EIO, Cost::Harm),
    (Call::SendFile, Errno::EPIPE, Cost::Harm),
    (Call::SendFile, Errno::ECONNRESET, Cost::Harm),
    (Call::SendFile, Errno::ENOMEM, Cost::Harm),
    (Call::Shutdown, Errno::ENOTCONN, Cost::Harm),
    (Call::Shutdown, Errno::ENOBUFS, Cost::Harm),
    (Call::Wake, Errno::ENOMEM, Cost::Harm),
    (Call::Wake, Errno::EIO, Cost::Harm),
];

/// What else may happen that is not the usual way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Oddity {
    /// A read or a write takes less than there is.
    ShortRead,
    ShortWrite,
    /// More is ready than one wait reports.
    FullWait,
    /// An event says nothing, or is about a connection that has gone.
    SpuriousEvent,
    StaleEvent,
    /// The worker lets the poller forget a connection for a moment; the clock jumps in that moment.
    Forgotten,
    JumpWhileForgotten,
    /// The process is stopped in a wait, and goes on much later.
    Stopped,
    /// The worker sleeps much longer than it wanted to.
    Overslept,
    /// A handler takes its time; or blocks for seconds.
    SlowHandler,
    BlockingHandler,
    HandlerPanics,
    SourcePanics,
    SinkPanics,
    ProtocolPanics,
    OutcomePanics,
    RoundPanics,
    NoticePanics,
    /// A peer vanishes; shuts its side before it has all answers; sends a part of a request and no more.
    PeerResets,
    PeerShuts,
    RequestCut,
    /// A peer connects when nobody listens any more.
    Refused,
    /// There are as many connections as may be.
    Limit,
    /// A connection waits for memory; or is given up for want of it.
    HeldBack,
    GivenUp,
    Census,
    Drain,
    Stop,
}

const ODDITIES: [Oddity; 28] = [
    Oddity::ShortRead,
    Oddity::ShortWrite,
    Oddity::FullWait,
    Oddity::SpuriousEvent,
    Oddity::StaleEvent,
    Oddity::Forgotten,
    Oddity::JumpWhileForgotten,
    Oddity::Stopped,
    Oddity::Overslept,
    Oddity::SlowHandler,
    Oddity::BlockingHandler,
    Oddity::HandlerPanics,
    Oddity::SourcePanics,
    Oddity::SinkPanics,
    Oddity::ProtocolPanics,
    Oddity::OutcomePanics,
    Oddity::RoundPanics,
    Oddity::NoticePanics,
    Oddity::PeerResets,
    Oddity::PeerShuts,
    Oddity::RequestCut,
    Oddity::Refused,
    Oddity::Limit,
    Oddity::HeldBack,
    Oddity::GivenUp,
    Oddity::Census,
    Oddity::Drain,
    Oddity::Stop,
];

/// How often each fault and each oddity happened, in the order of the lists.
#[derive(Clone)]
pub(super) struct Counts {
    faults: [u64; FAULTS.len()],
    oddities: [u64; ODDITIES.len()],
}

impl Counts {
    pub(super) const NONE: Self = Self {
        faults: [0; FAULTS.len()],
        oddities: [0; ODDITIES.len()],
    };

    pub(super) fn add(&mut self, other: &Self) {
        let both = self.faults.iter_mut().zip(&other.faults);
        let all = both.chain(self.oddities.iter_mut().zip(&other.oddities));
        all.for_each(|(sum, more)| *sum += more);
    }

    /// Each in words, and how often it happened.
    pub(super) fn report(&self) -> Vec<(String, u64)> {
        let faults = FAULTS.iter().zip(self.faults);
        let oddities = ODDITIES.iter().zip(self.oddities);
        let faults = faults.map(|((call, errno, _), count)| (format!("{call:?} fails by {errno:?}"), count));
        faults
            .chain(oddities.map(|(oddity, count)| (format!("{oddity:?}"), count)))
            .collect()
    }
}

thread_local! {
    static COUNTS: RefCell<Counts> = const { RefCell::new(Counts::NONE) };
}

/// What has happened on this thread since the last call.
pub(super) fn counted() -> Counts {
    COUNTS.replace(Counts::NONE)
}

/// This happens.
pub(super) fn note(oddity: Oddity) {
    COUNTS.with_borrow_mut(|counts| counts.oddities[oddity as usize] += 1);
}

/// A call that has failed.
pub(super) struct Failure {
    pub(super) error: io::Error,
    /// Whether it may cost a connection.
    pub(super) does_harm: bool,
}

/// The chance that calls fail.
#[derive(Clone)]
pub(super) struct Luck {
    pub(super) random: Random,
    /// Failures that may cost a connection happen, too.
    pub(super) is_bad: bool,
    /// In how many of 40 reads, and of 40 writes.
    pub(super) losses: usize,
}

impl Luck {
    /// Decides whether a call fails, and how.
    pub(super) fn fail(&mut self, call: Call) -> Option<Failure> {
        let cost = match self.random.below(40) {
            0 | 1 => Cost::Nothing,
            place if self.is_bad && place < 2 + call.chance_of_harm(self.losses) => Cost::Harm,
            _ => return None,
        };
        let fits = |&(of, _, costs): &(Call, Errno, Cost)| of == call && costs == cost;
        let count = FAULTS.iter().filter(|&fault| fits(fault)).count();
        if count == 0 {
            return None;
        }
        let chosen = self.random.below(count);
        let mut all = FAULTS.iter().enumerate().filter(|(_, fault)| fits(fault));
        let (place, (_, errno, _)) = all.nth(chosen)?;
        COUNTS.with_borrow_mut(|counts| counts.faults[place] += 1);
        Some(Failure {
            error: (*errno).into(),
            does_harm: cost == Cost::Harm,
        })
    }
}

#[test]
fn each_oddity_is_counted_in_its_own_place() {
    for (place, oddity) in ODDITIES.iter().enumerate() {
        assert_eq!(*oddity as usize, place, "{oddity:?}");
    }
}
