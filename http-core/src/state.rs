//! The state machine of one connection, server side. Every transition is decided here and nowhere else.
//!
//! It knows cycles, not bytes: `request` and `response` decide where a head or a body ends, and that arrives here as an
//! [`Input`]. Every state decides every input; there is no catch-all arm, so a new state or input must be decided
//! before anything compiles. `docs/state.dot` is written from [`State::next`] and held to it by a test.

/// Where a connection stands: how much of the request was received, and how much of the response was sent.
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
    Skipping,
    /// A rule was broken: an error response is due and nothing more is read.
    Refused,
    /// The last response is being sent and nothing more is read.
    Refusing,
    /// The bytes belong to another protocol now.
    Upgraded,
    /// Nothing more is read or written.
    Closed,
}

/// An event of a connection: the first six come from the peer, the others from us.
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
    /// Returns the state after `input`, or `None` where `input` has no place in this state.
    #[inline]
    pub(crate) const fn next(self, input: Input) -> Option<Self> {
        use Input::{BareHead, BrokenRule, EndAndClose, EndAndKeep, EndOfBody, Eof};
        use Input::{Final, HeadBeforeBody, Interim, PartOfHead, Switch};
        use State::{
            Answering, Closed, Due, Early, Head, Idle, Receiving, Refused, Refusing, Skipping, Upgraded,
        };
        match self {
            Idle => match input {
                PartOfHead => Some(Head),
                BareHead => Some(Due),
                HeadBeforeBody => Some(Receiving),
                Eof => Some(Closed),
                BrokenRule => Some(Refused),
                Final => Some(Refusing), // 408 or 503: there was no request, so nothing can follow
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
                EndAndKeep => Some(Skipping),
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
            Skipping => match input {
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

#[cfg(test)]
mod tests {
    extern crate std;
    use super::{Input, State};
    use std::{format, string::String};

    const STATES: [State; 11] = [
        State::Idle,
        State::Head,
        State::Receiving,
        State::Due,
        State::Early,
        State::Answering,
        State::Skipping,
        State::Refused,
        State::Refusing,
        State::Upgraded,
        State::Closed,
    ];

    const INPUTS: [Input; 11] = [
        Input::PartOfHead,
        Input::BareHead,
        Input::HeadBeforeBody,
        Input::EndOfBody,
        Input::Eof,
        Input::BrokenRule,
        Input::Interim,
        Input::Final,
        Input::EndAndKeep,
        Input::EndAndClose,
        Input::Switch,
    ];

    /// The diagram: an edge for each pair of states, labelled with the inputs that lead from one to the other.
    fn diagram() -> String {
        let mut dot = String::from(
            "// Written from src/state.rs: UPDATE_DOCS=1 cargo test -p http-core --lib diagram\n\
             digraph connection {\n    node [shape=box];\n",
        );
        for from in STATES {
            for to in STATES {
                let inputs = INPUTS.iter().filter(|&&input| from.next(input) == Some(to));
                let labels: std::vec::Vec<String> = inputs.map(|input| format!("{input:?}")).collect();
                if !labels.is_empty() {
                    dot += &format!("    {from:?} -> {to:?} [label=\"{}\"];\n", labels.join("\\n"));
                }
            }
        }
        dot + "}\n"
    }

    #[test]
    fn the_diagram_in_the_docs_shows_every_transition() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/state.dot");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(path, diagram()).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(path).unwrap(),
            diagram(),
            "run the line that the file begins with"
        );
    }

    #[test]
    fn all_states_and_inputs_are_in_the_diagram() {
        assert!(STATES.iter().enumerate().all(|(i, state)| *state as usize == i));
        assert!(INPUTS.iter().enumerate().all(|(i, input)| *input as usize == i));
        assert_eq!(
            (State::Closed as usize, Input::Switch as usize),
            (STATES.len() - 1, INPUTS.len() - 1)
        );
    }

    #[test]
    fn every_state_but_the_last_two_can_be_left_and_every_one_but_the_first_entered() {
        for state in STATES {
            let leaves = INPUTS
                .iter()
                .any(|&input| state.next(input).is_some_and(|next| next != state));
            assert_eq!(
                leaves,
                !matches!(state, State::Upgraded | State::Closed),
                "{state:?}"
            );
            let entered = STATES
                .iter()
                .any(|from| INPUTS.iter().any(|&input| from.next(input) == Some(state)));
            assert!(entered, "{state:?}");
        }
    }

    #[test]
    fn no_final_response_follows_another_in_one_cycle() {
        for state in STATES {
            if let Some(answering) = state.next(Input::Final) {
                assert_eq!(answering.next(Input::Final), None, "{state:?}");
                assert_eq!(answering.next(Input::Interim), None, "{state:?}");
            }
        }
    }

    #[test]
    fn after_a_broken_rule_nothing_is_read_and_the_connection_closes() {
        for state in STATES {
            let Some(mut broken) = state.next(Input::BrokenRule) else {
                continue;
            };
            if broken == State::Refused {
                broken = broken.next(Input::Final).unwrap();
            }
            if broken == State::Refusing {
                broken = broken.next(Input::EndAndClose).unwrap();
            }
            assert_eq!(broken, State::Closed, "{state:?}");
        }
    }
}
