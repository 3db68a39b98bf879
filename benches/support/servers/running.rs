//! A server that runs, pinned to its processors, and that ends with its guard.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Programs, Server, Setup, configuration};
use crate::measure::{cpu, descendants, resident};

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(20);

/// A server that listens.
pub struct Running {
    /// Which one.
    pub server: Server,
    /// Where it listens.
    pub address: SocketAddr,
    child: Child,
    /// It and its children.
    processes: Vec<u32>,
    /// Its configuration and what it wrote.
    folder: TempDir,
}

impl Running {
    /// Starts `server` on these processors, as taskset(1) writes them, and waits until it listens.
    ///
    /// # Errors
    ///
    /// When its program is missing, or it does not listen in time; with what it said.
    pub fn start(
        server: Server,
        programs: &Programs,
        setup: &Setup<'_>,
        processors: &str,
    ) -> io::Result<Self> {
        let program = server.program(programs).map_err(io::Error::other)?;
        let folder = TempDir::with_prefix("compare-server-")?;
        let address = free_address()?;
        let mut command = pinned(processors);
        command
            .arg(program)
            .args(configuration::arguments(server, setup, address, folder.path())?);
        Self::spawn(server, command, address, folder)
    }

    /// Starts the example of server-bin that takes uploads, which writes into its folder.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start) has.
    pub fn start_upload(programs: &Programs, folder: TempDir, processors: &str) -> io::Result<Self> {
        let address = free_address()?;
        let mut command = pinned(processors);
        command
            .arg(&programs.upload)
            .arg(address.to_string())
            .arg(folder.path());
        Self::spawn(Server::Ours, command, address, folder)
    }

    /// Starts nginx with this folder for its configuration, its temporary files and what is put there.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start) has.
    pub fn start_in(
        folder: TempDir,
        programs: &Programs,
        setup: &Setup<'_>,
        processors: &str,
    ) -> io::Result<Self> {
        let program = Server::Nginx.program(programs).map_err(io::Error::other)?;
        let address = free_address()?;
        let mut command = pinned(processors);
        command.arg(program).args(configuration::arguments(
            Server::Nginx,
            setup,
            address,
            folder.path(),
        )?);
        Self::spawn(Server::Nginx, command, address, folder)
    }

    fn spawn(server: Server, mut command: Command, address: SocketAddr, folder: TempDir) -> io::Result<Self> {
        let said = folder.path().join("said");
        let output = fs::File::create(&said)?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .current_dir(folder.path());
        let child = command.spawn()?;
        let processes = vec![child.id()];
        let mut running = Self {
            server,
            address,
            child,
            processes,
            folder,
        };
        let start = Instant::now();
        while TcpStream::connect(address).is_err() {
            let ended = running.child.try_wait()?.is_some();
            if ended || start.elapsed() > START {
                let text = fs::read_to_string(&said).unwrap_or_default();
                return Err(io::Error::other(format!(
                    "{} does not start: {text}",
                    server.name()
                )));
            }
            thread::sleep(Duration::from_millis(10));
        }
        running.processes = descendants(running.child.id());
        Ok(running)
    }

    /// Its processes.
    pub fn processes(&self) -> &[u32] {
        &self.processes
    }

    /// The processor time that it took so far.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn cpu(&self) -> io::Result<Duration> {
        cpu(&self.processes)
    }

    /// Its resident memory in bytes.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn resident(&self) -> io::Result<u64> {
        resident(&self.processes)
    }

    /// Sends each of its processes a signal.
    pub fn signal(&self, signal: Signal) {
        for process in &self.processes {
            if let Some(pid) = i32::try_from(*process).ok().and_then(Pid::from_raw) {
                // It may have ended.
                let _ = kill_process(pid, signal);
            }
        }
    }

    /// Where it writes what it is sent.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// Waits until it has ended, at most so long; true if it has.
    pub fn has_ended_within(&mut self, patience: Duration) -> bool {
        let start = Instant::now();
        loop {
            match self.child.try_wait() {
                Ok(None) if start.elapsed() < patience => thread::sleep(Duration::from_millis(5)),
                ended => return !matches!(ended, Ok(None)),
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Once it was waited for, its number may be another process's.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.processes = descendants(self.child.id());
            self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

/// A command that runs on these processors, and that ends when the one who started it does.
fn pinned(processors: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "taskset", "-c", processors]);
    command
}

/// Returns an address on which nobody listens at the moment.
///
/// # Errors
///
/// When there is no port left.
pub fn free_address() -> io::Result<SocketAddr> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()
}
