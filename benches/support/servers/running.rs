//! A server that runs, pinned to its processors, and that ends with its guard.

use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use super::{Programs, Server, Setup, configuration};
use crate::measure::{cpu, descendants, resident};

/// How long a server may take until it listens.
const START: Duration = Duration::from_secs(20);
/// How often a server is started, if somebody else has taken its address each time.
const TRIES: usize = 3;

/// A server that listens.
pub struct Running {
    /// Which one.
    pub server: Server,
    /// Where it listens.
    pub address: SocketAddr,
    process: Process,
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
        let folder = TempDir::with_prefix("compare-server-")?;
        Self::start_in(server, folder, programs, setup, processors)
    }

    /// Does the same with this folder for its configuration, its temporary files and what is put there.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start) has.
    pub fn start_in(
        server: Server,
        folder: TempDir,
        programs: &Programs,
        setup: &Setup<'_>,
        processors: &str,
    ) -> io::Result<Self> {
        let program = server.program(programs).map_err(io::Error::other)?;
        Self::spawn(server, server.processes(setup), folder, |address, folder| {
            let mut command = pinned(processors);
            command
                .arg(&program)
                .args(configuration::arguments(server, setup, address, folder)?);
            Ok(command)
        })
    }

    /// Starts the example of server-bin that takes uploads, which writes into its folder.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start) has.
    pub fn start_upload(programs: &Programs, folder: TempDir, processors: &str) -> io::Result<Self> {
        Self::spawn(Server::Ours, 1, folder, |address, folder| {
            let mut command = pinned(processors);
            command.arg(&programs.upload).arg(address.to_string()).arg(folder);
            Ok(command)
        })
    }

    /// Starts what `command` makes for an address and the folder, until so many processes serve; anew with another address where
    /// somebody else has taken that one meanwhile.
    fn spawn(
        server: Server,
        processes: usize,
        folder: TempDir,
        command: impl Fn(SocketAddr, &Path) -> io::Result<Command>,
    ) -> io::Result<Self> {
        let said = folder.path().join("said");
        let mut tries = 0;
        loop {
            tries += 1;
            let address = free_address()?;
            let mut process = Process::spawn(command(address, folder.path())?, folder.path(), &said)?;
            if process.listens_at(address, processes)? {
                return Ok(Self {
                    server,
                    address,
                    process,
                    folder,
                });
            }
            let text = fs::read_to_string(&said).unwrap_or_default();
            // libc's words, Rust's, and server-bin's own.
            let is_taken = ["already in use", "Address in use", "is taken"]
                .iter()
                .any(|words| text.contains(words));
            if !is_taken || tries == TRIES {
                return Err(io::Error::other(format!(
                    "{} does not start: {text}",
                    server.name()
                )));
            }
        }
    }

    /// Its processes: the one that was started, and those that it has started.
    pub fn processes(&self) -> &[u32] {
        &self.process.all
    }

    /// The processor time that it took so far.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn cpu(&self) -> io::Result<Duration> {
        cpu(&self.process.all)
    }

    /// Its resident memory in bytes.
    ///
    /// # Errors
    ///
    /// When it has ended.
    pub fn resident(&self) -> io::Result<u64> {
        resident(&self.process.all)
    }

    /// Sends each of its processes a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// Sends a signal to the process that was started: of several it is the one that the others follow.
    pub fn signal_first(&self, signal: Signal) {
        send(self.process.child.id(), signal);
    }

    /// Where it writes what it is sent.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Waits until it has ended, at most so long; true if it has.
    pub fn has_ended_within(&mut self, patience: Duration) -> bool {
        let start = Instant::now();
        loop {
            match self.process.child.try_wait() {
                Ok(None) if start.elapsed() < patience => thread::sleep(Duration::from_millis(5)),
                ended => return !matches!(ended, Ok(None)),
            }
        }
    }
}

/// The processes of a server, which end with this guard.
struct Process {
    child: Child,
    /// It and its children.
    all: Vec<u32>,
}

impl Process {
    /// Starts it in this folder. What it writes goes to the file `said`.
    fn spawn(mut command: Command, folder: &Path, said: &Path) -> io::Result<Self> {
        let output = fs::File::create(said)?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .current_dir(folder);
        let child = command.spawn()?;
        let all = vec![child.id()];
        Ok(Self { child, all })
    }

    /// Waits until somebody listens there and so many processes serve; false if it has ended before, or the time is over.
    fn listens_at(&mut self, address: SocketAddr, processes: usize) -> io::Result<bool> {
        let start = Instant::now();
        loop {
            // One that listens first and then starts others is not there yet, though the kernel takes connections for it.
            if TcpStream::connect(address).is_ok() {
                self.all = descendants(self.child.id());
                if self.all.len() >= processes {
                    return Ok(true);
                }
            }
            if self.child.try_wait()?.is_some() || start.elapsed() > START {
                return Ok(false);
            }
            thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(&self, signal: Signal) {
        self.all.iter().for_each(|process| send(*process, signal));
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Once it was waited for, its number may be another process's.
        if matches!(self.child.try_wait(), Ok(None)) {
            self.all = descendants(self.child.id());
            self.signal(Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

fn send(process: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(process).ok().and_then(Pid::from_raw) {
        // It may have ended.
        let _ = kill_process(pid, signal);
    }
}

/// A command that runs on these processors, and that ends when the one who started it does.
fn pinned(processors: &str) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "taskset", "-c", processors]);
    command
}

/// Returns a loopback address of its own, with a port that is free on it.
///
/// The port is bound some milliseconds later by another process. On 127.0.0.1 it could be somebody else's by then: every
/// connection to a loopback address comes from a port there, and every test listens there. An address that nobody else uses
/// leaves only those in the way who listen on all addresses.
///
/// # Errors
///
/// When there is no port left.
pub fn free_address() -> io::Result<SocketAddr> {
    static NEXT: AtomicU8 = AtomicU8::new(0);
    let [.., high, low] = std::process::id().to_be_bytes();
    let number = 64 + NEXT.fetch_add(1, Ordering::Relaxed) % 128;
    TcpListener::bind((Ipv4Addr::new(127, number, high, low), 0))?.local_addr()
}

#[cfg(test)]
#[cfg(target_os = "linux")]
mod tests {
    use super::*;
    use std::cell::{Cell, RefCell};

    fn folder() -> TempDir {
        TempDir::with_prefix("compare-server-").expect("a folder")
    }

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn a_server_whose_address_was_taken_is_started_anew_on_another_one() {
        let (starts, listener) = (Cell::new(0), RefCell::new(None));
        let running = Running::spawn(Server::Floor, 1, folder(), |address, _| {
            starts.set(starts.get() + 1);
            if starts.get() < TRIES {
                return Ok(shell("echo 'bind() failed (98: Address already in use)'; exit 1"));
            }
            *listener.borrow_mut() = Some(TcpListener::bind(address)?);
            Ok(shell("exec sleep 100"))
        });
        let address = running.expect("the last one listens").address;
        let listener = listener.take().expect("it was made");
        assert_eq!(listener.local_addr().expect("an address"), address);
        assert!(address.ip() != Ipv4Addr::LOCALHOST);
    }

    #[test]
    fn a_server_that_does_not_start_for_another_reason_is_started_once_and_says_why() {
        let starts = Cell::new(0);
        let running = Running::spawn(Server::Floor, 1, folder(), |_, _| {
            starts.set(starts.get() + 1);
            Ok(shell("echo no such thing; exit 1"))
        });
        let error = running.map(drop).expect_err("it does not listen").to_string();
        assert_eq!(starts.get(), 1);
        assert!(error.contains("no such thing"), "{error}");
    }
}
