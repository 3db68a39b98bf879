//! A handler whose type the driver does not know.

use http_core::Head;

use super::{Context, Decision, Handler, Methods, Outcome, Watch};

/// A [`Handler`] behind a pointer, so that connections and workers are no generic types over it.
pub(crate) trait AnyHandler: Send {
    fn methods(&self, head: &Head<'_>) -> Methods;
    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision;
    fn done(&mut self, outcome: &Outcome<'_>) -> Watch;
    fn round_ended(&mut self);
    /// Another one like this.
    fn fresh(&self) -> Box<dyn AnyHandler>;
}

impl<H: Handler> AnyHandler for H {
    fn methods(&self, head: &Head<'_>) -> Methods {
        Handler::methods(self, head)
    }

    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        Handler::head(self, head, cx)
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
