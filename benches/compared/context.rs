//! What every part needs: the servers that are there, how long to measure, and how rounds are interleaved.

use std::path::PathBuf;
use std::time::Duration;
use std::{fs, io};

use bench::measure::Spread;
use bench::report::{Axes, Line, Table, plot};
use bench::servers::{Pages, Programs, Running, Server, Setup};

/// What every part needs.
pub(crate) struct Context {
    pub(crate) programs: Programs,
    pub(crate) pages: Pages,
    /// Those whose programs are there.
    pub(crate) servers: Vec<Server>,
    pub(crate) rounds: usize,
    /// Of one cell in one round.
    pub(crate) time: Duration,
    /// How many connections are many.
    pub(crate) connections: usize,
    /// Bytes of one upload.
    pub(crate) upload: u64,
    pub(crate) processor: String,
    pub(crate) processors: String,
    pub(crate) plots: PathBuf,
}

/// One number for each round, or none where the measurement failed, for each server.
pub(crate) type Rounds = Vec<Vec<Option<f64>>>;

impl Context {
    /// The servers that are there, each once: files that are kept open are a matter of its own.
    pub(crate) fn each_server(&self) -> Vec<Server> {
        let once = |server: &Server| *server != Server::NginxCached;
        self.servers.iter().copied().filter(once).collect()
    }

    /// Starts these servers, each with one worker on the servers' processor.
    pub(crate) fn start(&self, servers: &[Server], setup: &Setup<'_>) -> io::Result<Vec<Running>> {
        let start = |server: &Server| Running::start(*server, &self.programs, setup, &self.processor);
        servers.iter().map(start).collect()
    }

    /// Measures each server once a round, in turn, so that noise hits them all alike; failures are noted below the table.
    pub(crate) fn rounds(
        &self,
        running: &[Running],
        what: &str,
        table: &mut Table,
        mut measure: impl FnMut(&Running) -> io::Result<f64>,
    ) -> Rounds {
        let mut rounds = vec![Vec::new(); running.len()];
        for round in 0..self.rounds {
            for (server, rounds) in running.iter().zip(&mut rounds) {
                let value = measure(server);
                if let Err(error) = &value {
                    let text = format!("{}, {what}: {error}", server.server.name());
                    eprintln!("round {}: {text}", round + 1);
                    table.note(text);
                }
                rounds.push(value.ok());
            }
        }
        rounds
    }
}

impl Context {
    /// Draws the lines into a file of this name among the plots.
    pub(crate) fn plot(&self, name: &str, title: &str, axes: &Axes<'_>, lines: &[Line]) -> io::Result<()> {
        fs::create_dir_all(&self.plots)?;
        plot(&self.plots.join(name), title, axes, lines).map_err(io::Error::other)
    }
}

/// The processor time in microseconds that `server` took for each of the requests that `load` counts.
pub(crate) fn micros_each(server: &Running, load: impl FnOnce() -> io::Result<u64>) -> io::Result<f64> {
    let before = server.cpu()?;
    let count = load()?;
    let spent = server.cpu()? - before;
    Ok(spent.as_secs_f64() * 1e6 / count as f64)
}

/// The median of the rounds with their spread; `-` without any.
pub(crate) fn cell(rounds: &[Option<f64>], decimals: usize) -> String {
    Spread::of(rounds.iter().flatten().copied().collect()).map_or("-".into(), |spread| spread.show(decimals))
}

/// The ratios of two servers within each round; `-` without any.
pub(crate) fn ratio(ours: &[Option<f64>], theirs: &[Option<f64>]) -> String {
    Spread::of_ratios(ours, theirs).map_or("-".into(), |spread| spread.show(2))
}

/// The median of the rounds, if there is any.
pub(crate) fn median(rounds: &[Option<f64>]) -> Option<f64> {
    Some(Spread::of(rounds.iter().flatten().copied().collect())?.median())
}
