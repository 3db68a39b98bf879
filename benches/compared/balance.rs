//! How evenly two workers share many connections, by the way in which they accept.

use std::{fs, io};

use bench::load::{Request, greet_all};
use bench::report::{Table, thousands};
use bench::servers::{Running, Server, Setup};

use crate::context::{Context, cell};

/// The server, the mode, and how it is called.
const MODES: [(Server, Option<&str>, &str); 5] = [
    (
        Server::Ours,
        Some("reuseport"),
        "**server-bin**, reuseport (the default)",
    ),
    (Server::Ours, Some("exclusive"), "**server-bin**, exclusive"),
    (Server::Ours, Some("shared"), "**server-bin**, shared"),
    (Server::Nginx, None, "nginx, one socket (its default)"),
    (Server::Nginx, Some("reuseport"), "nginx, reuseport"),
];

pub(crate) fn tables(context: &mut Context) -> io::Result<Vec<Table>> {
    let title = format!(
        "{} connections on two workers: what the busier one has, over a half",
        thousands(context.connections as f64)
    );
    let mut table = Table::new(&title, &["accept mode", "over a half"]);
    let modes = MODES.iter().filter(|mode| context.servers.contains(&mode.0));
    for (server, accept, name) in modes {
        let setup = Setup {
            workers: 2,
            accept: *accept,
            ..Setup::memory(context.pages.root())
        };
        let mut rounds = Vec::new();
        for _ in 0..context.rounds {
            let running = Running::start(*server, &context.programs, &setup, &context.processors)?;
            let streams = greet_all(
                running.address,
                context.connections,
                &Request::get("/plaintext", 13),
            )?;
            let busier = registered(running.processes())?
                .into_iter()
                .max()
                .unwrap_or_default();
            rounds.push(Some(busier as f64 / (streams.len() as f64 / 2.0)));
        }
        table.row(vec![(*name).to_owned(), cell(&rounds, 2)]);
    }
    Ok(vec![table])
}

/// How many fds are registered with each epoll instance of these processes.
fn registered(processes: &[u32]) -> io::Result<Vec<usize>> {
    let mut counts = Vec::new();
    for process in processes {
        for entry in fs::read_dir(format!("/proc/{process}/fdinfo"))? {
            let text = fs::read_to_string(entry?.path()).unwrap_or_default();
            counts.push(text.lines().filter(|line| line.starts_with("tfd:")).count());
        }
    }
    Ok(counts)
}
