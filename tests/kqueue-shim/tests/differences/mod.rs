//! Where the shim may differ from the recording, line by line, and why.

/// One reason, and the lines it explains: the recorded one, and the shim's.
pub(crate) struct Difference {
    pub(crate) reason: &'static str,
    pub(crate) lines: &'static [(&'static str, &'static str)],
}

pub(crate) const DIFFERENCES: &[Difference] = &[
    Difference {
        reason: "NetBSD's pipes report an edge for each read; the others may, and Linux does not",
        lines: &[
            (
                "clear/pipe after partial read of 2 of 5, no new data: 1 {READ pr ADD|CLEAR data=3 ud=1}",
                "clear/pipe after partial read of 2 of 5, no new data: 0",
            ),
            (
                "clear_write/pipe after write 10 + peer read 10: 1 {WRITE pw ADD|CLEAR data>0 ud=1}",
                "clear_write/pipe after write 10 + peer read 10: 0",
            ),
            (
                "eof_clear/pipe after draining: 1 {READ pr ADD|CLEAR|EOF data=0 ud=1}",
                "eof_clear/pipe after draining: 0",
            ),
        ],
    },
    Difference {
        reason: "NetBSD reports a listener again after each accept; who accepts until WouldBlock never sees it",
        lines: &[(
            "listen/clear after 1 accept: 1 {READ lst ADD|CLEAR data=2 ud=1}",
            "listen/clear after 1 accept: 0",
        )],
    },
    Difference {
        reason: "Linux reports WRITE again when a FIN comes; spurious edges are allowed everywhere",
        lines: &[(
            "eof/tcp peer wrote 4 and closed: 1 {READ srv ADD|EOF data=4 ud=1}",
            "eof/tcp peer wrote 4 and closed: 2 {READ srv ADD|EOF data=4 ud=1} {WRITE srv ADD|CLEAR data>0 ud=2}",
        )],
    },
    Difference {
        reason: "stale one-shot events come in chaos mode only",
        lines: &[
            (
                "oneshot armed with data, drained before the poll (stale?): 1 {READ a ADD|ONESHOT data=6 ud=5}",
                "oneshot armed with data, drained before the poll (stale?): 0",
            ),
            (
                "oneshot new byte: 0",
                "oneshot new byte: 1 {READ a ADD|ONESHOT data=1 ud=5}",
            ),
        ],
    },
    Difference {
        reason: "EV_ENABLE looks again, as on FreeBSD, OpenBSD, Darwin and NetBSD 10",
        lines: &[
            (
                "dispatch EV_ENABLE|EV_DISPATCH, 4 unread: 0",
                "dispatch EV_ENABLE|EV_DISPATCH, 4 unread: 1 {READ a ADD|DISPATCH data=4 ud=1}",
            ),
            (
                "dispatch EV_ADD|EV_DISPATCH (no ENABLE), 4 unread: 1 {READ a ADD|DISPATCH data=4 ud=1}",
                "dispatch EV_ADD|EV_DISPATCH (no ENABLE), 4 unread: 0",
            ),
            (
                "disable/clear disable+enable with unread data and no new edge: 0",
                "disable/clear disable+enable with unread data and no new edge: 1 {READ a ADD|CLEAR data=3 ud=1}",
            ),
            (
                "rearm DISPATCH, re-arm ENABLE: fire=1 quiet=0 rearm=0(ud=0) rearm=0(ud=0) rearm-empty=0 data=1",
                "rearm DISPATCH, re-arm ENABLE: fire=1 quiet=0 rearm=1(ud=7) rearm=1(ud=7) rearm-empty=0 data=1",
            ),
            (
                "rearm DISPATCH, re-arm ENABLE|DISPATCH: \
                 fire=1 quiet=0 rearm=0(ud=0) rearm=0(ud=0) rearm-empty=0 data=1",
                "rearm DISPATCH, re-arm ENABLE|DISPATCH: \
                 fire=1 quiet=0 rearm=1(ud=7) rearm=1(ud=7) rearm-empty=0 data=1",
            ),
        ],
    },
    Difference {
        reason: "EV_DISPATCH disables beside EV_CLEAR, as on FreeBSD and OpenBSD",
        lines: &[
            (
                "dispatch+clear new data while disabled: 1 {READ a ADD|CLEAR|DISPATCH data=2 ud=1}",
                "dispatch+clear new data while disabled: 0",
            ),
            (
                "dispatch+clear EV_ENABLE, 2 unread: 0",
                "dispatch+clear EV_ENABLE, 2 unread: 1 {READ a ADD|CLEAR|DISPATCH data=2 ud=1}",
            ),
        ],
    },
    Difference {
        reason: "every change replaces udata, as on FreeBSD, OpenBSD, Darwin and NetBSD 10",
        lines: &[
            (
                "readd EV_ENABLE with udata 3: 1 {READ a ADD data=3 ud=2}",
                "readd EV_ENABLE with udata 3: 1 {READ a ADD data=3 ud=3}",
            ),
            (
                "readd EV_DISABLE ud=4, EV_ENABLE ud=0: 1 {READ a ADD data=3 ud=2}",
                "readd EV_DISABLE ud=4, EV_ENABLE ud=0: 1 {READ a ADD data=3 ud=0}",
            ),
            (
                "readd/flags0 udata?: 1 {READ a ADD data=3 ud=1}",
                "readd/flags0 udata?: 1 {READ a ADD data=3 ud=9}",
            ),
        ],
    },
    Difference {
        reason: "EV_ADD with EV_DELETE is nonsense, and each system makes something else of it",
        lines: &[(
            "readd/add|delete EV_DELETE: 0",
            "readd/add|delete EV_DELETE: -1 ENOENT",
        )],
    },
    Difference {
        reason: "epoll does not tell one's own SHUT_WR",
        lines: &[
            (
                "shutdown/own-WR own SHUT_WR: 1 {WRITE a ADD|EOF data>0 ud=2}",
                "shutdown/own-WR own SHUT_WR: 1 {WRITE a ADD data>0 ud=2}",
            ),
            (
                "shutdown/tcp-own-WR own SHUT_WR: 1 {WRITE srv ADD|EOF data>0 ud=2}",
                "shutdown/tcp-own-WR own SHUT_WR: 1 {WRITE srv ADD data>0 ud=2}",
            ),
        ],
    },
    Difference {
        reason: "reading the socket's error for fflags would clear it",
        lines: &[
            (
                "eof/tcp-rst peer reset (SO_LINGER 0): 2 {READ srv ADD|EOF data=0 fflags=ECONNRESET ud=1} \
                 {WRITE srv ADD|EOF data>0 fflags=ECONNRESET ud=2}",
                "eof/tcp-rst peer reset (SO_LINGER 0): 2 {READ srv ADD|EOF data=0 ud=1} \
                 {WRITE srv ADD|EOF data>0 ud=2}",
            ),
            (
                "connect/refused refused: 2 {READ cli ADD|EOF data=0 fflags=ECONNREFUSED ud=2} \
                 {WRITE cli ADD|EOF data>0 fflags=ECONNREFUSED ud=1}",
                "connect/refused refused: 2 {READ cli ADD|EOF data=0 ud=2} {WRITE cli ADD|EOF data>0 ud=1}",
            ),
            (
                "connect/refused again: 2 {READ cli ADD|EOF data=0 fflags=ECONNREFUSED ud=2} \
                 {WRITE cli ADD|EOF data>0 fflags=ECONNREFUSED ud=1}",
                "connect/refused again: 2 {READ cli ADD|EOF data=0 ud=2} {WRITE cli ADD|EOF data>0 ud=1}",
            ),
        ],
    },
    Difference {
        reason: "epoll reports HUP for a socket that was never connected",
        lines: &[(
            "connect/unconnected fresh TCP socket, never connected: 0",
            "connect/unconnected fresh TCP socket, never connected: \
             2 {READ new ADD|EOF data=0 ud=2} {WRITE new ADD|EOF data>0 ud=1}",
        )],
    },
    Difference {
        reason: "a full pipe whose reader has gone reports nothing on NetBSD",
        lines: &[(
            "wr_eof/pipe-full reader closed: 0",
            "wr_eof/pipe-full reader closed: 1 {WRITE pw ADD|EOF data=0 ud=1}",
        )],
    },
    Difference {
        reason: "WRITE on a broken pipe is EPIPE, as on FreeBSD, DragonFly and macOS",
        lines: &[
            (
                "wr_eof/pipe-late-add EV_ADD WRITE after reader closed, no eventlist: -1 EBADF",
                "wr_eof/pipe-late-add EV_ADD WRITE after reader closed, no eventlist: -1 EPIPE",
            ),
            (
                "wr_eof/pipe-late-add EV_ADD|EV_RECEIPT WRITE after reader closed: 1 {WRITE pw ERROR err=EBADF ud=5}",
                "wr_eof/pipe-late-add EV_ADD|EV_RECEIPT WRITE after reader closed: 1 {WRITE pw ERROR err=EPIPE ud=5}",
            ),
        ],
    },
    Difference {
        reason: "a kqueue in itself is EINVAL, as on FreeBSD (NetBSD panics later)",
        lines: &[(
            "nested_self kq into itself: 0",
            "nested_self kq into itself: -1 EINVAL",
        )],
    },
    Difference {
        reason: "READ first, then WRITE, not in order of EV_ADD: programs must not rely on the order",
        lines: &[(
            "fair/read+write-clear-two-fds 1st (nevents=3): 3 {READ a ADD|CLEAR data=1 ud=1} \
             {WRITE a ADD|CLEAR data>0 ud=2} {READ b ADD|CLEAR data=1 ud=3}",
            "fair/read+write-clear-two-fds 1st (nevents=3): 3 {READ a ADD|CLEAR data=1 ud=1} \
             {READ b ADD|CLEAR data=1 ud=3} {WRITE a ADD|CLEAR data>0 ud=2}",
        )],
    },
    Difference {
        reason: "a kqueue in a kqueue is looked at again, so it is not reported when its own events are gone",
        lines: &[(
            "nested kq2 after drain: 1 {READ kq1 ADD data=1 ud=7}",
            "nested kq2 after drain: 0",
        )],
    },
    Difference {
        reason: "FIONREAD of a datagram socket is the next datagram's size, not the buffer's",
        lines: &[
            (
                "dgram datagrams of 3 and 4 bytes: 1 {READ a ADD|CLEAR data=11 ud=1}",
                "dgram datagrams of 3 and 4 bytes: 1 {READ a ADD|CLEAR data=3 ud=1}",
            ),
            (
                "dgram another datagram, 1 unread: 1 {READ a ADD|CLEAR data=9 ud=1}",
                "dgram another datagram, 1 unread: 1 {READ a ADD|CLEAR data=4 ud=1}",
            ),
        ],
    },
];
