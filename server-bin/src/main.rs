//! The server as a program: reads the command line, starts the server, and ends it when a signal says so.

use std::io::Write as _;
use std::process::ExitCode;
use std::thread;

use server_bin::Running;
use server_bin::demo::Demo;
use server_bin::files::Files;
use server_bin::operate::config::{Config, Refusal};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

fn main() -> ExitCode {
    let config = match Config::read(std::env::args_os()) {
        Ok(config) => config,
        Err(Refusal::Text(text)) => {
            print(&text);
            return ExitCode::SUCCESS;
        }
        Err(Refusal::Error(line)) => return fail(&line),
    };
    match run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(line) => fail(&line),
    }
}

/// Serves until a signal has ended it. An error is the line to say.
fn run(config: &Config) -> Result<(), String> {
    // Before the workers start, so that no signal is missed; SIGPIPE is ignored by Rust's runtime.
    let mut signals =
        Signals::new([SIGTERM, SIGINT]).map_err(|error| format!("cannot wait for signals: {error}"))?;
    let server = match &config.root {
        Some(root) => {
            let files = Files::open(root).map_err(|error| error.to_string())?;
            config.server(files.with_listing(config.listing))?
        }
        None => {
            let demo = Demo::new().map_err(|error| format!("cannot start the demonstration: {error}"))?;
            config.server(demo)?
        }
    };
    let (workers, asked, most) = (
        server.worker_count(),
        server.accept_mode(),
        server.connection_limit(),
    );
    let running = server.spawn().map_err(|error| error.to_string())?;
    for address in running.addresses() {
        print(&format!("listening on {address}\n"));
    }
    let mode = match running.accept_mode() {
        mode if mode == asked => mode.to_string(),
        mode => format!("{mode} ({asked} does not exist on this system)"),
    };
    print(&format!(
        "{workers} workers, accept mode {mode}, at most {most} connections; SIGTERM or Ctrl-C drains\n"
    ));
    wait(running, &mut signals)
}

/// The first signal drains, the second one stops.
fn wait(running: Running, signals: &mut Signals) -> Result<(), String> {
    let handle = running.handle();
    let awake = signals.handle();
    let end = thread::spawn(move || {
        let end = running.join();
        awake.close();
        end
    });
    for (count, _) in signals.forever().enumerate() {
        match count {
            0 => handle.drain(),
            _ => handle.stop(),
        }
    }
    match end.join() {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(error)) => Err(format!("a worker failed: {error}")),
        Err(_) => Err("the server panicked".into()),
    }
}

/// Nobody may be reading, and that is no reason to stop serving.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn fail(line: &str) -> ExitCode {
    let _ = writeln!(std::io::stderr(), "server-bin: {line}");
    ExitCode::FAILURE
}
