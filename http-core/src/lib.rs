//! A sans-IO HTTP/1.x parser and serializer for the server side: octets in, facts out; decisions in, octets out.
//!
//! What it accepts is what RFC 9110 and RFC 9112 allow a careful server to accept; what it refuses it refuses by a
//! [`Rule`] with a clause and a status; and what it costs is known. It knows no socket, no clock, no thread and no std,
//! allocates nothing, has no `unsafe`, and never panics, whatever it is fed and however the octets are cut.
//!
//! # A server in 20 lines
//!
//! [`Connection`] is one connection, [`Fields`] is room for the field lines of one head, [`ResponseHead`] is a head to
//! send. All three can be used again and again.
//!
//! ```edition2021
//! use http_core::{Connection, Event, Fields, Misuse, Rejection, ResponseHead};
//!
//! /// Answers what can be answered of `input`, and takes it out. `false`: send `output`, then close.
//! fn serve(conn: &mut Connection, input: &mut Vec<u8>, output: &mut Vec<u8>) -> Result<bool, Misuse> {
//!     let mut fields = Fields::<64>::new();
//!     loop {
//!         let received = match conn.receive(input, &mut fields) {
//!             Ok(received) => received,
//!             Err(Rejection { rule, .. }) => {
//!                 conn.reply(output, &ResponseHead::new(rule.status()), rule.sentence().as_bytes())?;
//!                 return Ok(false);
//!             }
//!         };
//!         match received.event {
//!             Event::Request(head) => println!("{} {}", head.method(), head.target().path()),
//!             Event::Data(_) | Event::Trailers(_) | Event::End => {} // this server needs no bodies
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
//! let (mut input, mut output) = (b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HT".to_vec(), Vec::new());
//! assert!(serve(&mut conn, &mut input, &mut output)?);
//! assert_eq!(output, b"HTTP/1.1 200 OK\r\ncontent-length: 13\r\n\r\nHello, World!");
//! assert_eq!(input, b"GET /2 HT");
//! # Ok::<(), Misuse>(())
//! ```
//!
//! [`receive`](Connection::receive) looks at all octets that are not yet consumed and says what comes first in them: a
//! head, octets of a body, trailers, an end; or that more octets are needed, or that a response comes first.
//! [`respond`](Connection::respond), [`data`](Connection::data) and [`end`](Connection::end) append a response to a
//! `Vec<u8>`, [`reply`](Connection::reply) does all three. An illegal response is a [`Misuse`] before an octet is written.
//!
//! # What is supported
//!
//! | | |
//! | --- | --- |
//! | request line | the four forms of a target, each only with its methods; every token of up to 32 octets as method; versions 1.0 and 1.1, 1.2 to 1.9 as 1.1; one CRLF before it |
//! | fields | the strict grammar: CRLF only, no folding, no space before the colon, no controls; octets over 0x7f in values |
//! | Host | one, and valid, in 1.1; at most one in 1.0; a target in absolute-form goes before it |
//! | body | Content-Length once; `chunked` alone, with extensions (checked, then ignored) and trailers (never merged into the head); never both |
//! | Connection | close, keep-alive and upgrade, as a list over all lines; keep-alive in 1.0 |
//! | Expect | 100-continue; anything else is told, to be answered with 417 |
//! | upgrade | 101 and the octets that follow; a tunnel by CONNECT |
//! | pipelining | one request at a time; the others wait |
//! | responses | interim ones, Content-Length, chunked with trailers, until-close to 1.0, HEAD, 204, 205, 304 |
//!
//! Left out: the client side; HTTP/0.9, 2 and 3 (other protocols); transfer codings but chunked (nobody sends them, 501);
//! the meaning of fields that are neither framing nor connection (the application's); the merging of repeated fields;
//! lenient parsing of any kind (it is how requests are smuggled); normalization of targets (it belongs to whoever maps
//! them to files). A rejected connection always closes: nobody knows where its next request begins.
//!
//! # Limits
//!
//! [`limits`] names each one with its precedents; all are settable by [`Limits`]. The work is linear in the octets, at
//! most four looks at each, for every way to cut them; a chunk has to be worth its framing.
//!
//! # How it is built
//!
//! `state.rs` decides every state for every input of a connection; the diagram in `docs/state.dot` is written from it. A head that
//! arrives whole is parsed once; one that arrives in pieces is scanned from LF to LF, each line judged at its end, so that
//! what cannot become a request is refused at once. The [rules](Rule) are a table, which `docs/rules.md` shows.
//!
//! Field lines have a scanner of their own rather than `httparse`'s: it names the rule that was broken, takes no bare LF,
//! and one pass checks, trims and classifies. On x86-64 a head of 12 fields with all its checks costs 2,523 instructions,
//! `httparse` alone 3,145 (`cargo run --release -p http-core --features std --example cost`); long targets are what
//! `httparse` is better at: 4,653 to 6,118 for 4 KiB.
//!
//! # Features
//!
//! `std` turns on the SIMD search of `memchr` and nothing else. `http` adds conversions to and from the types of the
//! `http` crate, which needs std.
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
pub use request::parts::{Expectation, Framing, Method, Target, Version};
pub use request::table::Fields;
pub use request::view::{FieldLines, Head, Trailers};
pub use response::body::Body;
pub use response::fields::{DateLine, FieldBlock, FieldLine, FieldName, Name};
pub use response::head::ResponseHead;
pub use response::prepared::PreparedHead;
pub use rules::{Rejection, Rule};
