//! How strict the shim is.

use std::{
    env,
    sync::{Mutex, PoisonError},
};

use crate::queue::Errno;

/// How strict the shim is; the default is plain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mode {
    /// Abort on what some BSD would silently get wrong.
    pub lint: bool,
    /// Have no EVFILT_USER, like NetBSD before 10.
    pub no_user: bool,
    /// Do everything a kernel may, decided by this seed. An odd one refuses EVFILT_USER: as an unknown filter, or, one in
    /// two, because the process has as many as it may.
    pub chaos: Option<u64>,
}

impl Mode {
    /// With which error this kernel refuses EVFILT_USER: a property of the kernel, hence the same for all queues of a
    /// process.
    pub(crate) fn refuses_user(self) -> Option<Errno> {
        match self.chaos.map(|seed| seed % 4) {
            _ if self.no_user => Some(Errno(libc::EINVAL)),
            Some(1) => Some(Errno(libc::EINVAL)),
            // OpenBSD, above its limit for each process.
            Some(3) => Some(Errno(libc::ENOMEM)),
            _ => None,
        }
    }
}

static MODE: Mutex<Option<Mode>> = Mutex::new(None);

/// Sets the mode of the process, in place of `KQUEUE_SHIM`. Chaos reaches the kqueues made afterwards.
pub fn set_mode(mode: Mode) {
    *MODE.lock().unwrap_or_else(PoisonError::into_inner) = Some(mode);
}

/// The mode in force.
pub(crate) fn mode() -> Mode {
    let mut mode = MODE.lock().unwrap_or_else(PoisonError::into_inner);
    *mode.get_or_insert_with(|| parse(env::var("KQUEUE_SHIM").as_deref().unwrap_or_default()))
}

/// # Panics
///
/// On what is not a mode: a typing error must not pass for a green run.
fn parse(text: &str) -> Mode {
    let mut mode = Mode::default();
    for word in text.split(',').filter(|word| !word.is_empty()) {
        match word.split_once(':').unwrap_or((word, "1")) {
            ("plain", _) => {}
            ("lint", _) => mode.lint = true,
            ("no-user", _) => mode.no_user = true,
            ("chaos", seed) => mode.chaos = Some(seed.parse().expect("KQUEUE_SHIM: the seed is a number")),
            _ => panic!("KQUEUE_SHIM: {word} is none of plain, lint, no-user, chaos, chaos:SEED"),
        }
    }
    mode
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_variable_add_up() {
        assert_eq!(parse(""), Mode::default());
        assert_eq!(parse("plain"), Mode::default());
        let plain = Mode::default();
        assert_eq!(parse("lint"), Mode { lint: true, ..plain });
        assert_eq!(
            parse("no-user"),
            Mode {
                no_user: true,
                ..plain
            }
        );
        assert_eq!(
            parse("chaos"),
            Mode {
                chaos: Some(1),
                ..plain
            }
        );
        let both = Mode {
            lint: true,
            chaos: Some(42),
            ..plain
        };
        assert_eq!(parse("lint,chaos:42"), both);
    }

    #[test]
    fn an_odd_seed_refuses_evfilt_user() {
        for (text, refused) in [
            ("plain", None),
            ("no-user", Some(libc::EINVAL)),
            ("chaos:4", None),
            ("chaos:5", Some(libc::EINVAL)),
            ("chaos:6", None),
            ("chaos:7", Some(libc::ENOMEM)),
            ("no-user,chaos:7", Some(libc::EINVAL)),
        ] {
            assert_eq!(parse(text).refuses_user(), refused.map(Errno), "{text}");
        }
    }

    #[test]
    #[should_panic(expected = "lnit is none of")]
    fn a_typing_error_is_no_mode() {
        parse("lnit");
    }
}
