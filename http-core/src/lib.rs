//! A sans-IO HTTP/1.x parser and serializer for the server side: octets in, facts out; decisions in, octets out.
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod bytes;
mod connection;
pub mod limits;
mod misuse;
mod request;
mod response;
mod rules;
mod state;

pub use connection::{Connection, Event, Received};
pub use limits::Limits;
pub use misuse::Misuse;
pub use request::head::{FieldLines, Head, Trailers};
pub use request::parts::{Expectation, Framing, Method, Target, Version};
pub use request::table::Fields;
pub use response::body::Body;
pub use response::fields::{FieldBlock, FieldName, Name};
pub use response::head::ResponseHead;
pub use rules::{Rejection, Rule};
