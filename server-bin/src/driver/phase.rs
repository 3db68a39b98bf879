//! What a connection is doing, and what each happening makes of it. Every transition of the driver is decided here.
//!
//! # Why these phases
//!
//! A connection does one thing at a time, and a phase says which. Two questions are asked of a phase: what the connection
//! waits for ([`Phase::wait`]), and which timeout runs meanwhile ([`Phase::timeout`]). So two states that differ in either
//! are two phases.
//!
//! There is one exception, and it is not about the connection itself: while its worker is short of memory, a connection that
//! waits for bytes and holds much waits for memory first ([`Wait::Memory`], which `holding.rs` says at the end of a turn).
//! Its phase and its timeout stay as they are. As a phase of its own this would double every phase that reads.
//!
//! Why some states are phases of their own:
//!
//! - Unsent output is part of the phase. While the socket takes no more, nothing else goes on, so that a client that does
//!   not read cannot make the server keep more than one answer for it: [`Phase::Unsent`] says what goes on afterwards.
//! - A turn that ends only because it has done its share waits for nothing but its next turn ([`Wait::Yield`]). It is no
//!   wait for the client, so no timeout runs.
//! - A source without news, a sink that pauses and an answer from elsewhere are waits for somebody else than the client,
//!   so no timeout of the client's runs.
//!
//! http-core's own state, in [`http_core::Connection`], is about the protocol: what may be received and sent. This one is
//! about the socket and the time. They meet in the happenings: `Answered`, for example, is raised when http-core says
//! that the request has ended and that the connection persists.
//!
//! There is no catch-all arm, so a new phase or happening has to be decided before anything compiles. The diagram in
//! `docs/phases.dot` is written from [`Phase::next`] and held to it by a test.

use super::handler::Wants;
use Happening::{
    AnswerBegun, Answered, AnsweredEarly, AnsweredLast, Blocked, BodyDropped, BodyWanted, Finished, Flushed,
    HeadBegun, InputUsed, Notified, PeerGone, PeerShut, PrefaceRead, Promised, Shut, SinkPaused, SourceWaits,
    Switched, TimedOut, TurnSpent, Unreadable, Wanted,
};
use Phase::{
    Backlog, Body, Closed, Closing, Discarding, Fresh, HalfClosed, Head, Idle, Later, Lingering, Paused,
    Preface, Sending, Starved, Switching, Unsent, Upgraded,
};

/// What a connection is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) enum Phase {
    /// Reads what a proxy says of its client, before the first request.
    Preface,
    /// Was accepted, and nothing has arrived. It gets the time of a head for its first byte, not that of an idle
    /// connection: silent connections are the cheapest way to keep others out.
    Fresh,
    /// Is between two requests: nothing of the next one has arrived.
    Idle,
    /// Has received a part of a request's head.
    Head,
    /// Has received requests that its next turn answers.
    Backlog,
    /// Receives the body of a request, for a handler.
    Body,
    /// Leaves the rest of a request's body with the kernel, because the sink pauses.
    Paused,
    /// Waits for an answer that was promised for later.
    Later,
    /// Sends the body of a response, or awaits the turn in which it goes on.
    Sending,
    /// Waits for the source of a response's body, which has nothing to send yet.
    Starved,
    /// Waits for that source, and its peer has shut its side, or is gone without a word.
    HalfClosed,
    /// Has answered, and drops the rest of the request's body.
    Discarding,
    /// Has output that the socket does not take. When that has left, it goes on.
    Unsent(Then),
    /// Has made its last answer. When that has left, the connection ends.
    Closing,
    /// Has shut its side, and drops what still comes, so that no reset destroys the last answer (RFC 9112 section 9.6).
    Lingering,
    /// Has left HTTP, and calls its protocol as soon as it has a turn.
    Switching,
    /// Has left HTTP, and waits for what its protocol wants.
    Upgraded(Wants),
    /// Is over.
    Closed,
}

/// What goes on when unsent output has left.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) enum Then {
    /// The next request.
    Receive,
    /// The request's body.
    Body,
    /// The pause of the request's body.
    Paused,
    /// The wait for an answer.
    Later,
    /// The response's body.
    Send,
    /// The wait for the source of the response's body.
    Starved,
    /// Dropping the rest of the request's body.
    Discard,
    /// Calling the protocol.
    Switch,
}

/// What happens to a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) enum Happening {
    /// The preface is whole; requests follow.
    PrefaceRead,
    /// All input was understood, and nothing of a next request is among it.
    InputUsed,
    /// A part of a head is all that is left of the input.
    HeadBegun,
    /// There is more input, and the turn has done its share.
    TurnSpent,
    /// The head has come, and the handler wants the body.
    BodyWanted,
    /// The sink pauses.
    SinkPaused,
    /// The handler has promised an answer.
    Promised,
    /// An answer is whole, its request too, and the connection persists.
    Answered,
    /// An answer is whole, and its request's body is still coming.
    AnsweredEarly,
    /// An answer is whole, and it is the last one.
    AnsweredLast,
    /// The head of an answer is made; its body is sent as the socket takes it.
    AnswerBegun,
    /// The source has nothing to send yet.
    SourceWaits,
    /// The rest of an unwanted body has come.
    BodyDropped,
    /// Requests can be understood no further, and no answer is due.
    Unreadable,
    /// The connection has left HTTP.
    Switched,
    /// The protocol has said what it wants.
    Wanted(Wants),
    /// The socket takes no more.
    Blocked,
    /// All output has left.
    Flushed,
    /// Our side is shut.
    Shut,
    /// Somebody else has news for it: a notifier fired.
    Notified,
    /// The peer has shut its side.
    PeerShut,
    /// The connection is lost.
    PeerGone,
    /// It is given up: the timeout that runs in this phase is over, or its worker has no memory for it.
    TimedOut,
    /// Nothing is left to be done, or nothing more can be.
    Finished,
}

/// What a connection waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) enum Wait {
    /// Bytes to read.
    Read,
    /// Room to write.
    Write,
    /// Either of both.
    ReadOrWrite,
    /// Somebody else than the peer; of the socket only that the peer goes away, told once for each arrival.
    Elsewhere,
    /// Its next turn.
    Yield,
    /// Memory for bytes to read, which its worker is short of. No phase says so by itself.
    Memory,
    /// Nothing: it is to be dropped.
    Nothing,
}

/// Which timeout runs.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub(crate) enum Timeout {
    /// None.
    None,
    /// Between two requests.
    Idle,
    /// For a whole head.
    Head,
    /// For the next bytes of a body.
    Body,
    /// For an answer from elsewhere.
    Reply,
    /// For the peer to take bytes.
    Write,
    /// For a source whose peer has shut its side.
    HalfClosed,
    /// The one that a source or a sink names.
    Own,
    /// The ones that a protocol names.
    Protocol,
    /// For the peer to close.
    Linger,
}

impl Phase {
    /// Returns what a connection waits for at the end of its turn.
    #[inline]
    pub(crate) const fn wait(self) -> Wait {
        match self {
            Preface | Fresh | Idle | Head | Body | Discarding | Lingering => Wait::Read,
            Upgraded(Wants::Read) => Wait::Read,
            Unsent(_) | Closing | Upgraded(Wants::Write) => Wait::Write,
            Upgraded(Wants::ReadOrWrite) => Wait::ReadOrWrite,
            Paused | Later | Starved | HalfClosed => Wait::Elsewhere,
            Upgraded(Wants::Nothing) => Wait::Elsewhere,
            Backlog | Sending | Switching => Wait::Yield,
            Closed | Upgraded(Wants::Close) => Wait::Nothing,
        }
    }

    /// Returns which timeout runs in this phase.
    #[inline]
    pub(crate) const fn timeout(self) -> Timeout {
        match self {
            Idle => Timeout::Idle,
            Preface | Fresh | Head => Timeout::Head,
            Body | Discarding => Timeout::Body,
            Paused | Starved => Timeout::Own,
            Later => Timeout::Reply,
            HalfClosed => Timeout::HalfClosed,
            Unsent(_) | Closing => Timeout::Write,
            Lingering => Timeout::Linger,
            Upgraded(_) => Timeout::Protocol,
            Backlog | Sending | Switching | Closed => Timeout::None,
        }
    }

    /// Whether input is read as HTTP in this phase.
    #[inline]
    pub(crate) const fn receives(self) -> bool {
        match self {
            Fresh | Idle | Head | Backlog | Body | Discarding => true,
            Preface | Paused | Later | Sending | Starved | HalfClosed | Unsent(_) | Closing | Lingering
            | Switching | Upgraded(_) | Closed => false,
        }
    }

    /// Returns the phase after `happening`, or `None` where the happening has no place in this phase.
    #[inline(always)]
    pub(crate) const fn next(self, happening: Happening) -> Option<Self> {
        match self {
            Preface => Self::next_in_preface(happening),
            Fresh => Self::next_in_request(happening, InRequest::FRESH),
            Idle => Self::next_in_request(happening, InRequest::IDLE),
            Head => Self::next_in_request(happening, InRequest::HEAD),
            Backlog => Self::next_in_request(happening, InRequest::BACKLOG),
            Body => Self::next_in_body(happening),
            Paused => Self::next_in_pause(happening),
            Later => Self::next_in_later(happening),
            Sending => Self::next_in_sending(happening),
            Starved | HalfClosed => Self::next_in_starved(happening),
            Discarding => Self::next_in_discarding(happening),
            Unsent(then) => Self::next_in_unsent(then, happening),
            Closing => Self::next_in_closing(happening),
            Lingering => Self::next_in_lingering(happening),
            Switching => Self::next_in_switching(happening),
            Upgraded(wants) => Self::next_in_upgraded(wants, happening),
            Closed => None,
        }
    }

    const fn next_in_preface(happening: Happening) -> Option<Self> {
        match happening {
            PrefaceRead => Some(Fresh),
            PeerGone | TimedOut | Finished => Some(Closed),
            InputUsed | HeadBegun | TurnSpent | BodyWanted | SinkPaused | Promised | Answered
            | AnsweredEarly | AnsweredLast | AnswerBegun | SourceWaits | BodyDropped | Unreadable
            | Switched | Wanted(_) | Blocked | Flushed | Shut | Notified | PeerShut => None,
        }
    }

    /// Between requests, and in a head. What differs between the phases is said by `its`.
    #[inline(always)]
    const fn next_in_request(happening: Happening, its: InRequest) -> Option<Self> {
        match happening {
            Answered => Some(Idle),
            HeadBegun => Some(Head),
            BodyWanted => Some(Body),
            SinkPaused => Some(Paused),
            Promised => Some(Later),
            AnsweredEarly => Some(Discarding),
            AnsweredLast => Some(Closing),
            AnswerBegun => Some(Sending),
            Switched => Some(Switching),
            PeerGone => Some(Closed),
            InputUsed => its.input_used,
            TurnSpent => its.turn_spent,
            Blocked => its.blocked,
            TimedOut => its.timed_out,
            Unreadable => its.unreadable,
            PrefaceRead | SourceWaits | BodyDropped | Wanted(_) | Flushed | Shut | Notified | PeerShut
            | Finished => None,
        }
    }

    const fn next_in_body(happening: Happening) -> Option<Self> {
        match happening {
            SinkPaused => Some(Paused),
            Promised => Some(Later),
            Answered => Some(Idle),
            AnsweredEarly => Some(Discarding),
            AnsweredLast | TimedOut => Some(Closing),
            AnswerBegun => Some(Sending),
            Switched => Some(Switching),
            Blocked => Some(Unsent(Then::Body)),
            // The sink takes bytes anyway.
            Notified => Some(Body),
            PeerGone => Some(Closed),
            PrefaceRead | InputUsed | HeadBegun | TurnSpent | BodyWanted | SourceWaits | BodyDropped
            | Unreadable | Wanted(_) | Flushed | Shut | PeerShut | Finished => None,
        }
    }

    const fn next_in_pause(happening: Happening) -> Option<Self> {
        match happening {
            Notified => Some(Body),
            PeerShut => Some(Paused),
            Blocked => Some(Unsent(Then::Paused)),
            TimedOut => Some(Closing),
            PeerGone => Some(Closed),
            PrefaceRead | InputUsed | HeadBegun | TurnSpent | BodyWanted | SinkPaused | Promised
            | Answered | AnsweredEarly | AnsweredLast | AnswerBegun | SourceWaits | BodyDropped
            | Unreadable | Switched | Wanted(_) | Flushed | Shut | Finished => None,
        }
    }

    const fn next_in_later(happening: Happening) -> Option<Self> {
        match happening {
            // A peer that has shut its side may still wait for the answer.
            PeerShut | Notified => Some(Later),
            Answered => Some(Backlog),
            AnsweredEarly => Some(Discarding),
            AnsweredLast | TimedOut => Some(Closing),
            AnswerBegun => Some(Sending),
            Blocked => Some(Unsent(Then::Later)),
            PeerGone => Some(Closed),
            PrefaceRead | InputUsed | HeadBegun | TurnSpent | BodyWanted | SinkPaused | Promised
            | SourceWaits | BodyDropped | Unreadable | Switched | Wanted(_) | Flushed | Shut | Finished => {
                None
            }
        }
    }

    const fn next_in_sending(happening: Happening) -> Option<Self> {
        match happening {
            SourceWaits => Some(Starved),
            Answered => Some(Backlog),
            AnsweredEarly => Some(Discarding),
            AnsweredLast => Some(Closing),
            Blocked => Some(Unsent(Then::Send)),
            // The source is pulled anyway.
            Notified => Some(Sending),
            PeerGone | Finished => Some(Closed),
            PrefaceRead | InputUsed | HeadBegun | TurnSpent | BodyWanted | SinkPaused | Promised
            | AnswerBegun | BodyDropped | Unreadable | Switched | Wanted(_) | Flushed | Shut | PeerShut
            | TimedOut => None,
        }
    }

    const fn next_in_starved(happening: Happening) -> Option<Self> {
        match happening {
            Notified => Some(Sending),
            PeerShut => Some(HalfClosed),
            Blocked => Some(Unsent(Then::Starved)),
            PeerGone | TimedOut => Some(Closed),
            PrefaceRead | InputUsed | HeadBegun | TurnSpent | BodyWanted | SinkPaused | Promised
            | Answered | AnsweredEarly | AnsweredLast | AnswerBegun | SourceWaits | BodyDropped
            | Unreadable | Switched | Wanted(_) | Flushed | Shut | Finished => None,
        }
    }

    const fn next_in_discarding(happening: Happening) -> Option<Self> {
        match happening {
            BodyDropped => Some(Idle),
            Unreadable => Some(Closing),
            Blocked => Some(Unsent(Then::Discard)),
            PeerGone | TimedOut => Some(Closed),
            PrefaceRead | InputUsed | HeadBegun | TurnSpent | BodyWanted | SinkPaused | Promised
            | Answered | AnsweredEarly | AnsweredLast | AnswerBegun | SourceWaits | Switched | Wanted(_)
            | Flushed | Shut | Notified | PeerShut | Finished => None,
        }
    }

    const fn next_in_unsent(then: Then, happening: Happening) -> Option<Self> {
        match happening {
            Flushed => Some(then.phase()),
            Notified => Some(Unsent(then.notified())),
            PeerGone | TimedOut => Some(Closed),
            PrefaceRead | InputUsed | HeadBegun | TurnSpent | BodyWanted | SinkPaused | Promised
            | Answered | AnsweredEarly | AnsweredLast | AnswerBegun | SourceWaits | BodyDropped
            | Unreadable | Switched | Wanted(_) | Shut | PeerShut | Blocked | Finished => None,
        }
    }

    const fn next_in_closing(happening: Happening) -> Option<Self> {
        match happening {
            Blocked => Some(Closing),
            Shut => Some(Lingering),
            PeerGone | TimedOut | Finished => Some(Closed),
            PrefaceRead | InputUsed | HeadBegun | TurnSpent | BodyWanted | SinkPaused | Promised
            | Answered | AnsweredEarly | AnsweredLast | AnswerBegun | SourceWaits | BodyDropped
            | Unreadable | Switched | Wanted(_) | Flushed | Notified | PeerShut => None,
        }
    }

    const fn next_in_lingering(happening: Happening) -> Option<Self> {
        match happening {
            PeerGone | TimedOut | Finished => Some(Closed),
            PrefaceRead | InputUsed | HeadBegun | TurnSpent | BodyWanted | SinkPaused | Promised
            | Answered | AnsweredEarly | AnsweredLast | AnswerBegun | SourceWaits | BodyDropped
            | Unreadable | Switched | Wanted(_) | Blocked | Flushed | Shut | Notified | PeerShut => None,
        }
    }

    const fn next_in_switching(happening: Happening) -> Option<Self> {
        match happening {
            Wanted(Wants::Close) => Some(Closing),
            Wanted(wants) => Some(Upgraded(wants)),
            TurnSpent | Notified => Some(Switching),
            Blocked => Some(Unsent(Then::Switch)),
            PeerGone => Some(Closed),
            PrefaceRead | InputUsed | HeadBegun | BodyWanted | SinkPaused | Promised | Answered
            | AnsweredEarly | AnsweredLast | AnswerBegun | SourceWaits | BodyDropped | Unreadable
            | Switched | Flushed | Shut | PeerShut | TimedOut | Finished => None,
        }
    }

    const fn next_in_upgraded(wants: Wants, happening: Happening) -> Option<Self> {
        match happening {
            Wanted(Wants::Close) | TimedOut => Some(Closing),
            Wanted(wants) => Some(Upgraded(wants)),
            TurnSpent => Some(Switching),
            // Told of where the socket is not read from, and not written to.
            PeerShut => match wants {
                Wants::Nothing => Some(Upgraded(wants)),
                Wants::Read | Wants::Write | Wants::ReadOrWrite | Wants::Close => None,
            },
            PeerGone => match wants {
                Wants::Nothing => Some(Closed),
                Wants::Read | Wants::Write | Wants::ReadOrWrite | Wants::Close => None,
            },
            PrefaceRead | InputUsed | HeadBegun | BodyWanted | SinkPaused | Promised | Answered
            | AnsweredEarly | AnsweredLast | AnswerBegun | SourceWaits | BodyDropped | Unreadable
            | Switched | Blocked | Flushed | Shut | Notified | Finished => None,
        }
    }
}

/// In what the phases differ that receive heads.
struct InRequest {
    input_used: Option<Phase>,
    turn_spent: Option<Phase>,
    blocked: Option<Phase>,
    timed_out: Option<Phase>,
    unreadable: Option<Phase>,
}

impl InRequest {
    /// Nothing has come, so nothing was answered.
    const FRESH: Self = Self {
        input_used: Some(Fresh),
        turn_spent: None,
        blocked: None,
        timed_out: Some(Closed),
        unreadable: Some(Closing),
    };
    const IDLE: Self = Self {
        input_used: Some(Idle),
        turn_spent: Some(Backlog),
        blocked: Some(Unsent(Then::Receive)),
        ..Self::FRESH
    };
    /// An input that ends here breaks a rule, and is answered.
    const HEAD: Self = Self {
        input_used: None,
        turn_spent: None,
        blocked: Some(Unsent(Then::Receive)),
        timed_out: Some(Closing),
        unreadable: None,
    };
    /// The socket is not read from here. The turn may have been spent on the answer before.
    const BACKLOG: Self = Self {
        input_used: Some(Idle),
        turn_spent: Some(Backlog),
        timed_out: None,
        ..Self::HEAD
    };
}

impl Then {
    const fn phase(self) -> Phase {
        match self {
            Self::Receive => Backlog,
            Self::Body => Body,
            Self::Paused => Paused,
            Self::Later => Later,
            Self::Send => Sending,
            Self::Starved => Starved,
            Self::Discard => Discarding,
            Self::Switch => Switching,
        }
    }

    /// A notifier ends a wait for it also before that has begun. What else comes then looks for news by itself.
    const fn notified(self) -> Self {
        match self {
            Self::Body | Self::Paused => Self::Body,
            Self::Starved => Self::Send,
            Self::Receive | Self::Later | Self::Send | Self::Discard | Self::Switch => self,
        }
    }
}
