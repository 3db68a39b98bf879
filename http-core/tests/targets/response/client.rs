//! What an independent client makes of all that was written.

use super::{Cycle, Final, Session};
use crate::oracle::framing::list;
use crate::oracle::response::{self, Framing, Response};

impl Session<'_> {
    /// Reads everything that was written, response by response.
    pub(super) fn read_as_a_client(&self) {
        let mut rest = self.out.as_slice();
        for cycle in &self.cycles {
            for status in &cycle.interims {
                // An interim response is framed alike whatever the method.
                let method = if cycle.switched { cycle.method } else { "GET" };
                let (read, len) = self.read(rest, method);
                assert_eq!(read.status, *status);
                rest = &rest[len..];
            }
            if let Some(last) = &cycle.last {
                let (read, len) = self.read(rest, cycle.method);
                check(&read, last, cycle);
                rest = &rest[len..];
            }
        }
        assert!(
            rest.is_empty(),
            "bytes behind the last response: {}",
            rest.escape_ascii()
        );
    }

    fn read(&self, rest: &[u8], method: &str) -> (Response, usize) {
        response::read(rest, method).unwrap_or_else(|e| panic!("{e}: {}", self.out.escape_ascii()))
    }
}

/// Compares what the client read with what was meant.
fn check(read: &Response, last: &Final, cycle: &Cycle) {
    assert_eq!((read.status, &read.body), (last.status, &last.data));
    let options = list(&read.fields, "connection");
    let says = |option: &str| options.iter().any(|o| o.eq_ignore_ascii_case(option));
    assert_eq!(says("close"), last.close, "{} {:?}", cycle.method, read);
    assert!(!(says("close") && says("keep-alive")), "{read:?}");
    if cycle.minor == 0 && !cycle.refused {
        assert!(
            last.close || says("keep-alive"),
            "an HTTP/1.0 client has to be told: {read:?}"
        );
        assert_ne!(read.framing, Framing::Chunked, "HTTP/1.0 knows no chunks");
        assert!(
            read.fields
                .iter()
                .all(|f| !f.name.eq_ignore_ascii_case("transfer-encoding"))
        );
    }
    let trailers = usize::from(last.trailers && read.framing == Framing::Chunked);
    assert_eq!(read.trailers.len(), trailers, "{read:?}");
    if read.framing == Framing::UntilClose {
        assert!(last.close, "a body that ends with the connection needs its end");
    }
}
