//! What every attack needs, and the normal clients that are measured meanwhile.

use std::io;
use std::time::Duration;

use bench::load::{Background, Latencies, Paced, Request, Schedule};
use bench::measure::Spread;
use bench::report::Table;
use bench::servers::{Pages, Programs, Running, Server, Setup};

/// Connections of normal clients, and how many requests they make a second, all together.
const NORMAL: usize = 16;
const RATE: f64 = 2_000.0;

pub(crate) struct Context {
    pub(crate) programs: Programs,
    pub(crate) pages: Pages,
    /// Those whose programs are there.
    pub(crate) servers: Vec<Server>,
    pub(crate) rounds: usize,
    /// For how long normal clients are measured.
    pub(crate) time: Duration,
    pub(crate) processor: String,
}

impl Context {
    pub(crate) fn start(&self, server: Server, setup: &Setup<'_>) -> io::Result<Running> {
        Running::start(server, &self.programs, setup, &self.processor)
    }

    /// Connects normal clients, before the attack, since they are there already.
    pub(crate) fn normal(&self, server: &Running) -> io::Result<Paced> {
        Paced::connect(server.address, NORMAL, Request::get("/plaintext", 13))
    }

    /// Measures normal clients with `background` meanwhile.
    pub(crate) fn measure(
        &self,
        normal: &mut Paced,
        background: &mut impl Background,
    ) -> io::Result<Latencies> {
        normal.run(Schedule::new(RATE, self.time), background)
    }

    /// Measures each server once a round, in turn, so that noise hits them all alike. Adds a row for each: the attack, the
    /// server, and the median of each figure, `-` where none was measured. Failures are noted below the table.
    pub(crate) fn rows<const N: usize>(
        &self,
        table: &mut Table,
        attack: &str,
        servers: &[Server],
        decimals: [usize; N],
        mut measure: impl FnMut(Server) -> io::Result<[f64; N]>,
    ) {
        let mut found = vec![Vec::new(); servers.len()];
        for _ in 0..self.rounds {
            for (server, found) in servers.iter().zip(&mut found) {
                match measure(*server) {
                    Ok(figures) => found.push(figures),
                    Err(error) => {
                        let text = format!("{}, {attack}: {error}", server.name());
                        eprintln!("{text}");
                        table.note(text);
                    }
                }
            }
        }
        for (server, found) in servers.iter().zip(&found) {
            let mut row = vec![attack.to_owned(), server.name().to_owned()];
            row.extend((0..N).map(|at| median(found.iter().map(|figures| figures[at]), decimals[at])));
            table.row(row);
        }
    }
}

/// The median of the rounds that measured something; `-` without any.
fn median(rounds: impl Iterator<Item = f64>, decimals: usize) -> String {
    let measured = rounds.filter(|figure| !figure.is_nan()).collect();
    Spread::of(measured).map_or("-".into(), |spread| spread.show(decimals))
}

pub(crate) fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
