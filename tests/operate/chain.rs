//! A server and its successors.

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use support::{Launch, Server};

use crate::{wait_for, wait_longer_for};

/// The process that was started first, whose output the others share and whose guard ends them; and the one that serves now.
pub(crate) struct Chain {
    first: Server,
    present: i32,
}

impl Chain {
    pub(crate) fn start(launch: Launch) -> Self {
        let first = launch.start();
        let present = i32::try_from(first.pid()).expect("a process id is positive");
        Self { first, present }
    }

    pub(crate) fn first(&mut self) -> &mut Server {
        &mut self.first
    }

    /// The process id of the one that serves now.
    pub(crate) fn present(&self) -> i32 {
        self.present
    }

    pub(crate) fn output(&self) -> String {
        self.first.output()
    }

    pub(crate) fn address(&self) -> std::net::SocketAddr {
        self.first.address()
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.present), signal).expect("it runs");
    }

    /// Restarts it and waits until the new one serves.
    #[track_caller]
    pub(crate) fn restart(&mut self) {
        let before = self.first.successors().len();
        self.signal(Signal::SIGUSR2);
        wait_longer_for(2 * support::PATIENCE, "a restart", || {
            self.first.successors().len() > before
        });
        self.follow();
    }

    /// From now on the one is meant that has taken over last.
    pub(crate) fn follow(&mut self) {
        self.present = *self.first.successors().last().expect("one took over");
    }

    /// Ends it gracefully.
    #[track_caller]
    pub(crate) fn stop(self) {
        self.signal(Signal::SIGTERM);
        wait_for("the end", || {
            kill(Pid::from_raw(self.present), None).is_err() || is_dead(self.present)
        });
    }
}

/// A process whose parent has gone may have nobody who asks for its end: then it stays as a zombie.
pub(crate) fn is_dead(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_none_or(|(_, rest)| rest.starts_with('Z'))
}
