//! The longest round of ours under each load. Counting costs a request some 200 instructions, so these runs are of their own.

use std::io;

use bench::report::Table;
use bench::servers::{Running, Server, Setup, free_address, longest_round};

use crate::context::{Context, cell};
use crate::{files, latency, memory};

pub(crate) fn tables(context: &mut Context) -> io::Result<Vec<Table>> {
    let mut table = Table::new(
        "The longest round of server-bin (`server_longest_round_seconds`), µs",
        &["load", "longest round"],
    );
    if !context.servers.contains(&Server::Ours) {
        return Ok(Vec::new());
    }
    let root = context.pages.root().to_owned();
    for (load, name) in memory::loads(context.connections) {
        let setup = Setup::memory(&root);
        row(context, &mut table, &name, &setup, |server| {
            memory::measure(context, server, load).map(drop)
        })?;
    }
    for (what, name) in files::WHATS {
        let name = format!("files: {name}");
        row(context, &mut table, &name, &Setup::files(&root), |server| {
            files::measure(context, server, what).map(drop)
        })?;
    }
    for (downloads, name) in [(false, "quiet"), (true, "beside 1,000 downloads")] {
        let name = format!("1 KiB at half of what it can bear, {name}");
        row(context, &mut table, &name, &Setup::files(&root), |server| {
            let rate = latency::bearable(context, server)? / 2.0;
            latency::measure(context, server, rate, downloads).map(drop)
        })?;
    }
    Ok(vec![table])
}

/// Measures one load on a server that was started for it, in each round.
fn row(
    context: &Context,
    table: &mut Table,
    name: &str,
    setup: &Setup<'_>,
    load: impl Fn(&Running) -> io::Result<()>,
) -> io::Result<()> {
    let mut rounds = Vec::new();
    for _ in 0..context.rounds {
        let admin = free_address()?;
        let setup = Setup {
            admin: Some(admin),
            ..setup.clone()
        };
        for server in context.start(&[Server::Ours], &setup)? {
            load(&server)?;
            rounds.push(Some(longest_round(admin)? * 1e6));
        }
    }
    table.row(vec![name.to_owned(), cell(&rounds, 0)]);
    Ok(())
}
