//! Many ready sources and little room; READ and WRITE of one descriptor.

use std::os::fd::AsRawFd;

use super::{
    ffi::{self, CLEAR, DELETE, DISPATCH, Filter::Write, Lists, ONESHOT},
    world::{AT_ONCE, World, drain, entry, fill, put, read, write},
};

pub(super) fn fair(w: &mut World) {
    five_ready_room_for_two(w, "fair/level", 0);
    five_ready_room_for_two(w, "fair/clear", CLEAR);
    five_ready_room_for_two(w, "fair/oneshot", ONESHOT);
    five_ready_room_for_two(w, "fair/dispatch", DISPATCH);

    w.begin("fair/read+write-clear-one-slot");
    let (a, a_peer) = w.pair("a", "A");
    put(&a_peer, 1);
    w.set(read(&a, CLEAR, 1));
    w.set(write(&a, CLEAR, 2));
    for what in ["1st (nevents=1)", "2nd (nevents=1)", "3rd (nevents=1)"] {
        w.apply(what, &[], 1);
    }

    w.begin("fair/read+write-clear-two-fds");
    let ((a, a_peer), (b, b_peer)) = (w.pair("a", "A"), w.pair("b", "B"));
    put(&a_peer, 1);
    put(&b_peer, 1);
    for change in [
        read(&a, CLEAR, 1),
        write(&a, CLEAR, 2),
        read(&b, CLEAR, 3),
        write(&b, CLEAR, 4),
    ] {
        w.set(change);
    }
    for what in ["1st (nevents=3)", "2nd (nevents=3)", "3rd (nevents=3)"] {
        w.apply(what, &[], 3);
    }
}

fn five_ready_room_for_two(w: &mut World, label: &'static str, mode: u32) {
    w.begin(label);
    let pairs: Vec<_> = ["f0", "f1", "f2", "f3", "f4"]
        .iter()
        .map(|name| w.pair(name, "x"))
        .collect();
    for (index, (source, _)) in pairs.iter().enumerate() {
        w.set(read(source, mode, index));
    }
    for (_, peer) in &pairs {
        put(peer, 1);
    }
    for call in 1..=6 {
        let events = ffi::kevent(w.kq.as_raw_fd(), &[], 2, Lists::Apart, AT_ONCE).unwrap_or_default();
        let names: Vec<_> = events.iter().map(|event| w.name_of(event)).collect();
        let text = if names.is_empty() {
            "0".to_owned()
        } else {
            names.join(" ")
        };
        w.say(&format!("call {call} (nevents=2): {text}"));
    }
}

/// READ and WRITE of one descriptor are two knotes that know nothing of each other.
pub(super) fn rw(w: &mut World) {
    w.begin("rw/one-call");
    let (a, b) = w.pair("a", "b");
    put(&b, 1);
    w.set(read(&a, 0, 1));
    w.set(write(&a, 0, 2));
    w.poll("both ready: one or two kevents");

    w.begin("rw/clear-del-write");
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, CLEAR, 1));
    w.set(write(&a, CLEAR, 2));
    w.poll("write ready");
    w.set(entry(&a, Write, DELETE, 0));
    put(&b, 1);
    w.poll("read 1st");
    w.poll("read 2nd (still edge?)");

    w.begin("rw/clear-add-write-later");
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, CLEAR, 1));
    put(&b, 1);
    w.poll("read");
    w.poll("again");
    w.set(write(&a, CLEAR, 2));
    w.poll("after adding WRITE|CLEAR (READ re-reported?)");
    w.poll("again");

    w.begin("rw/level-read+clear-write");
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, 0, 1));
    w.set(write(&a, CLEAR, 2));
    put(&b, 1);
    w.poll("1st");
    w.poll("2nd (READ only expected)");

    w.begin("rw/clear-read+level-write");
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, CLEAR, 1));
    w.set(write(&a, 0, 2));
    put(&b, 1);
    w.poll("1st");
    w.poll("2nd (WRITE only expected)");
    w.poll("3rd (WRITE only expected)");

    w.begin("rw/oneshot-write");
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, CLEAR, 1));
    w.set(write(&a, ONESHOT, 2));
    w.poll("write once");
    put(&b, 1);
    w.poll("read 1st");
    w.poll("read 2nd (still edge?)");

    w.begin("rw/spurious-read-on-write-edge");
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, CLEAR, 1));
    w.set(write(&a, CLEAR, 2));
    put(&b, 1);
    w.poll("both");
    fill(&a);
    drain(&b);
    w.poll("write edge only; 1 byte still unread");
    put(&b, 1);
    w.poll("read edge only; still writable");
}
