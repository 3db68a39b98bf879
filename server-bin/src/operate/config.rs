//! The command line, each flag also an environment variable.

use std::io::IsTerminal as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Parser, ValueEnum};

use super::descriptors;
use crate::address::{AcceptMode, Address};
use crate::engine::settings::Settings;
use crate::handler::Handler;
use crate::server::Server;

/// Serves a directory, or without one a demonstration, over HTTP/1.1.
///
/// Each flag can be given as an environment variable, too.
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
    #[arg(long, env = "SERVER_LISTING", help_heading = "Files")]
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

    /// Connections at once; more wait in the backlog [default: as many as the open files allow]
    #[arg(long, value_name = "N", env = "SERVER_MAX_CONNECTIONS", help_heading = "Limits",
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub max_connections: Option<u32>,

    /// Requests that one connection may make [default: no limit]
    #[arg(long, value_name = "N", env = "SERVER_MAX_REQUESTS", help_heading = "Limits",
          value_parser = clap::value_parser!(u32).range(1..))]
    pub max_requests: Option<u32>,

    /// Bytes of a request head
    #[arg(long, value_name = "BYTES", env = "SERVER_MAX_HEAD", help_heading = "Limits", default_value = "32k",
          value_parser = head_size)]
    pub max_head: u32,

    /// Bytes of a request body
    #[arg(long, value_name = "BYTES", env = "SERVER_MAX_BODY", help_heading = "Limits", default_value = "1m",
          value_parser = body_size)]
    pub max_body: u64,

    /// For a whole request head, from its first byte
    #[arg(long, value_name = "TIME", env = "SERVER_HEAD_TIMEOUT", help_heading = "Timeouts", default_value = "10s",
          value_parser = time)]
    pub head_timeout: Duration,

    /// Between two arrivals of request body bytes
    #[arg(long, value_name = "TIME", env = "SERVER_BODY_TIMEOUT", help_heading = "Timeouts", default_value = "20s",
          value_parser = time)]
    pub body_timeout: Duration,

    /// Between two requests of a connection
    #[arg(long, value_name = "TIME", env = "SERVER_IDLE_TIMEOUT", help_heading = "Timeouts", default_value = "75s",
          value_parser = time)]
    pub idle_timeout: Duration,

    /// Between two times that a client takes response bytes
    #[arg(long, value_name = "TIME", env = "SERVER_WRITE_TIMEOUT", help_heading = "Timeouts", default_value = "30s",
          value_parser = time)]
    pub write_timeout: Duration,

    /// For the graceful drain after SIGTERM or SIGINT
    #[arg(long, value_name = "TIME", env = "SERVER_DRAIN_TIMEOUT", help_heading = "Timeouts", default_value = "30s",
          value_parser = time)]
    pub drain_timeout: Duration,
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
    pub fn read(arguments: impl IntoIterator<Item = std::ffi::OsString>) -> Result<Self, Refusal> {
        Self::try_parse_from(arguments).map_err(|error| {
            let text = error.render();
            match error.use_stderr() {
                // The styles are for a terminal that reads it, not for a file or a pager.
                false if std::io::stdout().is_terminal() => Refusal::Text(text.ansi().to_string()),
                false => Refusal::Text(text.to_string()),
                true => Refusal::Error(one_line(&text.to_string())),
            }
        })
    }

    /// The server that this command line describes.
    ///
    /// # Errors
    ///
    /// A line that says what is wrong and what to do.
    pub fn server(&self, handler: impl Handler) -> Result<Server, String> {
        let mut server = Server::new(handler).settings(self.settings());
        if let Some(workers) = self.workers {
            server = server.workers(workers.into());
        }
        if let Some(mode) = self.accept {
            server = server.accept(mode.into());
        }
        for address in self.addresses() {
            server = server.listen(address);
        }
        let reserved = descriptors::reserved(server.worker_count(), self.addresses().len());
        let most = self.max_connections.map(|most| most as usize);
        Ok(server.max_connections(descriptors::connections(most, reserved)?))
    }

    fn addresses(&self) -> Vec<Address> {
        match self.listen.is_empty() {
            true => vec![Address::Tcp("127.0.0.1:8080".into())],
            false => self.listen.clone(),
        }
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings {
            head_timeout: self.head_timeout,
            body_timeout: self.body_timeout,
            idle_timeout: self.idle_timeout,
            write_timeout: self.write_timeout,
            drain_timeout: self.drain_timeout,
            max_requests: self.max_requests.unwrap_or(u32::MAX),
            ..Settings::default()
        };
        settings.limits.head = self.max_head;
        settings.limits.body = self.max_body;
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

/// clap says what is wrong in the first line, and lists what is missing or possible in the next ones.
fn one_line(text: &str) -> String {
    let text = text.strip_prefix("error: ").unwrap_or(text);
    let line = text
        .lines()
        .take_while(|line| !line.is_empty())
        .map(str::trim)
        .collect::<Vec<_>>()
        .join(" ");
    format!("{line}; see --help")
}

/// `90`, `90s`, `500ms`, `2m`.
fn time(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "ms" => 1,
        "" | "s" => 1000,
        "m" => 60_000,
        _ => return Err("a time is a number of seconds, or one with ms, s or m behind it".into()),
    };
    match digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit))
    {
        Some(ms @ 100..=86_400_000) => Ok(Duration::from_millis(ms)),
        Some(_) => Err("it has to lie between 100ms and 1440m".into()),
        None => Err("a time is a number of seconds, or one with ms, s or m behind it".into()),
    }
}

/// `8000`, `64k`, `10m`, `2g`.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" => 1,
        "k" => 1 << 10,
        "m" => 1 << 20,
        "g" => 1 << 30,
        _ => return Err("a size is a number of bytes, or one with k, m or g behind it".into()),
    };
    let bytes = digits
        .parse::<u64>()
        .ok()
        .and_then(|number| number.checked_mul(unit));
    bytes.ok_or_else(|| "a size is a number of bytes, or one with k, m or g behind it".into())
}

fn head_size(text: &str) -> Result<u32, String> {
    match size(text)? {
        bytes @ 1024..=1_048_576 => Ok(bytes as u32),
        _ => Err("it has to lie between 1k and 1m".into()),
    }
}

fn body_size(text: &str) -> Result<u64, String> {
    match size(text)? {
        bytes @ 0..=0xff_ffff_ffff => Ok(bytes),
        _ => Err("it has to be less than 1024g".into()),
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
    fn times_and_sizes_have_units() {
        assert_eq!(time("2"), Ok(Duration::from_secs(2)));
        assert_eq!(time("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(time("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(size("64k"), Ok(65_536));
        for bad in ["", "s", "-1", "1h", "1.5", "0", "99999999999999999999s"] {
            assert!(time(bad).is_err(), "{bad}");
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
        for variable in [
            "SERVER_ROOT",
            "SERVER_LISTEN",
            "SERVER_WORKERS",
            "SERVER_MAX_BODY",
            "SERVER_DRAIN_TIMEOUT",
        ] {
            assert!(help.contains(variable), "{variable}");
        }
    }
}
