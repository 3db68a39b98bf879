//! Lint mode: aborts on what some BSD would silently get wrong.
//!
//! What every kernel answers with an error needs no lint. Each message names who gets it wrong.

use crate::{
    abi::*,
    knote::{Knote, MODE},
    mode::mode,
    user::User,
};

const DAY: libc::time_t = 24 * 60 * 60;

/// Judges a whole call.
pub(crate) fn call(changes: &[Kevent], room: usize, timeout: Option<&libc::timespec>) {
    let receipts = changes
        .iter()
        .filter(|change| change.flags & EV_RECEIPT != 0)
        .count();
    forbid(
        receipts > 0 && room < changes.len(),
        "EV_RECEIPT with fewer slots than changes: NetBSD and FreeBSD stop in the middle and answer 0",
    );
    forbid(
        changes.is_empty() && room == 0,
        "neither changes nor slots for events: returns at once, whatever the timeout says",
    );
    let Some(timeout) = timeout else { return };
    forbid(
        timeout.tv_sec < 0 || !(0..1_000_000_000).contains(&timeout.tv_nsec),
        "a timeout that is not normalised: EINVAL after the changes were applied",
    );
    forbid(
        timeout.tv_sec > DAY,
        "a timeout over 24 hours: FreeBSD waits 24 hours",
    );
}

/// Judges one change by itself.
pub(crate) fn change(change: &Kevent) {
    let has = |flags| change.flags & flags == flags;
    forbid(
        has(EV_ENABLE) && !has(EV_ADD),
        "EV_ENABLE without EV_ADD: NetBSD does not report what is pending",
    );
    forbid(
        has(EV_ENABLE | EV_DISABLE),
        "EV_ENABLE with EV_DISABLE: each system does something else",
    );
    forbid(
        has(EV_DISPATCH) && change.flags & (EV_CLEAR | EV_ONESHOT) != 0,
        "EV_DISPATCH with EV_CLEAR or EV_ONESHOT: on NetBSD EV_CLEAR wins, elsewhere EV_ONESHOT",
    );
    forbid(
        has(EV_ADD | EV_DELETE),
        "EV_ADD with EV_DELETE: each system does something else",
    );
    let known = MODE | EV_ADD | EV_DELETE | EV_ENABLE | EV_DISABLE | EV_RECEIPT;
    forbid(
        change.flags & !known != 0,
        "flags that only a kernel sets, or that do not exist everywhere",
    );
}

/// Judges a change of a knote that exists.
pub(crate) fn change_existing(change: &Kevent, knote: &Knote) {
    if change.flags & EV_ADD == 0 {
        return;
    }
    forbid(
        (change.flags ^ knote.flags) & MODE != 0,
        "EV_ADD with another mode than the knote's: every BSD keeps the old one and says nothing",
    );
    forbid(
        knote.disabled && knote.flags & EV_DISPATCH != 0 && change.flags & EV_ENABLE == 0,
        "EV_ADD of a dispatched knote without EV_ENABLE: it stays disabled on every BSD",
    );
}

/// Judges a change of EVFILT_USER.
pub(crate) fn change_user(change: &Kevent, existing: Option<&User>) {
    if change.fflags & NOTE_TRIGGER == 0 {
        return;
    }
    forbid(
        change.flags & EV_CLEAR != 0,
        "NOTE_TRIGGER with EV_CLEAR: FreeBSD resets the knote, no event comes",
    );
    forbid(
        existing.is_none() && change.flags & EV_ADD != 0,
        "NOTE_TRIGGER in the EV_ADD that makes the knote: an event on Darwin, none on FreeBSD",
    );
    forbid(
        existing.is_some_and(|user| user.udata.0 != change.udata as usize),
        "NOTE_TRIGGER with another udata: it replaces the knote's",
    );
}

fn forbid(wrong: bool, message: &str) {
    if wrong && mode().lint {
        eprintln!("kqueue-shim lint: {message}");
        std::process::abort();
    }
}
