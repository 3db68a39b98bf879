//! Which calls fail, with which errors of their man pages, and what the server does then.

use support::load::Usage;

use crate::errnos;
use crate::inject::{Fault, When};
use crate::running::{Case, Then};

/// A call of a server that runs.
pub(crate) struct Row {
    pub(crate) call: &'static str,
    pub(crate) usage: Usage,
    /// How the names of the threads begin that make it for this purpose.
    pub(crate) thread: &'static str,
    /// The errors, of the section ERRORS of its man pages.
    pub(crate) errors: &'static str,
    pub(crate) then: Then,
    /// Those that CI takes.
    pub(crate) chosen: &'static [(&'static str, When)],
}

use Then::{Ends, Says, Serves};
use Usage::{Admin, Demo, Files, Log, Piped, Proxy};
use When::{Always, EverySeventh, Once};

#[rustfmt::skip]
pub(crate) const ROWS: &[Row] = &[
    // Waiting and registering.
    Row { call: "epoll_wait", usage: Demo, thread: "worker", errors: "EINTR", then: Serves, chosen: &[("EINTR", EverySeventh), ("EINTR", Always)] },
    Row { call: "epoll_wait", usage: Demo, thread: "worker", errors: "EBADF EFAULT EINVAL", then: Ends, chosen: &[("EBADF", Once)] },
    Row { call: "epoll_ctl", usage: Demo, thread: "worker", errors: "EBADF EINVAL ELOOP ENOMEM ENOSPC EPERM", then: Says("the kernel does not watch it"), chosen: &[("ENOSPC", Always), ("ENOMEM", EverySeventh)] },
    Row { call: "epoll_ctl", usage: Demo, thread: "worker", errors: "EEXIST ENOENT", then: Serves, chosen: &[("ENOENT", Once)] },
    // A wait of the demonstration's own, for less than a millisecond. Where it is missing or forbidden, epoll_wait does.
    Row { call: "epoll_pwait2", usage: Demo, thread: "later", errors: "EBADF EFAULT EINTR EINVAL ENOSYS EPERM", then: Serves, chosen: &[("EINVAL", Once), ("ENOSYS", Always)] },
    // Connections.
    Row { call: "accept4", usage: Demo, thread: "worker", errors: "EAGAIN ECONNABORTED EINTR EPROTO EPERM EHOSTDOWN EHOSTUNREACH ENETDOWN ENETUNREACH ENONET ENOPROTOOPT EOPNOTSUPP ETIMEDOUT", then: Serves, chosen: &[("ECONNABORTED", EverySeventh), ("EINTR", Always), ("EAGAIN", Always)] },
    Row { call: "accept4", usage: Demo, thread: "worker", errors: "EBADF EFAULT EINVAL EMFILE ENFILE ENOBUFS ENOMEM ENOTSOCK", then: Says("no connection can be accepted for the moment"), chosen: &[("EMFILE", Always), ("ENOMEM", EverySeventh)] },
    Row { call: "read", usage: Demo, thread: "worker", errors: "EAGAIN EBADF ECONNRESET EFAULT EINTR EINVAL EIO EISDIR ETIMEDOUT", then: Serves, chosen: &[("EAGAIN", Always), ("EINTR", EverySeventh), ("ECONNRESET", EverySeventh), ("EIO", Once)] },
    Row { call: "read", usage: Proxy, thread: "worker", errors: "EAGAIN ECONNRESET EINTR EIO", then: Serves, chosen: &[("EINTR", Always)] },
    Row { call: "sendto", usage: Demo, thread: "worker", errors: "EACCES EAGAIN EALREADY EBADF ECONNRESET EDESTADDRREQ EFAULT EINTR EINVAL EISCONN EMSGSIZE ENOBUFS ENOMEM ENOTCONN ENOTSOCK EOPNOTSUPP EPIPE ETIMEDOUT", then: Serves, chosen: &[("EAGAIN", Always), ("EINTR", Always), ("ENOBUFS", EverySeventh), ("EPIPE", Once)] },
    Row { call: "shutdown", usage: Demo, thread: "worker", errors: "EBADF EINVAL ENOTCONN ENOTSOCK", then: Serves, chosen: &[("ENOTCONN", Always)] },
    Row { call: "close", usage: Demo, thread: "worker", errors: "EBADF EDQUOT EINTR EIO ENOSPC", then: Serves, chosen: &[("EIO", EverySeventh)] },
    // Waking another thread's poller. Not EAGAIN, which says that the eventfd's counter is full: then that one is woken already.
    Row { call: "write", usage: Demo, thread: "", errors: "EBADF EFAULT EINTR EINVAL EIO ENOSPC EPERM", then: Serves, chosen: &[("EIO", Once), ("EINTR", EverySeventh), ("EINTR", Always), ("EIO", Always)] },
    // Files.
    Row { call: "openat2", usage: Files, thread: "", errors: "E2BIG EACCES EAGAIN EINTR EINVAL ELOOP ENAMETOOLONG ENODEV ENOENT ENOMEM ENOTDIR ENXIO EOVERFLOW EPERM EXDEV", then: Serves, chosen: &[("EAGAIN", Always), ("EINTR", EverySeventh)] },
    Row { call: "openat2", usage: Files, thread: "worker", errors: "EMFILE ENFILE", then: Says("cannot be opened or read for the moment"), chosen: &[("EMFILE", EverySeventh)] },
    Row { call: "openat", usage: Files, thread: "", errors: "EACCES EINTR EINVAL EISDIR ELOOP EMFILE ENAMETOOLONG ENFILE ENODEV ENOENT ENOMEM ENOTDIR ENXIO EOVERFLOW EPERM ETXTBSY", then: Serves, chosen: &[("EMFILE", Always), ("EINTR", EverySeventh), ("EACCES", Once)] },
    Row { call: "newfstatat", usage: Files, thread: "worker", errors: "EACCES EBADF EFAULT EINVAL ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR EOVERFLOW", then: Serves, chosen: &[("ENOMEM", EverySeventh)] },
    Row { call: "fstat", usage: Files, thread: "worker", errors: "EBADF EFAULT ENOMEM EOVERFLOW", then: Serves, chosen: &[("ENOMEM", EverySeventh)] },
    Row { call: "statx", usage: Files, thread: "worker", errors: "EACCES EBADF EFAULT EINVAL ELOOP ENAMETOOLONG ENOENT ENOMEM ENOTDIR", then: Says("cannot be opened"), chosen: &[("EACCES", Always)] },
    Row { call: "pread64", usage: Files, thread: "worker", errors: "EAGAIN EBADF EFAULT EINTR EINVAL EIO EISDIR ENXIO EOVERFLOW ESPIPE", then: Serves, chosen: &[("EIO", EverySeventh), ("EINTR", EverySeventh)] },
    Row { call: "sendfile", usage: Files, thread: "worker", errors: "EAGAIN EBADF ECONNRESET EFAULT EINTR EINVAL EIO ENOMEM EOVERFLOW EPIPE ESPIPE", then: Serves, chosen: &[("EAGAIN", Always), ("EINVAL", Always), ("EIO", EverySeventh), ("EINTR", EverySeventh)] },
    // glibc takes its ENOENT for the end of a directory that was removed, as POSIX wants.
    Row { call: "getdents64", usage: Files, thread: "blocking", errors: "EBADF EFAULT EINVAL ENOTDIR", then: Serves, chosen: &[("EINVAL", Once)] },
    // The log's file.
    Row { call: "write", usage: Log, thread: "log", errors: "EBADF EDQUOT EFAULT EFBIG EINVAL EIO ENOSPC EPERM EPIPE", then: Says("cannot write the access log"), chosen: &[("ENOSPC", Once), ("EIO", Always)] },
    Row { call: "write", usage: Log, thread: "log", errors: "EAGAIN EINTR", then: Serves, chosen: &[("EINTR", Always), ("EAGAIN", Always)] },
    Row { call: "poll", usage: Piped, thread: "log", errors: "EFAULT EINTR EINVAL ENOMEM", then: Serves, chosen: &[("EINTR", Always)] },
    Row { call: "openat", usage: Log, thread: "log", errors: "EACCES EDQUOT EISDIR ELOOP EMFILE ENFILE ENOENT ENOMEM ENOSPC ENOTDIR EPERM EROFS", then: Says("cannot open the log"), chosen: &[("ENOSPC", Once)] },
    Row { call: "openat", usage: Log, thread: "log", errors: "EINTR", then: Serves, chosen: &[("EINTR", Once)] },
    // The admin listener.
    Row { call: "openat", usage: Admin, thread: "worker", errors: "EACCES EMFILE ENFILE ENOENT ENOMEM", then: Serves, chosen: &[("EMFILE", Always)] },
    Row { call: "getdents64", usage: Admin, thread: "worker", errors: "EBADF EFAULT EINVAL ENOENT ENOTDIR", then: Serves, chosen: &[("ENOENT", Always)] },
    Row { call: "getrusage", usage: Admin, thread: "worker", errors: "EFAULT EINVAL", then: Serves, chosen: &[("EINVAL", Always)] },
    // Signals: sigwaitinfo(2), by sigwait(3).
    Row { call: "rt_sigtimedwait", usage: Files, thread: "signals", errors: "EAGAIN EINTR EINVAL", then: Serves, chosen: &[("EINTR", Once), ("EAGAIN", Always)] },
];

/// All cases of the table.
pub(crate) fn all() -> Vec<Case> {
    let of_row = |row: &'static Row| {
        let errors = row.errors.split(' ');
        errors.flat_map(move |errno| When::ALL.map(|when| row.case(errno, when)))
    };
    ROWS.iter()
        .flat_map(of_row)
        .filter(|case| !is_endless(case))
        .collect()
}

/// std and sigwait(3) try again after a signal for as long as it takes, and signals without an end are no kernel's.
fn is_endless(case: &Case) -> bool {
    let through_std = matches!(
        (case.fault.call, case.usage, case.thread),
        ("openat", Log | Admin, _) | ("rt_sigtimedwait", _, _)
    );
    through_std && case.fault.errno == "EINTR" && case.fault.when == Always
}

/// Those that CI takes.
pub(crate) fn chosen() -> Vec<Case> {
    let of_row = |row: &'static Row| row.chosen.iter().map(move |&(errno, when)| row.case(errno, when));
    ROWS.iter().flat_map(of_row).collect()
}

impl Row {
    fn case(&self, errno: &'static str, when: When) -> Case {
        Case {
            usage: self.usage,
            thread: self.thread,
            fault: Fault {
                call: self.call,
                errno,
                when,
            },
            then: self.then,
        }
    }
}

#[test]
fn the_choice_of_ci_has_each_call_and_each_class_of_errors() {
    let chosen = chosen();
    for row in ROWS {
        assert!(
            !row.chosen.is_empty(),
            "{} for {:?} is left out",
            row.call,
            row.usage
        );
        for (errno, _) in row.chosen {
            assert!(
                row.errors.split(' ').any(|known| known == *errno),
                "{} has no {errno}",
                row.call
            );
        }
    }
    for class in errnos::classes() {
        let is_there = chosen.iter().any(|case| errnos::class(case.fault.errno) == class);
        assert!(is_there, "no error of the class {class:?}");
    }
    for when in When::ALL {
        assert!(
            chosen.iter().any(|case| case.fault.when == when),
            "none is {when:?}"
        );
    }
}
