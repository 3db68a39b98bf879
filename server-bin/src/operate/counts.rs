//! What the workers have counted, added up and written as metrics.

use http_core::Rule;

use super::metrics::{Kind, Text};
use crate::driver::tally::LATENCY_BOUNDS;
use crate::worker::counters::{Counted, PHASES};

/// A number that is the sum of what each worker has counted.
struct Sum {
    name: &'static str,
    kind: Kind,
    help: &'static str,
    of: fn(&Counted) -> u64,
}

const SUMS: [Sum; 7] = [
    Sum {
        name: "server_connections_accepted_total",
        kind: Kind::Counter,
        help: "Connections that were accepted.",
        of: |counted| counted.accepted,
    },
    Sum {
        name: "server_connections_closed_for_others_total",
        kind: Kind::Counter,
        help: "Idle connections that were closed at a limit, so that others got their place.",
        of: |counted| counted.closed_for_others,
    },
    Sum {
        name: "server_memory_bytes",
        kind: Kind::Gauge,
        help: "Bytes of memory that connections and the cache of files hold.",
        of: |counted| counted.memory,
    },
    Sum {
        name: "server_memory_refused_total",
        kind: Kind::Counter,
        help: "Connections that were refused with 503 or cut off for want of memory.",
        of: |counted| counted.given_up,
    },
    Sum {
        name: "server_response_body_bytes_total",
        kind: Kind::Counter,
        help: "Bytes of response bodies.",
        of: |counted| counted.tally.body_bytes,
    },
    Sum {
        name: "server_rounds_total",
        kind: Kind::Counter,
        help: "Rounds: waits of the workers, each with all that followed it.",
        of: |counted| counted.tally.rounds,
    },
    Sum {
        name: "server_wakes_total",
        kind: Kind::Counter,
        help: "How often a worker found that other threads had woken it.",
        of: |counted| counted.wakes,
    },
];

/// Writes the numbers of all workers.
pub(super) fn write(text: &mut Text, workers: &[Counted]) {
    for Sum { name, kind, help, of } in SUMS {
        text.number(name, kind, help, sum(workers, of));
    }
    write_phases(text, workers);
    write_responses(text, workers);
    write_turns(text, workers);
    write_times(text, workers);
}

fn sum(workers: &[Counted], of: impl Fn(&Counted) -> u64) -> u64 {
    workers.iter().map(of).sum()
}

fn write_phases(text: &mut Text, workers: &[Counted]) {
    let help = "Connections now, by what they are doing.";
    let mut family = text.family("server_connections", Kind::Gauge, help);
    for (place, phase) in PHASES.iter().enumerate() {
        family.sample(&[("phase", phase)], sum(workers, |counted| counted.phases[place]));
    }
}

fn write_responses(text: &mut Text, workers: &[Counted]) {
    let help = "Responses by the class of their status.";
    let mut family = text.family("server_responses_total", Kind::Counter, help);
    for (class, name) in ["other", "1xx", "2xx", "3xx", "4xx", "5xx"].iter().enumerate() {
        family.sample(
            &[("class", name)],
            sum(workers, |counted| counted.tally.responses[class]),
        );
    }
    let help = "Requests that were refused, by the rule that they broke.";
    let mut family = text.family("server_rejections_total", Kind::Counter, help);
    for rule in Rule::ALL {
        let count = sum(workers, |counted| counted.tally.rejections[rule as usize]);
        // Most rules are never broken, and a scrape is read by people too.
        if count > 0 {
            family.sample(&[("rule", rule.name())], count);
        }
    }
}

fn write_turns(text: &mut Text, workers: &[Counted]) {
    let help = "Turns that a limit has ended while their connection had more to do.";
    let mut family = text.family("server_turns_ended_total", Kind::Counter, help);
    // As the limits are called among those in force, and as their flags are.
    for (place, name) in ["turn_requests", "turn_bytes", "turn_time"].iter().enumerate() {
        family.sample(
            &[("limit", name)],
            sum(workers, |counted| counted.tally.turns_ended[place]),
        );
    }
}

fn write_times(text: &mut Text, workers: &[Counted]) {
    let bounds = LATENCY_BOUNDS.map(|micros| micros as f64 / 1e6);
    let counts: Vec<u64> = (0..=LATENCY_BOUNDS.len())
        .map(|bucket| sum(workers, |counted| counted.tally.latencies[bucket]))
        .collect();
    let seconds = sum(workers, |counted| counted.tally.latency_sum) as f64 / 1e9;
    let help = "Turns with a response, from the return of the wait to the end of the last send.";
    text.histogram("server_response_seconds", help, &bounds, &counts, seconds);
    let longest = workers.iter().map(|counted| counted.tally.longest_round).max();
    let seconds = longest.unwrap_or(0) as f64 / 1e9;
    let help = "The longest round of any worker so far.";
    text.number("server_longest_round_seconds", Kind::Gauge, help, seconds);
}
