//! Attacks by many clients: what they do to normal ones, and to memory.

use std::io;
use std::thread;
use std::time::Duration;

use bench::load::{Latencies, Nothing};
use bench::measure::TcpMemory;
use bench::report::Table;
use bench::servers::{Running, Server, Setup};

use crate::context::{Context, millis};
use crate::crowd::{Act, Crowd};

/// How many do what.
#[derive(Clone, Copy, PartialEq)]
enum Attack {
    None,
    SlowHeads,
    SlowBodies,
    SlowReaders,
    LargeHeads,
    NonReaders,
}

const ATTACKS: [(Attack, &str); 6] = [
    (Attack::None, "none"),
    (Attack::SlowHeads, "8,000 heads, a byte a second"),
    (Attack::SlowBodies, "2,000 bodies, a byte a second"),
    (Attack::SlowReaders, "500 readers of 8 MiB, 4 KiB a second"),
    (Attack::LargeHeads, "6,000 heads of 30 kB without an end"),
    (Attack::NonReaders, "1,000 that pipeline and do not read"),
];

/// How long after an attack memory is looked at again.
const REST: Duration = Duration::from_secs(2);

pub(crate) fn table(context: &Context) -> io::Result<Table> {
    let columns = [
        "attack",
        "server",
        "median, ms",
        "99 %, ms",
        "worst, ms",
        "resident before, MB",
        "under attack",
        "2 s after",
        "kernel's buffers under attack, MB",
        "2 s after",
    ];
    let mut table = Table::new(
        "What attacks do to 16 normal clients at 2,000 requests a second, and to memory",
        &columns,
    );
    table.note(
        "Buffers are those of both ends of all connections, since the clients are on the same machine."
            .into(),
    );
    for (attack, name) in ATTACKS {
        context.rows(&mut table, name, &context.servers, DECIMALS, |server| {
            measure(context, server, attack)
        });
    }
    Ok(table)
}

/// The columns behind the names, in their order.
type Figures = [f64; 8];
const DECIMALS: [usize; 8] = [2, 2, 1, 1, 1, 1, 1, 1];

fn measure(context: &Context, server: Server, attack: Attack) -> io::Result<Figures> {
    let setup = match attack {
        Attack::SlowReaders | Attack::NonReaders => Setup::files(context.pages.root()),
        _ => Setup::memory(context.pages.root()),
    };
    let running = context.start(server, &setup)?;
    let mut normal = context.normal(&running)?;
    let before = running.resident()?;
    let (latencies, resident, buffers) = match crowd(&running, attack)? {
        None => (
            context.measure(&mut normal, &mut Nothing)?,
            running.resident()?,
            TcpMemory::now()?,
        ),
        Some(mut crowd) => {
            let latencies: Latencies = context.measure(&mut normal, &mut crowd)?;
            (latencies, running.resident()?, TcpMemory::now()?)
        }
    };
    thread::sleep(REST);
    let after = (running.resident()?, TcpMemory::now()?);
    let [median, of_100, worst] = [0.5, 0.99, 1.0].map(|share| millis(latencies.quantile(share)));
    let [before, resident, resident_after, buffers, buffers_after] =
        [before, resident, after.0, buffers.bytes, after.1.bytes].map(|bytes| bytes as f64 / 1e6);
    Ok([
        median,
        of_100,
        worst,
        before,
        resident,
        resident_after,
        buffers,
        buffers_after,
    ])
}

fn crowd(server: &Running, attack: Attack) -> io::Result<Option<Crowd>> {
    let each = |seconds| Duration::from_secs_f64(seconds);
    let (count, room, first, act, every) = match attack {
        Attack::None => return Ok(None),
        Attack::SlowHeads => (
            8_000,
            None,
            &b"GET /plaintext HTTP/1.1\r\nHost: x\r\nX-Slow: "[..],
            Act::Write(b"a"),
            each(1.0),
        ),
        Attack::SlowBodies if server.server == Server::Nginx => {
            (2_000, None, PUT, Act::Write(b"a"), each(1.0))
        }
        Attack::SlowBodies => (2_000, None, POST, Act::Write(b"a"), each(1.0)),
        Attack::SlowReaders => (500, Some(16 << 10), BIG, Act::Read(1 << 10), each(0.25)),
        Attack::LargeHeads => {
            let line = [b"X-Large: ".as_slice(), &[b'a'; 989], b"\r\n"].concat();
            let head = [
                b"GET /plaintext HTTP/1.1\r\nHost: x\r\n".as_slice(),
                &line.repeat(30),
            ]
            .concat();
            return Crowd::gather(server.address, 6_000, None, &head, (Act::Nothing, each(1.0))).map(Some);
        }
        Attack::NonReaders => (
            1_000,
            Some(16 << 10),
            BIG,
            Act::Stuff(BIG.repeat(100)),
            each(0.25),
        ),
    };
    Crowd::gather(server.address, count, room, first, (act, every)).map(Some)
}

const BIG: &[u8] = b"GET /big HTTP/1.1\r\nHost: x\r\n\r\n";
const POST: &[u8] = b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nbegin";
const PUT: &[u8] = b"PUT /put/slow HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\nbegin";
