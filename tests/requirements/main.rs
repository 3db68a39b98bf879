//! The behaviour of a careful HTTP/1.1 server, seen over the wire: each case is a row in one of the tables, sent to the built
//! server once whole and once byte by byte. How the bytes arrive must not change the answer.
//! The README.md beside this file says what the points are.

mod case;
mod connection;
mod fields;
mod framing;
mod request_line;
mod semantics;
