//! Counts the user instructions of one answer by single steps. That is the count of callgrind, which does not know openat2
//! and with it no file below a directory; and of the built server as it runs, with its timers.

use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::ptrace::{self, Options};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;
use support::{Launch, PATIENCE, Server};

use crate::counting::Case;

/// Answers whose instructions are counted. The cheapest is taken: a timer may fire beside the others.
const ANSWERS: usize = 12;

/// From one wait of the worker to the next.
#[derive(Clone, Copy, Default)]
pub(crate) struct Round {
    pub(crate) instructions: u64,
    /// System calls, with the wait itself.
    pub(crate) calls: u64,
}

/// Returns the cheapest round with one answer, on a server that has given the same answer before.
pub(crate) fn cheapest(case: &Case<'_>) -> Round {
    let server = Launch::of(case.root)
        .args(["--workers", "1", "--turn-time", "100ms"])
        .start();
    let mut client = crate::counting::connect(&server);
    case.ask_over(&mut client, 3);
    let (watches, ended) = (AtomicBool::new(false), AtomicBool::new(false));
    let worker = worker_of(&server);
    let rounds = thread::scope(|scope| {
        // Who has begun to trace is a thread for the kernel, not the process.
        let rounds = scope.spawn(|| steps(worker, &watches, &ended));
        while !watches.load(Ordering::SeqCst) && !rounds.is_finished() {
            thread::yield_now();
        }
        case.ask_over(&mut client, ANSWERS);
        // The worker has sent the last one, and goes back to its wait.
        thread::sleep(Duration::from_millis(50));
        ended.store(true, Ordering::SeqCst);
        rounds.join().expect("the worker is watched to the end")
    });
    // Killed, because the step that was asked for last may still be to come, and nobody would wait for it.
    drop(server);
    // A round with nothing but a timer waits and looks at the time, at the most.
    let answers: Vec<Round> = rounds.into_iter().filter(|round| round.calls > 2).collect();
    // On a busy machine the last one may still be on its way back to its wait.
    assert!(answers.len() >= ANSWERS / 2, "{} rounds", answers.len());
    let cheapest = answers.into_iter().min_by_key(|round| round.instructions);
    cheapest.expect("as many as there were answers")
}

/// The one thread that serves connections.
fn worker_of(server: &Server) -> Pid {
    let threads = fs::read_dir(format!("/proc/{}/task", server.pid())).expect("the server runs");
    let mut threads = threads.map(|entry| entry.expect("an entry").path());
    let worker = threads
        .find(|thread| fs::read_to_string(thread.join("comm")).is_ok_and(|name| name.starts_with("worker")));
    let worker = worker.expect("a worker").file_name().map(|name| name.to_owned());
    let number = worker.and_then(|name| name.to_str()?.parse().ok());
    Pid::from_raw(number.expect("a number"))
}

/// Lets the thread go on instruction by instruction until it waits and `ended` is set. Returns its whole rounds.
fn steps(worker: Pid, watches: &AtomicBool, ended: &AtomicBool) -> Vec<Round> {
    ptrace::seize(worker, Options::empty()).expect("the right to trace the server");
    ptrace::interrupt(worker).expect("it is traced");
    let (mut rounds, mut round, mut before) = (Vec::new(), Round::default(), 0);
    while stops(worker, ended) {
        watches.store(true, Ordering::SeqCst);
        let now = ptrace::getregs(worker).expect("it has stopped");
        // An instruction that repeats itself stops at each time.
        round.instructions += u64::from(now.rip != before);
        before = now.rip;
        if let Some(call) = call_at(worker, &now) {
            round.calls += 1;
            if call == nix::libc::SYS_epoll_wait || call == nix::libc::SYS_epoll_pwait2 {
                rounds.push(std::mem::take(&mut round));
            }
        }
        ptrace::step(worker, None).expect("it has stopped");
    }
    // The first one had begun before.
    rounds.split_off(1)
}

/// The system call that the next instruction makes, if it makes one.
fn call_at(worker: Pid, now: &nix::libc::user_regs_struct) -> Option<nix::libc::c_long> {
    let next = ptrace::read(worker, now.rip as ptrace::AddressType).expect("its code");
    let makes_call = next.to_le_bytes().starts_with(&[0x0f, 0x05]);
    makes_call.then_some(now.rax as nix::libc::c_long)
}

/// Whether the thread has stopped at its next instruction, and not gone to sleep for good.
fn stops(worker: Pid, ended: &AtomicBool) -> bool {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let status = waitpid(worker, Some(WaitPidFlag::__WALL | WaitPidFlag::WNOHANG));
        if status.expect("it is traced") != WaitStatus::StillAlive {
            return true;
        }
        if ended.load(Ordering::SeqCst) {
            return false;
        }
        assert!(Instant::now() < deadline, "the worker does not go on");
        thread::sleep(Duration::ZERO);
    }
}
