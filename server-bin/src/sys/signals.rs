//! Signals that are held back from every thread and waited for by one.
//!
//! A handler would have to tell that thread of each signal, and what it tells by may fail: then the signal would be lost. What is
//! held back stays with the kernel until it is asked for, and interrupts no worker.

use std::io;

use nix::sys::signal::{SigSet, Signal};

mod ffi;

/// Signals that are held back.
pub(crate) struct Held(SigSet);

impl Held {
    /// Holds these signals back in this thread and in all that it starts from now on, programs too: a mask outlives execve(2),
    /// and std leaves it as it is. The next server waits for them in the same way.
    pub(crate) fn new(signals: &[Signal]) -> io::Result<Self> {
        let set: SigSet = signals.iter().copied().collect();
        set.thread_block()?;
        // nohup(1), and a shell that starts something in the background, leave signals ignored. All kernels but Linux throw
        // such a one away when it is sent, also when it is held back.
        for signal in signals {
            ffi::set_default(*signal)?;
        }
        Ok(Self(set))
    }

    /// Waits for one of them, and takes it.
    ///
    /// # Errors
    /// As sigwait(3).
    pub(crate) fn wait(&self) -> io::Result<Signal> {
        let number = ffi::sigwait(&self.0).map_err(io::Error::from_raw_os_error)?;
        Ok(Signal::try_from(number)?)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_signal_that_came_before_anybody_waited_is_not_lost() {
        let (tell, told) = mpsc::channel();
        // A thread of its own, since the mask is a thread's; and it would wait for ever for a signal that was lost.
        std::thread::spawn(move || {
            // None that is ignored by default, as SIGURG is: kernels other than Linux do not keep it.
            let held = Held::new(&[Signal::SIGUSR2]).expect("a signal that can be blocked");
            // To this thread alone: others of this program do not hold it back.
            nix::sys::signal::raise(Signal::SIGUSR2).expect("it is there");
            let _ = tell.send(held.wait().expect("one is there"));
        });
        assert_eq!(told.recv_timeout(Duration::from_secs(10)), Ok(Signal::SIGUSR2));
    }
}
