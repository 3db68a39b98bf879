//! A server that starts while one of its system calls fails: it says why it cannot, or serves all the same.

use std::path::PathBuf;

use support::PATIENCE;
use support::load::{Load, Place, Usage};

use crate::errnos;
use crate::inject::{Fault, Log, When};

/// What becomes of the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Then {
    /// It serves.
    Serves,
    /// It ends, with exit code 1 and a line that names the error.
    Ends,
}

/// Which file the call has to be about, where others make it before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum About {
    Anything,
    /// The served directory.
    Root,
    /// The file of the access log.
    Log,
    /// The lock of a Unix socket.
    Lock,
    /// A Unix socket's file.
    Socket,
}

/// A call that fails at the start.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) usage: Usage,
    pub(crate) about: About,
    pub(crate) fault: Fault,
    pub(crate) then: Then,
}

use About::{Anything, Lock, Root, Socket};
use Then::{Ends, Serves};
use Usage::{Demo, Files, Systemd, Unix};
use When::{Always, Once};

/// Usage, call, what it is about, the errors of its man page, and what follows. CI takes the first error of each row.
#[rustfmt::skip]
const ROWS: &[(Usage, &str, About, &str, When, Then)] = &[
    // socket(2), bind(2), listen(2), setsockopt(2), getsockname(2), unix(7)
    (Demo, "socket", Anything, "EMFILE EACCES EAFNOSUPPORT EINVAL ENFILE ENOBUFS ENOMEM", Once, Ends),
    (Demo, "bind", Anything, "EADDRINUSE EACCES EADDRNOTAVAIL EBADF EINVAL ENOTSOCK", Once, Ends),
    (Demo, "listen", Anything, "EADDRINUSE EBADF ENOTSOCK EOPNOTSUPP", Once, Ends),
    (Demo, "setsockopt", Anything, "ENOPROTOOPT EBADF EFAULT EINVAL ENOTSOCK", Always, Ends),
    (Demo, "getsockname", Anything, "ENOBUFS EBADF EFAULT EINVAL ENOTSOCK", Once, Ends),
    // Whether a socket takes both families is only looked at to say so.
    (Demo, "getsockopt", Anything, "ENOPROTOOPT EBADF EFAULT EINVAL ENOTSOCK", Always, Serves),
    // epoll_create1(2), epoll_ctl(2), eventfd(2)
    (Demo, "epoll_create1", Anything, "EMFILE EINVAL ENFILE ENOMEM", Once, Ends),
    (Demo, "epoll_ctl", Anything, "ENOSPC EBADF EINVAL ENOMEM EPERM", Always, Ends),
    (Demo, "eventfd2", Anything, "ENFILE EINVAL EMFILE ENODEV ENOMEM", Once, Ends),
    // fcntl(2): duplicates for the next program, and flags.
    (Demo, "fcntl", Anything, "EMFILE EBADF EINVAL", Always, Ends),
    // getrlimit(2): the first two are the C library's, which looks for the stack.
    (Demo, "prlimit64", Anything, "EPERM EFAULT EINVAL", Always, Ends),
    // clone(2): one thread after the other. pthread_create(3) makes EAGAIN of ENOMEM.
    (Demo, "clone3", Anything, "EAGAIN", Once, Ends),
    (Demo, "clone3", Anything, "EAGAIN", When::Nth(2), Ends),
    (Demo, "clone3", Anything, "EAGAIN", When::Nth(3), Ends),
    (Demo, "clone3", Anything, "EAGAIN", When::Nth(4), Ends),
    (Demo, "clone3", Anything, "EAGAIN", When::Nth(5), Ends),
    (Demo, "clone3", Anything, "EAGAIN", When::Nth(6), Ends),
    // open(2), stat(2), openat2(2): the root. Without openat2 the way to a file is walked step by step.
    (Files, "openat", Root, "EACCES ELOOP EMFILE ENAMETOOLONG ENFILE ENOENT ENOMEM ENOTDIR EPERM", Always, Ends),
    (Files, "statx", Root, "EACCES EFAULT ELOOP ENOENT ENOMEM ENOTDIR", Always, Ends),
    (Files, "openat2", Anything, "ENOSYS EPERM", Always, Serves),
    (Files, "openat2", Anything, "EMFILE ENFILE ENOMEM", Always, Ends),
    // open(2), stat(2): the log.
    (Usage::Log, "openat", About::Log, "EROFS EACCES EDQUOT EISDIR ELOOP EMFILE ENFILE ENOENT ENOMEM ENOSPC ENOTDIR EPERM", Always, Ends),
    // open(2), flock(2), chmod(2), stat(2): a Unix socket and its lock.
    (Unix, "openat", Lock, "EACCES EMFILE ENOENT ENOSPC EROFS", Always, Ends),
    (Unix, "flock", Anything, "ENOLCK EBADF EINVAL", Always, Ends),
    (Unix, "chmod", Socket, "EPERM EACCES EIO ENOENT EROFS", Always, Ends),
    // send(2): nobody hears it, and that is no reason not to serve.
    (Systemd, "sendto", Anything, "ECONNREFUSED EACCES EAGAIN EINTR ENOBUFS ENOENT", Once, Serves),
];

/// All cases of the table.
pub(crate) fn all() -> Vec<Case> {
    ROWS.iter()
        .flat_map(|row| row.3.split(' ').map(|errno| case(row, errno)))
        .collect()
}

/// Those that CI takes.
pub(crate) fn chosen() -> Vec<Case> {
    let first =
        |row: &'static (_, _, _, &'static str, _, _)| row.3.split(' ').next().map(|errno| case(row, errno));
    ROWS.iter().filter_map(first).collect()
}

/// The calls that have a row.
pub(crate) fn calls() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.1)
}

fn case(row: &(Usage, &'static str, About, &str, When, Then), errno: &'static str) -> Case {
    let &(usage, call, about, _, when, then) = row;
    Case {
        usage,
        about,
        fault: Fault { call, errno, when },
        then,
    }
}

/// What the server says instead of the system's words, where it knows what to do about it.
fn in_own_words(errno: &str) -> Option<&'static str> {
    match errno {
        "EADDRINUSE" => Some("the address is taken"),
        "EPERM" => Some("is always ready"),
        _ => None,
    }
}

impl About {
    fn path(self, place: &Place) -> Option<PathBuf> {
        let name = match self {
            Anything => return None,
            Root => "root",
            About::Log => "log",
            Lock => "socket.lock",
            Socket => "socket",
        };
        Some(place.path().join(name))
    }
}

/// Runs a case; panics when the server does anything else than promised. Returns how often the call failed.
pub(crate) fn run(case: Case) -> usize {
    let (place, log) = (Place::new(), Log::new());
    let wrapper = log.words(case.fault, case.about.path(&place).as_deref());
    let launch = place.launch(case.usage).under(wrapper);
    match case.then {
        Serves => {
            let server = launch.start();
            let load = Load::new(case.usage, &place, &server, &[500, 503]);
            load.until_all_is_right(PATIENCE);
            server.stop();
        }
        Ends => {
            let output = launch.fails();
            let said = String::from_utf8_lossy(&output.stderr);
            let lines = said.lines().count();
            assert_eq!(
                output.status.code(),
                Some(1),
                "it ended with {}: {said}",
                output.status
            );
            let why = errnos::text(case.fault.errno);
            let says_why =
                said.contains(&why) || in_own_words(case.fault.errno).is_some_and(|why| said.contains(why));
            assert!(says_why, "it does not say why: {said}");
            assert!(
                lines == 1 && !said.contains("panicked"),
                "it says it in {lines} lines: {said}"
            );
        }
    }
    let injected = log.injected();
    assert!(injected > 0, "the call was never made: {}", log.text());
    injected
}
