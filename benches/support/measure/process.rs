//! Processor time and memory of processes, from Linux's /proc.

use std::fs;
use std::io;
use std::time::Duration;

/// Returns the processor time of these processes with all their threads, in the kernel's finest resolution.
///
/// # Errors
///
/// When one of them has ended.
pub fn cpu(processes: &[u32]) -> io::Result<Duration> {
    let mut nanos = 0;
    for process in processes {
        for thread in fs::read_dir(format!("/proc/{process}/task"))? {
            // A thread may have ended since.
            let Ok(text) = fs::read_to_string(thread?.path().join("schedstat")) else {
                continue;
            };
            nanos += number(text.split_whitespace().next())?;
        }
    }
    Ok(Duration::from_nanos(nanos))
}

/// Returns how many bytes of memory are resident for these processes alone: what they share with others, as the text of a
/// library, is divided among those that share it.
///
/// # Errors
///
/// When one of them has ended.
pub fn resident(processes: &[u32]) -> io::Result<u64> {
    processes.iter().try_fold(0, |sum, process| {
        let text = fs::read_to_string(format!("/proc/{process}/smaps_rollup"))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
        Ok(sum + 1024 * number(line.and_then(|line| line.split_whitespace().next()))?)
    })
}

/// Returns the process and its children, their children, and so on.
pub fn descendants(process: u32) -> Vec<u32> {
    let mut all = vec![process];
    let mut at = 0;
    while let Some(parent) = all.get(at) {
        let children =
            fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
        all.extend(
            children
                .split_whitespace()
                .filter_map(|child| child.parse::<u32>().ok()),
        );
        at += 1;
    }
    all
}

fn number(word: Option<&str>) -> io::Result<u64> {
    let parsed = word.and_then(|word| word.parse().ok());
    parsed.ok_or_else(|| io::Error::other("the kernel's text has no number where one belongs"))
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::hint::black_box;
    use std::time::Instant;

    /// For how long the kernel may say that nothing was worked.
    const PATIENCE: Duration = Duration::from_secs(20);

    #[test]
    fn processor_time_grows_by_what_was_worked() {
        let process = [std::process::id()];
        let now = || cpu(&process).expect("we are alive");
        let (before, start) = (now(), Instant::now());
        // However long that takes: others may have the processors for most of the time.
        while now() - before < Duration::from_millis(20) {
            assert!(start.elapsed() < PATIENCE, "only {:?}", now() - before);
            (0..100_000).for_each(|number| _ = black_box(number));
        }
    }

    #[test]
    fn resident_memory_grows_by_what_was_written() {
        let process = [std::process::id()];
        let before = resident(&process).expect("we are alive");
        let written = black_box(vec![1_u8; 64 << 20]);
        let grown = resident(&process).expect("we are alive").saturating_sub(before);
        assert!(grown > 50 << 20, "{grown} of {} bytes", written.len());
    }
}
