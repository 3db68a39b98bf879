//! Outside programs, which a machine may lack.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};
use std::{env, thread};

/// Looks for a program in `PATH`.
///
/// Without it the test that asks is skipped: this prints `SKIPPED test: needs program` and answers `None`.
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
        println!("SKIPPED {test}: needs {name}");
    }
    found
}

/// Runs a program to its end and answers what it wrote.
///
/// # Panics
///
/// When it cannot be started, or has not ended after `patience`.
#[track_caller]
pub fn run(program: &Path, args: &[&str], patience: Duration) -> Output {
    finish(Command::new(program).args(args).stdin(Stdio::null()), patience)
}

/// Runs a prepared command to its end and answers what it wrote.
///
/// # Panics
///
/// When it cannot be started, or has not ended after `patience`.
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
