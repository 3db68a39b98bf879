//! The signals that the program follows, one thread that waits for them.

use std::io;
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::life::Call;
use crate::sys::complain;
use crate::sys::signals::Held;

/// SIGPIPE is ignored by Rust's runtime; all others keep what they do.
const FOLLOWED: [Signal; 6] = [
    Signal::SIGTERM,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGHUP,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
];
/// Those of them that end the server.
const ENDING: [Signal; 3] = [Signal::SIGTERM, Signal::SIGINT, Signal::SIGQUIT];
/// Comes to a thread that writes beyond RLIMIT_FSIZE, and would end the process. Held back, it leaves write(2) to fail, which
/// is said as any other failure of a log.
const LEFT: [Signal; 1] = [Signal::SIGXFSZ];
/// How long to wait after waiting has failed.
const RETRY: Duration = Duration::from_millis(100);

/// The start of the server, in which a signal to end ends the process at once: what the start waits for may never come, as a
/// name from a DNS server or sockets from a predecessor.
pub(super) struct Start(Arc<Mutex<bool>>);

impl Start {
    /// From now on signals are only told of. It has to come before the first connection may be accepted.
    pub(super) fn finish(&self) {
        *lock(&self.0) = false;
    }
}

fn lock(starts: &Mutex<bool>) -> MutexGuard<'_, bool> {
    starts.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Holds the signals back in this thread and all that it starts, and tells of each. It has to come before any other thread.
pub(super) fn watch(tell: Sender<Call>) -> Result<Start, String> {
    let cannot = |error: io::Error| format!("cannot wait for signals: {error}");
    Held::new(&LEFT).map_err(cannot)?;
    let held = Held::new(&FOLLOWED).map_err(cannot)?;
    let starts = Arc::new(Mutex::new(true));
    let start = Start(Arc::clone(&starts));
    let thread = thread::Builder::new()
        .name("signals".into())
        .spawn(move || forward(&held, &tell, &starts));
    thread.map(|_| start).map_err(cannot)
}

/// Ends the process if one of these signals comes during the start. That cannot go on meanwhile to its end.
fn end_the_start(signal: Signal, starts: &Mutex<bool>) {
    let starts = lock(starts);
    if *starts && ENDING.contains(&signal) {
        complain("a signal to end came before the server served");
        std::process::exit(0);
    }
}

fn forward(held: &Held, tell: &Sender<Call>, starts: &Mutex<bool>) {
    loop {
        let signal = held.wait();
        if let Ok(signal) = signal {
            end_the_start(signal, starts);
        }
        match signal {
            Ok(signal) if tell.send(Call::Signal(signal)).is_err() => return,
            Ok(_) => {}
            Err(_) => thread::sleep(RETRY),
        }
    }
}
