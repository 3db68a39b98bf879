//! Descriptor numbers: closed, used again, duplicated; and kqueues that are sources themselves.

use std::os::fd::{AsRawFd, IntoRawFd};

use super::{
    ffi::{self, CLEAR, DELETE, Filter::Read},
    world::{World, entry, put, read, take, write},
};

pub(super) fn close(w: &mut World) {
    let (a, _b) = w.pair("a", "b");
    w.set(read(&a, 0, 1));
    w.set(write(&a, 0, 2));
    let number = a.as_raw_fd();
    drop(a);
    w.poll("fd closed");
    w.change("EV_DELETE READ on the closed fd", entry(&number, Read, DELETE, 0));
    let (t, u) = w.pair("t", "u");
    let reused = if t.as_raw_fd() == number {
        t.into()
    } else {
        ffi::duplicate_as(&t, number)
    };
    w.name(&reused, "reused");
    put(&u, 3);
    w.poll("fd number reused, readable");
    w.change(
        "EV_DELETE READ on the reused number",
        entry(&reused, Read, DELETE, 0),
    );
    w.change("EV_ADD READ on the reused number", read(&reused, 0, 9));
    w.poll("poll");

    w.begin("close/pending");
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, 0, 1));
    put(&b, 3);
    w.poll("pending");
    drop(a);
    w.poll("closed with a pending event");

    w.begin("close/clear-pending");
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, CLEAR, 1));
    put(&b, 3);
    drop(a);
    w.poll("closed before the poll");
}

pub(super) fn dup(w: &mut World) {
    let (a, b) = w.pair("a", "b");
    let duplicate = a.try_clone().expect("dup");
    w.name(&duplicate, "dup");
    w.set(read(&a, 0, 1));
    put(&b, 3);
    w.poll("registered a");
    w.set(read(&duplicate, 0, 2));
    w.poll("registered a and dup");
    drop(a);
    w.poll("a closed, dup open");

    w.begin("dup/close-registered");
    let (a, b) = w.pair("a", "b");
    let duplicate = a.try_clone().expect("dup");
    w.name(&duplicate, "dup");
    w.set(read(&a, 0, 1));
    drop(a);
    put(&b, 3);
    w.poll("registered a, closed a, dup open");

    w.begin("dup/register-dup");
    let (a, b) = w.pair("a", "b");
    let duplicate = a.try_clone().expect("dup");
    w.name(&duplicate, "dup");
    w.set(read(&duplicate, 0, 1));
    drop(a);
    put(&b, 3);
    w.poll("registered dup, closed a");

    w.begin("dup/two-kqueues");
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, CLEAR, 1));
    let first = w.renew();
    w.set(read(&a, CLEAR, 2));
    put(&b, 1);
    w.poll("kq2");
    w.kq = first;
    w.poll("kq1");
}

pub(super) fn nested(w: &mut World) {
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, 0, 1));
    let mut other = w.renew();
    w.name(&other, "kq1");
    let second = w.kq.as_raw_fd();
    w.name(&second, "kq2");
    w.change("kq1 into kq2", read(&other, 0, 7));
    w.poll("idle");
    put(&b, 2);
    w.poll("kq2");
    std::mem::swap(&mut w.kq, &mut other);
    w.poll("kq1");
    take(&a, 9);
    std::mem::swap(&mut w.kq, &mut other);
    w.poll("kq2 after drain");
    std::mem::swap(&mut w.kq, &mut other);
    put(&b, 1);
    let text = if ffi::is_readable(&w.kq) {
        "1 revents=IN"
    } else {
        "0 revents=-"
    };
    w.say(&format!("poll(2) on a ready kqueue fd: {text}"));
    take(&a, 9);
    w.poll("kq1 consumed");
    w.say(&format!(
        "poll(2) on an idle kqueue fd: {}",
        u8::from(ffi::is_readable(&w.kq))
    ));
}

pub(super) fn nested_self(w: &mut World) {
    if cfg!(any(target_os = "netbsd", target_os = "dragonfly")) {
        // NetBSD takes it, and panics when an event comes, which the end of the process may be. Nobody knows of DragonFly.
        return w.say("kq into itself: not asked, because it may panic");
    }
    let number = w.kq.as_raw_fd();
    w.name(&number, "kq");
    w.change("kq into itself", read(&number, 0, 7));
    // For other kernels that take it: nothing more may happen to this one, closing included.
    let _ = w.renew().into_raw_fd();
}

/// A knote that is deleted by who handles an earlier event of the same batch.
pub(super) fn batch(w: &mut World) {
    let ((a, a_peer), (b, b_peer)) = (w.pair("a", "A"), w.pair("b", "B"));
    w.set(read(&a, CLEAR, 1));
    w.set(read(&b, CLEAR, 2));
    put(&a_peer, 1);
    put(&b_peer, 1);
    w.apply("delete b and poll in one call", &[entry(&b, Read, DELETE, 0)], 8);
    w.set(read(&b, CLEAR, 3));
    w.poll("b re-added with unread data");
}
