//! Makes system calls of a server fail by strace, below libc: the server's hot calls are raw, so a library that is
//! preloaded would see none of them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::PATIENCE;
use tempfile::TempDir;

/// Which calls of one name fail.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum When {
    /// Each thread's first one.
    Once,
    /// Each thread's seventh, fourteenth, and so on.
    EverySeventh,
    /// All of them.
    Always,
    /// Each thread's with this number, from 1 on.
    Nth(u8),
}

impl When {
    pub(crate) const ALL: [Self; 3] = [Self::Once, Self::EverySeventh, Self::Always];

    /// In strace's own words.
    fn words(self) -> String {
        match self {
            Self::Once => "1".into(),
            Self::EverySeventh => "7+7".into(),
            Self::Always => "1+".into(),
            Self::Nth(number) => number.to_string(),
        }
    }
}

/// What is injected: an error of a call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Fault {
    pub(crate) call: &'static str,
    pub(crate) errno: &'static str,
    pub(crate) when: When,
}

/// Where strace writes what it sees.
pub(crate) struct Log {
    _folder: TempDir,
    path: PathBuf,
}

impl Log {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("strace");
        Self {
            _folder: folder,
            path,
        }
    }

    pub(crate) fn text(&self) -> String {
        let bytes = fs::read(&self.path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// How many calls have failed by strace so far.
    pub(crate) fn injected(&self) -> usize {
        self.text().matches("(INJECTED)").count()
    }

    /// The words before a program that is to run under strace, which injects a fault and writes here. `path`: only calls that are
    /// about this file.
    pub(crate) fn words(&self, fault: Fault, path: Option<&Path>) -> Vec<OsString> {
        let mut words: Vec<OsString> = ["strace", "-D", "-f"].map(OsString::from).into();
        words.extend(self.arguments(fault));
        if let Some(path) = path {
            words.extend(["-P".into(), path.into()]);
        }
        words
    }

    /// The words before a program all of whose calls are to be written down.
    pub(crate) fn words_of_all(&self) -> Vec<OsString> {
        let words = ["strace", "-D", "-f", "-qq", "-s0", "-o"].map(OsString::from);
        words.into_iter().chain([self.path.clone().into()]).collect()
    }

    /// What strace has written when the program has ended, which is a moment before strace does.
    pub(crate) fn whole(&self) -> String {
        let deadline = Instant::now() + PATIENCE;
        while !self.text().contains("exit_group(") {
            assert!(Instant::now() < deadline, "strace does not see the end");
            thread::sleep(Duration::from_millis(10));
        }
        self.text()
    }

    fn arguments(&self, fault: Fault) -> Vec<OsString> {
        let Fault { call, errno, when } = fault;
        let inject = format!("-einject={call}:error={errno}:when={}", when.words());
        let words = ["-qq", "-s0", &format!("-etrace={call}"), &inject, "-o"];
        let words = words.into_iter().map(OsString::from);
        words.chain([self.path.clone().into()]).collect()
    }
}

/// strace beside a process that runs already. Dropping it lets the process go on alone.
pub(crate) struct Injection {
    strace: Child,
    pub(crate) log: Log,
}

impl Injection {
    /// Makes calls of the threads fail whose name begins with `thread`: of all for the empty name. `path`: only calls that are
    /// about this file.
    pub(crate) fn into(pid: u32, thread: &str, fault: Fault, path: Option<&Path>) -> Self {
        let log = Log::new();
        let mut arguments = log.arguments(fault);
        if let Some(path) = path {
            arguments.extend(["-P".into(), path.into()]);
        }
        Self::attach(pid, thread, arguments, log)
    }

    fn attach(pid: u32, thread: &str, arguments: Vec<OsString>, log: Log) -> Self {
        let threads = threads(pid, thread);
        assert!(!threads.is_empty(), "the server has no thread {thread:?}");
        let mut command = Command::new("strace");
        command.args(arguments);
        if thread.is_empty() {
            command.args(["-f", "-p", &pid.to_string()]);
        } else {
            // Without -f: a thread that one of these starts is another one.
            command.args(threads.iter().flat_map(|id| ["-p".to_owned(), id.to_string()]));
        }
        let strace = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("strace starts");
        let mut injection = Self { strace, log };
        injection.wait_until_attached(pid, &threads);
        injection
    }

    fn wait_until_attached(&mut self, pid: u32, threads: &[u32]) {
        let deadline = Instant::now() + PATIENCE;
        let is_traced = |id: &u32| {
            let status = fs::read_to_string(format!("/proc/{pid}/task/{id}/status")).unwrap_or_default();
            !status.contains("TracerPid:\t0\n")
        };
        while !threads.iter().all(is_traced) {
            if let Ok(Some(_)) = self.strace.try_wait() {
                let mut said = String::new();
                if let Some(mut stderr) = self.strace.stderr.take() {
                    let _ = std::io::Read::read_to_string(&mut stderr, &mut said);
                }
                panic!("strace cannot attach itself; it needs CAP_SYS_PTRACE: {said}");
            }
            assert!(Instant::now() < deadline, "strace does not attach itself");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Ends it, and returns what it has written.
    pub(crate) fn end(mut self) -> String {
        self.detach();
        self.log.text()
    }

    fn detach(&mut self) {
        let pid = i32::try_from(self.strace.id()).expect("a process id is positive");
        // It may have ended with the server.
        let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
        let deadline = Instant::now() + PATIENCE;
        while let Ok(None) = self.strace.try_wait() {
            if Instant::now() > deadline {
                let _ = self.strace.kill();
                let _ = self.strace.wait();
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

impl Drop for Injection {
    fn drop(&mut self) {
        self.detach();
    }
}

/// The threads of a process whose names begin so.
pub(crate) fn threads(pid: u32, name: &str) -> Vec<u32> {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return Vec::new();
    };
    let mut found: Vec<u32> = tasks
        .filter_map(|task| {
            let path = task.ok()?.path();
            let comm = fs::read_to_string(path.join("comm")).ok()?;
            comm.starts_with(name)
                .then(|| path.file_name()?.to_str()?.parse().ok())?
        })
        .collect();
    found.sort_unstable();
    found
}
