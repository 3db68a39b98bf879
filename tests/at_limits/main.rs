//! The built server when something has run out or fails: places, descriptors, time, wakes.

mod drain;
mod end;
mod files;
mod room;
mod wakes;

const REQUEST: &str = "GET /plaintext HTTP/1.1\r\nHost: a\r\n\r\n";
/// An answer that does not come while a test runs.
const NEVER: &str = "GET /slow?ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n";
