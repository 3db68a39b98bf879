//! The calls that a server makes, as strace sees them, beside the tables: a call that is new there needs a row.

use std::collections::{BTreeMap, BTreeSet};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;
use support::load::{Load, Place, Usage};
use support::{PATIENCE, tools};

use crate::inject::Log;
use crate::{ending, starting, table};

/// Calls of the language's runtime and the C library, which are not the server's to handle, or cannot fail in a way that matters.
#[rustfmt::skip]
const OTHERS: &[(&str, &str)] = &[
    ("access arch_prctl brk execve getcwd pread64 set_robust_list set_tid_address rseq", "starting a program, before its first line"),
    ("mmap mprotect mremap munmap madvise brk", "memory: when there is none, Rust ends the process by a line that says so"),
    ("futex rt_sigaction rt_sigprocmask rt_sigreturn sigaltstack tgkill getpid gettid", "threads and signals, by the C library"),
    ("prctl sched_getaffinity sched_yield getrandom exit exit_group uname sysinfo", "std: names of threads, the number of cores, keys of hash tables"),
    ("ioctl", "std: whether a stream is a terminal; what fails is none"),
    ("lseek", "std: how much of a file to make room for; what fails is not known"),
    ("restart_syscall", "the kernel's own, after a stop"),
    ("clock_gettime clock_nanosleep", "the clock, where programs may not read it without a call"),
    ("wait4 kill", "the end of a program that took the place of this one, or did not"),
    ("umask chdir dup2 dup3 pipe2 setpgid", "std: starting the next program"),
];

/// The calls of a run in this way, from the start to the end, with signals that are no end between.
fn calls_of(usage: Usage) -> BTreeSet<String> {
    let (place, log) = (Place::new(), Log::new());
    let mut server = place.launch(usage).under(log.words_of_all()).start();
    let load = Load::new(usage, &place, &server, &[]);
    load.until_all_is_right(PATIENCE);
    for signal in [Signal::SIGHUP, Signal::SIGUSR1] {
        server.signal(signal);
        thread::sleep(Duration::from_millis(100));
    }
    load.until_all_is_right(PATIENCE);
    server.signal(Signal::SIGTERM);
    server.ends_within(PATIENCE);
    let text = log.whole();
    let names = text.lines().filter_map(|line| {
        line.split_once(char::is_whitespace)?
            .1
            .trim_start()
            .split_once('(')
    });
    let is_name = |name: &&str| {
        name.bytes()
            .all(|byte| byte == b'_' || byte.is_ascii_alphanumeric())
    };
    names
        .map(|(name, _)| name)
        .filter(is_name)
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_call_that_a_server_makes_has_a_row() {
    if tools::tool("strace").is_none() {
        return;
    }
    let running = table::ROWS.iter().map(|row| row.call);
    let others = OTHERS.iter().flat_map(|(calls, _)| calls.split(' '));
    let known: BTreeSet<&str> = running
        .chain(starting::calls())
        .chain(ending::calls())
        .chain(others)
        .collect();
    let mut unknown = BTreeMap::new();
    let mut all = BTreeSet::new();
    for usage in Usage::ALL {
        let calls = calls_of(usage);
        assert!(
            calls.contains("epoll_wait") || calls.contains("epoll_pwait"),
            "{usage:?}: strace saw {calls:?}"
        );
        for call in &calls {
            if !known.contains(call.as_str()) {
                unknown.insert(call.clone(), usage);
            }
        }
        all.extend(calls);
    }
    println!("{} calls: {all:?}", all.len());
    assert!(
        unknown.is_empty(),
        "calls without a row in tests/syscalls: {unknown:?}: add each with the errors of its man page"
    );
}
