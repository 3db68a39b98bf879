//! Counting user instructions by callgrind: the same number in every run, on a busy machine too.

use std::io;
use std::path::Path;
use std::process::Command;

/// Whether valgrind can be run here.
pub fn has_valgrind() -> bool {
    Command::new("valgrind")
        .arg("--version")
        .output()
        .is_ok_and(|output| output.status.success())
}

/// The instructions that `program` takes for one operation, without what it takes to begin and to end.
///
/// The last argument of the program is how often to do the operation; the answer is the difference between doing it
/// `times` and twice as often.
///
/// # Errors
///
/// If the program cannot be run or fails.
pub fn per_operation(program: &Path, arguments: &[&str], times: u64) -> io::Result<f64> {
    let once = instructions(program, arguments, times)?;
    let twice = instructions(program, arguments, times * 2)?;
    Ok((twice as f64 - once as f64) / times as f64)
}

fn instructions(program: &Path, arguments: &[&str], times: u64) -> io::Result<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(arguments)
        .arg(times.to_string())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    let collected = said
        .lines()
        .find_map(|line| line.split_once("Collected : "))
        .map(|(_, number)| number.trim());
    match collected.and_then(|number| number.parse().ok()) {
        Some(number) if output.status.success() => Ok(number),
        _ => Err(io::Error::other(format!(
            "{} {arguments:?} {times}: {said}",
            program.display()
        ))),
    }
}
