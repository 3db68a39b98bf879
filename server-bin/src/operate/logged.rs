//! A handler around another one that writes the access log.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use http_core::Head;

use super::log::Lines;
use super::proxy_protocol::Trusted;
use crate::handler::{Context, Decision, Handler, Methods, Outcome, Watch};

/// A handler whose requests are written down.
#[derive(Debug)]
pub struct Logged<H> {
    inner: H,
    lines: Lines,
    trusted: Trusted,
    /// When the round began, if a request has come in it.
    round: Option<Instant>,
    inner_watches: bool,
}

impl<H: Handler> Logged<H> {
    /// Writes down what becomes of the requests that `inner` answers. Of `trusted` proxies X-Forwarded-For is believed.
    pub fn new(inner: H, lines: Lines, trusted: Trusted) -> Self {
        Self {
            inner,
            lines,
            trusted,
            round: None,
            inner_watches: true,
        }
    }

    /// Names the client that a trusted proxy speaks of.
    #[cold]
    fn name_client(&self, head: &Head<'_>, cx: &mut Context<'_>) {
        let peer = cx.peer().map(|peer| peer.ip());
        if peer.is_some_and(|peer| !self.trusted.has(peer)) {
            return;
        }
        // Several lines are one list (RFC 9110 section 5.3).
        let lines = head
            .fields()
            .filter(|(name, _)| name.eq_ignore_ascii_case("x-forwarded-for"));
        let list = lines.map(|(_, value)| value).collect::<Vec<_>>().join(&b',');
        let client = self.trusted.client(peer, &list);
        if let Some(client) = client.filter(|_| client != peer) {
            // Which port the client has, nobody says.
            cx.set_client(SocketAddr::new(client, 0));
        }
    }
}

/// Another worker's: its lines are its own.
impl<H: Clone> Clone for Logged<H> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            lines: self.lines.clone(),
            trusted: self.trusted.clone(),
            round: None,
            inner_watches: true,
        }
    }
}

impl<H: Handler> Handler for Logged<H> {
    fn methods(&self, head: &Head<'_>) -> Methods {
        self.inner.methods(head)
    }

    #[inline]
    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        self.round = Some(cx.now());
        if !self.trusted.is_empty() {
            self.name_client(head, cx);
        }
        self.inner.head(head, cx)
    }

    fn done(&mut self, outcome: &Outcome<'_>) -> Watch {
        if self.inner_watches {
            self.inner_watches = self.inner.done(outcome) == Watch::GoOn;
        }
        self.lines.push(&Outcome {
            time: time(outcome, self.round),
            ..*outcome
        });
        Watch::GoOn
    }

    #[inline]
    fn round_ended(&mut self) {
        self.round = None;
        self.lines.flush();
        self.inner.round_ended();
    }
}

/// An outcome counts whole rounds; what this round has taken so far comes on top.
#[inline]
fn time(outcome: &Outcome<'_>, round: Option<Instant>) -> Duration {
    match round {
        Some(round) => outcome.time + round.elapsed(),
        None => outcome.time,
    }
}
