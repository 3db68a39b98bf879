//! Running this program under strace and callgrind.

#[path = "../support/skipped.rs"]
mod skipped;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

/// What the test `work` does: `NAME:ROUNDS`.
pub(crate) const WORK: &str = "MULTIPLEX_WORK";

const ROUNDS: usize = 1_000;

/// The system calls of one round, those that strace's `options` choose.
pub(crate) fn system_calls(name: &str, options: &[&str]) -> Option<f64> {
    has("strace")?;
    Some(per_round(|rounds| {
        let log = std::env::temp_dir().join(format!("multiplex-{}-{name}-{rounds}", std::process::id()));
        let mut strace = Command::new("strace");
        strace.args(["-f", "-qq"]).args(options).arg("-o").arg(&log);
        run(strace, &std::env::current_exe().unwrap(), name, rounds);
        let lines = std::fs::read_to_string(&log).unwrap();
        let _ = std::fs::remove_file(&log);
        // A call that another thread's interrupts in the log has a second line.
        lines.lines().filter(|line| !line.contains(" resumed>")).count()
    }))
}

/// The user instructions of one round, of an optimised build.
pub(crate) fn instructions(name: &str) -> Option<f64> {
    has("valgrind")?;
    Some(per_round(|rounds| {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
        let output = run(valgrind, optimised(), name, rounds);
        let total = output
            .lines()
            .find_map(|line| line.split_once("Collected : "))
            .expect("callgrind says a total");
        total.1.trim().parse().expect("a number of instructions")
    }))
}

fn per_round(count: impl Fn(usize) -> usize) -> f64 {
    let (once, twice) = (count(ROUNDS), count(2 * ROUNDS));
    (twice as f64 - once as f64) / ROUNDS as f64
}

fn run(mut tool: Command, program: &Path, name: &str, rounds: usize) -> String {
    let output = tool
        .arg(program)
        .args(["work", "--exact"])
        .env(WORK, format!("{name}:{rounds}"))
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{name}: {text}"
    );
    text
}

/// This program as `cargo build --release` makes it: budgets of instructions mean nothing without optimisation.
fn optimised() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        if !cfg!(debug_assertions) {
            return std::env::current_exe().unwrap();
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let build = Command::new(cargo)
            .args([
                "test",
                "--release",
                "--no-run",
                "--message-format=json",
                "-p",
                "multiplex",
                "--test",
                "budgets",
            ])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stderr(Stdio::inherit())
            .output()
            .unwrap();
        let messages = String::from_utf8_lossy(&build.stdout).into_owned();
        let mut programs = messages
            .lines()
            .filter_map(|line| line.split_once("\"executable\":\"")?.1.split('"').next());
        programs
            .next_back()
            .expect("cargo names the program that it built")
            .into()
    })
}

/// Says what is skipped for the want of a tool. In CI nothing may be.
#[track_caller]
pub(crate) fn has(tool: &str) -> Option<()> {
    let found = Command::new(tool)
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success());
    if !found {
        skipped::skipped("budgets of multiplex", tool);
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{tool} is missing");
    }
    found.then_some(())
}
