//! A server that runs, under load, while one of its system calls fails.

use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;
use support::load::{Load, Place, Usage};
use support::{PATIENCE, Server, process};

use crate::errnos::{self, Class};
use crate::inject::{Fault, Injection, When};

/// What becomes of the server while the call fails.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Then {
    /// It goes on, and serves as before when the failures are over.
    Serves,
    /// The same, and it has said so in these words.
    Says(&'static str),
    /// It ends, with exit code 1 and a line that names the error.
    Ends,
}

/// A call that fails under load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) usage: Usage,
    /// How the names of the threads begin whose calls fail.
    pub(crate) thread: &'static str,
    pub(crate) fault: Fault,
    pub(crate) then: Then,
}

/// How long the server is watched while the call fails and nobody sends anything new.
const WATCHED: Duration = Duration::from_millis(500);
/// A server that gets its turn late, on a machine that is busy, has still to answer what was asked before, so it is watched until it is
/// quiet for once; but no longer than until it has used so many times what a quiet one may. One that spins has at once.
const HONEST_WORK: u32 = 5;
/// How often a call may fail in that time. Under strace a server that spins makes some 8,000 to 50,000.
const MOST_FAILURES: usize = 1000;
/// The processor time that it may use meanwhile.
const MOST_TIME: Duration = Duration::from_millis(40);

/// Runs a case; panics when the server does anything else than promised. Returns how often the call failed.
pub(crate) fn run(case: Case) -> usize {
    let place = Place::new();
    let mut server = place.launch(case.usage).start();
    let load = Load::new(case.usage, &place, &server, &honest(case.fault.errno));
    // Threads, buffers and a second handle of the root, which come with the first use, are there.
    provoke(case.usage, &server);
    load.until_all_is_right(PATIENCE);
    let before = settled_files(&server);
    // The log's thread writes to wake workers and to say what is wrong, too.
    let log = place.path().join("log");
    let about = (case.fault.call == "write" && case.usage == Usage::Log).then_some(log.as_path());
    let injection = Injection::into(server.pid(), case.thread, case.fault, about);
    if case.then == Then::Ends {
        load.once(Duration::from_secs(1));
        return ends(&mut server, injection, case.fault);
    }
    let deadline = Instant::now() + PATIENCE;
    for round in 1.. {
        provoke(case.usage, &server);
        match case.fault.when {
            When::Always => load.once(Duration::from_secs(2)),
            When::Once | When::EverySeventh | When::Nth(_) => load.until_all_is_right(PATIENCE),
        }
        // What is waited for by a call may have come before, on a machine that is busy: then the call is not made.
        let is_made = injection.log.injected() > 0 || Instant::now() > deadline;
        if round >= rounds(&case) && is_made {
            break;
        }
    }
    let waiting = load.waiting();
    thread::sleep(Duration::from_millis(100));
    // A close that strace keeps from the kernel leaves a socket in the poller that the server knows no more. No kernel does that:
    // Linux gives the descriptor back whatever close(2) says.
    let closes = case.fault.call == "close";
    if !closes {
        watch(&server, &injection);
    }
    let log = injection.end();
    let injected = log.matches("(INJECTED)").count();
    assert!(injected > 0, "the call was never made:\n{log}");
    load.until_all_is_right(PATIENCE);
    drop(waiting);
    if let Then::Says(words) = case.then {
        says(&server, words);
    }
    let kept_open = if closes { injected } else { 0 };
    leaks_nothing(&server, before + kept_open);
    stops(server);
    injected
}

/// Statuses by which a server says honestly that it cannot answer for the moment.
fn honest(errno: &str) -> Vec<u16> {
    let mut statuses = vec![500, 503];
    match errnos::class(errno) {
        Class::Forbidden => statuses.push(403),
        Class::Name | Class::Mistake | Class::Device => statuses.push(404),
        _ => {}
    }
    statuses
}

/// How often everything is asked for: what follows from a signal alone is done once for each, and the seventh has to come.
fn rounds(case: &Case) -> usize {
    match (case.usage, case.fault.when) {
        (Usage::Files | Usage::Log | Usage::Piped, When::EverySeventh) => 8,
        _ => 1,
    }
}

/// Makes the calls that a request alone does not: the root is looked at anew, and log files are opened anew.
fn provoke(usage: Usage, server: &Server) {
    match usage {
        Usage::Files => server.signal(Signal::SIGHUP),
        Usage::Log => server.signal(Signal::SIGUSR1),
        _ => {}
    }
}

/// How many files are open when the clients have gone: when the number has stayed the same for a while. One that is too high would hide as
/// many that leak.
fn settled_files(server: &Server) -> usize {
    const SAME: Duration = Duration::from_millis(300);
    let deadline = Instant::now() + PATIENCE;
    let (mut count, mut since) = (process::open_files(server.pid()), Instant::now());
    while since.elapsed() < SAME {
        assert!(
            Instant::now() < deadline,
            "the number of open files changes without an end"
        );
        thread::sleep(Duration::from_millis(20));
        let now = process::open_files(server.pid());
        if now != count {
            (count, since) = (now, Instant::now());
        }
    }
    count
}

/// That it does not spin on what fails.
#[track_caller]
fn watch(server: &Server, injection: &Injection) {
    let (mut all_time, mut all_failures) = (Duration::ZERO, 0);
    loop {
        let (time, failures) = (process::cpu_time(server.pid()), injection.log.injected());
        thread::sleep(WATCHED);
        let used = process::cpu_time(server.pid()) - time;
        let failed = injection.log.injected() - failures;
        if failed <= MOST_FAILURES && used <= MOST_TIME {
            return;
        }
        (all_time, all_failures) = (all_time + used, all_failures + failed);
        assert!(
            all_failures <= HONEST_WORK as usize * MOST_FAILURES && all_time <= HONEST_WORK * MOST_TIME,
            "with nothing new to do the call failed {all_failures} times, and the server used {all_time:?}: it spins"
        );
    }
}

#[track_caller]
fn ends(server: &mut Server, injection: Injection, fault: Fault) -> usize {
    let status = server.ends_within(PATIENCE);
    let injected = injection.end().matches("(INJECTED)").count();
    assert!(injected > 0, "the call was never made");
    assert_eq!(status.code(), Some(1), "it ended with {status}");
    says(server, &errnos::text(fault.errno));
    injected
}

#[track_caller]
fn says(server: &Server, words: &str) {
    let deadline = Instant::now() + PATIENCE;
    while !server.output().contains(words) {
        assert!(
            Instant::now() < deadline,
            "it does not say {words:?}: {}",
            server.output()
        );
        thread::sleep(Duration::from_millis(10));
    }
    let count = server
        .output()
        .lines()
        .filter(|line| line.contains(words))
        .count();
    assert!(count <= 2, "it says so {count} times");
}

#[track_caller]
fn leaks_nothing(server: &Server, most: usize) {
    let deadline = Instant::now() + PATIENCE;
    while process::open_files(server.pid()) > most {
        assert!(
            Instant::now() < deadline,
            "{} files are open, {most} were",
            process::open_files(server.pid())
        );
        thread::sleep(Duration::from_millis(10));
    }
}

/// That it ends in order, and that no connection is left then.
#[track_caller]
fn stops(mut server: Server) {
    // The last clients have gone, and their ends have come to the server.
    settled_files(&server);
    server.signal(Signal::SIGTERM);
    let status = server.ends_within(PATIENCE);
    assert!(status.success(), "it ended with {status}");
    says(&server, "draining 0 connections");
    let output = server.output();
    assert!(!output.contains("panicked"), "it panicked: {output}");
}
