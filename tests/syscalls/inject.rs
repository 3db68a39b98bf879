//! Makes system calls of a server fail by strace, below libc: the server's hot calls are raw, so a library that is
//! preloaded would see none of them.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use support::{PATIENCE, Tracer, process};
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

/// strace that makes calls of a process fail which runs already. Dropping it lets the process go on alone.
pub(crate) struct Injection {
    strace: Tracer,
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
        let strace = match thread {
            "" => Tracer::of_all(pid, arguments),
            // A thread that one of these starts is another one.
            _ => Tracer::of_threads(pid, &process::threads(pid, thread), arguments),
        };
        Self { strace, log }
    }

    /// Ends it, and returns what it has written.
    pub(crate) fn end(self) -> String {
        drop(self.strace);
        self.log.text()
    }
}
