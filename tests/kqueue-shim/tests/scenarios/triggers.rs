//! When a knote reports: level, and EV_CLEAR in both directions.

use std::{
    io::{Read, Write},
    os::fd::AsRawFd,
    thread,
    time::Duration,
};

use super::{
    ffi::CLEAR,
    world::{World, drain, fill, put, read, settle, take, write},
};

pub(super) fn level(w: &mut World) {
    let (reader, writer) = w.pipe();
    w.set(read(&reader, 0, 1));
    w.poll("pipe empty");
    put(&writer, 3);
    w.poll("pipe 3 unread");
    w.poll("pipe 3 unread again");
    take(&reader, 1);
    w.poll("pipe after reading 1");
    take(&reader, 9);
    w.poll("pipe drained");

    w.renew();
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, 0, 1));
    put(&b, 3);
    w.poll("sock 3 unread");
    w.poll("sock 3 unread again");
    take(&a, 9);
    w.poll("sock drained");

    w.renew();
    w.set(write(&a, 0, 2));
    w.poll("sock writable");
    w.poll("sock writable again");
    fill(&a);
    w.poll("sock full");
    drain(&b);
    w.poll("sock drained by peer");
}

pub(super) fn clear(w: &mut World) {
    w.begin("clear/pipe");
    let (reader, writer) = w.pipe();
    clear_on(w, &reader, &writer);

    w.begin("clear/sock");
    let (a, b) = w.pair("a", "b");
    clear_on(w, &a, &b);

    w.begin("clear/tcp");
    let (server, client) = w.tcp();
    w.set(read(&server, CLEAR, 1));
    put(&client, 3);
    settle();
    w.poll("3 bytes");
    w.poll("again, unread");
    put(&client, 2);
    // Nagle's algorithm waits for an acknowledgement, which is delayed.
    thread::sleep(Duration::from_millis(600));
    w.poll("2 more while 3 unread");
    w.poll("again");
}

fn clear_on<R, W>(w: &mut World, reader: &R, writer: &W)
where
    R: AsRawFd,
    for<'a> &'a R: Read,
    for<'a> &'a W: Write,
{
    w.set(read(reader, CLEAR, 1));
    put(writer, 3);
    w.poll("3 bytes");
    w.poll("again, unread");
    put(writer, 2);
    w.poll("2 more while 3 unread");
    w.poll("again");
    take(reader, 2);
    w.poll("after partial read of 2 of 5, no new data");
    w.set(read(reader, CLEAR, 1));
    w.poll("after re-EV_ADD with 3 unread");
    w.poll("again");
    drain(reader);
    w.poll("drained");
    put(writer, 1);
    w.poll("1 new byte");
    take(reader, 9);
    put(writer, 4);
    take(reader, 9);
    w.poll("written and read back before the poll");
}

pub(super) fn clear_write(w: &mut World) {
    let (a, b) = w.pair("a", "b");
    w.set(write(&a, CLEAR, 1));
    w.poll("fresh");
    w.poll("again");
    put(&a, 10);
    w.poll("after writing 10, not full");
    take(&b, 10);
    w.poll("after the peer read 10 (never full)");
    w.poll("again");
    fill(&a);
    w.poll("full");
    take(&b, 10);
    w.poll("peer read 10 of a full buffer");
    drain(&b);
    w.poll("peer drained");
    w.poll("again");

    w.begin("clear_write/pipe");
    let (reader, writer) = w.pipe();
    w.set(write(&writer, CLEAR, 1));
    w.poll("fresh");
    w.poll("again");
    put(&writer, 10);
    take(&reader, 10);
    w.poll("after write 10 + peer read 10");
    fill(&writer);
    w.poll("full");
    take(&reader, 1);
    w.poll("peer read 1 of a full pipe");
    drain(&reader);
    w.poll("peer drained");
    w.poll("again");
}
