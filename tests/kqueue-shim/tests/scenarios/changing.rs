//! Changes: of what exists, of what does not, many at once, and how they are answered.

use std::{
    os::fd::{AsRawFd, RawFd},
    time::{Duration, Instant},
};

use super::{
    ffi::{
        self, ADD, CLEAR, DELETE, DISABLE, DISPATCH, ENABLE, Entry,
        Filter::{Read, Unknown, Write},
        Lists, ONESHOT, RECEIPT, Time,
    },
    world::{AT_ONCE, World, entry, put, read, write},
};

pub(super) fn readd(w: &mut World) {
    let (a, b) = w.pair("a", "b");
    put(&b, 3);
    w.set(read(&a, 0, 1));
    w.set(read(&a, 0, 2));
    w.poll("EV_ADD twice, udata 1 then 2");
    w.set(entry(&a, Read, ENABLE, 3));
    w.poll("EV_ENABLE with udata 3");
    w.set(entry(&a, Read, DISABLE, 4));
    w.set(entry(&a, Read, ENABLE, 0));
    w.poll("EV_DISABLE ud=4, EV_ENABLE ud=0");

    w.begin("readd/level->clear");
    w.set(read(&a, 0, 1));
    w.poll("level");
    w.change("EV_ADD|EV_CLEAR", read(&a, CLEAR, 2));
    w.poll("1st");
    w.poll("2nd (still level?)");

    w.begin("readd/clear->level");
    w.set(read(&a, CLEAR, 1));
    w.poll("clear");
    w.change("EV_ADD without EV_CLEAR", read(&a, 0, 2));
    w.poll("1st");
    w.poll("2nd (now level?)");

    w.begin("readd/level->oneshot");
    w.set(read(&a, 0, 1));
    w.change("EV_ADD|EV_ONESHOT", read(&a, ONESHOT, 2));
    w.poll("1st");
    w.poll("2nd (deleted?)");

    w.begin("readd/oneshot->level");
    w.set(read(&a, ONESHOT, 1));
    w.change("EV_ADD without EV_ONESHOT", read(&a, 0, 2));
    w.poll("1st");
    w.poll("2nd (deleted?)");

    w.begin("readd/level->dispatch");
    w.set(read(&a, 0, 1));
    w.change("EV_ADD|EV_DISPATCH", read(&a, DISPATCH, 2));
    w.poll("1st");
    w.poll("2nd (disabled?)");

    w.begin("readd/flags0");
    w.set(read(&a, 0, 1));
    w.change("flags=0 udata 9", entry(&a, Read, 0, 9));
    w.poll("udata?");

    w.begin("readd/del+add");
    w.set(read(&a, CLEAR, 1));
    w.poll("clear");
    w.apply(
        "EV_DELETE then EV_ADD in one changelist",
        &[entry(&a, Read, DELETE, 0), read(&a, 0, 7)],
        0,
    );
    w.poll("1st");
    w.poll("2nd (level)");

    w.begin("readd/add|delete");
    w.change("EV_ADD|EV_DELETE on nothing", entry(&a, Read, ADD | DELETE, 0));
    w.poll("poll");
    w.change("EV_ADD|EV_DELETE on a knote", entry(&a, Read, ADD | DELETE, 0));
    w.change("EV_DELETE", entry(&a, Read, DELETE, 0));
}

pub(super) fn badfd(w: &mut World) {
    let closed = w.closed_number();
    for (what, number, flags, room) in [
        ("EV_ADD READ closed fd, no eventlist", closed, ADD, 0),
        ("EV_ADD READ closed fd, eventlist 4", closed, ADD, 4),
        (
            "EV_ADD|EV_RECEIPT closed fd, eventlist 4",
            closed,
            ADD | RECEIPT,
            4,
        ),
        ("EV_ADD READ fd -1, eventlist 4", -1, ADD, 4),
        ("EV_DELETE closed fd, no eventlist", closed, DELETE, 0),
        ("EV_DELETE closed fd, eventlist 4", closed, DELETE, 4),
        ("EV_ENABLE closed fd, no eventlist", closed, ENABLE, 0),
    ] {
        w.apply(what, &[entry(&number, Read, flags, 5)], room);
    }
    let unknown = Entry {
        ident: 0,
        ..entry(&closed, Unknown, ADD, 5)
    };
    w.apply("unknown filter 99, no eventlist", &[unknown], 0);
    w.apply("unknown filter 99, eventlist 4", &[unknown], 4);
    let (socket, _peer) = w.pair("a", "b");
    // The pair may have taken the number that was free so far.
    let closed = w.closed_number();
    poll_of(w, "kevent on a closed kq", closed);
    poll_of(w, "kevent on a socket", socket.as_raw_fd());
}

fn poll_of(w: &mut World, what: &str, kq: RawFd) {
    let outcome = ffi::kevent(kq, &[], 16, Lists::Apart, AT_ONCE);
    w.report(what, outcome);
}

pub(super) fn delete(w: &mut World) {
    let (a, b) = w.pair("a", "b");
    for (what, flags, room) in [
        ("EV_DELETE not registered, no eventlist", DELETE, 0),
        ("EV_DELETE not registered, eventlist 4", DELETE, 4),
        ("EV_DELETE|EV_RECEIPT not registered", DELETE | RECEIPT, 4),
        ("EV_ENABLE not registered", ENABLE, 0),
        ("EV_DISABLE not registered", DISABLE, 0),
    ] {
        w.apply(what, &[entry(&a, Read, flags, 5)], room);
    }
    w.set(read(&a, 0, 1));
    w.apply(
        "EV_DELETE the other filter (WRITE)",
        &[entry(&a, Write, DELETE, 5)],
        0,
    );
    put(&b, 2);
    w.poll("READ still there");
    w.apply(
        "EV_DELETE READ with a pending event",
        &[entry(&a, Read, DELETE, 5)],
        0,
    );
    w.poll("gone");
    w.apply("EV_DELETE READ again", &[entry(&a, Read, DELETE, 5)], 0);
}

pub(super) fn changelist(w: &mut World) {
    failing_in_the_middle(w, "changelist/no-eventlist", 0, 1);
    failing_in_the_middle(w, "changelist/eventlist8", 8, 1);
    failing_in_the_middle(w, "changelist/eventlist1-two-errors", 1, 2);

    w.begin("changelist/first-delete-fails");
    let ((a, a_peer), (b, b_peer)) = (w.pair("a", "A"), w.pair("b", "B"));
    put(&a_peer, 1);
    put(&b_peer, 1);
    w.apply(
        "result",
        &[entry(&a, Write, DELETE, 0), read(&a, 0, 1), read(&b, 0, 4)],
        8,
    );
    w.poll("poll after");

    w.begin("changelist/same-array");
    let ((a, _a_peer), (b, b_peer)) = (w.pair("a", "A"), w.pair("b", "B"));
    put(&b_peer, 1);
    let changes = [read(&a, 0, 1), read(&b, 0, 2), write(&a, 0, 3)];
    let outcome = ffi::kevent(w.kq.as_raw_fd(), &changes, 3, Lists::OneArray, AT_ONCE);
    w.report("one array as changelist and eventlist", outcome);

    w.begin("changelist/add-and-poll");
    w.apply("add a ready fd and poll in one call", &[read(&b, 0, 1)], 8);
}

fn failing_in_the_middle(w: &mut World, label: &'static str, room: usize, failures: usize) {
    w.begin(label);
    let ((a, a_peer), (b, b_peer)) = (w.pair("a", "A"), w.pair("b", "B"));
    put(&a_peer, 1);
    put(&b_peer, 1);
    let closed = w.closed_number();
    let fail = [read(&closed, 0, 2), write(&closed, 0, 3)];
    let changes = [&[read(&a, 0, 1)], &fail[..failures], &[read(&b, 0, 4)]].concat();
    w.apply("result", &changes, room);
    w.poll("poll after");
}

pub(super) fn receipt(w: &mut World) {
    let ((a, a_peer), (b, b_peer)) = (w.pair("a", "A"), w.pair("b", "B"));
    put(&a_peer, 1);
    put(&b_peer, 1);
    w.set(read(&a, 0, 1));
    let both = [read(&b, RECEIPT, 2), write(&b, RECEIPT, 3)];
    w.apply("two RECEIPTs, eventlist 8, events pending", &both, 8);
    w.poll("poll after (RECEIPT sticky?)");

    w.begin("receipt/eventlist-too-small");
    w.apply("two RECEIPTs, eventlist 1", &both, 1);
    w.poll("poll after");
    w.renew();
    w.apply("two RECEIPTs, no eventlist", &both, 0);
    w.poll("poll after");

    w.begin("receipt/mixed");
    w.apply(
        "one plain + one RECEIPT, eventlist 8",
        &[read(&a, 0, 1), read(&b, RECEIPT, 2)],
        8,
    );
    w.poll("poll after");

    w.begin("receipt/re-add");
    w.set(read(&a, RECEIPT, 1));
    w.poll("poll");
    w.renew();
    w.apply("EV_ADD|EV_CLEAR|EV_RECEIPT", &[read(&a, CLEAR | RECEIPT, 1)], 4);
    w.poll("event flags");
    w.apply("EV_DELETE|EV_RECEIPT", &[entry(&a, Read, DELETE | RECEIPT, 1)], 4);
}

/// Whether a call that has an error or a receipt to tell waits for its timeout.
pub(super) fn err_wait(w: &mut World) {
    let (a, _b) = w.pair("a", "b");
    let failing = entry(&a, Write, DELETE, 5);
    answered_at_once(w, "failing EV_DELETE, eventlist 4, timeout 400ms", failing, 4);
    answered_at_once(w, "failing EV_DELETE, eventlist 1, timeout 400ms", failing, 1);
    let succeeding = read(&a, RECEIPT, 5);
    answered_at_once(w, "EV_RECEIPT success, eventlist 4, timeout 400ms", succeeding, 4);

    let deregister = [
        entry(&a, Read, DELETE | RECEIPT, 5),
        entry(&a, Write, DELETE | RECEIPT, 6),
    ];
    let outcome = ffi::kevent(w.kq.as_raw_fd(), &deregister, 2, Lists::Apart, None);
    w.report(
        "deregister idiom: 2 x EV_DELETE|EV_RECEIPT, eventlist 2, NULL timeout",
        outcome,
    );
    let register = [read(&a, CLEAR | RECEIPT, 5), write(&a, CLEAR | RECEIPT, 6)];
    let outcome = ffi::kevent(w.kq.as_raw_fd(), &register, 2, Lists::OneArray, None);
    w.report(
        "register idiom: 2 x EV_ADD|EV_RECEIPT in place, NULL timeout",
        outcome,
    );
}

fn answered_at_once(w: &mut World, what: &str, change: Entry, room: usize) {
    const TIMEOUT: Time = (0, 400_000_000);
    let start = Instant::now();
    let outcome = ffi::kevent(w.kq.as_raw_fd(), &[change], room, Lists::Apart, Some(TIMEOUT));
    let at_once = start.elapsed() < Duration::from_millis(300);
    w.report(what, outcome);
    w.say(&format!(
        "returned at once: {}",
        if at_once { "yes" } else { "no" }
    ));
}
