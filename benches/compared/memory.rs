//! Processor time per request for answers from memory, alone and divided by the floor's.

use std::io;

use bench::load::{Closed, EachTime, Expected, Request, Requests, greet_all};
use bench::report::{Table, thousands};
use bench::servers::{Running, Server, Setup};

use crate::context::{Context, Rounds, cell, micros_each, ratio};

/// Connections that ask.
const ACTIVE: usize = 64;
/// Requests in one write.
const PIPELINED: usize = 16;
/// A way to ask for the same 13 bytes.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Load {
    KeepAlive,
    Pipelined,
    EachTime,
    Many,
    BesideIdle,
}

/// The ways, and what they are called with so many connections.
pub(crate) fn loads(many: usize) -> [(Load, String); 5] {
    let many = thousands(many as f64);
    [
        (Load::KeepAlive, format!("keep-alive, {ACTIVE}")),
        (Load::Pipelined, format!("{PIPELINED} pipelined")),
        (Load::EachTime, "a connection per request".into()),
        (Load::Many, format!("{many} active")),
        (Load::BesideIdle, format!("{ACTIVE} beside {many} idle")),
    ]
}

pub(crate) fn tables(context: &mut Context) -> io::Result<Vec<Table>> {
    let loads = loads(context.connections);
    let names: Vec<&str> = loads.iter().map(|(_, name)| name.as_str()).collect();
    let columns = [&["server"], &names[..]].concat();
    let mut absolute = Table::new("Answers from memory: processor time per request, µs", &columns);
    let own = "beside idle ones, over its own without";
    let mut over = Table::new(
        "Answers from memory: processor time over the floor's",
        &[&columns[..], &[own]].concat(),
    );
    absolute.note(
        "h2o and lighttpd answer from a file of 13 bytes, since they have no answer from memory.".into(),
    );

    let servers = context.each_server();
    let mut all: Vec<Rounds> = Vec::new();
    for (load, name) in &loads {
        let setup = Setup {
            closes: *load == Load::EachTime,
            ..Setup::memory(context.pages.root())
        };
        let running = context.start(&servers, &setup)?;
        all.push(context.rounds(&running, name, &mut absolute, |server| {
            measure(context, server, *load)
        }));
    }

    let floor = servers.iter().position(|server| *server == Server::Floor);
    for (at, server) in servers.iter().enumerate() {
        let mut cells = vec![server.name().to_owned()];
        cells.extend(all.iter().map(|rounds| cell(&rounds[at], 2)));
        absolute.row(cells);
        let Some(floor) = floor.filter(|floor| *floor != at) else {
            continue;
        };
        let mut cells = vec![server.name().to_owned()];
        cells.extend(all.iter().map(|rounds| ratio(&rounds[at], &rounds[floor])));
        cells.push(ratio(&all[4][at], &all[0][at]));
        over.row(cells);
    }
    Ok(vec![over, absolute])
}

pub(crate) fn measure(context: &Context, server: &Running, load: Load) -> io::Result<f64> {
    let (request, many) = (Request::get("/plaintext", 13), context.connections);
    let closed = |count, depth| {
        server.server.takes(count)?;
        Closed::connect(server.address, count, depth, Requests::Same(request.clone()))
    };
    let loaded = |mut load: Closed| {
        load.run(context.time / 5)?;
        micros_each(server, || load.run(context.time))
    };
    match load {
        Load::KeepAlive => loaded(closed(ACTIVE, 1)?),
        Load::Pipelined => loaded(closed(ACTIVE, PIPELINED)?),
        Load::Many => loaded(closed(many, 1)?),
        Load::BesideIdle => {
            server.server.takes(many + ACTIVE)?;
            let _idle = greet_all(server.address, many, &request)?;
            loaded(closed(ACTIVE, 1)?)
        }
        Load::EachTime => {
            let right = Expected {
                status: 200,
                length: Some(13),
            };
            let request = Request::with_fields("/plaintext", "Connection: close\r\n", right);
            let mut load = EachTime::new(server.address, ACTIVE, request, server.server.ends())?;
            load.run(context.time / 5)?;
            micros_each(server, || load.run(context.time))
        }
    }
}
