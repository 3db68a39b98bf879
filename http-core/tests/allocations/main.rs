//! No request and no response costs an allocation: the caller's buffers are all there is.

mod ffi;

use http_core::{Body, Connection, Event, Fields, Limits, ResponseHead};

#[global_allocator]
static ALLOCATOR: ffi::Counting = ffi::Counting;

/// How many allocations `work` makes.
fn allocations(work: impl FnOnce()) -> u64 {
    let before = ffi::calls();
    work();
    ffi::calls() - before
}

/// Feeds the wire in steps, and answers each request with `answer` as soon as it has ended.
fn serve(
    wire: &[u8],
    step: usize,
    out: &mut Vec<u8>,
    mut answer: impl FnMut(&mut Connection, &mut Vec<u8>),
) -> usize {
    let mut conn = Connection::server(Limits::default());
    let mut fields = Fields::<64>::new();
    let (mut at, mut shown, mut served) = (0, 0, 0);
    let mut open = false;
    while shown < wire.len() {
        shown = (shown + step).min(wire.len());
        loop {
            let Ok(received) = conn.receive(&wire[at..shown], &mut fields) else {
                return served;
            };
            at += received.consumed;
            let more = match received.event {
                Event::NeedMore => false,
                Event::Request(head) => {
                    open = true;
                    assert!(head.field("host").is_some());
                    true
                }
                _ => true,
            };
            if open && conn.request_ended() {
                out.clear();
                answer(&mut conn, out);
                open = false;
                served += 1;
            }
            if !more {
                break;
            }
        }
    }
    served
}

fn wire() -> Vec<u8> {
    let get = "GET /a?b HTTP/1.1\r\nHost: a.example:80\r\nUser-Agent: x\r\nAccept: */*\r\nConnection: keep-alive\r\n\r\n";
    let post = "POST / HTTP/1.1\r\nHost: [::1]\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello";
    let chunked = "PUT http://a/ HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\"b\"\r\nabc\r\n0\r\nX: y\r\n\r\n";
    format!("{get}{post}{chunked}").repeat(20).into_bytes()
}

#[test]
fn requests_and_ready_answers_cost_no_allocation() {
    let wire = wire();
    let mut out = Vec::with_capacity(4096);
    let mut head = ResponseHead::new(200);
    head.push("content-type", "text/plain").expect("a legal field");
    for step in [wire.len(), 1, 7, 1460] {
        let mut served = 0;
        let count = allocations(|| {
            served = serve(&wire, step, &mut out, |conn, out| {
                conn.reply(out, &head, b"Hello, World!").expect("a legal answer");
            });
        });
        assert_eq!(served, 60, "{step} bytes at a time");
        assert_eq!(count, 0, "{step} bytes at a time");
    }
}

#[test]
fn a_reused_response_head_and_a_chunked_body_cost_no_allocation() {
    let wire = wire();
    let mut out = Vec::with_capacity(4096);
    let mut head = ResponseHead::new(200);
    let mut answer = |conn: &mut Connection, out: &mut Vec<u8>| {
        head.reset(200);
        head.push("content-type", "text/plain").expect("a legal field");
        head.push("x-long", [b'v'; 300]).expect("a legal field");
        conn.respond(out, &head, Body::Stream).expect("a response is due");
        conn.data(out, b"Hello, ").expect("a body is under way");
        conn.data(out, b"World!").expect("a body is under way");
        conn.end(out, None).expect("the body may end");
    };
    serve(&wire, wire.len(), &mut out, &mut answer);
    let count = allocations(|| assert_eq!(serve(&wire, wire.len(), &mut out, &mut answer), 60));
    assert_eq!(count, 0, "the first round made the room");
}

#[test]
fn refusals_cost_no_allocation() {
    let mut fields = Fields::<64>::new();
    for wire in [
        &b"GET / HTTP/1.1\n"[..],
        b"\x16\x03",
        b"GET / HTTP/1.1\r\nHost: a b\r\n\r\n",
        b"G / HTTP/3.0\r\n",
    ] {
        let count = allocations(|| {
            let mut conn = Connection::server(Limits::default());
            assert!(conn.receive(wire, &mut fields).is_err());
        });
        assert_eq!(count, 0, "{}", wire.escape_ascii());
    }
}

#[test]
fn the_allocations_of_this_test_are_counted() {
    assert_eq!(allocations(|| drop(Vec::<u8>::with_capacity(16))), 1);
}

#[test]
fn a_connection_is_at_most_64_bytes() {
    assert!(size_of::<Connection>() <= 64, "{} bytes", size_of::<Connection>());
}
