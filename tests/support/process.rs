//! What the kernel tells of a process, and the limits of our own.

use std::fs;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Raises this process's soft limit of open files to the hard one and answers it.
///
/// # Panics
///
/// When the limit can neither be read nor raised.
pub fn raise_open_files() -> u64 {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit of open files can be read");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("the soft limit can be raised to the hard one");
    // FreeBSD's limits are signed.
    u64::try_from(i128::from(hard)).unwrap_or(u64::MAX)
}

/// The processor time that a process has used, in user space and in the kernel.
///
/// # Panics
///
/// When the process does not exist.
#[must_use]
pub fn cpu_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    // proc(5): the second field is the name in parentheses, which may hold blanks; utime and stime are 14 and 15.
    let after_name = stat.rsplit_once(") ").expect("a name in parentheses").1;
    let ticks: u64 = after_name
        .split(' ')
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().expect("a number of ticks"))
        .sum();
    // A tick is 1/100 s on every Linux (USER_HZ).
    Duration::from_millis(ticks * 10)
}

/// The memory of a process that is its own and resident, in bytes: its heap and stacks, without the files it maps.
///
/// # Panics
///
/// When the process does not exist.
#[must_use]
pub fn anonymous_memory(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"))
        .expect("a line RssAnon");
    let kib: u64 = line
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .expect("a number of kB");
    kib * 1024
}

/// How many files a process holds open.
///
/// # Panics
///
/// When the process does not exist.
#[must_use]
pub fn open_files(pid: u32) -> usize {
    fs::read_dir(format!("/proc/{pid}/fd"))
        .expect("the process runs")
        .count()
}
