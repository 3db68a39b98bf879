//! How bodies are framed and accounted for, and which responses have none.

use crate::oracle;
use crate::oracle::framing::values;
use crate::oracle::response::Framing;
use crate::{asked, get, get10, head, misuse, read, replied};
use http_core::{Body, Connection, FieldBlock, Misuse, ResponseHead, response_has_body};

#[test]
fn whether_a_response_will_have_a_body_is_told_before_it_is_begun() {
    for (make, name) in [(get as fn() -> Connection, "GET"), (head, "HEAD")] {
        for status in 200..600 {
            let mut conn = make();
            let told = conn.response_has_body(status);
            assert_eq!(
                told,
                response_has_body(status, name == "HEAD"),
                "{status} to {name}"
            );
            conn.respond(&mut Vec::new(), &ResponseHead::new(status), Body::Known(0))
                .expect("legal");
            assert_eq!(told, conn.sends_body(), "{status} to {name}");
        }
    }
}

#[test]
fn a_response_to_head_tells_the_length_and_has_no_body() {
    let mut conn = head();
    let response = replied(&mut conn, "HEAD", 200, b"Hello");
    assert_eq!(
        (response.body.len(), values(&response.fields, "content-length")),
        (0, vec![&b"5"[..]])
    );
    let mut conn = head();
    let mut out = Vec::new();
    conn.respond(&mut out, &ResponseHead::new(200), Body::Stream)
        .expect("legal");
    assert!(!conn.sends_body());
    assert_eq!(misuse(&mut conn, |c, out| c.data(out, b"a")), Misuse::NoBody);
    assert_eq!(misuse(&mut conn, |c, _| c.sent(1)), Misuse::NoBody);
    conn.end(&mut out, None).expect("every response is ended once");
    assert_eq!(
        values(&read(&out, "HEAD").fields, "transfer-encoding"),
        [b"chunked"]
    );
}

#[test]
fn statuses_without_content_have_none() {
    for status in [204, 205] {
        let head = ResponseHead::new(status);
        assert_eq!(
            misuse(&mut get(), |c, out| c.reply(out, &head, b"x")),
            Misuse::ContentForbidden,
            "{status}"
        );
        assert_eq!(
            misuse(&mut get(), |c, out| c.respond(out, &head, Body::Known(1))),
            Misuse::ContentForbidden
        );
    }
    assert_eq!(
        misuse(&mut get(), |c, out| c.respond(
            out,
            &ResponseHead::new(205),
            Body::Stream
        )),
        Misuse::ContentForbidden
    );
    let no_content = replied(&mut get(), "GET", 204, b"");
    assert!(
        values(&no_content.fields, "content-length").is_empty(),
        "RFC 9110 section 8.6"
    );
    let reset = replied(&mut get(), "GET", 205, b"");
    assert_eq!(
        values(&reset.fields, "content-length"),
        [b"0"],
        "else a client may wait for a body"
    );
    let not_modified = replied(&mut get(), "GET", 304, b"Hello");
    assert_eq!(
        (
            not_modified.body.len(),
            values(&not_modified.fields, "content-length")
        ),
        (0, vec![&b"5"[..]])
    );
    let plain = replied(&mut get(), "GET", 304, b"");
    assert!(
        values(&plain.fields, "content-length").is_empty(),
        "0 would be the length of the 200"
    );
}

#[test]
fn a_known_length_is_kept_to_the_byte() {
    let mut conn = get();
    let mut out = Vec::new();
    conn.respond(&mut out, &ResponseHead::new(200), Body::Known(5))
        .expect("legal");
    assert_eq!(misuse(&mut conn, |c, out| c.end(out, None)), Misuse::BodyTooShort);
    conn.data(&mut out, b"abc").expect("3 of 5");
    assert_eq!(
        misuse(&mut conn, |c, out| c.data(out, b"def")),
        Misuse::BodyTooLong
    );
    assert_eq!(misuse(&mut conn, |c, _| c.sent(3)), Misuse::BodyTooLong);
    assert_eq!(misuse(&mut conn, |c, _| c.sent(u64::MAX)), Misuse::BodyTooLong);
    assert_eq!(misuse(&mut conn, |c, out| c.end(out, None)), Misuse::BodyTooShort);
    conn.sent(2).expect("sent by the caller");
    out.extend(b"de");
    conn.end(&mut out, None).expect("complete");
    assert_eq!(read(&out, "GET").body, b"abcde");
    assert!(conn.is_idle());
}

#[test]
fn a_stream_is_chunked_to_http_1_1_and_until_close_to_http_1_0() {
    let stream = |mut conn: Connection| {
        let mut out = Vec::new();
        conn.respond(&mut out, &ResponseHead::new(200), Body::Stream)
            .expect("legal");
        for piece in [&b""[..], b"Hello, ", b"World!", b"0\r\n\r\n", &[b'x'; 300]] {
            conn.data(&mut out, piece).expect("legal");
        }
        conn.end(&mut out, None).expect("legal");
        (read(&out, "GET"), conn)
    };
    let want = [b"Hello, World!0\r\n\r\n", &[b'x'; 300][..]].concat();
    let (chunked, conn) = stream(get());
    assert_eq!((chunked.framing, &chunked.body), (Framing::Chunked, &want));
    assert!(conn.is_idle() && !conn.must_close());
    let keeping = asked("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    for conn in [get10(), keeping] {
        let (closed, conn) = stream(conn);
        assert_eq!((closed.framing, &closed.body), (Framing::UntilClose, &want));
        assert_eq!(values(&closed.fields, "connection"), [b"close"]);
        assert!(conn.must_close());
    }
}

#[test]
fn chunks_cannot_be_sent_past_the_connection() {
    let mut conn = get();
    conn.respond(&mut Vec::new(), &ResponseHead::new(200), Body::Stream)
        .expect("legal");
    assert_eq!(misuse(&mut conn, |c, _| c.sent(1)), Misuse::SentChunked);
}

#[test]
fn trailers_go_behind_the_last_chunk_and_nowhere_else() {
    let mut trailers = FieldBlock::new();
    trailers.push("x-sum", "1").expect("a legal field");
    let mut conn = get();
    let mut out = Vec::new();
    conn.respond(&mut out, &ResponseHead::new(200), Body::Stream)
        .expect("legal");
    conn.data(&mut out, b"a").expect("legal");
    conn.end(&mut out, Some(&trailers)).expect("legal");
    let response = read(&out, "GET");
    assert_eq!(
        response
            .trailers
            .iter()
            .map(|f| (f.name.as_str(), f.value.as_slice()))
            .collect::<Vec<_>>(),
        [("x-sum", &b"1"[..])]
    );
    let mut conn = get();
    conn.respond(&mut Vec::new(), &ResponseHead::new(200), Body::Known(0))
        .expect("legal");
    assert_eq!(
        misuse(&mut conn, |c, out| c.end(out, Some(&trailers))),
        Misuse::TrailersNotChunked
    );
    for name in [
        "host",
        "Authorization",
        "content-type",
        "set-cookie",
        "trailer",
        "te",
        "expect",
        "cache-control",
    ] {
        let mut forbidden = FieldBlock::new();
        forbidden.push(name, "x").expect("legal in a head");
        let mut conn = get();
        conn.respond(&mut Vec::new(), &ResponseHead::new(200), Body::Stream)
            .expect("legal");
        assert_eq!(
            misuse(&mut conn, |c, out| c.end(out, Some(&forbidden))),
            Misuse::ForbiddenTrailer,
            "{name}"
        );
    }
}

#[test]
fn lengths_are_written_right_at_every_number_of_digits() {
    for digits in 1..=19 {
        for length in [10u64.pow(digits) - 1, 10u64.pow(digits), u64::MAX] {
            let mut out = Vec::new();
            get()
                .respond(&mut out, &ResponseHead::new(200), Body::Known(length))
                .expect("legal");
            let (fields, _) = oracle::head::field_section(&out[17..]).expect("a field section");
            assert_eq!(values(&fields, "content-length"), [length.to_string().as_bytes()]);
        }
    }
}

#[test]
fn chunk_sizes_are_written_right_around_each_power_of_sixteen() {
    for size in [
        1,
        9,
        10,
        15,
        16,
        17,
        255,
        256,
        4095,
        4096,
        65_535,
        65_536,
        1 << 20,
    ] {
        let mut conn = get();
        let mut out = Vec::new();
        conn.respond(&mut out, &ResponseHead::new(200), Body::Stream)
            .expect("legal");
        conn.data(&mut out, &vec![b'x'; size]).expect("legal");
        conn.end(&mut out, None).expect("legal");
        let line = format!("\r\n\r\n{size:x}\r\nx");
        assert!(out.windows(line.len()).any(|w| w == line.as_bytes()), "{size}");
    }
}
