//! Puts server-bin and other servers under the same loads, and prints Markdown tables; `benches/compare` builds it and what it
//! needs, and pins it to a processor of its own.

mod balance;
mod context;
mod files;
mod growth;
mod latency;
mod longest;
mod memory;
mod uploads;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use bench::parts;
use bench::readiness::ffi::raise_fd_limit;
use bench::report::Table;
use bench::servers::{Pages, Programs, Server};
use clap::Parser;

use context::Context;

/// Compares server-bin with other servers: processor time, latency, balance, memory.
#[derive(Parser)]
struct Options {
    /// How often each cell is measured; the servers take turns within a round
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of one cell in one round, at most 5
    #[arg(long, default_value_t = 1.0)]
    seconds: f64,
    /// Connections of the large loads
    #[arg(long, default_value_t = 10_000)]
    connections: usize,
    /// Bytes of one upload
    #[arg(long, default_value_t = 1 << 30)]
    upload_bytes: u64,
    /// The parts to measure
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "memory,files,uploads,latency,balance,growth,longest"
    )]
    parts: Vec<String>,
    /// Only servers whose names contain one of these
    #[arg(long, value_delimiter = ',')]
    servers: Vec<String>,
    /// The processor that each server has to itself
    #[arg(long, default_value = "0")]
    processor: String,
    /// Two processors for two workers
    #[arg(long, default_value = "0,1")]
    processors: String,
    /// The folder that the plots are written to
    #[arg(long, default_value = "benches/results")]
    plots: PathBuf,
    #[command(flatten)]
    programs: Programs,
}

type Part = fn(&mut Context) -> io::Result<Vec<Table>>;
const PARTS: [(&str, Part); 7] = [
    ("memory", memory::tables),
    ("files", files::tables),
    ("uploads", uploads::tables),
    ("latency", latency::tables),
    ("balance", balance::tables),
    ("growth", growth::tables),
    ("longest", longest::tables),
];

fn main() -> io::Result<()> {
    let options = Options::parse();
    parts::check(&options.parts, PARTS.iter().map(|(name, _)| *name))?;
    // Both ends of many connections: the servers inherit it.
    raise_fd_limit()?;
    let wanted = options.parts.clone();
    let mut context = context(options)?;
    for (name, part) in PARTS {
        if !wanted.iter().any(|part| part == name) {
            continue;
        }
        let start = Instant::now();
        for table in part(&mut context)? {
            println!("{table}");
        }
        eprintln!("{name}: {:.0} s", start.elapsed().as_secs_f64());
    }
    Ok(())
}

fn context(options: Options) -> io::Result<Context> {
    let wanted = |server: &Server| {
        let named = |part: &String| server.name().contains(part.as_str());
        options.servers.is_empty() || options.servers.iter().any(named)
    };
    Ok(Context {
        servers: parts::present(Server::ALL.into_iter().filter(wanted), &options.programs),
        programs: options.programs,
        pages: Pages::write()?,
        rounds: options.rounds.max(1),
        time: Duration::from_secs_f64(options.seconds.clamp(0.01, 5.0)),
        connections: options.connections,
        upload: options.upload_bytes,
        processor: options.processor,
        processors: options.processors,
        plots: options.plots,
    })
}
