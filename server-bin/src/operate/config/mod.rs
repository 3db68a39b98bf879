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

use super::descriptors::{self, Each};
use super::proxy_protocol::Trusted;
use super::{log, restart};
use crate::address::{AcceptMode, Address};
use crate::driver::settings::Settings;
use crate::files::Files;
use crate::handler::Handler;
use crate::server::{Server, default_workers};
use crate::sockets::Options;
use crate::sys::net::DEFERS_ACCEPT;

/// Serves a directory, or without one a demonstration, over HTTP/1.1.
///
/// A time is a number of seconds, or one with us, ms, s, min, h or d behind it, or a sum of such (1m30s); a size a number of
/// bytes, or one with K, M, G or T (K is 1024). Each flag can be given as an environment variable, too; an empty one is none, and that of a flag without a
/// value is true or false, or another word for these: yes, no, on, off, 1, 0.
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
    #[arg(short, value_name = "PORT", help_heading = "Listening", value_parser = units::port)]
    port: Vec<u16>,

    /// Permissions of Unix sockets, as 660 [default: as the umask leaves them]
    #[arg(long, value_name = "MODE", env = "SERVER_SOCKET_MODE", help_heading = "Listening",
          value_parser = units::permissions)]
    pub(super) socket_mode: Option<u32>,

    /// Threads that serve [default: one per core]
    #[arg(short, long, value_name = "N", env = "SERVER_WORKERS", value_parser = units::workers,
          help_heading = "Listening")]
    workers: Option<u16>,

    /// How the workers share an address [default: reuseport where the kernel balances, else shared]
    #[arg(long, value_name = "MODE", env = "SERVER_ACCEPT", help_heading = "Listening")]
    accept: Option<Accept>,

    /// Let the kernel hold a TCP connection back until its client has sent something, but for 1 to 15 seconds at most, which it
    /// rounds up to 1, 3, 7 or 15; 0 for not at all. A drain takes half of that longer, and half a second. Linux only
    #[arg(long, value_name = "TIME", env = "SERVER_DEFER_ACCEPT", default_value = "0", value_parser = units::deferral,
          help_heading = "Listening")]
    defer_accept: Duration,

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
        if !DEFERS_ACCEPT && !self.defer_accept.is_zero() {
            return Err(
                "--defer-accept needs Linux: no other kernel is asked to hold connections back".into(),
            );
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
        self.check_admin(&addresses)?;
        if let Some(root) = &self.root {
            self.files.check(root)?;
        }
        self.limits.check(self.worker_count())?;
        self.timeouts.check()?;
        self.logs.check()
    }

    /// The admin listener needs an address of its own.
    fn check_admin(&self, addresses: &[Address]) -> Result<(), String> {
        // Sockets of a service manager are in the place of the default. A successor gets them from its predecessor, and no
        // variable tells it of the manager.
        let gets_sockets = std::env::var_os("LISTEN_FDS").is_some() || restart::has_predecessor();
        let binds = self.names_addresses() || !gets_sockets;
        let Some(admin) = self.admin().filter(|_| binds) else {
            return Ok(());
        };
        match addresses.iter().find(|address| address.overlaps(admin)) {
            Some(address) => Err(format!(
                "--admin {admin} is where the server listens for everybody ({address}): give it another port"
            )),
            None => Ok(()),
        }
    }

    fn worker_count(&self) -> usize {
        self.workers.map_or_else(default_workers, Into::into)
    }

    /// What `--check` prints: also what only shows when the server is about to start.
    fn show(&self, command: &clap::Command, matches: &ArgMatches) -> Ending {
        let server = match self.server(crate::handler::function(|_, _| ""), self.addresses().len()) {
            Ok(server) => server,
            Err(line) => return Ending::Unable(line),
        };
        if self.root.is_some()
            && let Err(line) = self.files()
        {
            return Ending::Unable(line);
        }
        let mut effective = self.logs.effective();
        if self.root.is_some() {
            effective.push(("--index", "index.html".into()));
            effective.push(("--cache-control", "no-cache".into()));
        }
        let body = self.settings().limits.body;
        effective.push(("--max-body", units::spelled_size(body)));
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
        if self.limits.max_memory.is_none() {
            effective.push(("--max-memory", units::spelled_size(self.memory())));
        }
        Ending::Text(show::configuration(command, matches, &effective))
    }

    /// The server that this command line describes, but for its sockets, which are of so many addresses.
    ///
    /// # Errors
    ///
    /// A line that says what is wrong and what to do.
    pub fn server(&self, handler: impl Handler, addresses: usize) -> Result<Server, String> {
        let mut server = Server::with(handler)
            .settings(self.settings())
            .defer_accept(self.defer_accept);
        if let Some(workers) = self.workers {
            server = server.workers(workers.into());
        }
        if let Some(mode) = self.accept {
            server = server.accept(mode.into());
        }
        let most = self.limits.max_connections.map(|most| most as usize);
        let each = match self.root {
            Some(_) => Each::SocketAndFile,
            None => Each::Socket,
        };
        let has_admin = self.admin().is_some();
        let most = descriptors::connections(most, server.worker_count(), addresses, has_admin, each)?;
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
            workers: self.worker_count(),
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

    /// The limits of a connection and its requests, by the names that metrics have for them.
    #[must_use]
    pub fn limits(&self) -> Vec<(&'static str, u64)> {
        let Settings {
            limits,
            max_requests,
            max_body,
            receive_buffer,
            turn_requests,
            turn_bytes,
            ..
        } = self.settings();
        let mut all = vec![
            ("head_bytes", limits.head.into()),
            ("fields", limits.fields.into()),
            ("body_bytes", max_body.unwrap_or(limits.body)),
            ("trailers_bytes", limits.trailers.into()),
            ("turn_requests", turn_requests.into()),
            ("turn_bytes", turn_bytes as u64),
            ("memory_bytes", self.memory()),
            ("receive_buffer_bytes", receive_buffer as u64),
        ];
        // Without the flag there is no such limit.
        if max_requests != u32::MAX {
            all.push(("requests", max_requests.into()));
        }
        all
    }

    /// The limits that an operator looks for first, as the start says them.
    #[must_use]
    pub fn spelled_limits(&self) -> String {
        let settings = self.settings();
        let body = settings.max_body.unwrap_or(settings.limits.body);
        format!(
            "bodies of {}, {} of memory",
            units::spelled_size(body),
            units::spelled_size(self.memory())
        )
    }

    /// Bytes of memory that the connections of all workers may hold. On 32 bits that may be more than there are addresses.
    fn memory(&self) -> u64 {
        let workers = self.worker_count() as u64;
        (self.settings().worker_memory as u64).saturating_mul(workers)
    }

    /// How long a drain may take.
    #[must_use]
    pub fn drain_timeout(&self) -> Duration {
        self.timeouts.drain_timeout
    }

    fn settings(&self) -> Settings {
        let mut settings = Settings::default();
        self.limits.put_into(&mut settings, self.worker_count());
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
