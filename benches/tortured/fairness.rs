//! Normal clients beside eight that ask as fast as they can.

use std::io;
use std::time::Duration;

use bench::report::Table;
use bench::servers::{Server, Setup, free_address, longest_round};

use crate::context::{Context, millis};
use crate::crowd::{Act, Crowd};

const GREEDY: usize = 8;

/// What the eight ask for.
#[derive(Clone, Copy, PartialEq)]
enum Greed {
    Fields,
    Stream,
    Files,
    Listings,
}

const GREEDS: [(Greed, &str); 4] = [
    (Greed::Fields, "requests of 60 fields"),
    (Greed::Stream, "`/stream` (nginx, hyper: 8 MiB)"),
    (Greed::Files, "files of 1 KiB"),
    (Greed::Listings, "listings of 10,000 names"),
];

pub(crate) fn table(context: &Context) -> io::Result<Table> {
    let columns = [
        "eight clients pipeline",
        "server",
        "median, ms",
        "99 %, ms",
        "worst, ms",
        "longest round, ms",
    ];
    let title = "16 normal clients at 2,000 requests a second beside eight greedy ones";
    let mut table = Table::new(title, &columns);
    for (greed, name) in GREEDS {
        let able =
            |server: &&Server| **server != Server::Hyper || matches!(greed, Greed::Fields | Greed::Stream);
        let servers: Vec<Server> = context.servers.iter().filter(able).copied().collect();
        context.rows(&mut table, name, &servers, [2; 4], |server| {
            measure(context, server, greed)
        });
    }
    Ok(table)
}

fn measure(context: &Context, server: Server, greed: Greed) -> io::Result<[f64; 4]> {
    let memory = matches!(greed, Greed::Fields) || (greed == Greed::Stream && server == Server::Ours);
    let admin = (server == Server::Ours).then(free_address).transpose()?;
    let listing = greed == Greed::Listings;
    let setup = Setup {
        files: !memory,
        listing,
        admin,
        ..Setup::memory(context.pages.root())
    };
    let running = context.start(server, &setup)?;
    let mut normal = context.normal(&running)?;
    let path = match greed {
        Greed::Fields => "/plaintext",
        Greed::Stream if server == Server::Ours => "/stream?lines=1000000",
        Greed::Stream => "/big",
        Greed::Files => "/1k",
        Greed::Listings => "/listed/",
    };
    let fields = if greed == Greed::Fields {
        "X-Field: some value of some length\r\n".repeat(57)
    } else {
        String::new()
    };
    let wire = format!("GET {path} HTTP/1.1\r\nHost: x\r\n{fields}\r\n").into_bytes();
    let flood = (Act::Flood(wire.repeat(64)), Duration::ZERO);
    let mut crowd = Crowd::gather(running.address, GREEDY, None, &[], flood)?;
    let latencies = context.measure(&mut normal, &mut crowd)?;
    let [median, of_100, worst] = [0.5, 0.99, 1.0].map(|share| millis(latencies.quantile(share)));
    let longest = admin.map_or(Ok(f64::NAN), |admin| {
        Ok::<_, io::Error>(longest_round(admin)? * 1e3)
    })?;
    Ok([median, of_100, worst, longest])
}
