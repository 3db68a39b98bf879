//! When a response may be sent, and how often.

use crate::oracle::framing::values;
use crate::oracle::response::{self, Framing};
use crate::{get, get10, misuse, read, replied};
use http_core::{Body, Connection, Limits, Misuse, ResponseHead};

#[test]
fn a_reply_is_exactly_these_bytes() {
    let mut out = Vec::new();
    let head = ResponseHead::new(200)
        .field("content-type", "text/plain")
        .expect("a legal field");
    get()
        .reply(&mut out, &head, b"Hello, World!")
        .expect("a legal reply");
    let want = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 13\r\n\r\nHello, World!";
    assert_eq!(String::from_utf8_lossy(&out), want);
}

#[test]
fn nothing_can_be_answered_before_a_request_but_an_error_that_closes() {
    let idle = || Connection::server(Limits::default());
    let ok = ResponseHead::new(200);
    assert_eq!(
        misuse(&mut idle(), |c, out| c.reply(out, &ok, b"")),
        Misuse::NotAnError
    );
    assert_eq!(
        misuse(&mut idle(), |c, out| c.respond(out, &ok, Body::Stream)),
        Misuse::NotAnError
    );
    assert_eq!(
        misuse(&mut idle(), |c, out| c.continue_100(out)),
        Misuse::NothingDue
    );
    assert_eq!(
        misuse(&mut idle(), |c, out| c.interim(out, &ResponseHead::new(103))),
        Misuse::NothingDue
    );
    assert_eq!(
        misuse(&mut idle(), |c, out| c.upgrade(out, &ResponseHead::new(101))),
        Misuse::NothingDue
    );
    assert_eq!(misuse(&mut idle(), |c, out| c.data(out, b"a")), Misuse::NoBody);
    assert_eq!(misuse(&mut idle(), |c, out| c.end(out, None)), Misuse::NoBody);
    assert_eq!(misuse(&mut idle(), |c, _| c.sent(1)), Misuse::NoBody);
    let mut conn = idle();
    let timeout = replied(&mut conn, "GET", 408, b"slow");
    assert_eq!(values(&timeout.fields, "connection"), [b"close"]);
    assert!(conn.must_close());
}

#[test]
fn one_request_has_one_final_response() {
    let mut conn = get();
    replied(&mut conn, "GET", 200, b"");
    assert_eq!(
        misuse(&mut conn, |c, out| c.reply(out, &ResponseHead::new(200), b"")),
        Misuse::NotAnError
    );
    let mut conn = get();
    conn.respond(&mut Vec::new(), &ResponseHead::new(200), Body::Known(1))
        .expect("legal");
    assert_eq!(
        misuse(&mut conn, |c, out| c.respond(
            out,
            &ResponseHead::new(500),
            Body::Known(0)
        )),
        Misuse::NothingDue
    );
    assert_eq!(
        misuse(&mut conn, |c, out| c.continue_100(out)),
        Misuse::NothingDue
    );
}

#[test]
fn a_status_that_does_not_fit_its_call_is_refused() {
    for status in [0, 99, 100, 101, 103, 199, 600, 999, u16::MAX] {
        let head = ResponseHead::new(status);
        assert_eq!(
            misuse(&mut get(), |c, out| c.respond(out, &head, Body::Known(0))),
            Misuse::BadStatus,
            "{status}"
        );
        assert_eq!(
            misuse(&mut get(), |c, out| c.reply(out, &head, b"")),
            Misuse::BadStatus,
            "{status}"
        );
    }
    for status in [0, 99, 101, 200, 304, 404, 600, u16::MAX] {
        let head = ResponseHead::new(status);
        assert_eq!(
            misuse(&mut get(), |c, out| c.interim(out, &head)),
            Misuse::BadStatus,
            "{status}"
        );
    }
    for status in 200..600 {
        let body: &[u8] = if matches!(status, 204 | 205 | 304) {
            b""
        } else {
            b"x"
        };
        assert_eq!(replied(&mut get(), "GET", status, body).status, status);
    }
}

#[test]
fn interim_responses_come_before_the_final_one_and_never_to_http_1_0() {
    let mut conn = get();
    let mut out = Vec::new();
    conn.continue_100(&mut out).expect("legal");
    let hints = ResponseHead::new(103)
        .field("link", "</a>")
        .expect("a legal field");
    conn.interim(&mut out, &hints).expect("legal");
    let (first, at) = response::read(&out, "GET").expect("an interim response");
    assert_eq!((first.status, first.framing), (100, Framing::None));
    assert_eq!(read(&out[at..], "GET").status, 103);
    assert_eq!(replied(&mut conn, "GET", 200, b"x").body, b"x");
    assert_eq!(
        misuse(&mut get10(), |c, out| c.continue_100(out)),
        Misuse::InterimToHttp10
    );
    assert_eq!(
        misuse(&mut get10(), |c, out| c.interim(out, &hints)),
        Misuse::InterimToHttp10
    );
}
