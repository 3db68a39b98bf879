//! A handler around another one that sees what becomes of each request: it writes the access log and counts.
//!
//! Each worker has counters of its own, on cache lines of their own, and is the only one that writes them: so counting
//! is a load, an addition and a store, without a lock. The admin listener reads them at any time and adds them up.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http_core::{Head, Rule};

use super::log::Lines;
use super::log::line::{ENDS, Line, number, word};
use super::metrics::{Kind, Text};
use crate::handler::{Context, Decision, Handler, Methods, Outcome, Watch};

/// Upper bounds of the latency histogram's buckets, in microseconds.
const BOUNDS: [u64; 16] = [
    100, 250, 500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    5_000_000, 10_000_000,
];
/// Of a status, 1 to 5; 0 for requests that ended before an answer.
const CLASSES: usize = 6;

/// The numbers of one worker. Aligned so that no two workers write to the same cache line, nor to neighbours.
#[derive(Debug)]
#[repr(align(128))]
struct Counters {
    responses: [AtomicU64; CLASSES],
    rejections: [AtomicU64; Rule::ALL.len()],
    ends: [AtomicU64; ENDS.len()],
    bytes: AtomicU64,
    latency: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

fn zeros<const N: usize>() -> [AtomicU64; N] {
    std::array::from_fn(|_| AtomicU64::new(0))
}

/// One thread writes, so no addition is lost.
#[inline]
fn add(counter: &AtomicU64, more: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(more), Relaxed);
}

impl Counters {
    fn new() -> Self {
        Self {
            responses: zeros(),
            rejections: zeros(),
            ends: zeros(),
            bytes: AtomicU64::new(0),
            latency: zeros(),
            micros: AtomicU64::new(0),
        }
    }

    #[inline]
    fn count(&self, outcome: &Outcome<'_>, time: Duration) {
        let class = usize::from(outcome.status / 100);
        add(&self.responses[class.min(CLASSES - 1)], 1);
        add(&self.bytes, outcome.bytes);
        if let Some(rule) = outcome.rule {
            add(&self.rejections[rule as usize], 1);
        }
        add(&self.ends[usize::from(number(outcome.end))], 1);
        let micros = time.as_micros() as u64;
        add(&self.micros, micros);
        let bucket = BOUNDS.iter().position(|&bound| micros <= bound);
        add(&self.latency[bucket.unwrap_or(BOUNDS.len())], 1);
    }
}

/// The counters of all workers.
#[derive(Clone, Debug, Default)]
pub struct Totals(Arc<Mutex<Vec<Arc<Counters>>>>);

impl Totals {
    fn open(&self) -> Arc<Counters> {
        let counters = Arc::new(Counters::new());
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::clone(&counters));
        counters
    }

    /// Writes what was counted.
    pub fn write(&self, text: &mut Text) {
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let sum = |counter: &dyn Fn(&Counters) -> &AtomicU64| {
            all.iter()
                .map(|counters| counter(counters).load(Relaxed))
                .fold(0, u64::wrapping_add)
        };
        let mut family = text.family(
            "server_responses_total",
            Kind::Counter,
            "Responses by the class of their status.",
        );
        for (class, name) in ["none", "1xx", "2xx", "3xx", "4xx", "5xx"].iter().enumerate() {
            family.sample(&[("class", name)], sum(&|counters| &counters.responses[class]));
        }
        let mut family = text.family(
            "server_request_ends_total",
            Kind::Counter,
            "Requests by how they ended.",
        );
        for (index, end) in ENDS.iter().enumerate() {
            family.sample(&[("end", word(*end))], sum(&|counters| &counters.ends[index]));
        }
        let mut family = text.family(
            "server_rejections_total",
            Kind::Counter,
            "Requests that were refused, by the rule that they broke.",
        );
        for rule in Rule::ALL {
            let count = sum(&|counters| &counters.rejections[rule as usize]);
            if count > 0 {
                family.sample(&[("rule", rule.name())], count);
            }
        }
        text.number(
            "server_response_body_bytes_total",
            Kind::Counter,
            "Bytes of response bodies that sockets took.",
            sum(&|counters| &counters.bytes),
        );
        let bounds = BOUNDS.map(|micros| micros as f64 / 1e6);
        let counts: Vec<u64> = (0..=BOUNDS.len())
            .map(|bucket| sum(&|counters| &counters.latency[bucket]))
            .collect();
        text.histogram(
            "server_request_seconds",
            "From a request's complete head to its last byte.",
            &bounds,
            &counts,
            sum(&|counters| &counters.micros) as f64 / 1e6,
        );
    }
}

/// What is done with outcomes.
#[derive(Clone, Debug, Default)]
pub struct Observers {
    /// The access log.
    pub lines: Option<Lines>,
    /// The counters.
    pub totals: Option<Totals>,
    /// Proxies whose X-Forwarded-For is believed.
    pub trusted: super::proxy_protocol::Trusted,
}

/// A handler whose outcomes are seen.
#[derive(Debug)]
pub struct Observed<H> {
    inner: H,
    observers: Observers,
    /// Opened with the first request of a worker.
    counters: Option<Arc<Counters>>,
    /// When the round began, if a request has come in it.
    round: Option<Instant>,
    inner_watches: bool,
}

impl<H: Handler> Observed<H> {
    /// Lets `observers` see what becomes of the requests that `inner` answers.
    pub fn new(inner: H, observers: Observers) -> Self {
        Self {
            inner,
            observers,
            counters: None,
            round: None,
            inner_watches: true,
        }
    }

    /// The client that a trusted proxy names.
    #[cold]
    fn name_client(&self, _head: &Head<'_>, _cx: &mut Context<'_>) {}
}

/// Another worker's: its lines and counters are its own.
impl<H: Clone> Clone for Observed<H> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            observers: self.observers.clone(),
            counters: None,
            round: None,
            inner_watches: true,
        }
    }
}

impl<H: Handler> Handler for Observed<H> {
    fn methods(&self, head: &Head<'_>) -> Methods {
        self.inner.methods(head)
    }

    #[inline]
    fn head(&mut self, head: &Head<'_>, cx: &mut Context<'_>) -> Decision {
        self.round = Some(cx.now());
        if !self.observers.trusted.is_empty() {
            self.name_client(head, cx);
        }
        self.inner.head(head, cx)
    }

    fn done(&mut self, outcome: &Outcome<'_>) -> Watch {
        if self.inner_watches {
            self.inner_watches = self.inner.done(outcome) == Watch::GoOn;
        }
        // An outcome counts whole rounds; what this round has taken so far comes on top.
        let time = match self.round {
            Some(round) if outcome.time.is_zero() => round.elapsed(),
            Some(round) => outcome.time + round.elapsed(),
            None => outcome.time,
        };
        if let Some(totals) = &self.observers.totals {
            self.counters
                .get_or_insert_with(|| totals.open())
                .count(outcome, time);
        }
        if let Some(lines) = &mut self.observers.lines {
            lines.push(&line(outcome, time));
        }
        match self.observers.lines.is_some() || self.observers.totals.is_some() || self.inner_watches {
            true => Watch::GoOn,
            false => Watch::Stop,
        }
    }

    fn round_ended(&mut self) {
        self.round = None;
        if let Some(lines) = &mut self.observers.lines {
            lines.flush();
        }
        self.inner.round_ended();
    }
}

#[inline]
fn line<'a>(outcome: &Outcome<'a>, time: Duration) -> Line<'a> {
    Line {
        peer: outcome.peer,
        method: outcome.method,
        target: outcome.target,
        version: outcome.version,
        referer: outcome.referer,
        user_agent: outcome.user_agent,
        status: outcome.status,
        bytes: outcome.bytes,
        time,
        rule: outcome.rule,
        end: outcome.end,
    }
}
