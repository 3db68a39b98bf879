//! A sans-IO HTTP/1.x parser and serializer for the server side: octets in, facts out; decisions in, octets out.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod bytes;
mod connection;
pub mod limits;
mod request;
mod response;
mod rules;
mod state;

pub use connection::{Connection, Event, Received};
pub use limits::Limits;
pub use request::head::{Expectation, FieldLines, Fields, Framing, Head, Method, Target, Trailers, Version};
pub use response::body::Body;
pub use response::head::{FieldBlock, FieldName, Name, ResponseHead};
pub use rules::{Misuse, Rejection, Rule};
