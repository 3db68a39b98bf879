//! Files: processor time per request, by size, over a tree, and for what the client has already.

use std::io::{self, Read as _, Write as _};

use bench::load::{Closed, Expected, Request, Requests, connect};
use bench::report::Table;
use bench::servers::{Pages, Running, Server, Setup};

use crate::context::{Context, Rounds, cell, median, micros_each, ratio};

const ACTIVE: usize = 64;

/// What the clients request.
#[derive(Clone, Copy)]
pub(crate) enum What {
    /// This file of this size.
    File(&'static str, u64),
    /// 10,000 files, the popular ones more often.
    Tree,
    /// A file that the client has.
    Unchanged,
}

pub(crate) const WHATS: [(What, &str); 6] = [
    (What::File("/1k", 1 << 10), "1 KiB"),
    (What::File("/16k", 16 << 10), "16 KiB"),
    (What::File("/100k", 100 << 10), "100 KiB"),
    (What::File("/1m", 1 << 20), "1 MiB"),
    (What::Tree, "10,000 files by Zipf"),
    (What::Unchanged, "304"),
];

pub(crate) fn tables(context: &mut Context) -> io::Result<Vec<Table>> {
    let names: Vec<&str> = WHATS.iter().map(|(_, name)| *name).collect();
    let mut table = Table::new(
        "Files: processor time per request, µs",
        &[&["server"], &names[..]].concat(),
    );
    let servers: Vec<Server> = context
        .servers
        .iter()
        .copied()
        .filter(|server| server.has_files())
        .collect();
    let mut all: Vec<Rounds> = Vec::new();
    for (what, name) in WHATS {
        let running = context.start(&servers, &Setup::files(context.pages.root()))?;
        all.push(context.rounds(&running, name, &mut table, |server| {
            measure(context, server, what)
        }));
    }
    for (at, server) in servers.iter().enumerate() {
        let cells = all.iter().map(|rounds| cell(&rounds[at], 1));
        table.row(std::iter::once(server.name().to_owned()).chain(cells).collect());
    }
    if let Some(ours) = servers.iter().position(|server| *server == Server::Ours) {
        let over = all.iter().map(|rounds| over_best(&servers, rounds, ours));
        table.row(
            std::iter::once("server-bin over the best peer".to_owned())
                .chain(over)
                .collect(),
        );
    }
    Ok(vec![table])
}

/// Ours over the peer with the smallest median; who that is stands behind it.
fn over_best(servers: &[Server], rounds: &Rounds, ours: usize) -> String {
    let peers = (0..servers.len()).filter(|at| *at != ours);
    let medians = peers.filter_map(|at| Some((at, median(&rounds[at])?)));
    match medians.min_by(|a, b| a.1.total_cmp(&b.1)) {
        Some((best, _)) => format!("{} {}", ratio(&rounds[ours], &rounds[best]), servers[best].name()),
        None => "-".into(),
    }
}

pub(crate) fn measure(context: &Context, server: &Running, what: What) -> io::Result<f64> {
    let requests = match what {
        What::File(path, size) => Requests::Same(Request::get(path, size)),
        What::Tree => Requests::zipf(Pages::tree()),
        What::Unchanged => Requests::Same(conditional(server)?),
    };
    let mut load = Closed::connect(server.address, ACTIVE, 1, requests)?;
    load.run(context.time / 5)?;
    micros_each(server, || load.run(context.time))
}

/// A request with the entity tag that the server gave the file; if it gave none, with the file's date.
fn conditional(server: &Running) -> io::Result<Request> {
    let mut stream = connect(server.address, 0)?;
    stream.write_all(b"HEAD /1k HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")?;
    let mut head = String::new();
    stream.read_to_string(&mut head)?;
    let value = |name: &str| {
        head.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(field, _)| field.eq_ignore_ascii_case(name))
    };
    let field = match (value("etag"), value("last-modified")) {
        (Some((_, tag)), _) => format!("If-None-Match:{tag}\r\n"),
        (None, Some((_, date))) => format!("If-Modified-Since:{date}\r\n"),
        (None, None) => return Err(io::Error::other("it gives neither an entity tag nor a date")),
    };
    Ok(Request::with_fields(
        "/1k",
        &field,
        Expected {
            status: 304,
            length: None,
        },
    ))
}
