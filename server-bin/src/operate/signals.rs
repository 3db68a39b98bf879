//! The signals that the program follows, one thread that waits for them.

use std::io;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use super::life::Call;
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
/// Comes to a thread that writes beyond RLIMIT_FSIZE, and would end the process. Held back, it leaves write(2) to fail, which
/// is said as any other failure of a log.
const LEFT: [Signal; 1] = [Signal::SIGXFSZ];
/// How long to wait after waiting has failed.
const RETRY: Duration = Duration::from_millis(100);

/// Holds the signals back in this thread and all that it starts, and tells of each. It has to come before any other thread.
pub(super) fn watch(tell: Sender<Call>) -> Result<(), String> {
    let cannot = |error: io::Error| format!("cannot wait for signals: {error}");
    Held::new(&LEFT).map_err(cannot)?;
    let held = Held::new(&FOLLOWED).map_err(cannot)?;
    let thread = thread::Builder::new()
        .name("signals".into())
        .spawn(move || forward(&held, &tell));
    thread.map(drop).map_err(cannot)
}

fn forward(held: &Held, tell: &Sender<Call>) {
    loop {
        match held.wait() {
            Ok(signal) if tell.send(Call::Signal(signal)).is_err() => return,
            Ok(_) => {}
            Err(_) => thread::sleep(RETRY),
        }
    }
}
