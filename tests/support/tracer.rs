//! strace beside a process that runs already.

use std::ffi::OsString;
use std::io::Read as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;

use crate::{PATIENCE, process};

/// strace, which watches some threads of a process. Dropping it lets them go on alone.
#[derive(Debug)]
pub struct Tracer {
    strace: Child,
    /// The process that it watches.
    pid: u32,
    holds: bool,
}

impl Tracer {
    /// Watches these threads of a process from now on: each system call that they begin is seen. `arguments`: what strace is to do
    /// beside that, without `-f`, by which a thread that one of these starts would be watched, too.
    ///
    /// # Panics
    ///
    /// When strace is not there, or may not watch them.
    #[must_use]
    #[track_caller]
    pub fn of_threads(pid: u32, threads: &[u32], arguments: impl IntoIterator<Item = OsString>) -> Self {
        let watched = threads.iter().flat_map(|id| ["-p".into(), id.to_string().into()]);
        Self::start(pid, threads, arguments.into_iter().chain(watched))
    }

    /// The same of all threads of a process, those included that it will have.
    ///
    /// # Panics
    ///
    /// When strace is not there, or may not watch them.
    #[must_use]
    #[track_caller]
    pub fn of_all(pid: u32, arguments: impl IntoIterator<Item = OsString>) -> Self {
        let watched = ["-f".into(), "-p".into(), pid.to_string().into()];
        let threads = process::threads(pid, "");
        Self::start(pid, &threads, arguments.into_iter().chain(watched))
    }

    #[track_caller]
    fn start(pid: u32, threads: &[u32], arguments: impl Iterator<Item = OsString>) -> Self {
        assert!(!threads.is_empty(), "there is no such thread");
        let arguments: Vec<OsString> = arguments.collect();
        let output = arguments.iter().skip_while(|word| *word != "-o").nth(1);
        let strace = Command::new("strace")
            .args(&arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("strace starts");
        let mut tracer = Self {
            strace,
            pid,
            holds: false,
        };
        tracer.wait_until_attached(pid, threads, output.map(Path::new));
        tracer
    }

    #[track_caller]
    fn wait_until_attached(&mut self, pid: u32, threads: &[u32], output: Option<&Path>) {
        let deadline = Instant::now() + PATIENCE;
        // It attaches itself to a thread by PTRACE_SEIZE, which proc(5) shows, and sees no call of that thread before
        // PTRACE_INTERRUPT, which proc(5) does not show. Behind the last of both it sleeps until one of them makes a call, if not all
        // the time one does, and writes that down.
        let has_seen_one = || output.is_some_and(|path| fs::metadata(path).is_ok_and(|file| file.len() > 0));
        let is_attached = |strace: &Child| {
            threads.iter().all(|&id| process::is_traced(pid, id))
                && (process::state(strace.id()) == Some('S') || has_seen_one())
        };
        while !is_attached(&self.strace) {
            if let Ok(Some(_)) = self.strace.try_wait() {
                let mut said = String::new();
                if let Some(mut stderr) = self.strace.stderr.take() {
                    let _ = stderr.read_to_string(&mut said);
                }
                panic!("strace cannot attach itself; it needs CAP_SYS_PTRACE: {said}");
            }
            assert!(Instant::now() < deadline, "strace does not attach itself");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Stops strace. What it watches stands still from its next system call on, until this is dropped.
    pub fn hold(&mut self) {
        self.holds = true;
        signal(self.strace.id(), Signal::SIGSTOP);
    }

    /// Waits until the process that it watches, which was stopped, has stopped in each thread, and strace knows it. It may have ended
    /// before, and strace with it.
    fn wait_until_it_stands_still(&self) {
        let stands_still = || {
            let threads = process::threads(self.pid, "");
            let are_stopped = threads.iter().all(|&id| {
                let state = process::state_of_thread(self.pid, id);
                !matches!(state, Some('R' | 'S' | 'D'))
            });
            are_stopped && matches!(process::state(self.strace.id()), Some('S' | 'Z'))
        };
        let deadline = Instant::now() + PATIENCE;
        let mut times = 0;
        // A thread stops up to four times, each for strace to have a look, until it has stopped for good.
        while times < 4 && Instant::now() < deadline {
            times = if stands_still() { times + 1 } else { 0 };
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Sends a signal to a process, which may have ended.
fn signal(pid: u32, signal: Signal) {
    let pid = i32::try_from(pid).expect("a process id is positive");
    let _ = signal::kill(Pid::from_raw(pid), signal);
}

impl Drop for Tracer {
    fn drop(&mut self) {
        if self.holds {
            let _ = self.strace.kill();
            let _ = self.strace.wait();
            return;
        }
        // strace makes a call fail by leaving it out and changing what it returns. Were it to go between these two, the call would
        // return ENOSYS, and a server whose calls fail all the time is often between them.
        signal(self.pid, Signal::SIGSTOP);
        self.wait_until_it_stands_still();
        // It writes down what it has seen.
        signal(self.strace.id(), Signal::SIGTERM);
        let deadline = Instant::now() + PATIENCE;
        while matches!(self.strace.try_wait(), Ok(None)) && Instant::now() < deadline {
            thread::sleep(Duration::from_millis(2));
        }
        let _ = self.strace.kill();
        let _ = self.strace.wait();
        signal(self.pid, Signal::SIGCONT);
    }
}
