//! From 10 to 19,000 connections: processor time per request, and memory, the user's and the kernel's.

use std::io;

use bench::load::{Closed, Request, Requests, greet_all};
use bench::measure::{Slabs, TcpMemory, slope};
use bench::report::{Axes, Line, Table, thousands};
use bench::servers::{Running, Server, Setup};

use crate::context::{Context, Rounds, cell, median, micros_each};

const ACTIVE: [usize; 6] = [10, 100, 1_000, 5_000, 10_000, 19_000];
/// In whose company ours is drawn.
const DRAWN: [Server; 4] = [Server::Floor, Server::Ours, Server::Nginx, Server::H2o];
const IDLE: [usize; 4] = [1_000, 6_000, 12_000, 19_000];
/// What belongs to one end of a connection; to count a server's, half of it is taken.
const BOTH_ENDS: [&str; 5] = ["TCP", "sock_inode_cache", "filp", "dentry", "lsm_inode_cache"];
/// What a server that waits with epoll has for each connection, and the client that holds them does not.
const OF_THE_SERVER: [&str; 2] = ["eventpoll_epi", "eventpoll_pwq"];

pub(crate) fn tables(context: &mut Context) -> io::Result<Vec<Table>> {
    Ok(vec![grow(context)?, memory(context)?])
}

fn request() -> Request {
    Request::get("/plaintext", 13)
}

fn grow(context: &Context) -> io::Result<Table> {
    let names = ACTIVE.map(|count| thousands(count as f64));
    let columns: Vec<&str> = std::iter::once("server")
        .chain(names.iter().map(String::as_str))
        .collect();
    let mut table = Table::new(
        "Growth: processor time per request by active connections, µs",
        &columns,
    );
    let drawn: Vec<Server> = DRAWN
        .into_iter()
        .filter(|server| context.servers.contains(server))
        .collect();
    let running = context.start(&drawn, &Setup::memory(context.pages.root()))?;
    let all: Vec<Rounds> = ACTIVE
        .iter()
        .map(|count| {
            context.rounds(&running, "growth", &mut table, |server| {
                server.server.takes(*count)?;
                let mut load = Closed::connect(server.address, *count, 1, Requests::Same(request()))?;
                load.run(context.time / 5)?;
                micros_each(server, || load.run(context.time))
            })
        })
        .collect();
    let mut lines = Vec::new();
    for (at, server) in drawn.iter().enumerate() {
        table.row(
            std::iter::once(server.name().to_owned())
                .chain(all.iter().map(|rounds| cell(&rounds[at], 2)))
                .collect(),
        );
        let points = ACTIVE
            .iter()
            .zip(&all)
            .filter_map(|(count, rounds)| Some((*count as f64, median(&rounds[at])?)));
        lines.push(Line {
            name: server.name().replace('*', ""),
            points: points.collect(),
        });
    }
    let title = "Processor time per request, one worker, every connection active";
    let axes = Axes {
        x: "connections",
        y: "µs per request",
        logarithmic: false,
    };
    context.plot("growth.svg", title, &axes, &lines)?;
    Ok(table)
}

fn memory(context: &Context) -> io::Result<Table> {
    let columns = [
        "server",
        "user, bytes",
        "kernel: sockets, inodes, entries",
        "kernel: epoll",
        "kernel: buffers",
    ];
    let mut table = Table::new(
        "Memory of one more idle connection, from 1,000 to 19,000, each answered once",
        &columns,
    );
    let both = "The client is on the same machine: sockets, inodes, entries and buffers are half of what both ends take.";
    table.note(both.into());
    for server in context.each_server() {
        let setup = Setup::memory(context.pages.root());
        let running = Running::start(server, &context.programs, &setup, &context.processor)?;
        match slopes(&running) {
            Ok(slopes) => {
                let cells = slopes.map(thousands);
                table.row(std::iter::once(server.name().to_owned()).chain(cells).collect());
            }
            Err(error) => table.note(format!("{}: {error}", server.name())),
        }
    }
    Ok(table)
}

/// User's memory, the kernel's sockets, its epoll, its buffers: in bytes for a connection.
fn slopes(server: &Running) -> io::Result<[f64; 4]> {
    let before = Slabs::now()?;
    let mut streams = Vec::new();
    let mut points = [const { Vec::new() }; 4];
    for count in IDLE
        .into_iter()
        .filter(|count| server.server.takes(*count).is_ok())
    {
        streams.extend(greet_all(server.address, count - streams.len(), &request())?);
        let grown = Slabs::now()?;
        let grown = grown.grown_since(&before);
        let sum = |names: &[&str]| {
            grown
                .iter()
                .filter(|each| names.contains(&each.0))
                .map(|each| each.1)
                .sum::<u64>()
        };
        let values = [
            server.resident()?,
            sum(&BOTH_ENDS) / 2,
            sum(&OF_THE_SERVER),
            TcpMemory::now()?.bytes / 2,
        ];
        for (points, value) in points.iter_mut().zip(values) {
            points.push((count as f64, value as f64));
        }
    }
    Ok(points.map(|points| slope(&points)))
}
