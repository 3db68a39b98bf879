//! The server as a program.

use std::io::Write as _;
use std::process::ExitCode;

use server_bin::operate::config::{Config, Ending};
use server_bin::operate::run::{EXIT_USAGE, run};

fn main() -> ExitCode {
    let config = match Config::read(std::env::args_os()) {
        Ok(config) => config,
        Err(Ending::Text(text)) => {
            // Its reader may have gone, as a pager that was left does.
            let _ = std::io::stdout().write_all(text.as_bytes());
            return ExitCode::SUCCESS;
        }
        Err(Ending::Error(line)) => return fail(&line, EXIT_USAGE.into()),
    };
    run(&config).unwrap_or_else(|line| fail(&line, ExitCode::FAILURE))
}

fn fail(line: &str, code: ExitCode) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "server-bin: {line}");
    code
}
