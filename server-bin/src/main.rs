//! The server as a program.

use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;

use server_bin::operate::config::{Config, Ending};
use server_bin::operate::run::{EXIT_USAGE, run, say_at_the_end};

fn main() -> ExitCode {
    let config = match Config::read(std::env::args_os()) {
        Ok(config) => config,
        Err(Ending::Text(text)) => return print(&text),
        Err(Ending::Error(line)) => return fail(&line, EXIT_USAGE.into()),
        Err(Ending::Unable(line)) => return fail(&line, ExitCode::FAILURE),
    };
    run(&config).unwrap_or_else(|line| fail(&line, ExitCode::FAILURE))
}

/// Prints what was asked for.
fn print(text: &str) -> ExitCode {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        // Its reader has seen enough, as a pager that was left.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => fail(
            &format!("cannot write to standard output: {error}"),
            ExitCode::FAILURE,
        ),
    }
}

fn fail(line: &str, code: ExitCode) -> ExitCode {
    say_at_the_end(line);
    code
}
