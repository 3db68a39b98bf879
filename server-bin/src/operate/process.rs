//! What the kernel knows of this process, under the names that Prometheus' own client libraries use.

use std::fs;

use nix::sys::resource::{Resource, UsageWho, getrlimit, getrusage};
use nix::sys::time::TimeValLike as _;

use super::metrics::{Kind, Text};

/// Writes what there is; what a kernel does not tell is left out.
pub(super) fn write(text: &mut Text, start: f64) {
    if let Ok(usage) = getrusage(UsageWho::RUSAGE_SELF) {
        let micros = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
        let help = "Processor time in user space and in the kernel, in seconds.";
        text.number(
            "process_cpu_seconds_total",
            Kind::Counter,
            help,
            micros as f64 / 1e6,
        );
    }
    if let Some(bytes) = resident() {
        let help = "Memory that is resident, in bytes.";
        text.number("process_resident_memory_bytes", Kind::Gauge, help, bytes);
    }
    if let Ok(open) = fs::read_dir("/dev/fd") {
        // Without the one that the listing itself takes.
        let help = "Open file descriptors.";
        text.number(
            "process_open_fds",
            Kind::Gauge,
            help,
            open.count().saturating_sub(1),
        );
    }
    if let Ok((soft, _)) = getrlimit(Resource::RLIMIT_NOFILE) {
        text.number("process_max_fds", Kind::Gauge, "The most that may be open.", soft);
    }
    let help = "When the process started, in seconds since 1970.";
    text.number("process_start_time_seconds", Kind::Gauge, help, start);
}

/// proc(5): the second number of statm is resident pages.
fn resident() -> Option<u64> {
    let statm = fs::read_to_string("/proc/self/statm").ok()?;
    let pages: u64 = statm.split(' ').nth(1)?.parse().ok()?;
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE).ok()??;
    Some(pages * u64::try_from(size).ok()?)
}
