//! Attacks server-bin, nginx and hyper in the same ways, and prints what that does to other clients, to memory, and what is
//! lost; `benches/torture` builds it and what it needs, and pins it to a processor of its own.

mod context;
mod crowd;
mod fairness;
mod floods;
mod lost;

use std::io;
use std::time::{Duration, Instant};

use bench::parts;
use bench::readiness::ffi::raise_fd_limit;
use bench::report::Table;
use bench::servers::{Pages, Programs, Server};
use clap::Parser;

use context::Context;

/// Attacks server-bin, nginx and hyper in the same ways.
#[derive(Parser)]
struct Options {
    /// How often each attack is made; the servers take turns within a round
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Seconds for which normal clients are measured under an attack
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// The parts to run
    #[arg(long, value_delimiter = ',', default_value = "floods,lost,fairness")]
    parts: Vec<String>,
    /// The processor that each server has to itself
    #[arg(long, default_value = "0")]
    processor: String,
    #[command(flatten)]
    programs: Programs,
}

type Part = fn(&Context) -> io::Result<Table>;
const PARTS: [(&str, Part); 3] = [
    ("floods", floods::table),
    ("lost", lost::table),
    ("fairness", fairness::table),
];

fn main() -> io::Result<()> {
    let options = Options::parse();
    parts::check(&options.parts, PARTS.iter().map(|(name, _)| *name))?;
    // Both ends of many connections: the servers inherit it.
    raise_fd_limit()?;
    let context = Context {
        servers: parts::present(
            [Server::Ours, Server::Nginx, Server::Hyper].into_iter(),
            &options.programs,
        ),
        programs: options.programs,
        pages: Pages::write()?,
        rounds: options.rounds.max(1),
        time: Duration::from_secs_f64(options.seconds),
        processor: options.processor,
    };
    for (name, part) in PARTS
        .iter()
        .filter(|(name, _)| options.parts.iter().any(|part| part == name))
    {
        let start = Instant::now();
        println!("{}", part(&context)?);
        eprintln!("{name}: {:.0} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}
