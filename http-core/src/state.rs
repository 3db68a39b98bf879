//! The state machine of one connection, server side. Every transition is decided here and nowhere else.
//!
//! It knows cycles, not octets: what a head or a body is, is decided in `request` and `response`, and arrives here as
//! an [`Input`]. Every state decides every input; there is no catch-all arm, so a new state or input must be decided
//! before anything compiles. `docs/state.dot` is written from [`State::next`] and held to it by a test.

/// Where a connection stands: what was received of the request, and what was sent of the response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    /// Between two cycles.
    Idle,
    /// A part of a head has arrived.
    Head,
    /// The head has arrived, the body is arriving; a response is due.
    Receiving,
    /// The whole request has arrived; a response is due.
    Due,
    /// The response was begun before the request's body had arrived.
    Early,
    /// The whole request has arrived, the response is being sent.
    Answering,
    /// The response has been sent; the rest of the request's body is still to be skipped.
    Draining,
    /// A rule was broken: an error response is due and nothing more is read.
    Refused,
    /// The last response is being sent and nothing more is read.
    Refusing,
    /// The bytes belong to another protocol now.
    Upgraded,
    /// Nothing more is read or written.
    Closed,
}

/// What can happen to a connection: the first six come from the peer, the others from us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Input {
    /// A part of a head.
    PartOfHead,
    /// The head of a request without body.
    BareHead,
    /// The head of a request whose body follows.
    HeadBeforeBody,
    /// The end of the request's body.
    EndOfBody,
    /// The peer sends nothing more.
    Eof,
    /// A rule was broken.
    BrokenRule,
    /// An interim response.
    Interim,
    /// The head of a final response.
    Final,
    /// The end of a response after which the connection persists.
    EndAndKeep,
    /// The end of a response after which the connection closes.
    EndAndClose,
    /// 101, or 2xx to CONNECT.
    Switch,
}

impl State {
    /// The state after `input`, or `None` where `input` has no place in this state.
    #[inline]
    pub(crate) const fn next(self, input: Input) -> Option<Self> {
        use Input::{BareHead, BrokenRule, EndAndClose, EndAndKeep, EndOfBody, Eof};
        use Input::{Final, HeadBeforeBody, Interim, PartOfHead, Switch};
        use State::{
            Answering, Closed, Draining, Due, Early, Head, Idle, Receiving, Refused, Refusing, Upgraded,
        };
        match self {
            Idle => match input {
                PartOfHead => Some(Head),
                BareHead => Some(Due),
                HeadBeforeBody => Some(Receiving),
                Eof => Some(Closed),
                BrokenRule => Some(Refused),
                Final => Some(Refusing), // 408 or 503: nobody asked, so nothing can follow
                EndOfBody | Interim | EndAndKeep | EndAndClose | Switch => None,
            },
            Head => match input {
                PartOfHead => Some(Head),
                BareHead => Some(Due),
                HeadBeforeBody => Some(Receiving),
                Eof | BrokenRule => Some(Refused),
                Final => Some(Refusing), // 408
                EndOfBody | Interim | EndAndKeep | EndAndClose | Switch => None,
            },
            Receiving => match input {
                EndOfBody => Some(Due),
                Eof | BrokenRule => Some(Refused),
                Interim => Some(Receiving),
                Final => Some(Early),
                PartOfHead | BareHead | HeadBeforeBody | EndAndKeep | EndAndClose | Switch => None,
            },
            Due => match input {
                Eof | Interim => Some(Due),
                Final => Some(Answering),
                Switch => Some(Upgraded),
                PartOfHead | BareHead | HeadBeforeBody | EndOfBody | BrokenRule | EndAndKeep
                | EndAndClose => None,
            },
            Early => match input {
                EndOfBody => Some(Answering),
                Eof | BrokenRule => Some(Refusing),
                EndAndKeep => Some(Draining),
                EndAndClose => Some(Closed),
                PartOfHead | BareHead | HeadBeforeBody | Interim | Final | Switch => None,
            },
            Answering => match input {
                Eof => Some(Answering),
                EndAndKeep => Some(Idle),
                EndAndClose => Some(Closed),
                PartOfHead | BareHead | HeadBeforeBody | EndOfBody | BrokenRule | Interim | Final
                | Switch => None,
            },
            Draining => match input {
                EndOfBody => Some(Idle),
                Eof | BrokenRule => Some(Closed),
                PartOfHead | BareHead | HeadBeforeBody | Interim | Final | EndAndKeep | EndAndClose
                | Switch => None,
            },
            Refused => match input {
                Eof => Some(Refused),
                Final => Some(Refusing),
                PartOfHead | BareHead | HeadBeforeBody | EndOfBody | BrokenRule | Interim | EndAndKeep
                | EndAndClose | Switch => None,
            },
            Refusing => match input {
                Eof => Some(Refusing),
                EndAndClose => Some(Closed),
                PartOfHead | BareHead | HeadBeforeBody | EndOfBody | BrokenRule | Interim | Final
                | EndAndKeep | Switch => None,
            },
            Upgraded => match input {
                Eof => Some(Upgraded),
                PartOfHead | BareHead | HeadBeforeBody | EndOfBody | BrokenRule | Interim | Final
                | EndAndKeep | EndAndClose | Switch => None,
            },
            Closed => match input {
                Eof => Some(Closed),
                PartOfHead | BareHead | HeadBeforeBody | EndOfBody | BrokenRule | Interim | Final
                | EndAndKeep | EndAndClose | Switch => None,
            },
        }
    }
}
