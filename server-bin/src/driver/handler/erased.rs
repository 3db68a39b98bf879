//! A handler whose type the driver does not know.

use std::time::Instant;

use http_core::{Expectation, Head};

use super::{Context, Decision, Handler, Methods, Outcomes, Watch};

/// A [`Handler`] behind a pointer, so that connections and workers are no generic types over it.
pub(crate) trait AnyHandler: Send {
    /// Asks for a decision, or returns the methods that the target serves, when this one is not among them.
    fn decide(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Result<Decision, Methods>;
    fn all_done(&mut self, outcomes: &mut Outcomes, now: Instant) -> Watch;
    fn round_ended(&mut self);
    /// Both, in one call.
    fn end_round(&mut self, outcomes: &mut Outcomes, now: Instant) -> Watch;
    fn memory(&self) -> usize;
    fn give_up_memory(&mut self);
    /// Another one like this.
    fn fresh(&self) -> Box<dyn AnyHandler>;
}

impl<H: Handler> AnyHandler for H {
    fn decide(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Result<Decision, Methods> {
        let methods = Handler::methods(self, head);
        if methods.allows(head.method()) && head.expectation() != Expectation::Unknown {
            Ok(Handler::head(self, head, cx))
        } else {
            Err(methods)
        }
    }

    #[inline]
    fn all_done(&mut self, outcomes: &mut Outcomes, now: Instant) -> Watch {
        outcomes.tell(now, |outcomes| Handler::all_done(self, outcomes))
    }

    fn round_ended(&mut self) {
        Handler::round_ended(self);
    }

    fn end_round(&mut self, outcomes: &mut Outcomes, now: Instant) -> Watch {
        let watch = AnyHandler::all_done(self, outcomes, now);
        Handler::round_ended(self);
        watch
    }

    fn memory(&self) -> usize {
        Handler::memory(self)
    }

    fn give_up_memory(&mut self) {
        Handler::give_up_memory(self);
    }

    fn fresh(&self) -> Box<dyn AnyHandler> {
        Box::new(self.clone())
    }
}
