//! A handler whose type the driver does not know.

use http_core::{Expectation, Head};

use super::{Context, Decision, Handler, Methods, Outcome, Watch};

/// A [`Handler`] behind a pointer, so that connections and workers are no generic types over it.
pub(crate) trait AnyHandler: Send {
    /// Asks for a decision, or returns the methods that the target serves, when this one is not among them.
    fn decide(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Result<Decision, Methods>;
    fn done(&mut self, outcome: &Outcome<'_>) -> Watch;
    fn round_ended(&mut self);
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

    fn done(&mut self, outcome: &Outcome<'_>) -> Watch {
        Handler::done(self, outcome)
    }

    fn round_ended(&mut self) {
        Handler::round_ended(self);
    }

    fn fresh(&self) -> Box<dyn AnyHandler> {
        Box::new(self.clone())
    }
}
