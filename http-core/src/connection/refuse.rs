//! The end of a request that breaks a rule, or that the peer leaves unfinished.

use super::{Connection, Flags};
use crate::request::body::Reading;
use crate::rules::{Rejection, Rule};
use crate::state::{Input, State};

impl Connection {
    /// Call this when the peer has closed its side: no bytes follow those that [`receive`](Self::receive) was given.
    ///
    /// Requests that wait behind an unfinished response are still served: go on as before until `receive` returns
    /// [`Event::Closed`](crate::Event::Closed).
    ///
    /// # Errors
    /// [`Rule::TruncatedHead`] and [`Rule::TruncatedBody`] if a request is incomplete (RFC 9112 section 8);
    /// [`Rule::BodyTooLong`] if the body [is over its limit](Self::body_is_over_limit).
    pub fn end_of_input(&mut self) -> Result<(), Rejection> {
        self.flags.set(Flags::END_OF_INPUT);
        // The whole body has arrived; only `Event::End` has not been returned yet.
        if let Reading::Ending = self.reading {
            return Ok(());
        }
        let before = self.state;
        self.step(Input::Eof);
        let rule = match before {
            State::Head => Rule::TruncatedHead,
            State::Receiving | State::Early | State::Skipping if self.reading.is_over_limit() => {
                Rule::BodyTooLong
            }
            State::Receiving | State::Early | State::Skipping => Rule::TruncatedBody,
            State::Idle
            | State::Due
            | State::Answering
            | State::Refused
            | State::Refusing
            | State::Upgraded
            | State::Closed => return Ok(()),
        };
        let consumed = if before == State::Head { 0 } else { self.received };
        let offset = consumed.saturating_add(self.reading.scanned());
        self.set_error_flags(self.flags.has(Flags::HEAD));
        Err(Rejection {
            rule,
            offset,
            line: None,
        })
    }

    /// The byte of `input` at `at` breaks a rule, and the head with it: only an error response and the end can follow.
    #[cold]
    pub(super) fn reject_head(&mut self, at: usize, rule: Rule, input: &[u8]) -> Rejection {
        self.step(Input::BrokenRule);
        self.set_error_flags(input.starts_with(b"HEAD "));
        let before = input.get(..at).unwrap_or(input);
        let lines = before.iter().filter(|&&byte| byte == b'\n').count();
        Rejection {
            rule,
            offset: saturated(at),
            line: Some(saturated(lines).saturating_add(1)),
        }
    }

    /// The byte of the input at this index breaks a rule of bodies: only an error response, if none is under way, and the end
    /// can follow.
    #[cold]
    pub(super) fn reject_body(&mut self, (at, rule): (usize, Rule)) -> Rejection {
        self.step(Input::BrokenRule);
        self.set_error_flags(self.flags.has(Flags::HEAD));
        Rejection {
            rule,
            offset: self.received.saturating_add(saturated(at)),
            line: None,
        }
    }

    /// Sets the flags for the error response, so that any client can read it to its end: no chunks, no interim response, and
    /// the close behind it.
    fn set_error_flags(&mut self, to_head: bool) {
        let head = if to_head { Flags::HEAD } else { 0 };
        self.flags = Flags(Flags::MAYBE_HTTP10 | Flags::CLOSE | head | self.flags.0 & Flags::LASTING);
    }
}

/// `bytes`, or the largest number that a [`Rejection`] holds.
pub(super) fn saturated(bytes: usize) -> u32 {
    u32::try_from(bytes).unwrap_or(u32::MAX)
}
