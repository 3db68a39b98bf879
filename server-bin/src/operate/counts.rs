//! What the workers have counted, added up and written as metrics.

use http_core::Rule;

use super::metrics::{Kind, Text};
use crate::driver::tally::LATENCY_BOUNDS;
use crate::worker::counters::{Counted, PHASES};

/// Writes the numbers of all workers.
pub(super) fn write(text: &mut Text, workers: &[Counted]) {
    let sum = |number: &dyn Fn(&Counted) -> u64| sum(workers, number);
    write_connections(text, workers);
    write_requests(text, workers);
    let help = "Rounds: waits of the workers, each with all that followed it.";
    text.number(
        "server_rounds_total",
        Kind::Counter,
        help,
        sum(&|counted| counted.tally.rounds),
    );
    let longest = workers.iter().map(|counted| counted.tally.longest_round).max();
    let help = "The longest round of any worker so far.";
    text.number(
        "server_longest_round_seconds",
        Kind::Gauge,
        help,
        longest.unwrap_or(0) as f64 / 1e9,
    );
    let help = "Rounds in which a worker was woken by other threads.";
    text.number(
        "server_wakes_total",
        Kind::Counter,
        help,
        sum(&|counted| counted.wakes),
    );
}

fn sum(workers: &[Counted], number: &dyn Fn(&Counted) -> u64) -> u64 {
    workers.iter().map(number).sum()
}

fn write_connections(text: &mut Text, workers: &[Counted]) {
    let sum = |number: &dyn Fn(&Counted) -> u64| sum(workers, number);
    let help = "Connections that were accepted.";
    text.number(
        "server_connections_accepted_total",
        Kind::Counter,
        help,
        sum(&|counted| counted.accepted),
    );
    let mut family = text.family(
        "server_connections",
        Kind::Gauge,
        "Connections now, by what they are doing.",
    );
    for (place, phase) in PHASES.iter().enumerate() {
        family.sample(&[("phase", phase)], sum(&|counted| counted.phases[place]));
    }
}

fn write_requests(text: &mut Text, workers: &[Counted]) {
    let sum = |number: &dyn Fn(&Counted) -> u64| sum(workers, number);
    let mut family = text.family(
        "server_responses_total",
        Kind::Counter,
        "Responses by the class of their status.",
    );
    for (class, name) in ["other", "1xx", "2xx", "3xx", "4xx", "5xx"].iter().enumerate() {
        family.sample(&[("class", name)], sum(&|counted| counted.tally.responses[class]));
    }
    let help = "Requests that were refused, by the rule that they broke.";
    let mut family = text.family("server_rejections_total", Kind::Counter, help);
    for rule in Rule::ALL {
        let count = sum(&|counted| counted.tally.rejections[rule as usize]);
        // Most rules are never broken, and a scrape is read by people too.
        if count > 0 {
            family.sample(&[("rule", rule.name())], count);
        }
    }
    let help = "Bytes of response bodies.";
    text.number(
        "server_response_body_bytes_total",
        Kind::Counter,
        help,
        sum(&|counted| counted.tally.body_bytes),
    );
    let bounds = LATENCY_BOUNDS.map(|micros| micros as f64 / 1e6);
    let counts: Vec<u64> = (0..=LATENCY_BOUNDS.len())
        .map(|bucket| sum(&|counted| counted.tally.latencies[bucket]))
        .collect();
    let help = "Turns with a response, from the return of the wait to the end of the last send.";
    let seconds = sum(&|counted| counted.tally.latency_sum) as f64 / 1e9;
    text.histogram("server_response_seconds", help, &bounds, &counts, seconds);
}
