//! The servers that are put under the same load: ours, the floor, and other people's.

mod configuration;
mod metrics;
mod pages;
mod running;

pub use metrics::longest_round;
pub use pages::Pages;
pub use running::{Running, free_address};

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use crate::load::Ends;
use crate::readiness::ffi::raise_fd_limit;

/// One of the servers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Server {
    /// A loop that only reads, writes and waits, and always sends the same bytes.
    Floor,
    /// server-bin.
    Ours,
    /// nginx, as Debian configures it but for the limits.
    Nginx,
    /// nginx that keeps files open for a minute and does not look at them meanwhile.
    NginxCached,
    /// H2O, as Debian packages it.
    H2o,
    /// lighttpd, as Debian packages it.
    Lighttpd,
    /// hyper on tokio.
    Hyper,
    /// actix-web with actix-files.
    Actix,
    /// may_minihttp.
    May,
    /// httpsd on its mio loop.
    Httpsd,
}

impl Server {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 10] = [
        Self::Floor,
        Self::Ours,
        Self::Nginx,
        Self::NginxCached,
        Self::H2o,
        Self::Lighttpd,
        Self::Hyper,
        Self::Actix,
        Self::May,
        Self::Httpsd,
    ];

    /// The name in the tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Floor => "the floor",
            Self::Ours => "**server-bin**",
            Self::Nginx => "nginx",
            Self::NginxCached => "nginx, open_file_cache",
            Self::H2o => "h2o",
            Self::Lighttpd => "lighttpd",
            Self::Hyper => "hyper",
            Self::Actix => "actix-web",
            Self::May => "may_minihttp",
            Self::Httpsd => "httpsd",
        }
    }

    /// True if it serves files.
    pub fn has_files(self) -> bool {
        !matches!(self, Self::Floor | Self::Hyper | Self::May)
    }

    /// True if it can answer from memory; the others answer with a small file instead.
    pub fn has_memory(self) -> bool {
        !matches!(self, Self::NginxCached | Self::H2o | Self::Lighttpd)
    }

    /// The one that closes the connection of a request with `Connection: close`.
    pub fn ends(self) -> Ends {
        if self == Self::May {
            Ends::Client
        } else {
            Ends::Server
        }
    }

    /// Says so where it takes less than `count` connections.
    ///
    /// # Errors
    ///
    /// When it does, with how many it takes.
    pub fn takes(self, count: usize) -> io::Result<()> {
        let most = match self {
            // `MAX_CONNS` of its `rt/mio.rs`, which no setting changes.
            Self::Httpsd => 8_192,
            // Half of its descriptors, whatever `server.max-connections` says.
            Self::Lighttpd => usize::try_from(raise_fd_limit()?).unwrap_or(usize::MAX) / 2,
            _ => usize::MAX,
        };
        match count <= most {
            true => Ok(()),
            false => Err(io::Error::other(format!("takes {most} connections at most here"))),
        }
    }

    /// How many processes serve when it has started: a worker of nginx is a process, beside the one that started it.
    fn processes(self, setup: &Setup<'_>) -> usize {
        match self {
            Self::Nginx | Self::NginxCached => 1 + setup.workers,
            _ => 1,
        }
    }

    /// Its program, or what is missing and how to get it.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn program(self, programs: &Programs) -> Result<PathBuf, String> {
        let (path, hint) = match self {
            Self::Floor => (programs.floor.clone(), "cargo build --release -p bench"),
            Self::Ours => (programs.ours.clone(), "cargo build --release"),
            Self::Nginx | Self::NginxCached => (installed("nginx"), "apt-get install nginx-light"),
            Self::H2o => (installed("h2o"), "apt-get install h2o"),
            Self::Lighttpd => (installed("lighttpd"), "apt-get install lighttpd"),
            Self::Hyper => (programs.peers.join("peer-hyper"), PEERS),
            Self::Actix => (programs.peers.join("peer-actix"), PEERS),
            Self::May => (programs.peers.join("peer-may"), PEERS),
            Self::Httpsd => (programs.peers.join("peer-httpsd"), PEERS),
        };
        if path.is_file() {
            Ok(path)
        } else {
            Err(format!("{} is MISSING: `{hint}`", self.name()))
        }
    }
}

const PEERS: &str = "cargo build --release --manifest-path benches/peers/Cargo.toml";

/// Where a program of Debian's is, which may not be in everybody's PATH.
fn installed(name: &str) -> PathBuf {
    let places = ["/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin"];
    let found = places
        .iter()
        .map(|place| Path::new(place).join(name))
        .find(|path| path.is_file());
    found.unwrap_or_else(|| PathBuf::from(name))
}

/// Where the programs are that were built for the comparison.
#[derive(Args, Clone, Debug)]
pub struct Programs {
    /// server-bin
    #[arg(long)]
    pub ours: PathBuf,
    /// The floor
    #[arg(long)]
    pub floor: PathBuf,
    /// The example of server-bin that takes uploads
    #[arg(long)]
    pub upload: PathBuf,
    /// The folder of the programs of `benches/peers`
    #[arg(long)]
    pub peers: PathBuf,
}

/// How a server is to be started.
#[derive(Clone, Debug)]
pub struct Setup<'a> {
    /// The folder with the [`Pages`].
    pub root: &'a Path,
    /// True to serve that folder, false to answer from memory where the server can.
    pub files: bool,
    /// Threads or processes that serve.
    pub workers: usize,
    /// The accept mode of ours.
    pub accept: Option<&'a str>,
    /// The most connections, where a test is about that.
    pub limit: Option<usize>,
    /// For how long an idle connection is kept, where a test is about that.
    pub idle: Option<Duration>,
    /// Where ours tells its metrics.
    pub admin: Option<SocketAddr>,
    /// Directories are listed.
    pub listing: bool,
    /// Bytes of the floor's body.
    pub body: usize,
    /// The floor closes after its answer.
    pub closes: bool,
}

impl<'a> Setup<'a> {
    /// One worker that answers from memory.
    pub fn memory(root: &'a Path) -> Self {
        Self {
            root,
            files: false,
            workers: 1,
            accept: None,
            limit: None,
            idle: None,
            admin: None,
            listing: false,
            body: 13,
            closes: false,
        }
    }

    /// One worker that serves the folder.
    pub fn files(root: &'a Path) -> Self {
        Self {
            files: true,
            ..Self::memory(root)
        }
    }
}
