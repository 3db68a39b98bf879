//! Giving freed memory back, with as many heaps as a server of eight workers has.

use std::env;
use std::process::Command;
use std::sync::Barrier;
use std::thread;

use super::children::child_starts;
use crate::sys::give_memory_back;

/// Says to the child that it is one.
const CHILD: &str = "SERVER_BIN_TESTS_MEMORY";
const THREADS: usize = 8;

/// This process's own memory, as the kernel finds it in the page tables (proc(5)): the counts of statm lag behind.
fn kibibytes() -> usize {
    let sums = std::fs::read_to_string("/proc/self/smaps_rollup").expect("Linux tells it");
    let line = sums.lines().find_map(|line| line.strip_prefix("Anonymous:"));
    let number = line.and_then(|line| line.trim().strip_suffix(" kB")?.parse().ok());
    number.expect("a number of kB")
}

#[test]
fn each_heap_gives_back_its_end_and_its_middle() {
    if env::var_os(CHILD).is_none() {
        // Alone in a process, because the other tests take memory, too.
        let _alone = child_starts();
        let child = Command::new(env::current_exe().expect("this program"))
            .args([
                "--exact",
                "sys::tests::memory::each_heap_gives_back_its_end_and_its_middle",
            ])
            .env(CHILD, "")
            .output()
            .expect("it can be started");
        let said = String::from_utf8_lossy(&child.stdout);
        // Under another name it would run nothing, with success.
        assert!(child.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    // Two waits at a time: between them the threads stand still, and the memory is looked at.
    let step = &Barrier::new(THREADS + 1);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(move || {
                // The first call sets what holds from then on. Pieces of 32 kB come and go with heads.
                give_memory_back();
                step.wait();
                step.wait();
                let mut pieces: Vec<_> = (0..30).map(|_| vec![1_u8; 32_000]).collect();
                step.wait();
                step.wait();
                std::hint::black_box(&mut pieces).clear();
                give_memory_back();
                step.wait();
                step.wait();
            });
        }
        step.wait();
        let before = kibibytes();
        step.wait();
        step.wait();
        let held = kibibytes() - before;
        step.wait();
        step.wait();
        let left = kibibytes().saturating_sub(before);
        step.wait();
        assert!(held > THREADS * 600, "{held} KiB are held");
        assert!(left < THREADS * 200, "{left} KiB are left of {held}");
    });
}
