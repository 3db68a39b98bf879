//! A kernel without EVFILT_USER. Alone in its file, because a mode is in force for the whole process.
#![cfg(target_os = "linux")]

#[path = "scenarios/ffi.rs"]
#[expect(dead_code, reason = "the scenarios use the rest of it")]
mod ffi;

use std::os::fd::AsRawFd;

use ffi::{ADD, CLEAR, Entry, Filter, Lists};
use kqueue_shim::{Mode, set_mode};

#[test]
fn evfilt_user_is_refused_where_the_mode_says_so() {
    let plain = Mode::default();
    for (mode, refused) in [
        (plain, None),
        (
            Mode {
                no_user: true,
                ..plain
            },
            Some(libc::EINVAL),
        ),
        (
            Mode {
                chaos: Some(5),
                ..plain
            },
            Some(libc::EINVAL),
        ),
        (
            Mode {
                chaos: Some(7),
                ..plain
            },
            Some(libc::ENOMEM),
        ),
        (
            Mode {
                chaos: Some(4),
                ..plain
            },
            None,
        ),
    ] {
        set_mode(mode);
        let kq = ffi::kqueue();
        let change = Entry {
            ident: 1,
            filter: Filter::User,
            flags: ADD | CLEAR,
            fflags: 0,
            data: 0,
            udata: 1,
        };
        let outcome = ffi::kevent(kq.as_raw_fd(), &[change], 0, Lists::Apart, None);
        assert_eq!(outcome.err(), refused, "{mode:?}");
    }
}
