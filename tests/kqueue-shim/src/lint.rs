//! Lint mode: aborts on what some BSD would silently get wrong.
//!
//! What every kernel answers with an error needs no lint. Each message names who gets it wrong.

use std::io::{self, Write as _};

use crate::{
    abi::*,
    knote::{Knote, MODE},
    mode::mode,
    user::User,
};

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
        receipts < changes.len() && room > 0,
        "room for answers, and a change without EV_RECEIPT: what comes may be events, or fewer answers than changes",
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
        timeout.tv_sec > 24 * 60 * 60,
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
    forbid(
        change.filter != EVFILT_USER && (change.fflags != 0 || change.data != 0),
        "fflags or data with EVFILT_READ or EVFILT_WRITE: they are another low-water mark, and an event may echo them",
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
    forbid(
        change.flags & EV_CLEAR != 0 && existing.is_some_and(|user| user.triggered),
        "EV_CLEAR for an EVFILT_USER knote that is triggered: FreeBSD and OpenBSD reset it, no event comes",
    );
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
        // Not by eprintln, which a test harness keeps to itself until the test has ended; this one does not end.
        let _ = writeln!(io::stderr(), "kqueue-shim lint: {message}");
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use std::{
        env,
        os::unix::{net::UnixStream, process::ExitStatusExt},
        process::{Command, Output},
    };

    use super::*;
    use crate::queue::{
        Queue,
        testing::{self, AT_ONCE, user},
    };

    /// The words that name what is wrong, and the calls.
    type Case = (&'static str, fn(&Queue, &UnixStream));

    const CASES: [Case; 20] = [
        ("EV_RECEIPT with fewer slots", |queue, a| {
            let _ = queue.call(
                &[read(a, EV_ADD | EV_RECEIPT), read(a, EV_DELETE | EV_RECEIPT)],
                1,
                AT_ONCE,
            );
        }),
        ("a change without EV_RECEIPT", |queue, a| {
            drop(queue.call(&[read(a, EV_ADD)], 1, AT_ONCE))
        }),
        ("another low-water mark", |queue, a| {
            apply(
                queue,
                &[Kevent {
                    fflags: 2,
                    ..read(a, EV_ADD)
                }],
            )
        }),
        ("another low-water mark", |queue, a| {
            apply(
                queue,
                &[Kevent {
                    data: 2,
                    ..read(a, EV_ADD)
                }],
            )
        }),
        ("knote that is triggered", |queue, _| {
            let add = user(EV_ADD | EV_CLEAR, 0);
            apply(queue, &[add, user(0, NOTE_TRIGGER), add]);
        }),
        ("neither changes nor slots", |queue, _| {
            drop(queue.call(&[], 0, None))
        }),
        ("not normalised", |queue, _| {
            drop(queue.call(
                &[],
                1,
                Some(&libc::timespec {
                    tv_sec: 0,
                    tv_nsec: 1_000_000_000,
                }),
            ));
        }),
        ("not normalised", |queue, _| {
            drop(queue.call(
                &[],
                1,
                Some(&libc::timespec {
                    tv_sec: -1,
                    tv_nsec: 0,
                }),
            ));
        }),
        ("over 24 hours", |queue, a| {
            let change = testing::change(a, EVFILT_WRITE, EV_ADD | EV_RECEIPT);
            drop(queue.call(
                &[change],
                1,
                Some(&libc::timespec {
                    tv_sec: 24 * 60 * 60 + 1,
                    tv_nsec: 0,
                }),
            ));
        }),
        ("EV_ENABLE without EV_ADD", |queue, a| {
            apply(queue, &[read(a, EV_ADD), read(a, EV_ENABLE)])
        }),
        ("EV_ENABLE with EV_DISABLE", |queue, a| {
            apply(queue, &[read(a, EV_ADD | EV_ENABLE | EV_DISABLE)])
        }),
        ("EV_DISPATCH with", |queue, a| {
            apply(queue, &[read(a, EV_ADD | EV_DISPATCH | EV_CLEAR)])
        }),
        ("EV_DISPATCH with", |queue, a| {
            apply(queue, &[read(a, EV_ADD | EV_DISPATCH | EV_ONESHOT)])
        }),
        ("EV_ADD with EV_DELETE", |queue, a| {
            apply(queue, &[read(a, EV_ADD | EV_DELETE)])
        }),
        ("flags that only a kernel sets", |queue, a| {
            apply(queue, &[read(a, EV_ADD | EV_EOF)])
        }),
        ("another mode", |queue, a| {
            apply(queue, &[read(a, EV_ADD), read(a, EV_ADD | EV_CLEAR)])
        }),
        ("without EV_ENABLE: it stays disabled", |queue, a| {
            let add = testing::change(a, EVFILT_WRITE, EV_ADD | EV_DISPATCH);
            apply(queue, &[add]);
            drop(queue.call(&[], 1, AT_ONCE));
            apply(queue, &[add]);
        }),
        ("NOTE_TRIGGER with EV_CLEAR", |queue, _| {
            apply(
                queue,
                &[user(EV_ADD | EV_CLEAR, 0), user(EV_ADD | EV_CLEAR, NOTE_TRIGGER)],
            );
        }),
        ("that makes the knote", |queue, _| {
            apply(queue, &[user(EV_ADD, NOTE_TRIGGER)])
        }),
        ("another udata", |queue, _| {
            let other = Kevent {
                udata: std::ptr::null_mut(),
                ..user(0, NOTE_TRIGGER)
            };
            apply(queue, &[user(EV_ADD | EV_CLEAR, 0), other]);
        }),
    ];

    fn read(a: &UnixStream, flags: u16) -> Kevent {
        testing::change(a, EVFILT_READ, flags)
    }

    fn apply(queue: &Queue, changes: &[Kevent]) {
        let _ = queue.call(changes, 0, None);
    }

    /// Not a test of its own: what a child process runs for the test below.
    #[test]
    fn one_case_in_a_child() {
        let Ok(case) = env::var("LINT_CASE") else { return };
        let (_, wrong) = CASES[case.parse::<usize>().expect("a number")];
        let (a, _b) = UnixStream::pair().expect("socketpair");
        wrong(&testing::queue(None), &a);
    }

    fn child(case: usize, mode: &str) -> Output {
        let mut command = Command::new(env::current_exe().expect("it runs"));
        command.args(["--exact", "lint::tests::one_case_in_a_child", "--nocapture"]);
        command
            .env("LINT_CASE", case.to_string())
            .env("KQUEUE_SHIM", mode);
        command.output().expect("it runs again")
    }

    #[test]
    fn each_wrong_call_aborts_with_its_message_and_in_lint_mode_only() {
        for (case, (message, _)) in CASES.iter().enumerate() {
            let strict = child(case, "lint");
            assert_eq!(
                strict.status.signal(),
                Some(libc::SIGABRT),
                "case {case}, {message}"
            );
            let said = String::from_utf8_lossy(&strict.stderr);
            assert!(
                said.contains("kqueue-shim lint: ") && said.contains(message),
                "case {case}: {said}"
            );
            assert!(child(case, "plain").status.success(), "case {case}, {message}");
        }
    }
}
