//! What no safe crate asks of sigwait(3): an error that says so. nix takes its error numbers for a success. And what a signal does
//! by default, which is safe where a handler would not be.

#![allow(unsafe_code)]

use nix::libc::{self, c_int};
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};

/// Waits for one of these signals, and takes it. Returns its number, or the number of an error.
pub(super) fn sigwait(set: &SigSet) -> Result<c_int, c_int> {
    let mut signal: c_int = 0;
    // SAFETY: the set is a whole one, as every `SigSet` is, and `signal` has room for the one int that is written; both live
    // through the call.
    let error = unsafe { libc::sigwait(set.as_ref(), &raw mut signal) };
    if error == 0 { Ok(signal) } else { Err(error) }
}

/// Has a signal do what it does by default, from now on.
pub(super) fn set_default(which: Signal) -> nix::Result<()> {
    // SAFETY: the default is no handler, so no code of this program runs in the middle of other code. The handler that was there,
    // if any, is returned and not called.
    unsafe { signal(which, SigHandler::SigDfl) }.map(drop)
}
