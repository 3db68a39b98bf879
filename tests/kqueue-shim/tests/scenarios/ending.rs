//! Ends of streams: closed, half closed, reset; seen by READ, by WRITE, at level and with EV_CLEAR.

use std::net::Shutdown;

use socket2::SockRef;

use super::{
    ffi::{CLEAR, DISABLE, ENABLE, Filter::Write, RECEIPT},
    world::{World, entry, fill, put, read, settle, take, write},
};

pub(super) fn eof(w: &mut World) {
    eof_of_sockets(w);

    w.begin("eof/pipe");
    let (reader, writer) = w.pipe();
    w.set(read(&reader, 0, 1));
    put(&writer, 4);
    drop(writer);
    w.poll("writer wrote 4 and closed");
    take(&reader, 9);
    w.poll("after draining");
    w.poll("again");

    w.begin("eof/pipe-late-add");
    w.change("EV_ADD READ after writer closed", read(&reader, 0, 1));
    w.poll("poll");

    w.begin("eof/tcp");
    let (server, client) = w.tcp();
    w.set(read(&server, 0, 1));
    w.set(write(&server, CLEAR, 2));
    w.poll("before");
    put(&client, 4);
    drop(client);
    settle();
    w.poll("peer wrote 4 and closed");
    take(&server, 9);
    w.poll("after draining");

    w.begin("eof/tcp-rst");
    let (server, client) = w.tcp();
    w.set(read(&server, 0, 1));
    w.set(write(&server, 0, 2));
    put(&server, 4);
    settle();
    SockRef::from(&client)
        .set_linger(Some(std::time::Duration::ZERO))
        .expect("SO_LINGER");
    drop(client);
    settle();
    w.poll("peer reset (SO_LINGER 0)");
}

fn eof_of_sockets(w: &mut World) {
    w.begin("eof/sock");
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, 0, 1));
    w.set(write(&a, DISABLE, 2));
    put(&b, 4);
    drop(b);
    settle();
    w.poll("peer wrote 4 and closed");
    take(&a, 2);
    w.poll("after reading 2");
    take(&a, 9);
    w.poll("after draining");
    w.poll("again");
    w.say(&format!("read() = {}", take(&a, 9)));
    w.poll("after read()=0");
    w.set(entry(&a, Write, ENABLE, 2));
    w.poll("WRITE enabled too");

    w.begin("eof/sock-write-only");
    let (a, b) = w.pair("a", "b");
    w.set(write(&a, 0, 2));
    drop(b);
    settle();
    w.poll("peer closed");
    w.change("new EV_ADD WRITE after peer closed", write(&a, 0, 2));

    w.begin("eof/sock-closed-with-unread");
    let (a, b) = w.pair("a", "b");
    put(&a, 4);
    w.set(read(&a, 0, 1));
    w.set(write(&a, 0, 2));
    drop(b);
    settle();
    w.poll("peer closed with 4 bytes unread");
}

pub(super) fn shutdown(w: &mut World) {
    w.begin("shutdown/peer-WR");
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, 0, 1));
    w.set(write(&a, 0, 2));
    put(&b, 2);
    b.shutdown(Shutdown::Write).expect("shutdown");
    settle();
    w.poll("peer wrote 2, SHUT_WR");
    take(&a, 9);
    w.poll("drained");

    w.begin("shutdown/peer-WR-edge");
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, CLEAR, 1));
    put(&b, 2);
    w.poll("2 bytes");
    b.shutdown(Shutdown::Write).expect("shutdown");
    settle();
    w.poll("then SHUT_WR, 2 unread");
    w.poll("again");

    for (label, own, how, what) in [
        ("shutdown/peer-RD", false, Shutdown::Read, "peer SHUT_RD"),
        ("shutdown/own-RD", true, Shutdown::Read, "own SHUT_RD"),
        ("shutdown/own-WR", true, Shutdown::Write, "own SHUT_WR"),
    ] {
        w.begin(label);
        let (a, b) = w.pair("a", "b");
        w.set(read(&a, 0, 1));
        w.set(write(&a, 0, 2));
        if own { &a } else { &b }.shutdown(how).expect("shutdown");
        settle();
        w.poll(what);
    }

    w.begin("shutdown/tcp-peer-WR");
    let (server, client) = w.tcp();
    w.set(read(&server, 0, 1));
    w.set(write(&server, 0, 2));
    put(&client, 2);
    client.shutdown(Shutdown::Write).expect("shutdown");
    settle();
    w.poll("peer wrote 2, SHUT_WR");
    take(&server, 9);
    w.poll("drained");

    w.begin("shutdown/tcp-own-WR");
    let (server, _client) = w.tcp();
    w.set(read(&server, 0, 1));
    w.set(write(&server, 0, 2));
    server.shutdown(Shutdown::Write).expect("shutdown");
    settle();
    w.poll("own SHUT_WR");
}

/// The writer of a pipe whose reader has gone.
pub(super) fn wr_eof(w: &mut World) {
    w.begin("wr_eof/pipe");
    let (reader, writer) = w.pipe();
    w.set(write(&writer, 0, 1));
    w.poll("open");
    drop(reader);
    w.poll("reader closed");
    w.poll("again");

    w.begin("wr_eof/pipe-clear");
    let (reader, writer) = w.pipe();
    w.set(write(&writer, CLEAR, 1));
    w.poll("open");
    drop(reader);
    w.poll("reader closed");
    w.poll("again");

    w.begin("wr_eof/pipe-full");
    let (reader, writer) = w.pipe();
    fill(&writer);
    w.set(write(&writer, 0, 1));
    w.poll("full");
    drop(reader);
    w.poll("reader closed");

    w.begin("wr_eof/pipe-late-add");
    w.apply(
        "EV_ADD WRITE after reader closed, no eventlist",
        &[write(&writer, 0, 5)],
        0,
    );
    w.poll("poll");
    w.renew();
    w.apply(
        "EV_ADD|EV_RECEIPT WRITE after reader closed",
        &[write(&writer, RECEIPT, 5)],
        4,
    );
    w.poll("poll");

    w.begin("wr_eof/read-filter-on-write-end");
    let (reader, writer) = w.pipe();
    w.apply("EV_ADD READ on the write end", &[read(&writer, 0, 5)], 0);
    w.poll("poll");
    w.apply("EV_ADD WRITE on the read end", &[write(&reader, 0, 5)], 0);
    w.poll("poll");
    drop(reader);
    w.poll("reader closed");
}

pub(super) fn eof_clear(w: &mut World) {
    w.begin("eof_clear/pipe");
    let (reader, writer) = w.pipe();
    w.set(read(&reader, CLEAR, 1));
    put(&writer, 4);
    w.poll("4 bytes");
    drop(writer);
    w.poll("writer closed, 4 unread");
    w.poll("2nd poll");
    take(&reader, 9);
    w.poll("after draining");
    take(&reader, 9);
    w.poll("after read()=0");
    w.set(read(&reader, CLEAR, 1));
    w.poll("re-EV_ADD");
    w.poll("again");

    w.begin("eof_clear/sock");
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, CLEAR, 1));
    w.set(write(&a, CLEAR, 2));
    w.poll("before");
    put(&b, 4);
    drop(b);
    settle();
    w.poll("peer wrote 4 and closed");
    w.poll("2nd poll");
    take(&a, 9);
    w.poll("after draining");
    take(&a, 9);
    w.poll("after read()=0");
    w.set(read(&a, CLEAR, 1));
    w.poll("re-EV_ADD");
    w.poll("again");

    w.begin("eof_clear/write-then-close-one-event");
    let (a, b) = w.pair("a", "b");
    w.set(read(&a, CLEAR, 1));
    put(&b, 4);
    w.poll("4 bytes");
    take(&a, 9);
    w.poll("drained");
    drop(b);
    settle();
    w.poll("peer closed");
    w.poll("again");
}
