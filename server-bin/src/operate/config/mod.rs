//! The command line, each flag also an environment variable.

mod environment;
mod files;
mod flags;
mod logs;
mod refusal;
mod show;
mod units;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{ArgMatches, CommandFactory as _, FromArgMatches as _, Parser, ValueEnum};

use files::FileFlags;
use flags::{LimitFlags, TimeoutFlags};
use logs::{LogFlags, ProxyFlags};
pub use refusal::Ending;

use super::descriptors;
use super::log;
use super::proxy_protocol::Trusted;
use crate::address::{AcceptMode, Address};
use crate::driver::settings::Settings;
use crate::files::Files;
use crate::handler::Handler;
use crate::server::{Server, default_workers};
use crate::sockets::Options;

/// Serves a directory, or without one a demonstration, over HTTP/1.1.
///
/// A time is a number of seconds, or one with ms, s, m or h behind it; a size a number of bytes, or one with K, M or G
/// (K is 1024). Each flag can be given as an environment variable, too; an empty one is none.
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

    #[command(flatten, next_help_heading = "Files")]
    files: FileFlags,

    /// Where to listen: host:port, :port for every address, or unix:/path; may be given more than once
    /// [default: 127.0.0.1:8080]
    #[arg(
        short,
        long,
        value_name = "ADDR",
        env = "SERVER_LISTEN",
        value_delimiter = ',',
        help_heading = "Listening"
    )]
    listen: Vec<Address>,

    /// Short for --listen 127.0.0.1:PORT; may be given more than once
    // Without a variable: in Kubernetes SERVER_PORT is set for whoever lives beside a service of the name "server".
    #[arg(short, value_name = "PORT", help_heading = "Listening")]
    port: Vec<u16>,

    /// Permissions of Unix sockets, as 660 [default: as the umask leaves them]
    #[arg(long, value_name = "MODE", env = "SERVER_SOCKET_MODE", help_heading = "Listening",
          value_parser = units::permissions)]
    pub(super) socket_mode: Option<u32>,

    /// Threads that serve [default: one per core]
    #[arg(short, long, value_name = "N", env = "SERVER_WORKERS", value_parser = clap::value_parser!(u16).range(1..=1024),
          help_heading = "Listening")]
    workers: Option<u16>,

    /// How the workers share an address [default: reuseport where the kernel balances, else shared]
    #[arg(long, value_name = "MODE", env = "SERVER_ACCEPT", help_heading = "Listening")]
    accept: Option<Accept>,

    #[command(flatten, next_help_heading = "Behind proxies")]
    proxies: ProxyFlags,

    #[command(flatten, next_help_heading = "Seeing in")]
    logs: LogFlags,

    #[command(flatten, next_help_heading = "Limits")]
    limits: LimitFlags,

    #[command(flatten, next_help_heading = "Timeouts")]
    timeouts: TimeoutFlags,

    /// Print the configuration that would be in force, and whence each value comes, instead of serving
    #[arg(long, help_heading = "Instead of serving")]
    check: bool,

    /// Print what makes a shell complete these flags
    #[arg(long, value_name = "SHELL", help_heading = "Instead of serving")]
    completions: Option<clap_complete::Shell>,
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

impl Config {
    /// Reads the arguments and the environment.
    ///
    /// # Errors
    ///
    /// [`Ending`], which is what to print instead of serving.
    pub fn read(arguments: impl IntoIterator<Item = OsString>) -> Result<Self, Ending> {
        let arguments: Vec<OsString> = arguments.into_iter().collect();
        let mut command = environment::without_empty(Self::command());
        let parsed = command.try_get_matches_from_mut(&arguments).and_then(|matches| {
            let config = Self::from_arg_matches(&matches)?;
            Ok((config, matches))
        });
        let (config, matches) = parsed.map_err(|error| match error.kind() {
            // Also of a flag whose variable is empty, the help names the variable.
            ErrorKind::DisplayHelp => Self::help(&arguments),
            _ => Ending::of(&error, &command, &arguments),
        })?;
        if let Some(shell) = config.completions {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Self::command(), "server-bin", &mut script);
            return Err(Ending::Text(String::from_utf8_lossy(&script).into_owned()));
        }
        config.find_contradictions().map_err(Ending::line)?;
        match config.check {
            true => Err(config.show(&command, &matches)),
            false => Ok(config),
        }
    }

    fn help(arguments: &[OsString]) -> Ending {
        let mut command = Self::command();
        match command.try_get_matches_from_mut(arguments) {
            Err(error) => Ending::of(&error, &command, arguments),
            Ok(_) => Ending::Text(command.render_long_help().to_string()),
        }
    }

    /// What each flag for itself allows, and all together do not.
    fn find_contradictions(&self) -> Result<(), String> {
        if let (None, Some(flag)) = (&self.root, self.files.given()) {
            return Err(format!("{flag} needs a ROOT: the demonstration has no files"));
        }
        let has_unix = self
            .listen
            .iter()
            .any(|address| matches!(address, Address::Unix(_)));
        if self.socket_mode.is_some() && !has_unix {
            return Err("--socket-mode needs a --listen unix:/path".into());
        }
        if self.proxies.proxy_protocol && self.proxies.trusted_proxies.is_none() {
            return Err(
                "--proxy-protocol needs --trusted-proxies: else any client could say who it is".into(),
            );
        }
        let addresses = self.addresses();
        let twice = addresses
            .iter()
            .enumerate()
            .find(|(index, address)| addresses[..*index].contains(address) && !address.is_any_port());
        if let Some((_, address)) = twice {
            return Err(format!("{address} is to be listened on twice"));
        }
        self.logs.check()
    }

    /// What `--check` prints: also what only shows when the server is about to start.
    fn show(&self, command: &clap::Command, matches: &ArgMatches) -> Ending {
        let server = match self.server(crate::handler::function(|_, _| "")) {
            Ok(server) => server,
            Err(line) => return Ending::Error(line),
        };
        if self.root.is_some()
            && let Err(line) = self.files()
        {
            return Ending::Error(line);
        }
        let mut effective = self.logs.effective();
        if !self.names_addresses() {
            effective.push(("--listen", "127.0.0.1:8080".into()));
        }
        if self.workers.is_none() {
            effective.push(("--workers", server.worker_count().to_string()));
        }
        if self.accept.is_none() {
            effective.push(("--accept", server.accept_mode().to_string()));
        }
        if self.limits.max_connections.is_none() {
            effective.push(("--max-connections", server.connection_limit().to_string()));
        }
        Ending::Text(show::configuration(command, matches, &effective))
    }

    /// The server that this command line describes, but for its sockets.
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
        let most = self.limits.max_connections.map(|most| most as usize);
        let addresses = self.addresses().len();
        let most = descriptors::connections(most, server.worker_count(), addresses, self.admin().is_some())?;
        Ok(server.max_connections(most))
    }

    /// The handler for the directory.
    ///
    /// # Errors
    ///
    /// A line that says what is wrong and what to do.
    pub fn files(&self) -> Result<Files, String> {
        let root = self.root.as_deref().ok_or("there is no ROOT")?;
        self.files.open(root)
    }

    /// Whether directories are listed.
    #[must_use]
    pub fn lists(&self) -> bool {
        self.files.listing
    }

    /// How addresses are to be bound.
    #[must_use]
    pub fn sockets(&self) -> Options {
        Options {
            workers: self.workers.map_or_else(default_workers, Into::into),
            accept: self.accept.map_or_else(AcceptMode::default, Into::into),
            mode: self.socket_mode,
        }
    }

    /// Whether the command line says where to listen.
    #[must_use]
    pub fn names_addresses(&self) -> bool {
        !(self.listen.is_empty() && self.port.is_empty())
    }

    /// Where to listen.
    #[must_use]
    pub fn addresses(&self) -> Vec<Address> {
        let ports = self
            .port
            .iter()
            .map(|port| Address::Tcp(format!("127.0.0.1:{port}")));
        let addresses: Vec<Address> = self.listen.iter().cloned().chain(ports).collect();
        match addresses.is_empty() {
            true => vec![Address::Tcp("127.0.0.1:8080".into())],
            false => addresses,
        }
    }

    /// Where the admin listener is to be.
    #[must_use]
    pub fn admin(&self) -> Option<&Address> {
        self.logs.admin.as_ref()
    }

    /// What is written down.
    #[must_use]
    pub fn log(&self) -> log::Settings {
        self.logs.settings()
    }

    /// The proxies that are trusted.
    #[must_use]
    pub fn trusted_proxies(&self) -> Trusted {
        self.proxies.trusted_proxies.clone().unwrap_or_default()
    }

    /// Whether the PROXY protocol begins each connection.
    #[must_use]
    pub fn proxy_protocol(&self) -> bool {
        self.proxies.proxy_protocol
    }

    /// How long the server says that it is not ready before it drains.
    #[must_use]
    pub fn drain_delay(&self) -> Duration {
        self.timeouts.drain_delay
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

#[cfg(test)]
mod tests;
