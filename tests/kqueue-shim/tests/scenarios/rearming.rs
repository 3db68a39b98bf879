//! Knotes that report once, and how they report again.

use std::os::fd::AsRawFd;

use super::{
    ffi::{self, ADD, CLEAR, DELETE, DISABLE, DISPATCH, ENABLE, Entry, Filter::Read, Lists, ONESHOT},
    world::{AT_ONCE, World, drain, entry, put, read, take, write},
};

pub(super) fn oneshot(w: &mut World) {
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, ONESHOT, 1));
    w.poll("no data");
    put(&b, 3);
    w.poll("3 bytes");
    w.poll("again");
    put(&b, 3);
    w.poll("more data");
    w.change("EV_DELETE after it fired", entry(&a, Read, DELETE, 0));
    w.change("EV_ENABLE after it fired", entry(&a, Read, ENABLE, 0));
    w.set(read(&a, ONESHOT, 2));
    w.poll("re-added, 6 unread");
    w.set(read(&a, ONESHOT | CLEAR, 2));
    w.poll("ONESHOT|CLEAR");
    w.poll("again");

    w.renew();
    w.set(read(&a, ONESHOT, 5));
    drain(&a);
    w.poll("armed with data, drained before the poll (stale?)");
    w.poll("again");
    put(&b, 1);
    w.poll("new byte");

    w.renew();
    put(&b, 1);
    w.change("EV_ADD ONESHOT|DISPATCH", read(&a, ONESHOT | DISPATCH, 5));
    w.poll("ONESHOT|DISPATCH");
    w.change("EV_DELETE", entry(&a, Read, DELETE, 0));
}

pub(super) fn dispatch(w: &mut World) {
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, DISPATCH, 1));
    put(&b, 3);
    w.poll("3 bytes");
    w.poll("again");
    put(&b, 1);
    w.poll("new data while disabled");
    for (what, flags) in [
        ("EV_ENABLE, 4 unread", ENABLE),
        ("EV_ENABLE|EV_DISPATCH, 4 unread", ENABLE | DISPATCH),
        ("EV_ADD|EV_DISPATCH (no ENABLE), 4 unread", ADD | DISPATCH),
        ("EV_ADD|EV_ENABLE|EV_DISPATCH, 4 unread", ADD | ENABLE | DISPATCH),
    ] {
        w.set(entry(&a, Read, flags, 1));
        w.poll(what);
        w.poll("again");
    }
    drain(&a);
    w.set(read(&a, ENABLE | DISPATCH, 1));
    w.poll("re-armed, drained");
    put(&b, 2);
    w.poll("then 2 bytes");
    w.change("EV_DELETE while disabled", entry(&a, Read, DELETE, 0));
    w.change("EV_DELETE again", entry(&a, Read, DELETE, 0));

    w.begin("dispatch/enable-then-data");
    drain(&a);
    w.set(read(&a, DISPATCH, 1));
    put(&b, 1);
    w.poll("fires");
    take(&a, 9);
    w.set(entry(&a, Read, ENABLE, 1));
    w.poll("EV_ENABLE, empty");
    put(&b, 1);
    w.poll("data after EV_ENABLE");

    w.begin("dispatch+clear");
    drain(&a);
    w.set(read(&a, DISPATCH | CLEAR, 1));
    put(&b, 1);
    w.poll("fires");
    put(&b, 1);
    w.poll("new data while disabled");
    w.set(entry(&a, Read, ENABLE, 1));
    w.poll("EV_ENABLE, 2 unread");
    w.set(read(&a, ENABLE | DISPATCH | CLEAR, 1));
    w.poll("EV_ADD|EV_ENABLE");
    w.poll("again");

    w.begin("dispatch/two-filters");
    drain(&a);
    w.set(read(&a, DISPATCH, 1));
    w.set(write(&a, DISPATCH, 2));
    w.poll("writable only");
    put(&b, 1);
    w.poll("now readable");
    w.poll("both disabled");
    w.set(read(&a, ENABLE | DISPATCH, 1));
    w.poll("READ re-armed");
    w.set(write(&a, ENABLE | DISPATCH, 2));
    w.poll("WRITE re-armed");
}

pub(super) fn disable(w: &mut World) {
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, 0, 1));
    w.set(entry(&a, Read, DISABLE, 1));
    put(&b, 3);
    w.poll("level, disabled, 3 bytes");
    w.set(entry(&a, Read, ENABLE, 1));
    w.poll("enabled");
    w.set(entry(&a, Read, DISABLE, 1));
    w.poll("disabled while active");
    w.change("EV_DISABLE twice", entry(&a, Read, DISABLE, 1));
    w.change("EV_ENABLE", entry(&a, Read, ENABLE, 1));
    w.change("EV_ENABLE twice", entry(&a, Read, ENABLE, 1));
    w.poll("enabled again");

    w.begin("disable/add-disabled");
    w.set(read(&a, DISABLE, 1));
    w.poll("EV_ADD|EV_DISABLE with data");
    w.set(entry(&a, Read, ENABLE, 1));
    w.poll("EV_ENABLE");

    w.begin("disable/re-add");
    w.set(read(&a, 0, 1));
    w.set(entry(&a, Read, DISABLE, 1));
    w.set(read(&a, 0, 1));
    w.poll("EV_ADD on a disabled knote: enabled?");

    w.begin("disable/clear");
    drain(&a);
    w.set(read(&a, CLEAR, 1));
    w.set(entry(&a, Read, DISABLE, 1));
    put(&b, 3);
    w.poll("disabled, edge arrives");
    w.set(entry(&a, Read, ENABLE, 1));
    w.poll("EV_ENABLE: edge kept?");
    w.poll("again");
    w.set(entry(&a, Read, DISABLE, 1));
    w.set(entry(&a, Read, ENABLE, 1));
    w.poll("disable+enable with unread data and no new edge");
    w.change("EV_ENABLE|EV_DISABLE", entry(&a, Read, ENABLE | DISABLE, 1));
}

/// Each way to arm again what reported once, twice with data and once without.
pub(super) fn rearm(w: &mut World) {
    ways(w, "ONESHOT, re-arm ADD|ONESHOT", ONESHOT, ADD | ONESHOT);
    ways(w, "DISPATCH, re-arm ENABLE", DISPATCH, ENABLE);
    ways(w, "DISPATCH, re-arm ENABLE|DISPATCH", DISPATCH, ENABLE | DISPATCH);
    ways(w, "DISPATCH, re-arm ADD|DISPATCH", DISPATCH, ADD | DISPATCH);
    ways(
        w,
        "DISPATCH, re-arm ADD|ENABLE|DISPATCH",
        DISPATCH,
        ADD | ENABLE | DISPATCH,
    );
    ways(w, "CLEAR, re-arm ADD|CLEAR", CLEAR, ADD | CLEAR);
}

fn ways(w: &mut World, what: &str, mode: u32, again: u32) {
    w.renew();
    let (a, b) = w.pair("a", "b");
    let mut text = format!("{what}:");
    w.set(read(&a, mode, 1));
    put(&b, 2);
    text += &format!(" fire={}", ready(w).len());
    text += &format!(" quiet={}", ready(w).len());
    for _ in 0..2 {
        let failed = change_fails(w, entry(&a, Read, again, 7));
        let events = ready(w);
        let udata = events.first().map_or(0, |event| event.udata);
        text += &format!(
            " rearm{}={}(ud={udata})",
            if failed { "!" } else { "" },
            events.len()
        );
    }
    drain(&a);
    let failed = change_fails(w, entry(&a, Read, again, 7));
    text += &format!(" rearm-empty{}={}", if failed { "!" } else { "" }, ready(w).len());
    put(&b, 1);
    text += &format!(" data={}", ready(w).len());
    w.say(&text);
}

fn ready(w: &World) -> Vec<Entry> {
    ffi::kevent(w.kq.as_raw_fd(), &[], 2, Lists::Apart, AT_ONCE).unwrap_or_default()
}

fn change_fails(w: &World, change: Entry) -> bool {
    ffi::kevent(w.kq.as_raw_fd(), &[change], 0, Lists::Apart, None).is_err()
}
