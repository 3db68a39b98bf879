//! Running tests of this binary again in another mode of the shim.

use std::process::Command;

/// The variable that the shim reads once in a process.
const MODE: &str = "KQUEUE_SHIM";

/// Runs the tests whose names contain `filter` in a process of its own, and fails with their output if one fails. Does
/// nothing if a mode is in force already: then that is the one that somebody wants to see.
#[track_caller]
pub(crate) fn passes(filter: &str, mode: &str) {
    if std::env::var_os(MODE).is_some() {
        return;
    }
    let tests = std::env::current_exe().unwrap();
    let run = Command::new(tests).arg(filter).env(MODE, mode).output().unwrap();
    let output = String::from_utf8_lossy(&run.stdout);
    let ran = output
        .lines()
        .any(|line| line.starts_with("test result: ok. ") && !line.contains(" 0 passed"));
    assert!(
        run.status.success() && ran,
        "{MODE}={mode}\n{output}{}",
        String::from_utf8_lossy(&run.stderr)
    );
}
