//! A server that runs: it follows signals, restarts, and the end of its workers, as they come from one channel.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal::{self, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2};

use super::admin::Readiness;
use super::config::Config;
use super::log::Log;
use super::restart::{self, Cutter, Handover, Program, Way};
use super::{plural, systemd};
use crate::files::Reopener;
use crate::worker::stage::Handle;

/// How long the workers have, when the drain's time is over or after a second signal, to come to their end.
const LAST_MOMENTS: Duration = Duration::from_secs(5);
/// How often workers that are to end are told so. One telling may fail for want of memory.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// What ends a drain early.
const ADVICE: &str = "; SIGTERM or Ctrl-C to stop at once";

/// What happens to a server that runs.
pub(super) enum Call {
    Signal(Signal),
    /// All workers have ended, and have cut so many connections off.
    Ended(io::Result<usize>),
    /// The new program serves, with this process id, or a line says why not.
    Restarted(Result<u32, String>),
}

/// How a server has ended.
pub(super) enum Ended {
    /// Its workers have ended, and have cut so many connections off.
    Workers(usize),
    /// A worker has not: a handler does not return. So many connections are cut off with it.
    Stuck(usize),
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
    /// Kept for the next program, which gets them from here without a duplicate: at the limit of open files there is none. Gone when
    /// this one drains, so that its workers are the last to hold them.
    pub(super) sockets: Option<Arc<Handover>>,
    pub(super) stage: Stage,
    /// When the program ends, whatever its workers do.
    pub(super) last: Option<Instant>,
    /// Gives up the program that was started to take this one's place, and does not serve yet.
    pub(super) restart: Option<Cutter>,
    pub(super) reopener: Option<Reopener>,
    pub(super) log: &'a Log,
}

impl Life<'_> {
    /// Follows what happens until the workers have ended, or have had the time for it.
    pub(super) fn live(&mut self, calls: &Receiver<Call>) -> io::Result<Ended> {
        loop {
            let happening = match self.next_look() {
                Some(at) => calls.recv_timeout(at.saturating_duration_since(Instant::now())),
                None => calls.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            match happening {
                Ok(Call::Signal(signal)) => self.obey(signal),
                Ok(Call::Restarted(result)) => self.restarted(result),
                Ok(Call::Ended(end)) => {
                    self.end_restart(calls);
                    return end.map(Ended::Workers);
                }
                Err(RecvTimeoutError::Timeout) => {
                    if self.last.is_some_and(|last| last <= Instant::now()) {
                        return Ok(Ended::Stuck(self.handle.connections()));
                    }
                    self.time_passed();
                }
                // The senders live as long as this does.
                Err(RecvTimeoutError::Disconnected) => return Ok(Ended::Workers(0)),
            }
        }
    }

    /// Waits for the end of the program that a signal has given up, so that none is left behind.
    fn end_restart(&mut self, calls: &Receiver<Call>) {
        let until = Instant::now() + LAST_MOMENTS;
        while self.restart.is_some() && self.stage != Stage::Serving {
            match calls.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(Call::Restarted(result)) => self.restarted(result),
                Ok(_) => {}
                Err(_) => return,
            }
        }
    }

    /// When something is to be done although nothing happens.
    fn next_look(&self) -> Option<Instant> {
        match self.stage {
            Stage::Serving => None,
            Stage::Delaying(until) => Some(until),
            Stage::Draining => {
                let again = Instant::now() + TOLD_EVERY;
                Some(self.last.map_or(again, |last| last.min(again)))
            }
        }
    }

    fn time_passed(&mut self) {
        match self.stage {
            Stage::Serving => {}
            Stage::Delaying(_) => self.drain(""),
            Stage::Draining => self.handle.drain(),
        }
    }

    /// The program ends when the workers have had so much time, and their last moments.
    fn end_in(&mut self, time: Duration) {
        let end = Instant::now().checked_add(time.saturating_add(LAST_MOMENTS));
        self.last = [self.last, end].into_iter().flatten().min();
    }

    fn obey(&mut self, signal: Signal) {
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
                Stage::Draining => {
                    self.end_in(Duration::ZERO);
                    self.handle.stop();
                }
            },
        }
    }

    /// Begins the end, by the delay if there is one.
    fn end(&mut self) {
        self.readiness.set(false);
        systemd::notify("STOPPING=1");
        // The signal is for the server, and the program that is about to take its place is that, too.
        if let Some(restart) = &self.restart {
            restart.cut();
        }
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
        self.end_in(self.config.drain_timeout());
        self.handle.drain();
    }

    fn restart(&mut self) {
        let refusal = match (&self.stage, &self.sockets) {
            _ if std::process::id() == 1 => {
                Some("process 1 cannot: a container ends with it; start another one instead")
            }
            (Stage::Serving, Some(_)) if self.restart.is_some() => Some("one is under way"),
            (Stage::Serving, Some(sockets)) => return self.start_program(Arc::downgrade(sockets)),
            _ => Some("the server is about to end"),
        };
        if let Some(refusal) = refusal {
            self.say(format!("no restart: {refusal}"));
        }
    }

    fn start_program(&mut self, sockets: Weak<Handover>) {
        let way = match Way::new() {
            Ok(way) => way,
            Err(error) => return self.say(format!("no restart: cannot make a socket: {error}")),
        };
        let cutter = way.cutter();
        self.say("restarting: the new program is started".into());
        let (program, tell) = (self.program.clone(), self.tell.clone());
        let start = move || {
            let started = program.start_by(way);
            let started = started.and_then(|successor| successor.take_over(&sockets, restart::PATIENCE));
            let _ = tell.send(Call::Restarted(started));
        };
        match thread::Builder::new().name("restart".into()).spawn(start) {
            Ok(_) => self.restart = Some(cutter),
            Err(error) => self.say(format!("no restart: there is no thread for it: {error}")),
        }
    }

    fn restarted(&mut self, result: Result<u32, String>) {
        self.restart = None;
        match result {
            Ok(pid) if self.stage == Stage::Serving => {
                systemd::notify(&format!("MAINPID={pid}"));
                self.say(format!("process {pid} serves now"));
                self.handle.hand_over();
                self.drain("");
            }
            Ok(pid) => {
                // It came before it could be given up.
                self.say(format!("process {pid} serves now, and is ended with this one"));
                if let Ok(pid) = i32::try_from(pid) {
                    let _ =
                        nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::SIGTERM);
                }
            }
            Err(why) if self.stage == Stage::Serving => {
                self.say(format!("no restart, this process serves on: {why}"));
            }
            Err(_) => {
                self.say("no restart: the new program did not serve yet, and was ended with this one".into());
            }
        }
    }

    fn say(&self, text: String) {
        self.log.notices().say(text);
    }
}
