//! Every system call can fail. Each call that the server makes while it serves is made to fail with the errors of its man page:
//! once, every seventh time, and always; those of its start, its end and a restart with some of theirs, once or always. It goes on or ends with an error that says why, does
//! not spin, leaks nothing, sends no wrong byte, and serves as before when the failures are over.

mod ending;
mod errnos;
mod inject;
mod running;
mod seen;
mod starting;
mod table;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use support::tools;

/// Cases at once: most of one's time is waiting.
const AT_ONCE: usize = 3;

/// A case: its name, and what runs it and returns how often the call failed.
type Named = (String, Box<dyn Fn() -> usize + Send + Sync>);

fn running(cases: Vec<running::Case>) -> Vec<Named> {
    let named = cases.into_iter().map(|case| -> Named {
        let (fault, usage, thread) = (case.fault, case.usage, case.thread);
        let name = format!(
            "{} {} {:?} {usage:?} {thread}",
            fault.call, fault.errno, fault.when
        );
        (name, Box::new(move || running::run(case)))
    });
    named.collect()
}

fn starting(cases: Vec<starting::Case>) -> Vec<Named> {
    let named = cases.into_iter().map(|case| -> Named {
        let (fault, usage, about) = (case.fault, case.usage, case.about);
        let name = format!(
            "{} {} {:?} {usage:?} start {about:?}",
            fault.call, fault.errno, fault.when
        );
        (name, Box::new(move || starting::run(case)))
    });
    named.collect()
}

fn ending(cases: Vec<ending::Case>) -> Vec<Named> {
    let named = cases.into_iter().map(|case| -> Named {
        let (fault, usage, end) = (case.fault, case.usage, case.end);
        let name = format!(
            "{} {} {:?} {usage:?} {end:?}",
            fault.call, fault.errno, fault.when
        );
        (name, Box::new(move || ending::run(case)))
    });
    named.collect()
}

/// Runs all cases, some at once, prints a line for each, and fails when one has. `CALL=accept4` takes that one alone.
fn run_all(mut cases: Vec<Named>) {
    if tools::tool("strace").is_none() {
        return;
    }
    if let Ok(call) = std::env::var("CALL") {
        cases.retain(|(name, _)| name.split(' ').next() == Some(&call));
    }
    let (next, failed) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some((name, run)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let (line, is_right) = judge(name, run);
                    println!("{line}");
                    if !is_right {
                        failed.lock().expect("no thread panics with it").push(line);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no thread panics with it");
    assert!(
        failed.is_empty(),
        "{} of {} cases failed:\n{}",
        failed.len(),
        cases.len(),
        failed.join("\n")
    );
}

fn judge(name: &str, run: &(dyn Fn() -> usize + Send + Sync)) -> (String, bool) {
    let start = Instant::now();
    let result = catch_unwind(AssertUnwindSafe(run));
    let (is_right, result) = match result {
        Ok(injected) => (true, format!("failed {injected} times")),
        Err(cause) => (false, words(&*cause)),
    };
    (
        format!("{name:45} {:5.1} s  {result}", start.elapsed().as_secs_f64()),
        is_right,
    )
}

fn words(cause: &(dyn std::any::Any + Send)) -> String {
    let text = cause.downcast_ref::<String>().map(String::as_str);
    text.or(cause.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words")
        .to_owned()
}

#[test]
fn a_call_that_fails_while_the_server_runs_costs_no_more_than_its_request() {
    run_all(running(table::chosen()));
}

#[test]
fn a_call_that_fails_at_the_start_is_named_or_does_no_harm() {
    run_all(starting(starting::chosen()));
}

#[test]
fn a_call_that_fails_at_the_end_or_in_a_restart_delays_neither_for_ever() {
    run_all(ending(ending::chosen()));
}

#[test]
#[ignore = "by hand: a minute"]
fn every_call_fails_at_the_end_or_in_a_restart_with_every_error_of_its_table() {
    run_all(ending(ending::all()));
}

#[test]
#[ignore = "by hand: a minute"]
fn every_call_fails_at_the_start_with_every_error_of_its_table() {
    run_all(starting(starting::all()));
}

#[test]
#[ignore = "by hand: five minutes"]
fn every_call_fails_while_the_server_runs_with_every_error_of_its_man_page() {
    run_all(running(table::all()));
}
