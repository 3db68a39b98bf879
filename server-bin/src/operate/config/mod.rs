//! The command line, each flag also an environment variable.

mod environment;
mod flags;
mod units;

use std::ffi::OsString;
use std::io::IsTerminal as _;
use std::path::PathBuf;

use clap::builder::{BoolishValueParser, StyledStr};
use clap::error::ErrorKind;
use clap::{CommandFactory as _, FromArgMatches as _, Parser, ValueEnum};

use flags::{LimitFlags, TimeoutFlags};

use super::descriptors;
use crate::address::{AcceptMode, Address};
use crate::driver::settings::Settings;
use crate::handler::Handler;
use crate::server::Server;

/// Serves a directory, or without one a demonstration, over HTTP/1.1.
///
/// Each flag can be given as an environment variable, too. An empty one is none.
#[derive(Parser, Clone, Debug)]
#[command(
    name = "server-bin",
    version,
    max_term_width = 110,
    allow_negative_numbers = true
)]
pub struct Config {
    /// The directory to serve; without it, the built-in demonstration
    #[arg(env = "SERVER_ROOT")]
    pub root: Option<PathBuf>,

    /// Answer a directory without an index.html with a list of what is in it
    #[arg(long, env = "SERVER_LISTING", help_heading = "Files", value_parser = BoolishValueParser::new())]
    pub listing: bool,

    /// Where to listen: host:port or unix:/path; may be given more than once [default: 127.0.0.1:8080]
    #[arg(
        long,
        value_name = "ADDR",
        env = "SERVER_LISTEN",
        value_delimiter = ',',
        help_heading = "Listening"
    )]
    pub listen: Vec<Address>,

    /// Threads that serve [default: one per core]
    #[arg(long, value_name = "N", env = "SERVER_WORKERS", value_parser = clap::value_parser!(u16).range(1..=1024),
          help_heading = "Listening")]
    pub workers: Option<u16>,

    /// How the workers share an address [default: reuseport where the kernel balances, else shared]
    #[arg(long, value_name = "MODE", env = "SERVER_ACCEPT", help_heading = "Listening")]
    pub accept: Option<Accept>,

    #[command(flatten, next_help_heading = "Limits")]
    limits: LimitFlags,

    #[command(flatten, next_help_heading = "Timeouts")]
    timeouts: TimeoutFlags,
}

/// [`AcceptMode`] as it is spelled on the command line.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub enum Accept {
    /// A socket per worker; the kernel balances (Linux, FreeBSD)
    Reuseport,
    /// One socket; the kernel wakes one worker
    Exclusive,
    /// One socket; the kernel may wake several workers
    Shared,
}

/// What follows from a command line that is not one to serve with.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The text was asked for: `--help` or `--version`.
    Text(String),
    /// The line says what is wrong.
    Error(String),
}

impl Config {
    /// Reads the arguments and the environment.
    ///
    /// # Errors
    ///
    /// [`Refusal`], which is what to print instead of serving.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Refusal> {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        let mut command = environment::without_empty(Self::command());
        let matches = command.try_get_matches_from_mut(&arguments);
        matches
            .and_then(|matches| Self::from_arg_matches(&matches))
            .map_err(|error| {
                let text = match error.kind() {
                    // Also of a flag whose variable is empty, the help names the variable.
                    ErrorKind::DisplayHelp => Self::help(&arguments),
                    _ => error.render(),
                };
                match error.use_stderr() {
                    // The styles are for a terminal that reads it, not for a file or a pager.
                    false if std::io::stdout().is_terminal() => Refusal::Text(text.ansi().to_string()),
                    false => Refusal::Text(text.to_string()),
                    true => {
                        let variable = environment::origin(&error, &command, &arguments);
                        Refusal::Error(one_line(&text.to_string(), variable))
                    }
                }
            })
    }

    fn help(arguments: &[OsString]) -> StyledStr {
        let mut command = Self::command();
        match command.try_get_matches_from_mut(arguments) {
            Err(error) if error.kind() == ErrorKind::DisplayHelp => error.render(),
            _ => command.render_long_help(),
        }
    }

    /// The server that this command line describes.
    ///
    /// # Errors
    ///
    /// A line that says what is wrong and what to do.
    pub fn server(&self, handler: impl Handler) -> Result<Server, String> {
        let mut server = Server::with(handler).settings(self.settings());
        if let Some(workers) = self.workers {
            server = server.workers(workers.into());
        }
        if let Some(mode) = self.accept {
            server = server.accept(mode.into());
        }
        for address in self.addresses() {
            server = server.listen(address);
        }
        let most = self.limits.max_connections.map(|most| most as usize);
        let most = descriptors::connections(most, server.worker_count(), self.addresses().len())?;
        Ok(server.max_connections(most))
    }

    fn addresses(&self) -> Vec<Address> {
        match self.listen.is_empty() {
            true => vec![Address::Tcp("127.0.0.1:8080".into())],
            false => self.listen.clone(),
        }
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        self.limits.put_into(&mut settings);
        self.timeouts.put_into(&mut settings);
        settings
    }
}

impl From<Accept> for AcceptMode {
    fn from(accept: Accept) -> Self {
        match accept {
            Accept::Reuseport => Self::Reuseport,
            Accept::Exclusive => Self::Exclusive,
            Accept::Shared => Self::Shared,
        }
    }
}

/// clap says what is wrong in the first line, and lists what is missing or possible in the next ones. It does not say
/// that the value came from a variable.
fn one_line(text: &str, variable: Option<&str>) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let line = text
        .lines()
        .take_while(|line| !line.is_empty())
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" ");
    match variable {
        Some(variable) => format!("{line}; that is {variable} in the environment; see --help"),
        None => format!("{line}; see --help"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(arguments: &[&str]) -> Result<Config, Refusal> {
        let arguments = std::iter::once("server-bin").chain(arguments.iter().copied());
        Config::read(arguments.map(Into::into))
    }

    fn refusal(arguments: &[&str]) -> String {
        match read(arguments) {
            Err(Refusal::Error(line)) => line,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_bad_flag_is_one_line_that_names_it() {
        for (arguments, word) in [
            (&["--workers", "0"][..], "--workers"),
            (&["--listen", "nowhere"], "--listen"),
            (&["--listen", "127.0.0.1:99999"], "--listen"),
            (&["--accept", "magic"], "reuseport"),
            (&["--idle-timeout", "1h"], "--idle-timeout"),
            (&["--max-head", "2g"], "--max-head"),
            (&["--no-such-flag"], "--no-such-flag"),
            (&["a", "b"], "'b'"),
        ] {
            let line = refusal(arguments);
            assert!(
                line.contains(word) && line.lines().count() == 1,
                "{arguments:?}: {line}"
            );
        }
    }

    #[test]
    fn a_server_knows_how_many_connections_fit_into_its_open_files() {
        let handler = |_: &http_core::Head<'_>, _: &mut crate::handler::Context<'_>| "hello".into();
        let config = read(&["--workers", "2"]).expect("a command line");
        let all = config.server(handler).expect("room").connection_limit();
        let files = crate::sys::net::raise_descriptor_limit().expect("a limit");
        assert_eq!(all, files - descriptors::reserved(2, 1));
        let config = read(&["--max-connections", "7"]).expect("a command line");
        assert_eq!(config.server(handler).expect("room").connection_limit(), 7);
    }

    #[test]
    fn help_names_each_flag_and_its_variable() {
        let Err(Refusal::Text(help)) = read(&["--help"]) else {
            panic!("no help")
        };
        for variable in ["SERVER_ROOT", "SERVER_LISTEN"] {
            assert!(help.contains(variable), "{variable}");
        }
        let flags = help
            .lines()
            .filter_map(|line| line.trim_start().strip_prefix("--"));
        let names: Vec<&str> = flags.filter_map(|line| line.split_whitespace().next()).collect();
        assert!(names.len() > 10, "{names:?}");
        for name in names {
            let variable = format!("SERVER_{}", name.to_uppercase().replace('-', "_"));
            assert!(help.contains(&variable), "--{name} has no {variable}");
        }
    }

    #[test]
    fn each_flag_sets_what_it_says() {
        let config = read(&[
            "--max-requests",
            "1",
            "--max-head",
            "2k",
            "--max-body",
            "3k",
            "--min-body-rate",
            "4k",
            "--min-write-rate",
            "5k",
            "--head-timeout",
            "4",
            "--body-timeout",
            "5",
            "--idle-timeout",
            "6",
            "--write-timeout",
            "7",
            "--reply-timeout",
            "8",
            "--drain-timeout",
            "9",
        ]);
        let settings = config.expect("a command line").settings();
        let numbers = [
            settings.max_requests,
            settings.limits.head,
            settings.limits.body as u32,
            settings.min_body_rate,
            settings.min_write_rate,
        ];
        assert_eq!(numbers, [1, 2048, 3072, 4096, 5120]);
        let timeouts = [
            settings.head_timeout,
            settings.body_timeout,
            settings.idle_timeout,
            settings.write_timeout,
            settings.reply_timeout,
            settings.drain_timeout,
        ];
        assert_eq!(timeouts.map(|timeout| timeout.as_secs()), [4, 5, 6, 7, 8, 9]);
    }

    #[test]
    fn without_flags_the_defaults_are_those_of_an_embedded_server() {
        let settings = read(&[]).expect("a command line").settings();
        assert_eq!(format!("{settings:?}"), format!("{:?}", Settings::default()));
    }
}
