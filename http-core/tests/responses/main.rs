//! The response side: what is legal is written so that a client reads it, what is not is a `Misuse` before a byte is.

mod bodies;
mod fields;
mod limits;
#[path = "../oracle/mod.rs"]
mod oracle;
mod order;
mod persistence;
mod prepared;
mod refusals;
mod switching;

use http_core::{Connection, Event, Fields, Limits, Misuse, ResponseHead};
use oracle::response::{self, Response};

/// A connection that has received `wire`, a head, and waits for its answer.
#[track_caller]
fn asked(wire: &str) -> Connection {
    let mut conn = Connection::server(Limits::default());
    let mut fields = Fields::<16>::new();
    let event = conn
        .receive(wire.as_bytes(), &mut fields)
        .expect("a legal request")
        .event;
    assert!(matches!(event, Event::Request(_)));
    conn
}

fn get() -> Connection {
    asked("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
}
fn head() -> Connection {
    asked("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
}
fn connect() -> Connection {
    asked("CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n")
}
fn get10() -> Connection {
    asked("GET / HTTP/1.0\r\n\r\n")
}
fn upgrading() -> Connection {
    asked("GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n")
}
fn refused() -> Connection {
    let mut conn = Connection::server(Limits::default());
    conn.receive(b"GET / HTTP/1.1\n", &mut Fields::<4>::new())
        .map(|_| ())
        .expect_err("a bare LF");
    conn
}

/// Makes a call that has to be refused: nothing may be written and nothing may change.
#[track_caller]
fn misuse(
    conn: &mut Connection,
    call: impl FnOnce(&mut Connection, &mut Vec<u8>) -> Result<(), Misuse>,
) -> Misuse {
    let mut out = b"already here".to_vec();
    let state = |c: &Connection| {
        (
            c.is_idle(),
            c.must_close(),
            c.request_ended(),
            c.response_ended(),
            c.sends_body(),
        )
    };
    let before = state(conn);
    let misuse = call(conn, &mut out).expect_err("this call is illegal");
    assert_eq!(out, b"already here", "{misuse:?} came after a byte was written");
    assert_eq!(state(conn), before, "{misuse:?} changed the connection");
    misuse
}

/// Reads all that was written as one response.
#[track_caller]
fn read(out: &[u8], method: &str) -> Response {
    let (response, len) =
        response::read(out, method).unwrap_or_else(|e| panic!("{e}: {}", out.escape_ascii()));
    assert_eq!(
        len,
        out.len(),
        "one response, and nothing behind it: {}",
        out.escape_ascii()
    );
    response
}

/// Answers with a whole body and reads the answer.
#[track_caller]
fn replied(conn: &mut Connection, method: &str, status: u16, body: &[u8]) -> Response {
    let mut out = Vec::new();
    conn.reply(&mut out, &ResponseHead::new(status), body)
        .expect("a legal reply");
    assert!(conn.response_ended());
    read(&out, method)
}
