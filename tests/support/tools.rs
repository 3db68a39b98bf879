//! Outside programs, which a machine may lack.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

/// Looks for a program in `PATH`.
///
/// Without it the test that asks is skipped: this says so by [`skipped`], and returns `None`.
///
/// # Panics
///
/// With `CI=true`, where everything has to be installed, so that no check goes missing without a word.
#[must_use]
pub fn tool(name: &str) -> Option<PathBuf> {
    let found = env::split_paths(&env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        let thread = thread::current();
        let test = thread.name().unwrap_or("a test");
        assert!(
            env::var_os("CI").is_none_or(|ci| ci != "true"),
            "{test} needs {name}, which CI has to install"
        );
        skipped(test, &format!("{name}; nothing was tested"));
    }
    found
}

/// Writes `SKIPPED test: needs …` to the standard error of the process, past libtest, which swallows what a passing test prints.
pub fn skipped(test: &str, needs: &str) {
    // On a line of its own, also behind "test NAME ...".
    let line = format!("\nSKIPPED {test}: needs {needs}\n");
    let _ = std::io::stderr().write_all(line.as_bytes());
}

/// Runs a program to its end and returns what it wrote.
///
/// # Panics
///
/// When it cannot be started, or has not ended after `patience`.
#[track_caller]
pub fn run(program: &Path, args: &[&str], patience: Duration) -> Output {
    finish(Command::new(program).args(args).stdin(Stdio::null()), patience)
}

/// Runs a prepared command to its end and returns what it wrote.
///
/// # Panics
///
/// When it cannot be started, or it and all that holds its outputs have not ended after `patience`.
#[track_caller]
pub fn finish(command: &mut Command, patience: Duration) -> Output {
    let started = Instant::now();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
    // Both pipes are emptied while it runs: a child that fills one would wait for us for ever.
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let stdout = thread::spawn(move || read_all(stdout));
    let stderr = thread::spawn(move || read_all(stderr));
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if started.elapsed() < patience => thread::sleep(Duration::from_millis(5)),
            other => {
                let _ = child.kill();
                let _ = child.wait();
                panic!("{command:?} has not ended after {patience:?}: {other:?}");
            }
        }
    };
    // A program that it has left behind may hold them.
    while !(stdout.is_finished() && stderr.is_finished()) {
        assert!(
            started.elapsed() < patience,
            "{command:?} has ended, and somebody holds its outputs after {patience:?}"
        );
        thread::sleep(Duration::from_millis(1));
    }
    Output {
        status,
        stdout: stdout.join().unwrap_or_default(),
        stderr: stderr.join().unwrap_or_default(),
    }
}

fn read_all(pipe: Option<impl std::io::Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // A broken pipe ends the output: what came before it is what there is.
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::{Command, Duration, env, finish, tool};

    const NAME: &str = "no-such-program-for-a-test";

    /// Not a test of its own: what the next one runs.
    #[test]
    fn child_asks_for_a_tool() {
        if env::var_os("ASK_FOR_A_TOOL").is_some() {
            assert!(tool(NAME).is_none());
        }
    }

    #[test]
    #[should_panic(expected = "somebody holds its outputs")]
    fn a_program_that_leaves_one_behind_is_not_waited_for_without_an_end() {
        let mut shell = Command::new("sh");
        let _ = finish(shell.args(["-c", "sleep 5 & exit 0"]), Duration::from_millis(500));
    }

    #[test]
    fn a_skipped_test_is_told_past_the_capture_of_a_passing_test() {
        let output = Command::new(env::current_exe().expect("this program"))
            .args(["--exact", "tools::tests::child_asks_for_a_tool"])
            .env("ASK_FOR_A_TOOL", "1")
            .env_remove("CI")
            .output()
            .expect("this program runs");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let skipped = format!("SKIPPED tools::tests::child_asks_for_a_tool: needs {NAME}");
        assert!(output.status.success(), "{text}");
        assert!(text.lines().any(|line| line.starts_with(&skipped)), "{text}");
    }
}
