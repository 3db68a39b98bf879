//! A client: what it sends, what it takes, and whether that is what it has to get.

use super::luck::{Oddity, note};
use super::model::{self, Exchange};
use super::network::Network;
use super::responses::{self, Response};
use super::seams;
use super::themes::Theme;
use super::world::Weather;
use crate::driver::tests::random::Random;

/// Where a peer is on its way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Place {
    /// It has not connected yet.
    Away,
    /// It has connected: its wire.
    Connected(usize),
    /// Nobody listened.
    Refused,
}

/// What becomes of a peer that got nothing wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    /// It has all, or something else is to blame.
    Fine,
    /// Its connection was closed while it was idle, as for another one at a limit.
    GivenUp,
    /// It was given up, as where its worker is short of memory.
    ForMemory,
}

/// A client with one connection.
pub(super) struct Peer {
    place: Place,
    exchanges: Vec<Exchange>,
    unsent: Vec<u8>,
    sent: usize,
    /// It shuts its side as soon as it has sent everything.
    ends_early: bool,
    received: Vec<u8>,
    /// How much had come when it last looked whether that is all, which is dear to find out.
    judged: Option<usize>,
}

impl Peer {
    pub(super) fn new(
        random: &mut Random,
        number: usize,
        (weather, theme): (Weather, &'static Theme),
        has_preface: bool,
    ) -> Self {
        let mut exchanges = model::conversation(random, &format!("peer{number}-"), theme);
        let is_rough = matches!(weather, Weather::Resets | Weather::Jumps | Weather::Faults);
        let ends_early = weather == Weather::Cuts || (is_rough && random.once_in(2));
        if weather == Weather::Cuts
            && random.once_in(theme.cut_once_in)
            && exchanges.last().is_some_and(Exchange::can_be_cut)
        {
            let cut = exchanges.pop().expect("an exchange");
            let sent = random.below(cut.request.len());
            // A single CRLF before a request line is no beginning of a request yet.
            if sent > 2 {
                note(Oddity::RequestCut);
                exchanges.push(cut.cut_after(sent));
            }
        }
        let mut unsent = Vec::new();
        if has_preface {
            unsent.extend_from_slice(seams::PREFACE.as_bytes());
        }
        for exchange in &exchanges {
            unsent.extend_from_slice(&exchange.request);
        }
        if is_rough && has_preface && random.once_in(4) {
            // Nothing is answered to that.
            unsent = b"no preface".into();
            exchanges.clear();
        }
        Self {
            place: Place::Away,
            exchanges,
            unsent,
            sent: 0,
            ends_early,
            received: Vec::new(),
            judged: None,
        }
    }

    /// Whether it has not tried to connect yet.
    pub(super) fn is_away(&self) -> bool {
        self.place == Place::Away
    }

    /// Its wire, if it has one. A peer that has none connects.
    fn connected(&mut self, network: &mut Network) -> Option<usize> {
        if self.is_away() {
            self.place = network.connect().map_or(Place::Refused, Place::Connected);
        }
        self.wire()
    }

    fn wire(&self) -> Option<usize> {
        match self.place {
            Place::Connected(number) => Some(number),
            Place::Away | Place::Refused => None,
        }
    }

    /// Sends at most so many bytes. Returns whether anything was done.
    pub(super) fn send(&mut self, network: &mut Network, most: usize) -> bool {
        let Some(number) = self.connected(network) else {
            return false;
        };
        let rest = &self.unsent[self.sent..];
        let sent = network.wires[number].send(&rest[..rest.len().min(most)]);
        self.sent += sent;
        self.end_if_done(network, false) || sent > 0
    }

    /// Takes at most so many bytes. Returns whether anything was done.
    pub(super) fn take(&mut self, network: &mut Network, most: usize) -> bool {
        let Some(number) = self.wire() else {
            return false;
        };
        let before = self.received.len();
        network.wires[number].take(most, &mut self.received);
        let is_quiet = self.received.len() == before;
        self.end_if_done(network, is_quiet) || !is_quiet
    }

    /// Shuts its side, when it has sent everything and nothing more can come for it. Returns whether that is news.
    fn end_if_done(&mut self, network: &mut Network, is_quiet: bool) -> bool {
        let Some(number) = self.wire() else {
            return false;
        };
        let wire = &network.wires[number];
        if wire.ended || self.sent < self.unsent.len() {
            return false;
        }
        let is_over = wire.is_over();
        let ends = self.ends_early || is_over || (is_quiet && self.has_all());
        if ends {
            if !is_over {
                note(Oddity::PeerShuts);
            }
            network.wires[number].end();
        }
        ends
    }

    fn has_all(&mut self) -> bool {
        let length = Some(self.received.len());
        std::mem::replace(&mut self.judged, length) != length && self.is_whole()
    }

    /// Does all that it can at once. Returns whether anything was done.
    pub(super) fn hurry(&mut self, network: &mut Network, widens: bool) -> bool {
        let was_away = self.is_away();
        if let Some(number) = self.connected(network)
            && widens
        {
            network.wires[number].widen();
        }
        let sends = self.send(network, usize::MAX);
        let takes = self.take(network, usize::MAX);
        was_away || sends || takes
    }

    pub(super) fn reset(&mut self, network: &mut Network) {
        if let Some(number) = self.wire()
            && !network.wires[number].reset
        {
            note(Oddity::PeerResets);
            network.wires[number].reset();
        }
    }

    /// Whether it sees the end of its connection, or has none.
    pub(super) fn is_over(&self, network: &Network) -> bool {
        match self.place {
            Place::Away => false,
            Place::Connected(number) => network.wires[number].is_over(),
            Place::Refused => true,
        }
    }

    /// For a message.
    pub(super) fn state(&self, network: &Network) -> String {
        let wire = self.wire().map(|number| &network.wires[number]);
        let wire = wire.map(|wire| {
            (
                wire.registration.map(|it| (it.interest, it.trigger)),
                wire.inbound.len(),
                wire.outbound.len(),
                wire.ended,
                wire.closed,
                wire.is_lost,
            )
        });
        let (received, unsent) = (self.received.len(), self.unsent.len() - self.sent);
        let responses = self.responses();
        let last = responses.iter().zip(&self.exchanges).next_back();
        let last =
            last.map(|(response, exchange)| (exchange.first_line(), responses::progress(response, exchange)));
        let count = (responses.len(), self.exchanges.len());
        format!(
            "{:?}: {unsent} unsent, {received} received, {count:?} {last:?} {wire:?}",
            self.place
        )
    }

    fn responses(&self) -> Vec<Response> {
        responses::responses(&self.received, &self.exchanges)
    }

    fn is_whole(&self) -> bool {
        let responses = self.responses();
        let both = responses.iter().zip(&self.exchanges);
        responses.len() == self.exchanges.len()
            && both
                .into_iter()
                .all(|(one, other)| responses::is_whole(one, other))
    }

    /// Holds what it received against what it asked.
    pub(super) fn check(
        &self,
        network: &Network,
        (weather, theme): (Weather, &Theme),
        has_stopped: bool,
    ) -> Result<Verdict, String> {
        let is_short = theme.kept > 0;
        let responses = self.responses();
        for (number, response) in responses.iter().enumerate() {
            let is_last = number + 1 == responses.len();
            if weather == Weather::Jumps && is_last && responses::is_timeout(response) {
                continue;
            }
            if is_short && is_last && responses::is_refusal(response) {
                return Ok(Verdict::ForMemory);
            }
            let exchange = self.exchanges.get(number).ok_or("more answers than requests")?;
            responses::check(response, exchange).map_err(|error| format!("answer {number}: {error}"))?;
        }
        let last = responses.last();
        let is_allowed = match weather {
            Weather::Calm | Weather::Cuts | Weather::Resets => false,
            Weather::Drain => self.wire().is_none() || last.is_some_and(|last| last.closes),
            // A protocol that panics ends its connection at once, and a reset may destroy what is not taken yet.
            Weather::Faults => self.exchanges.iter().any(Exchange::switches),
            Weather::Jumps => true,
        };
        let wire = self.wire().map(|number| &network.wires[number]);
        let is_lost = wire.is_some_and(|wire| wire.is_lost);
        if is_allowed || is_lost || has_stopped || self.is_whole() {
            return Ok(Verdict::Fine);
        }
        if wire.is_some_and(|wire| wire.was_idle) {
            return Ok(Verdict::GivenUp);
        }
        if is_short {
            return Ok(Verdict::ForMemory);
        }
        let asked: Vec<_> = self.exchanges.iter().map(Exchange::first_line).collect();
        Err(format!("{}; asked was {asked:#?}", self.state(network)))
    }
}
