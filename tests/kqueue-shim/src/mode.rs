//! Which kernel the shim answers as, and how strict it is.

use std::{
    env,
    sync::{Mutex, PoisonError},
};

use crate::queue::Errno;

/// The kernels whose recorded answers the shim is held to: they differ in what they do at the end of a pipe, in which flags an
/// event echoes, and in a few errors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Kernel {
    /// FreeBSD 15.1.
    #[default]
    FreeBsd,
    /// NetBSD 7.99, which has no EVFILT_USER.
    NetBsd,
    /// OpenBSD 7.3, which has no EVFILT_USER.
    OpenBsd,
}

/// How the shim answers; the default is plain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mode {
    /// Abort on what some BSD would silently get wrong.
    pub lint: bool,
    /// Have no EVFILT_USER, like NetBSD before 10, and OpenBSD 7.3.
    pub no_user: bool,
    /// Answer as this kernel; None leaves it to the seed of chaos, and is FreeBSD without.
    pub kernel: Option<Kernel>,
    /// Do everything a kernel may, decided by this seed. An odd one refuses EVFILT_USER: as an unknown filter, or, one in
    /// two, because the process has as many as it may.
    pub chaos: Option<u64>,
}

impl Mode {
    /// The kernel in force.
    pub(crate) fn kernel(self) -> Kernel {
        const KERNELS: [Kernel; 3] = [Kernel::FreeBsd, Kernel::OpenBsd, Kernel::NetBsd];
        let by_seed = || KERNELS[(self.chaos.unwrap_or_default() / 2 % 3) as usize];
        self.kernel.unwrap_or_else(by_seed)
    }

    /// With which error this kernel refuses EVFILT_USER: a property of the kernel, hence the same for all queues of a
    /// process.
    pub(crate) fn refuses_user(self) -> Option<Errno> {
        match self.chaos.map(|seed| seed % 4) {
            _ if self.no_user => Some(Errno(libc::EINVAL)),
            _ if matches!(self.kernel, Some(Kernel::NetBsd | Kernel::OpenBsd)) => Some(Errno(libc::EINVAL)),
            Some(1) => Some(Errno(libc::EINVAL)),
            // Out of memory, or above a limit for each process.
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
            ("freebsd", _) => mode.kernel = Some(Kernel::FreeBsd),
            ("netbsd", _) => mode.kernel = Some(Kernel::NetBsd),
            ("openbsd", _) => mode.kernel = Some(Kernel::OpenBsd),
            ("chaos", seed) => mode.chaos = Some(seed.parse().expect("KQUEUE_SHIM: the seed is a number")),
            _ => panic!(
                "KQUEUE_SHIM: {word} is none of plain, freebsd, netbsd, openbsd, lint, no-user, chaos, chaos:SEED"
            ),
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
        let (openbsd, netbsd) = (parse("openbsd"), parse("netbsd,chaos:4"));
        assert_eq!(openbsd.kernel, Some(Kernel::OpenBsd));
        assert_eq!((netbsd.kernel, netbsd.chaos), (Some(Kernel::NetBsd), Some(4)));
    }

    #[test]
    fn a_seed_chooses_the_kernel_unless_it_is_named() {
        assert_eq!(parse("plain").kernel(), Kernel::FreeBsd);
        assert_eq!(parse("netbsd,chaos:2").kernel(), Kernel::NetBsd);
        let chosen = [1, 2, 4].map(|seed| parse(&format!("chaos:{seed}")).kernel());
        assert_eq!(chosen, [Kernel::FreeBsd, Kernel::OpenBsd, Kernel::NetBsd]);
    }

    #[test]
    fn an_odd_seed_and_two_kernels_refuse_evfilt_user() {
        for (text, refused) in [
            ("plain", None),
            ("no-user", Some(libc::EINVAL)),
            ("freebsd", None),
            ("netbsd", Some(libc::EINVAL)),
            ("openbsd,chaos:4", Some(libc::EINVAL)),
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
