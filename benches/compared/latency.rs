//! How long clients wait at a fixed rate, quiet and beside downloads, as a share of what each server can bear.

use std::io;
use std::time::{Duration, Instant};

use bench::load::{Closed, Downloads, Latencies, Nothing, Paced, Request, Requests, Schedule};
use bench::measure::Spread;
use bench::report::{Axes, Line, Table, thousands};
use bench::servers::{Running, Server, Setup};

use crate::context::{Context, median};

const ACTIVE: usize = 64;
const DOWNLOADS: usize = 1_000;
/// Of the load that the server can bear.
const SHARES: [(f64, &str); 3] = [(0.25, "a quarter"), (0.5, "half"), (0.75, "three quarters")];
const COLUMNS: [&str; 8] = [
    "server",
    "load",
    "requests/s",
    "median",
    "99 %",
    "99.9 %",
    "worst",
    "sent late, at most",
];

pub(crate) fn tables(context: &mut Context) -> io::Result<Vec<Table>> {
    let mut quiet = Table::new("Latency of 1 KiB at a fixed rate, µs", &COLUMNS);
    let mut beside = Table::new(
        "Latency of 1 KiB at a fixed rate beside 1,000 downloads of 1 MiB at 128 KiB/s, µs",
        &COLUMNS,
    );
    for table in [&mut quiet, &mut beside] {
        table.note("hyper, may_minihttp and the floor answer from memory, the others from a file.".into());
    }
    // What files are, the floor does not know: for it 1 MiB and 1 KiB are the same.
    let servers = context.each_server();
    let setup = Setup {
        body: 1024,
        ..Setup::files(context.pages.root())
    };
    let running = context.start(&servers, &setup)?;
    let bearable = context.rounds(&running, "what it can bear", &mut quiet, |server| {
        bearable(context, server)
    });
    let mut found = vec![Vec::new(); running.len()];
    for round in 0..context.rounds {
        for (at, server) in running.iter().enumerate() {
            let Some(bearable) = median(&bearable[at]) else {
                continue;
            };
            for (share, _) in SHARES {
                for downloads in [false, true] {
                    // Its large answer would have to be the same as its small one.
                    if downloads && server.server == Server::Floor {
                        continue;
                    }
                    let measured = measure(context, server, bearable * share, downloads);
                    let table = if downloads { &mut beside } else { &mut quiet };
                    match measured {
                        Ok(latencies) => found[at].push((share, downloads, Figures::of(&latencies))),
                        Err(error) => {
                            let text = format!("{}, {share} of the load: {error}", server.server.name());
                            eprintln!("round {}: {text}", round + 1);
                            table.note(text);
                        }
                    }
                }
            }
        }
    }
    for (at, server) in running.iter().enumerate() {
        for (share, name) in SHARES {
            for (downloads, table) in [(false, &mut quiet), (true, &mut beside)] {
                let figures = found[at]
                    .iter()
                    .filter(|each| each.0 == share && each.1 == downloads)
                    .map(|each| &each.2);
                let rate = median(&bearable[at]).map_or("-".into(), |bearable| thousands(bearable * share));
                let mut cells = vec![server.server.name().to_owned(), name.to_owned(), rate];
                cells.extend(Figures::show(&figures.collect::<Vec<_>>()));
                if downloads && server.server == Server::Floor {
                    continue;
                }
                table.row(cells);
            }
        }
    }
    for (downloads, name, title) in [
        (
            false,
            "latency.svg",
            "The time within which 99.9 % are answered, 1 KiB at a fixed rate",
        ),
        (
            true,
            "latency-beside-downloads.svg",
            "The same beside 1,000 downloads",
        ),
    ] {
        let axes = Axes {
            x: "requests a second",
            y: "µs",
            logarithmic: true,
        };
        context.plot(name, title, &axes, &lines(&running, &bearable, &found, downloads))?;
    }
    Ok(vec![quiet, beside])
}

/// For each server that was measured, the 99.9 % by its rates.
fn lines(
    running: &[Running],
    bearable: &[Vec<Option<f64>>],
    found: &[Vec<(f64, bool, Figures)>],
    downloads: bool,
) -> Vec<Line> {
    let line = |at: usize, server: &Running| {
        let bearable = median(&bearable[at])?;
        let of_1000 = |share| {
            let rounds = found[at]
                .iter()
                .filter(|each| each.0 == share && each.1 == downloads);
            Some((
                bearable * share,
                Spread::of(rounds.map(|each| each.2.of_1000).collect())?.median(),
            ))
        };
        let points: Vec<_> = SHARES.iter().filter_map(|(share, _)| of_1000(*share)).collect();
        let name = server.server.name().replace('*', "");
        (!points.is_empty()).then_some(Line { name, points })
    };
    running
        .iter()
        .enumerate()
        .filter_map(|(at, server)| line(at, server))
        .collect()
}

/// Microseconds of one round.
#[derive(Clone)]
struct Figures {
    median: f64,
    of_100: f64,
    of_1000: f64,
    worst: f64,
    late: f64,
}

impl Figures {
    fn of(latencies: &Latencies) -> Self {
        let micros = |time: Duration| time.as_secs_f64() * 1e6;
        let at = |share| micros(latencies.quantile(share));
        Self {
            median: at(0.5),
            of_100: at(0.99),
            of_1000: at(0.999),
            worst: at(1.0),
            late: micros(latencies.late),
        }
    }

    /// The medians of the rounds, and for the worst the worst of all.
    fn show(rounds: &[&Self]) -> [String; 5] {
        let spread = |of: fn(&Self) -> f64| Spread::of(rounds.iter().map(|each| of(each)).collect());
        let middle = |of| spread(of).map_or("-".into(), |spread| thousands(spread.median()));
        let most = |of| spread(of).map_or("-".into(), |spread| thousands(spread.most()));
        let of_1000 = spread(|each| each.of_1000).map_or("-".into(), |spread| spread.show(0));
        [
            middle(|each| each.median),
            middle(|each| each.of_100),
            of_1000,
            most(|each| each.worst),
            most(|each| each.late),
        ]
    }
}

fn request() -> Request {
    Request::get("/1k", 1024)
}

/// Requests a second of a closed loop.
pub(crate) fn bearable(context: &Context, server: &Running) -> io::Result<f64> {
    let mut load = Closed::connect(server.address, ACTIVE, 1, Requests::Same(request()))?;
    load.run(context.time / 5)?;
    let start = Instant::now();
    let count = load.run(context.time / 2)?;
    Ok(count as f64 / start.elapsed().as_secs_f64())
}

pub(crate) fn measure(
    context: &Context,
    server: &Running,
    rate: f64,
    downloads: bool,
) -> io::Result<Latencies> {
    let mut load = Paced::connect(server.address, ACTIVE, request())?;
    load.run(Schedule::new(rate, context.time / 5), &mut Nothing)?;
    let schedule = Schedule::new(rate, context.time);
    if !downloads {
        return load.run(schedule, &mut Nothing);
    }
    let big = Request::get("/1m", 1 << 20);
    load.run(schedule, &mut Downloads::start(server.address, DOWNLOADS, &big)?)
}
