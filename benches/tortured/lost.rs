//! Attacks and mishaps after which it is counted who was not answered.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::thread;
use std::time::{Duration, Instant};

use bench::load::{Answers, Request, connect, greet_all};
use bench::report::Table;
use bench::servers::{Server, Setup};
use rustix::process::Signal;

use crate::context::{Context, millis};

/// How long is waited for answers.
const PATIENCE: Duration = Duration::from_secs(20);
/// The limit of connections where one is reached, and the clients that reach it.
const LIMIT: usize = 200;
/// The limit where a server is told to end.
const BUSY: usize = 20;
const WAITING: usize = 200;
const STOPPED: usize = 4_000;
/// How long a master has to tell its workers that they are to end.
const HANDED_ON: Duration = Duration::from_millis(100);

pub(crate) fn table(context: &Context) -> io::Result<Table> {
    let mut table = Table::new(
        "What is lost",
        &["attack", "server", "answered after, ms", "requests lost"],
    );
    // Each attack is about a limit, an idle timeout or an end, and the program on hyper sets none of them.
    let able = |server: &&Server| **server != Server::Hyper;
    let servers: Vec<Server> = context.servers.iter().filter(able).copied().collect();
    let mut run = |name: &str, of: usize, attack: fn(&Context, Server) -> io::Result<(f64, usize)>| {
        context.rows(&mut table, name, &servers, [1, 0], |server| {
            let (after, lost) = attack(context, server)?;
            // Nobody was answered: there is no time until then.
            let after = if lost < of { after } else { f64::NAN };
            Ok([after, lost as f64])
        });
    };
    run(
        "200 silent connections at a limit of 200, then one that asks",
        1,
        silent,
    );
    run(
        "stopped for 3.5 s while 4,000 ask, idle timeout of 3 s",
        STOPPED,
        stopped,
    );
    run(
        "told to end at a limit of 20, with 200 that asked in its backlog",
        WAITING,
        ended,
    );
    table.note(
        "hyper is not among them: our program on hyper sets no limit of connections, no idle timeout and no graceful end, all of \
         which its users can have."
            .into(),
    );
    Ok(table)
}

fn request() -> Request {
    Request::get("/plaintext", 13)
}

/// How long one who asks waits, and whether in vain.
fn silent(context: &Context, server: Server) -> io::Result<(f64, usize)> {
    let setup = Setup {
        limit: Some(LIMIT),
        ..Setup::memory(context.pages.root())
    };
    let running = context.start(server, &setup)?;
    let silent: Vec<TcpStream> = (0..LIMIT)
        .map(|number| connect(running.address, number))
        .collect::<io::Result<_>>()?;
    // Until the server has accepted them.
    thread::sleep(Duration::from_millis(100));
    let start = Instant::now();
    let mut stream = connect(running.address, 0)?;
    stream.write_all(&request().bytes)?;
    let lost = unanswered(vec![stream], start);
    drop(silent);
    Ok((millis(start.elapsed()), lost))
}

/// How long all answers take after the server goes on, and how many do not come.
fn stopped(context: &Context, server: Server) -> io::Result<(f64, usize)> {
    let setup = Setup {
        idle: Some(Duration::from_secs(3)),
        ..Setup::memory(context.pages.root())
    };
    let running = context.start(server, &setup)?;
    let mut streams = greet_all(running.address, STOPPED, &request())?;
    running.signal(Signal::STOP);
    let stop = Instant::now();
    for stream in &mut streams {
        stream.write_all(&request().bytes)?;
    }
    thread::sleep(Duration::from_millis(3_500).saturating_sub(stop.elapsed()));
    running.signal(Signal::CONT);
    let start = Instant::now();
    let lost = unanswered(streams, start);
    Ok((millis(start.elapsed()), lost))
}

/// How long the answers of a backlog take after the signal, and how many do not come.
fn ended(context: &Context, server: Server) -> io::Result<(f64, usize)> {
    let setup = Setup {
        limit: Some(BUSY),
        ..Setup::memory(context.pages.root())
    };
    let mut running = context.start(server, &setup)?;
    let busy = greet_all(running.address, BUSY, &request())?;
    // Stopped, so that the requests are in the backlog when the signal comes, whoever is faster.
    running.signal(Signal::STOP);
    let mut waiting = Vec::new();
    for number in 0..WAITING {
        let mut stream = connect(running.address, number)?;
        stream.write_all(&request().bytes)?;
        waiting.push(stream);
    }
    if server == Server::Nginx {
        // As its users end it: the master is told and tells its worker, which is stopped until it has that before it.
        running.signal_first(Signal::QUIT);
        running.signal_first(Signal::CONT);
        thread::sleep(HANDED_ON);
    } else {
        running.signal_first(Signal::TERM);
    }
    running.signal(Signal::CONT);
    let start = Instant::now();
    let lost = unanswered(waiting, start);
    let after = millis(start.elapsed());
    drop(busy);
    running.has_ended_within(Duration::from_millis(100));
    Ok((after, lost))
}

/// Waits for one right answer on each stream until all have come, were reset, or the time is over; returns how many did not.
fn unanswered(mut streams: Vec<TcpStream>, start: Instant) -> usize {
    let mut lost = 0;
    let mut answers: Vec<Answers> = streams.iter().map(|_| Answers::default()).collect();
    while !streams.is_empty() && start.elapsed() < PATIENCE {
        for at in (0..streams.len()).rev() {
            let done = match answered(&mut streams[at], &mut answers[at]) {
                Ok(answered) => answered,
                Err(_) => {
                    lost += 1;
                    true
                }
            };
            if done {
                streams.swap_remove(at);
                answers.swap_remove(at);
            }
        }
        thread::sleep(Duration::from_micros(200));
    }
    lost + streams.len()
}

fn answered(stream: &mut TcpStream, answers: &mut Answers) -> io::Result<bool> {
    let mut buffer = [0; 4096];
    stream.set_nonblocking(true)?;
    match stream.read(&mut buffer) {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Ok(count) => Ok(answers.take(&buffer[..count], request().expected)? > 0),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error),
    }
}
