//! A sans-IO HTTP/1.x parser and serializer for the server side: bytes in, facts out; decisions in, bytes out.
//!
//! It accepts what RFC 9110 and RFC 9112 allow a careful server to accept. Each refusal names a [`Rule`] with its clause and
//! its status. Its costs are counted and tested. It knows no socket, no clock, no thread and no std, and has no `unsafe`. It
//! allocates nothing but the `Vec`s of the output and of the heads to send, and never panics, for any bytes and any way to
//! cut them.
//!
//! # A server in one function
//!
//! [`Connection`] is one connection, [`Fields`] is room for the field lines of one head, [`ResponseHead`] is a head to
//! send. All three can be used again and again.
//!
//! ```edition2021
//! use http_core::{Connection, Event, Fields, Misuse, Rejection, ResponseHead};
//!
//! /// Serves all requests that are whole in `input`, and removes them from it. Returns `false`
//! /// if the connection has to close.
//! fn serve(
//!     conn: &mut Connection,
//!     input: &mut Vec<u8>,
//!     output: &mut Vec<u8>,
//! ) -> Result<bool, Misuse> {
//!     let mut fields = Fields::<64>::new();
//!     loop {
//!         let received = match conn.receive(input, &mut fields) {
//!             Ok(received) => received,
//!             Err(Rejection { rule, .. }) => {
//!                 let head = ResponseHead::new(rule.status());
//!                 conn.reply(output, &head, rule.sentence().as_bytes())?;
//!                 return Ok(false);
//!             }
//!         };
//!         match received.event {
//!             Event::Request(head) => println!("{} {}", head.method(), head.target().path()),
//!             Event::Data(_) | Event::Trailers(_) | Event::End => {} // it needs no bodies
//!             Event::Paused => conn.reply(output, &ResponseHead::new(200), b"Hello, World!")?,
//!             Event::NeedMore | Event::Closed | Event::Upgraded => {
//!                 input.drain(..received.consumed);
//!                 return Ok(!conn.must_close());
//!             }
//!         }
//!         input.drain(..received.consumed);
//!     }
//! }
//!
//! let mut conn = Connection::server(http_core::Limits::default());
//! let mut input = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HT".to_vec();
//! let mut output = Vec::new();
//! assert!(serve(&mut conn, &mut input, &mut output)?);
//! assert_eq!(output, b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nHello, World!");
//! assert_eq!(input, b"GET /2 HT");
//! # Ok::<(), Misuse>(())
//! ```
//!
//! [`receive`](Connection::receive) looks at all bytes that are not yet consumed and says what comes first in them: a
//! head, bytes of a body, trailers, an end; or that more bytes are needed, or that the response to the last request comes
//! first.
//! [`respond`](Connection::respond), [`data`](Connection::data) and [`end`](Connection::end) append a response to a
//! `Vec<u8>`; [`reply`](Connection::reply) does all three, and [`PreparedHead`] makes the same answer cheap to repeat. An
//! illegal response is a [`Misuse`] before a byte is written. When the peer has closed its side, call
//! [`end_of_input`](Connection::end_of_input). Timeouts belong to the caller, and so does Date (RFC 9110 section 6.6.1),
//! because both need a clock.
//!
//! # What is supported
//!
//! | part | supported |
//! | --- | --- |
//! | method | every token of up to 32 bytes |
//! | target | the four forms, each only with its methods; its bytes by RFC 3986, or as browsers send them ([`TargetPolicy`]) |
//! | version | 1.0 and 1.1; 1.2 to 1.9 count as 1.1 |
//! | empty lines | up to four before the request line |
//! | fields | the strict grammar: CRLF only, no folding, no space before the colon, no controls; bytes over 0x7f in values |
//! | Host | one, valid and not empty, in 1.1; at most one in 1.0; a target in absolute-form goes before it |
//! | body | Content-Length once; `chunked` alone, with extensions (checked, then ignored) and trailers (never merged into the head); never both |
//! | Connection | close, keep-alive and upgrade, as a list over all lines; keep-alive in 1.0 |
//! | Expect | 100-continue; anything else is reported, to be answered with 417 |
//! | upgrade | 101 and the bytes that follow; a tunnel by CONNECT |
//! | pipelining | one request at a time; the others wait |
//! | responses | interim ones, Content-Length, chunked with trailers, until-close to 1.0, HEAD, 204, 205, 304 |
//!
//! Left out: the client side; HTTP/0.9, 2 and 3 (other protocols); transfer codings but chunked (nobody sends them, 501);
//! the meaning of fields that are neither framing nor connection (the application's); the merging of repeated fields;
//! lenient parsing of any other kind (it is how requests are smuggled); normalization of targets (it belongs to the code that
//! maps them to files). A rejected connection always closes, because where its next request begins is not known.
//!
//! # Limits
//!
//! [`limits`] names each one with its precedents; all are settable by [`Limits`], and the limit of one request's body by
//! [`set_body_limit`](Connection::set_body_limit) when its head is known. The work is linear: each byte is looked at four
//! times at most, for every way to cut the input. Chunks have to carry enough data for their framing.
//!
//! # How it is built
//!
//! `state.rs` decides every input in every state of a connection; the diagram in `docs/state.dot` is written from it. A head
//! that arrives whole is parsed once. A head that arrives in pieces is scanned from LF to LF and each line is judged at its
//! end, so that bytes which cannot become a request are refused at once. The [rules](Rule) are a table, which `docs/rules.md`
//! shows; a [`Rejection`] holds the rule and the place of the byte that decided.
//!
//! Field lines have a scanner of their own rather than `httparse`'s: it names the rule that was broken, takes no bare LF,
//! and one pass checks, trims and classifies. On x86-64 a head of 12 fields with all its checks costs 2,511 instructions,
//! `httparse` alone 3,178 (`cargo run --release -p http-core --features std --example cost`). A target of 4 KiB takes more
//! instructions than in `httparse`, 6,117 to 4,686, and less time, 0.38 to 1.04 µs (`--example cost -- --time`): it is
//! looked at in blocks of sixteen bytes.
//!
//! # Features
//!
//! None is on by default; the crate then needs `core` and `alloc` only.
//!
//! - `std` lets `memchr` choose its SIMD search at run time, and changes nothing else.
//! - `http` adds conversions to and from the types of the `http` crate, which needs std: `http::Version` and
//!   `http::Method` both ways, `http::Request<()>` from a [`Head`], `http::HeaderMap` from [`FieldLines`] or [`Trailers`],
//!   [`ResponseHead`] from an `http::Response`, and [`FieldBlock`] from an `http::HeaderMap`. `http::HeaderName` is a
//!   [`FieldName`]. A head that was parsed fails to convert only if its target or a field is longer than 64 KiB, it has
//!   more than 32,768 fields, or the authority of its target holds a percent-encoded byte.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod bytes;
mod connection;
#[cfg(feature = "http")]
mod interop;
pub mod limits;
mod misuse;
mod request;
mod response;
mod rules;
mod state;

pub use connection::{Connection, Event, Received};
pub use limits::{Limits, TargetPolicy};
pub use misuse::Misuse;
pub use request::parts::{Expectation, Framing, KnownField, Method, Modifier, Target, Version};
pub use request::table::Fields;
pub use request::view::{FieldLines, Head, Trailers};
pub use response::body::{Body, response_has_body};
pub use response::fields::{DateLine, FieldBlock, FieldLine, FieldName, Name};
pub use response::head::ResponseHead;
pub use response::prepared::PreparedHead;
pub use rules::{Rejection, Rule};
