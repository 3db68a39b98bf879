//! What the kernel tells of a process, and the limits of our own: by proc(5) on Linux, elsewhere by the programs that ask the
//! system's own way.

use std::fs;
use std::net::SocketAddr;
use std::process::Command;
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
    let Some(stat) = proc(pid, "stat") else {
        return by_clock(&ps(pid, "time"));
    };
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

/// The memory of a process that is its own and resident, in bytes: its heap and stacks, without the files it maps. Without
/// proc(5) those count too.
///
/// `RssAnon` in `status` would be cheaper, but from Linux 6.2 to 6.15 it lacks up to 32 pages of each processor ("This value is
/// inaccurate", proc_pid_status(5)): too many for tests that look for less. `smaps_rollup` counts the pages themselves.
///
/// # Panics
///
/// When the process does not exist.
#[must_use]
pub fn anonymous_memory(pid: u32) -> u64 {
    match fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) {
        Ok(text) if cfg!(target_os = "linux") => bytes(&text, "Anonymous:"),
        // Nobody but its tracers may read it of a process that has changed its user, and not every emulation of proc(5) has it.
        _ => memory(pid, "RssAnon:"),
    }
}

/// The most memory that was ever resident, in bytes; where there is no /proc, what is resident now.
///
/// # Panics
///
/// When the process does not exist.
#[must_use]
pub fn peak_memory(pid: u32) -> u64 {
    memory(pid, "VmHWM:")
}

/// Bytes that have come for the server from this client and were not read: `rx_queue` in proc(5)'s net/tcp.
///
/// # Panics
///
/// When there is no such connection, or the system is not Linux.
#[must_use]
pub fn unread(server: SocketAddr, client: SocketAddr) -> u64 {
    let ports = (
        format!(":{:04X} ", server.port()),
        format!(":{:04X} ", client.port()),
    );
    let text = fs::read_to_string("/proc/net/tcp").expect("Linux has it");
    let line = text.lines().find(|line| {
        let own = line.find(&ports.0);
        own.is_some_and(|own| line[own + ports.0.len()..].find(&ports.1) == Some(8))
    });
    let queues = line
        .and_then(|line| line.split_whitespace().nth(4))
        .expect("the queues of the server's socket");
    let (_, unread) = queues.split_once(':').expect("two numbers");
    u64::from_str_radix(unread, 16).expect("a number")
}

/// A line of proc(5)'s `status` that says a number of kB; where there is no /proc, what is resident.
fn memory(pid: u32, name: &str) -> u64 {
    match proc(pid, "status") {
        Some(status) => bytes(&status, name),
        None => ps(pid, "rss").parse::<u64>().expect("a number of kB") * 1024,
    }
}

/// A line of a file in proc(5) that says a number of kB.
fn bytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let kib = line.expect("a line of memory").trim().trim_end_matches(" kB");
    kib.parse::<u64>().expect("a number of kB") * 1024
}

/// The threads of a process whose names begin so: all for the empty name. Where there is no proc(5) there are none.
#[must_use]
pub fn threads(pid: u32, name: &str) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let mut found: Vec<u32> = tasks
        .filter_map(|task| {
            let path = task.ok()?.path();
            let comm = fs::read_to_string(path.join("comm")).ok()?;
            comm.starts_with(name)
                .then(|| path.file_name()?.to_str()?.parse().ok())?
        })
        .collect();
    found.sort_unstable();
    found
}

/// Whether a thread of a process has a tracer. Where there is no proc(5) it has none.
#[must_use]
pub fn is_traced(pid: u32, thread: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/task/{thread}/status"));
    status.is_ok_and(|status| !status.contains("TracerPid:\t0\n"))
}

/// What the first thread of a process is doing, as the letter that proc(5) has for it: `R` for one that runs or could, `S` for one
/// that waits, `Z` for one that has ended and is still known. None when there is no such process.
#[must_use]
pub fn state(pid: u32) -> Option<char> {
    state_of_thread(pid, pid)
}

/// The same of any of its threads.
#[must_use]
pub fn state_of_thread(pid: u32, thread: u32) -> Option<char> {
    let stat = fs::read_to_string(format!("/proc/{pid}/task/{thread}/stat")).ok()?;
    // The name in parentheses before it may hold anything.
    stat.rsplit_once(") ")?.1.chars().next()
}

/// How many files a process holds open.
///
/// # Panics
///
/// When the process does not exist.
#[must_use]
pub fn open_files(pid: u32) -> usize {
    match fs::read_dir(format!("/proc/{pid}/fd")) {
        Ok(files) => files.count(),
        Err(_) => numbers_in(&listed_files(pid)),
    }
}

/// How many descriptors the kernel's table of a process has places for: `FDSize` in proc(5)'s `status`.
///
/// # Panics
///
/// When the process does not exist, or the system is not Linux.
#[must_use]
pub fn descriptor_table(pid: u32) -> usize {
    let status = proc(pid, "status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("FDSize:"));
    line.and_then(|number| number.trim().parse().ok())
        .expect("a number")
}

/// A file of the process in proc(5); None where there is no proc(5), or it is not Linux's.
fn proc(pid: u32, file: &str) -> Option<String> {
    cfg!(target_os = "linux")
        .then(|| fs::read_to_string(format!("/proc/{pid}/{file}")).expect("the process runs"))
}

/// One column of ps(1), without its heading.
fn ps(pid: u32, column: &str) -> String {
    said("ps", &["-o", &format!("{column}="), "-p", &pid.to_string()])
        .expect("every system has ps")
        .trim()
        .to_owned()
}

/// What the BSDs' fstat(1) or lsof(8) says of the open files of a process: a line each, whose fourth word is the number.
fn listed_files(pid: u32) -> String {
    let pid = pid.to_string();
    said("fstat", &["-p", &pid])
        .or_else(|| said("lsof", &["-p", &pid]))
        .expect("fstat or lsof is installed")
}

fn said(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// How many lines are of files that have a number: the others are of the program itself and of its folder.
fn numbers_in(list: &str) -> usize {
    let has_number = |line: &&str| {
        let fourth = line.split_whitespace().nth(3);
        fourth.is_some_and(|word| word.starts_with(|first: char| first.is_ascii_digit()))
    };
    list.lines().filter(has_number).count()
}

/// The time that ps(1) writes as `[[days-]hours:]minutes:seconds`, in some systems with a fraction.
fn by_clock(text: &str) -> Duration {
    let (days, clock) = text.split_once('-').unwrap_or(("0", text));
    let number = |text: &str| text.parse::<f64>().expect("a number");
    let seconds = clock.split(':').fold(0.0, |sum, part| sum * 60.0 + number(part));
    Duration::from_secs_f64(number(days) * 86_400.0 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_in_each_form_that_ps_writes() {
        for (text, millis) in [
            ("0:00.25", 250),
            ("00:01:02", 62_000),
            ("3:04", 184_000),
            ("1-00:00:01", 86_401_000),
        ] {
            assert_eq!(by_clock(text), Duration::from_millis(millis), "{text}");
        }
    }

    #[test]
    fn files_with_a_number_are_counted_and_others_are_not() {
        let list = "USER  CMD    PID  FD MOUNT\nme server 12 text /\nme server 12 wd /\nme server 12 0 /dev\nme server 12 13* tcp\n";
        assert_eq!(numbers_in(list), 2);
        let list =
            "COMMAND PID USER FD TYPE\nserver 12 me cwd DIR\nserver 12 me 0r CHR\nserver 12 me 7u IPv4\n";
        assert_eq!(numbers_in(list), 2);
    }

    /// As little as tests look for is seen at once.
    #[test]
    #[cfg(target_os = "linux")]
    fn memory_is_counted_to_the_page() {
        const MORE: usize = 256 * 1024;
        let pid = std::process::id();
        // Other tests of this program take some and give some back meanwhile.
        let is_seen = || {
            let before = anonymous_memory(pid);
            let taken = std::hint::black_box(vec![1_u8; MORE]);
            let grown = anonymous_memory(pid) as i64 - before as i64;
            drop(taken);
            (grown - MORE as i64).unsigned_abs() <= 16 * 4096
        };
        assert!((0..100).any(|_| is_seen()), "{MORE} bytes are not seen");
    }

    /// What ps says of this process, beside what proc(5) says.
    #[test]
    #[cfg(target_os = "linux")]
    fn ps_and_proc_agree() {
        let pid = std::process::id();
        if said("ps", &["-o", "pid="]).is_none() {
            crate::tools::skipped("ps_and_proc_agree", "ps");
            return;
        }
        assert!(by_clock(&ps(pid, "time")) <= cpu_time(pid) + Duration::from_secs(1));
        assert!(ps(pid, "rss").parse::<u64>().expect("a number of kB") * 1024 >= anonymous_memory(pid) / 2);
    }
}
