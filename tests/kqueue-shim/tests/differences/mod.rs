//! Where the shim may differ from a recording, line by line, and why.

use kqueue_shim::Kernel::{self, FreeBsd, NetBsd, OpenBsd};

/// One reason, and the lines it explains: of which kernels, what those answered, and what the shim answers.
struct Difference {
    reason: &'static str,
    lines: &'static [(&'static [Kernel], &'static str, &'static str)],
}

const ALL: &[Kernel] = &[FreeBsd, NetBsd, OpenBsd];
const FREEBSD: &[Kernel] = &[FreeBsd];
const NETBSD: &[Kernel] = &[NetBsd];
const OPENBSD: &[Kernel] = &[OpenBsd];
const FREEBSD_AND_OPENBSD: &[Kernel] = &[FreeBsd, OpenBsd];
const NETBSD_AND_OPENBSD: &[Kernel] = &[NetBsd, OpenBsd];

/// What an older recorder asked a kernel that has no EVFILT_USER, and nobody asks any more: it waits for nothing.
const NOT_ASKED: &str = "user blocked, triggered from another thread: 0 elapsed>=60ms:yes <4000ms:no";

/// The lines that the shim has to answer in place of the `recorded` ones.
pub(crate) fn applied(kernel: Kernel, mut recorded: Vec<String>) -> Vec<String> {
    for difference in DIFFERENCES {
        for (_, theirs, ours) in difference.lines.iter().filter(|(of, ..)| of.contains(&kernel)) {
            assert_ne!(theirs, ours, "no difference: {}", difference.reason);
            let (theirs, ours) = (echoing(kernel, theirs), echoing(kernel, ours));
            let mut places = recorded.iter_mut().filter(|line| **line == theirs);
            let place = places
                .next()
                .unwrap_or_else(|| panic!("not in the recording of {kernel:?}: {theirs}"));
            *place = ours;
            assert!(places.next().is_none(), "twice in the recording: {theirs}");
        }
    }
    recorded.retain(|line| line != NOT_ASKED);
    recorded
}

/// The line as a kernel says it: FreeBSD's events do not echo EV_ADD.
fn echoing(kernel: Kernel, line: &str) -> String {
    if kernel == FreeBsd {
        return line.to_owned();
    }
    let mut parts = line.split('{');
    let mut echoed = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let words: Vec<_> = part.splitn(4, ' ').collect();
        let [filter, name, flags, rest] = words[..] else {
            panic!("an event has a filter, a name, flags and data: {part}")
        };
        let flags = if flags == "-" {
            "ADD".to_owned()
        } else {
            format!("ADD|{flags}")
        };
        echoed += &format!("{{{filter} {name} {flags} {rest}");
    }
    echoed
}

const DIFFERENCES: &[Difference] = &[
    Difference {
        reason: "pipes report an edge for each read; a kernel may, and Linux does not",
        lines: &[
            (
                ALL,
                "clear/pipe after partial read of 2 of 5, no new data: 1 {READ pr CLEAR data=3 ud=1}",
                "clear/pipe after partial read of 2 of 5, no new data: 0",
            ),
            (
                ALL,
                "clear_write/pipe after write 10 + peer read 10: 1 {WRITE pw CLEAR data>0 ud=1}",
                "clear_write/pipe after write 10 + peer read 10: 0",
            ),
            (
                ALL,
                "eof_clear/pipe after draining: 1 {READ pr CLEAR|EOF data=0 ud=1}",
                "eof_clear/pipe after draining: 0",
            ),
            (
                OPENBSD,
                "eof_clear/pipe after read()=0: 1 {READ pr CLEAR|EOF data=0 ud=1}",
                "eof_clear/pipe after read()=0: 0",
            ),
        ],
    },
    Difference {
        reason: "another edge after each accept or partial read; who goes on until WouldBlock never sees it",
        lines: &[
            (
                ALL,
                "listen/clear after 1 accept: 1 {READ lst CLEAR data=2 ud=1}",
                "listen/clear after 1 accept: 0",
            ),
            (
                FREEBSD,
                "clear_write peer read 10 of a full buffer: 1 {WRITE a CLEAR data>0 ud=1}",
                "clear_write peer read 10 of a full buffer: 0",
            ),
        ],
    },
    Difference {
        reason: "Linux reports WRITE again when a FIN comes; spurious edges are allowed everywhere",
        lines: &[(
            ALL,
            "eof/tcp peer wrote 4 and closed: 1 {READ srv EOF data=4 ud=1}",
            "eof/tcp peer wrote 4 and closed: 2 {READ srv EOF data=4 ud=1} {WRITE srv CLEAR data>0 ud=2}",
        )],
    },
    Difference {
        reason: "a stale one-shot event says how much there was; the shim counts anew",
        lines: &[(
            ALL,
            "oneshot armed with data, drained before the poll (stale?): 1 {READ a ONESHOT data=6 ud=5}",
            "oneshot armed with data, drained before the poll (stale?): 1 {READ a ONESHOT data=0 ud=5}",
        )],
    },
    Difference {
        reason: "EV_ENABLE looks again, as on FreeBSD, OpenBSD, Darwin and NetBSD 10; lint forbids it without EV_ADD",
        lines: &[
            (
                NETBSD,
                "dispatch EV_ENABLE|EV_DISPATCH, 4 unread: 0",
                "dispatch EV_ENABLE|EV_DISPATCH, 4 unread: 1 {READ a DISPATCH data=4 ud=1}",
            ),
            (
                NETBSD,
                "dispatch EV_ADD|EV_DISPATCH (no ENABLE), 4 unread: 1 {READ a DISPATCH data=4 ud=1}",
                "dispatch EV_ADD|EV_DISPATCH (no ENABLE), 4 unread: 0",
            ),
            (
                NETBSD,
                "disable/clear disable+enable with unread data and no new edge: 0",
                "disable/clear disable+enable with unread data and no new edge: 1 {READ a CLEAR data=3 ud=1}",
            ),
            (
                NETBSD,
                "rearm DISPATCH, re-arm ENABLE: fire=1 quiet=0 rearm=0(ud=0) rearm=0(ud=0) rearm-empty=0 data=1",
                "rearm DISPATCH, re-arm ENABLE: fire=1 quiet=0 rearm=1(ud=1) rearm=1(ud=1) rearm-empty=0 data=1",
            ),
            (
                NETBSD,
                "rearm DISPATCH, re-arm ENABLE|DISPATCH: fire=1 quiet=0 rearm=0(ud=0) rearm=0(ud=0) rearm-empty=0 data=1",
                "rearm DISPATCH, re-arm ENABLE|DISPATCH: fire=1 quiet=0 rearm=1(ud=1) rearm=1(ud=1) rearm-empty=0 data=1",
            ),
        ],
    },
    Difference {
        reason: "EV_DISPATCH disables beside EV_CLEAR, as on FreeBSD and OpenBSD; lint forbids both together",
        lines: &[
            (
                NETBSD,
                "dispatch+clear new data while disabled: 1 {READ a CLEAR|DISPATCH data=2 ud=1}",
                "dispatch+clear new data while disabled: 0",
            ),
            (
                NETBSD,
                "dispatch+clear EV_ENABLE, 2 unread: 0",
                "dispatch+clear EV_ENABLE, 2 unread: 1 {READ a CLEAR|DISPATCH data=2 ud=1}",
            ),
        ],
    },
    Difference {
        reason: "EV_ADD with EV_DELETE is nonsense, and each system makes something else of it",
        lines: &[(
            NETBSD_AND_OPENBSD,
            "readd/add|delete EV_DELETE: 0",
            "readd/add|delete EV_DELETE: -1 ENOENT",
        )],
    },
    Difference {
        reason: "the space that is left at an end: programs must not rely on `data`",
        lines: &[
            (
                FREEBSD,
                "eof/sock WRITE enabled too: 2 {READ a EOF data=0 ud=1} {WRITE a EOF data=0 ud=2}",
                "eof/sock WRITE enabled too: 2 {READ a EOF data=0 ud=1} {WRITE a EOF data>0 ud=2}",
            ),
            (
                FREEBSD,
                "shutdown/peer-RD peer SHUT_RD: 1 {WRITE a EOF data=0 ud=2}",
                "shutdown/peer-RD peer SHUT_RD: 1 {WRITE a EOF data>0 ud=2}",
            ),
            (
                FREEBSD,
                "eof_clear/sock peer wrote 4 and closed: 2 {READ a CLEAR|EOF data=4 ud=1} {WRITE a CLEAR|EOF data=0 ud=2}",
                "eof_clear/sock peer wrote 4 and closed: 2 {READ a CLEAR|EOF data=4 ud=1} {WRITE a CLEAR|EOF data>0 ud=2}",
            ),
        ],
    },
    Difference {
        reason: "Linux does not tell a peer's SHUT_RD from one's own SHUT_WR",
        lines: &[(
            NETBSD_AND_OPENBSD,
            "shutdown/peer-RD peer SHUT_RD: 1 {WRITE a - data>0 ud=2}",
            "shutdown/peer-RD peer SHUT_RD: 1 {WRITE a EOF data>0 ud=2}",
        )],
    },
    Difference {
        reason: "reading the socket's error for fflags would clear it",
        lines: &[
            (
                ALL,
                "eof/tcp-rst peer reset (SO_LINGER 0): 2 {READ srv EOF data=0 fflags=ECONNRESET ud=1} {WRITE srv EOF data>0 fflags=ECONNRESET ud=2}",
                "eof/tcp-rst peer reset (SO_LINGER 0): 2 {READ srv EOF data=0 ud=1} {WRITE srv EOF data>0 ud=2}",
            ),
            (
                NETBSD_AND_OPENBSD,
                "connect/refused refused: 2 {READ cli EOF data=0 fflags=ECONNREFUSED ud=2} {WRITE cli EOF data>0 fflags=ECONNREFUSED ud=1}",
                "connect/refused refused: 2 {READ cli EOF data=0 ud=2} {WRITE cli EOF data>0 ud=1}",
            ),
            (
                NETBSD_AND_OPENBSD,
                "connect/refused again: 2 {READ cli EOF data=0 fflags=ECONNREFUSED ud=2} {WRITE cli EOF data>0 fflags=ECONNREFUSED ud=1}",
                "connect/refused again: 2 {READ cli EOF data=0 ud=2} {WRITE cli EOF data>0 ud=1}",
            ),
        ],
    },
    Difference {
        reason: "the pipes of these systems go both ways, Linux's do not",
        lines: &[(
            FREEBSD_AND_OPENBSD,
            "wr_eof/read-filter-on-write-end poll: 1 {WRITE pr - data>0 ud=5}",
            "wr_eof/read-filter-on-write-end poll: 0",
        )],
    },
    Difference {
        reason: "a kqueue in itself is EINVAL, as on FreeBSD (NetBSD panics later)",
        lines: &[(
            NETBSD_AND_OPENBSD,
            "nested_self kq into itself: 0",
            "nested_self kq into itself: -1 EINVAL",
        )],
    },
    Difference {
        reason: "READ first, then WRITE, not in order of EV_ADD: programs must not rely on the order",
        lines: &[(
            ALL,
            "fair/read+write-clear-two-fds 1st (nevents=3): 3 {READ a CLEAR data=1 ud=1} {WRITE a CLEAR data>0 ud=2} {READ b CLEAR data=1 ud=3}",
            "fair/read+write-clear-two-fds 1st (nevents=3): 3 {READ a CLEAR data=1 ud=1} {READ b CLEAR data=1 ud=3} {WRITE a CLEAR data>0 ud=2}",
        )],
    },
    Difference {
        reason: "FIONREAD of a datagram socket is the next datagram's size, not the buffer's",
        lines: &[
            (
                FREEBSD,
                "dgram datagrams of 3 and 4 bytes: 1 {READ a CLEAR data=7 ud=1}",
                "dgram datagrams of 3 and 4 bytes: 1 {READ a CLEAR data=3 ud=1}",
            ),
            (
                FREEBSD,
                "dgram another datagram, 1 unread: 1 {READ a CLEAR data=5 ud=1}",
                "dgram another datagram, 1 unread: 1 {READ a CLEAR data=4 ud=1}",
            ),
            (
                NETBSD,
                "dgram datagrams of 3 and 4 bytes: 1 {READ a CLEAR data=11 ud=1}",
                "dgram datagrams of 3 and 4 bytes: 1 {READ a CLEAR data=3 ud=1}",
            ),
            (
                NETBSD,
                "dgram another datagram, 1 unread: 1 {READ a CLEAR data=9 ud=1}",
                "dgram another datagram, 1 unread: 1 {READ a CLEAR data=4 ud=1}",
            ),
            (
                OPENBSD,
                "dgram datagrams of 3 and 4 bytes: 1 {READ a CLEAR data=39 ud=1}",
                "dgram datagrams of 3 and 4 bytes: 1 {READ a CLEAR data=3 ud=1}",
            ),
            (
                OPENBSD,
                "dgram another datagram, 1 unread: 1 {READ a CLEAR data=37 ud=1}",
                "dgram another datagram, 1 unread: 1 {READ a CLEAR data=4 ud=1}",
            ),
        ],
    },
];
