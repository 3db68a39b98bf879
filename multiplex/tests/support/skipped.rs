//! How a test says that it does nothing here.

use std::io::{self, Write};

/// Writes `SKIPPED what: needs …` to the standard error of the process, past libtest, which swallows what a passing test prints.
pub(crate) fn skipped(what: &str, needs: &str) {
    // On a line of its own, also behind "test NAME ...".
    let line = format!("\nSKIPPED {what}: needs {needs}\n");
    let _ = io::stderr().write_all(line.as_bytes());
}
