//! A server that runs: it follows signals, restarts, and the end of its workers, as they come from one channel.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::Instant;

use signal_hook::consts::{SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

use super::admin::Readiness;
use super::config::Config;
use super::log::Log;
use super::restart::{self, Handover, Program};
use super::{plural, systemd};
use crate::files::Reopener;
use crate::worker::stage::Handle;

/// What ends a drain early.
const ADVICE: &str = "; SIGTERM or Ctrl-C to stop at once";

/// What happens to a server that runs.
pub(super) enum Call {
    Signal(i32),
    /// All workers have ended, and have cut so many connections off.
    Ended(io::Result<usize>),
    /// The new program serves, with this process id, or a line says why not.
    Restarted(Result<u32, String>),
}

/// How far the server is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Serving,
    /// It says that it is not ready, and serves on until then.
    Delaying(Instant),
    Draining,
}

/// A server that runs, and what it needs to follow its signals.
pub(super) struct Life<'a> {
    pub(super) config: &'a Config,
    pub(super) program: Program,
    pub(super) tell: Sender<Call>,
    pub(super) handle: Handle,
    pub(super) readiness: Readiness,
    /// Kept for the next program; gone when this one drains, so that its workers are the last to hold them.
    pub(super) sockets: Option<Handover>,
    pub(super) stage: Stage,
    pub(super) is_restarting: bool,
    pub(super) reopener: Option<Reopener>,
    pub(super) log: &'a Log,
}

impl Life<'_> {
    /// Follows what happens until the workers have ended.
    pub(super) fn live(&mut self, calls: &Receiver<Call>) -> io::Result<usize> {
        loop {
            let happening = match self.stage {
                Stage::Delaying(until) => {
                    match calls.recv_timeout(until.saturating_duration_since(Instant::now())) {
                        Err(RecvTimeoutError::Timeout) => {
                            self.drain("");
                            continue;
                        }
                        happening => happening.ok(),
                    }
                }
                Stage::Serving | Stage::Draining => calls.recv().ok(),
            };
            match happening {
                Some(Call::Signal(signal)) => self.obey(signal),
                Some(Call::Restarted(result)) => self.restarted(result),
                Some(Call::Ended(end)) => return end,
                // The senders live as long as this does.
                None => return Ok(0),
            }
        }
    }

    fn obey(&mut self, signal: i32) {
        match signal {
            SIGUSR1 => self.log.reopen(),
            SIGHUP => {
                self.log.reopen();
                if let Some(reopener) = &self.reopener {
                    reopener.reopen();
                }
            }
            SIGUSR2 => self.restart(),
            _ => match self.stage {
                Stage::Serving => self.end(),
                Stage::Delaying(_) => self.drain(ADVICE),
                // It asks for a drain, and that is under way.
                Stage::Draining if signal == SIGQUIT => {}
                Stage::Draining => self.handle.stop(),
            },
        }
    }

    /// Begins the end, by the delay if there is one.
    fn end(&mut self) {
        self.readiness.set(false);
        systemd::notify("STOPPING=1");
        let delay = self.config.drain_delay();
        if delay.is_zero() {
            return self.drain(ADVICE);
        }
        self.stage = Stage::Delaying(Instant::now() + delay);
        let seconds = delay.as_secs_f64();
        self.say(format!(
            "not ready from now on; draining in {seconds} s, or at the next signal"
        ));
    }

    fn drain(&mut self, advice: &str) {
        self.readiness.set(false);
        self.stage = Stage::Draining;
        self.sockets = None;
        self.say(format!(
            "draining {}{advice}",
            plural(self.handle.connections() as u64, "connection")
        ));
        self.handle.drain();
    }

    fn restart(&mut self) {
        let refusal = match (&self.stage, &self.sockets) {
            _ if std::process::id() == 1 => {
                Some("process 1 cannot: a container ends with it; start another one instead")
            }
            (Stage::Serving, Some(_)) if self.is_restarting => Some("one is under way"),
            (Stage::Serving, Some(sockets)) => match sockets.duplicate() {
                Ok(sockets) => return self.start_program(sockets),
                Err(_) => Some("there are no descriptors left for it"),
            },
            _ => Some("the server is about to end"),
        };
        if let Some(refusal) = refusal {
            self.say(format!("no restart: {refusal}"));
        }
    }

    fn start_program(&mut self, sockets: Handover) {
        self.say("restarting: the new program is started".into());
        let (program, tell) = (self.program.clone(), self.tell.clone());
        let start = move || {
            let started = program.start(&sockets).and_then(|successor| {
                drop(sockets);
                successor.wait(restart::PATIENCE)
            });
            let _ = tell.send(Call::Restarted(started));
        };
        match thread::Builder::new().name("restart".into()).spawn(start) {
            Ok(_) => self.is_restarting = true,
            Err(error) => self.say(format!("no restart: there is no thread for it: {error}")),
        }
    }

    fn restarted(&mut self, result: Result<u32, String>) {
        self.is_restarting = false;
        match result {
            Ok(pid) if self.stage == Stage::Serving => {
                systemd::notify(&format!("MAINPID={pid}"));
                self.say(format!("process {pid} serves now"));
                self.drain("");
            }
            Ok(pid) => {
                // Whoever ended this process meant the server, and that is the new one, too.
                self.say(format!("process {pid} serves now, and is ended with this one"));
                if let Ok(pid) = i32::try_from(pid) {
                    let _ =
                        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGTERM);
                }
            }
            Err(why) => self.say(format!("no restart, this process serves on: {why}")),
        }
    }

    fn say(&self, text: String) {
        self.log.notices().say(text);
    }
}
