//! Each limit: a message at it is taken, one octet past it is refused by its own rule, at the octet that passes it.

mod support;

use http_core::{Connection, Event, Fields, Limits, Rule, limits};
use support::{Stop, drive, every_cut};

/// Feeds the wire in every way and asserts that it is taken.
#[track_caller]
fn taken(limits: Limits, wire: &[u8]) {
    let outcome = every_cut(limits, wire);
    assert_eq!(outcome.eof, Some(Ok(())), "not taken: {}", outcome.stop);
    assert_eq!(outcome.consumed, wire.len());
}

/// Feeds the wire in every way and asserts that `rule` refuses it, not later than with byte `by`.
#[track_caller]
fn refused(limits: Limits, wire: &[u8], rule: Rule, by: usize) {
    let stop = every_cut(limits, wire).stop;
    let want = Stop::Rejected {
        rule: format!("{rule:?}"),
        status: rule.status(),
        close: true,
    };
    assert_eq!(stop, want);
    let at = drive(limits, wire, 1..=wire.len()).decided_at;
    assert!(at <= by, "{rule:?} was decided at byte {at}, {by} were enough");
    // A sender that stops right there is told so, and needs not send the rest.
    assert_eq!(
        drive(limits, &wire[..by], [by]).outcome.stop,
        want,
        "the first {by} bytes decide"
    );
}

fn get(target: &str, fields: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n").into_bytes()
}

fn post(body: &str) -> Vec<u8> {
    format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}").into_bytes()
}

/// The head that [`post`] writes.
fn post_head() -> usize {
    post("").len()
}

#[test]
fn a_request_line_at_its_limit_is_taken_and_one_octet_more_is_414() {
    let limits = Limits {
        request_line: 100,
        ..Limits::default()
    };
    let around = "GET / HTTP/1.1\r\n".len();
    taken(limits, &get(&format!("/{}", "a".repeat(100 - around)), ""));
    refused(
        limits,
        &get(&format!("/{}", "a".repeat(101 - around)), ""),
        Rule::RequestLineTooLong,
        101,
    );
    // It is refused before its end is there.
    let endless = [b"GET /", "a".repeat(5000).as_bytes()].concat();
    refused(limits, &endless, Rule::RequestLineTooLong, 101);
}

#[test]
fn a_request_line_of_8000_octets_is_within_the_default() {
    let line = |len: usize| get(&format!("/{}", "a".repeat(len - "GET / HTTP/1.1\r\n".len())), "");
    taken(Limits::default(), &line(8000));
    taken(Limits::default(), &line(limits::REQUEST_LINE as usize));
    let past = limits::REQUEST_LINE as usize + 1;
    refused(Limits::default(), &line(past), Rule::RequestLineTooLong, past);
}

#[test]
fn a_method_at_its_limit_is_taken_and_one_octet_more_is_400() {
    let request = |len: usize| format!("{} / HTTP/1.1\r\nHost: a\r\n\r\n", "M".repeat(len)).into_bytes();
    taken(Limits::default(), &request(limits::METHOD));
    let past = request(limits::METHOD + 1);
    let line = past.iter().position(|b| *b == b'\n').expect("a line") + 1;
    refused(Limits::default(), &past, Rule::MethodTooLong, line);
    // One without an end is refused when the request line is over its limit, and still for its method.
    let endless = "M".repeat(9000).into_bytes();
    refused(
        Limits::default(),
        &endless,
        Rule::MethodTooLong,
        limits::REQUEST_LINE as usize + 1,
    );
    assert_eq!(
        Rule::MethodTooLong.status(),
        400,
        "an over-long method is 400, not 414"
    );
}

#[test]
fn a_field_line_at_its_limit_is_taken_and_one_octet_more_is_431() {
    let limits = Limits {
        field_line: 64,
        ..Limits::default()
    };
    let before = get("/", "").len() - 2;
    let value = |len: usize| get("/", &format!("X: {}\r\n", "v".repeat(len - 5)));
    taken(limits, &value(64));
    refused(limits, &value(65), Rule::FieldLineTooLong, before + 65);
    let name = |len: usize| get("/", &format!("{}:\r\n", "X".repeat(len - 3)));
    taken(limits, &name(64));
    refused(limits, &name(65), Rule::FieldLineTooLong, before + 65);
    let endless = [&get("/", "")[..before], b"X: ", "v".repeat(4000).as_bytes()].concat();
    refused(limits, &endless, Rule::FieldLineTooLong, before + 65);
}

#[test]
fn a_head_at_its_limit_is_taken_and_one_octet_more_is_431() {
    let limits = Limits {
        head: 120,
        ..Limits::default()
    };
    let head = |len: usize| {
        get(
            "/",
            &format!("X: {}\r\n", "v".repeat(len - get("/", "X: \r\n").len())),
        )
    };
    assert_eq!(head(120).len(), 120);
    taken(limits, &head(120));
    refused(limits, &head(121), Rule::HeadTooLong, 121);
    let endless = [
        &get("/", "")[..get("/", "").len() - 2],
        "X: y\r\n".repeat(1000).as_bytes(),
    ]
    .concat();
    refused(limits, &endless, Rule::HeadTooLong, 121);
}

#[test]
fn a_number_of_fields_at_its_limit_is_taken_and_one_more_is_431() {
    let limits = Limits {
        fields: 5,
        ..Limits::default()
    };
    let fields = |n: usize| get("/", &"X: y\r\n".repeat(n - 1));
    taken(limits, &fields(5));
    refused(limits, &fields(6), Rule::TooManyFields, fields(6).len());
}

#[test]
fn the_slots_given_limit_the_number_of_fields_too() {
    let mut fields = Fields::<3>::new();
    let wire = |n: usize| get("/", &"X: y\r\n".repeat(n - 1));
    let (three, four) = (wire(3), wire(4));
    let mut conn = Connection::server(Limits::default());
    assert!(matches!(
        conn.receive(&three, &mut fields).expect("three fit").event,
        Event::Request(_)
    ));
    let mut conn = Connection::server(Limits::default());
    let refused = conn
        .receive(&four, &mut fields)
        .map(|r| r.consumed)
        .expect_err("four do not");
    assert_eq!(refused.rule, Rule::TooManyFields);
}

#[test]
fn a_content_length_at_the_limit_is_taken_and_one_more_is_413() {
    let limits = Limits {
        body: 10,
        ..Limits::default()
    };
    let request = |n: u64, body: &str| {
        format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {n}\r\n\r\n{body}").into_bytes()
    };
    taken(limits, &request(10, "0123456789"));
    refused(
        limits,
        &request(11, "0123456789x"),
        Rule::BodyTooLong,
        request(11, "").len(),
    );
    refused(
        limits,
        &request(u64::MAX, ""),
        Rule::BodyTooLong,
        request(u64::MAX, "").len(),
    );
    let unlimited = Limits {
        body: u64::MAX,
        ..Limits::default()
    };
    let outcome = every_cut(unlimited, &request(u64::MAX, "abc"));
    assert_eq!(
        outcome.stop,
        Stop::NeedMore,
        "u64::MAX is a length like any other where the limit allows it"
    );
}

#[test]
fn a_sum_of_chunks_at_the_limit_is_taken_and_one_octet_more_is_413() {
    let limits = Limits {
        body: 10,
        ..Limits::default()
    };
    taken(limits, &post("5\r\nhello\r\n5\r\nworld\r\n0\r\n\r\n"));
    let past = post("5\r\nhello\r\n6\r\nworld!\r\n0\r\n\r\n");
    refused(
        limits,
        &past,
        Rule::BodyTooLong,
        post_head() + "5\r\nhello\r\n6\r\n".len(),
    );
    refused(limits, &post("b\r\n"), Rule::BodyTooLong, post_head() + 3);
}

#[test]
fn chunk_sizes_that_wrap_a_sum_are_413_even_without_a_limit() {
    let unlimited = Limits {
        body: u64::MAX,
        ..Limits::default()
    };
    let wraps = post("1\r\na\r\nffffffffffffffff\r\n");
    refused(unlimited, &wraps, Rule::BodyTooLong, wraps.len());
}

#[test]
fn sixteen_digits_are_a_chunk_size_and_seventeen_are_not() {
    taken(
        Limits::default(),
        &post("0000000000000001\r\na\r\n0000000000000000\r\n\r\n"),
    );
    refused(
        Limits::default(),
        &post("00000000000000001\r\na\r\n0\r\n\r\n"),
        Rule::ChunkSizeOverflow,
        post_head() + 17,
    );
    refused(
        Limits::default(),
        &post("0\r\n\r\n").replace_last_chunk(17),
        Rule::ChunkSizeOverflow,
        post_head() + 17,
    );
}

/// Spells the last chunk with more zeros.
trait ReplaceLastChunk {
    fn replace_last_chunk(self, zeros: usize) -> Self;
}

impl ReplaceLastChunk for Vec<u8> {
    fn replace_last_chunk(mut self, zeros: usize) -> Self {
        self.truncate(post_head());
        self.extend("0".repeat(zeros).bytes());
        self.extend(b"\r\n\r\n");
        self
    }
}

#[test]
fn chunk_extensions_at_their_limit_are_taken_and_one_octet_more_is_refused() {
    let limits = Limits {
        chunk_extensions: 40,
        ..Limits::default()
    };
    // They are counted over the whole body: 20 octets on the first chunk, the rest on the second.
    let body = |second: usize| {
        post(&format!(
            "1;{}\r\na\r\n1;{}\r\nb\r\n0\r\n\r\n",
            "x".repeat(19),
            "y".repeat(second - 1)
        ))
    };
    taken(limits, &body(20));
    let by = post_head() + "1;\r\na\r\n1;".len() + 19 + 20;
    refused(limits, &body(21), Rule::ChunkExtensionsTooLong, by);
    let endless = post(&format!("1;{}", "x".repeat(4000)));
    refused(
        limits,
        &endless,
        Rule::ChunkExtensionsTooLong,
        post_head() + 1 + 41,
    );
}

#[test]
fn the_largest_limit_of_chunk_extensions_is_a_limit_too() {
    let limits = Limits {
        chunk_extensions: u16::MAX,
        ..Limits::default()
    };
    let line = post(&format!("1;{}", "x".repeat(usize::from(u16::MAX))));
    let at_limit = line.len() - 1;
    let stop = drive(limits, &line[..at_limit], [at_limit]).outcome.stop;
    assert_eq!(stop, Stop::NeedMore);
    let stop = drive(limits, &line, [line.len()]).outcome.stop;
    let rule = Rule::ChunkExtensionsTooLong;
    assert_eq!(
        stop,
        Stop::Rejected {
            rule: format!("{rule:?}"),
            status: rule.status(),
            close: true,
        }
    );
}

#[test]
fn one_byte_chunks_pass_until_their_overhead_is_out_of_proportion() {
    let limits = Limits {
        chunk_overhead: 100,
        ..Limits::default()
    };
    // A plain one-byte chunk earns its framing: it is what an honest sender may send.
    taken(limits, &post(&format!("{}0\r\n\r\n", "1\r\na\r\n".repeat(1000))));
    // One with an extension of no use does not; at some point it is refused, and long before the body limit.
    let wasteful = "1;aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\nx\r\n";
    taken(limits, &post(&format!("{wasteful}0\r\n\r\n")));
    let many = post(&format!("{}0\r\n\r\n", wasteful.repeat(200)));
    let stop = every_cut(limits, &many).stop;
    assert_eq!(
        stop,
        Stop::Rejected {
            rule: "ChunkOverhead".into(),
            status: 400,
            close: true
        }
    );
    let mut earlier = limits;
    earlier.chunk_overhead = 50;
    let at = |limits| drive(limits, &many, 1..=many.len()).decided_at;
    assert!(at(earlier) < at(limits), "a smaller limit decides earlier");
}

#[test]
fn a_trailer_section_at_its_limit_is_taken_and_one_octet_more_is_431() {
    let limits = Limits {
        trailers: 40,
        ..Limits::default()
    };
    let section = |len: usize| {
        post(&format!(
            "0\r\nX: {}\r\n\r\n",
            "v".repeat(len - "X: \r\n\r\n".len())
        ))
    };
    taken(limits, &section(40));
    refused(limits, &section(41), Rule::TrailersTooLong, post_head() + 3 + 41);
    let endless = post(&format!("0\r\nX: {}", "v".repeat(4000)));
    refused(limits, &endless, Rule::TrailersTooLong, post_head() + 3 + 41);
}

#[test]
fn a_number_of_trailers_at_the_limit_of_fields_is_taken_and_one_more_is_431() {
    let limits = Limits {
        fields: 5,
        ..Limits::default()
    };
    let trailers = |n: usize| post(&format!("0\r\n{}\r\n", "X: y\r\n".repeat(n)));
    taken(limits, &trailers(5));
    refused(limits, &trailers(6), Rule::TooManyFields, trailers(6).len());
}

#[test]
fn content_length_at_the_edge_of_u64_is_a_number_and_one_more_overflows() {
    let request =
        |value: &str| format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {value}\r\n\r\n").into_bytes();
    let unlimited = Limits {
        body: u64::MAX,
        ..Limits::default()
    };
    assert_eq!(
        every_cut(unlimited, &request("18446744073709551615")).stop,
        Stop::NeedMore
    );
    let past = request("18446744073709551616");
    refused(unlimited, &past, Rule::ContentLengthOverflow, past.len());
    let zeros = request("000000000000000000000000000000000000000005");
    assert_eq!(
        every_cut(unlimited, &zeros).stop,
        Stop::NeedMore,
        "leading zeros are no overflow"
    );
}

#[test]
fn the_empty_line_of_a_section_is_no_line_of_it_however_it_is_cut() {
    let no_trailers = Limits {
        trailers: 0,
        ..Limits::default()
    };
    taken(no_trailers, &post("1\r\na\r\n0\r\n\r\n"));
    let no_fields = Limits {
        field_line: 0,
        ..Limits::default()
    };
    let answered = every_cut(no_fields, b"GET / HTTP/1.0\r\n\r\n").stop;
    assert_eq!(answered, Stop::Closed);
}

#[test]
fn at_every_small_limit_the_verdict_is_the_same_for_each_cut() {
    let wires = [
        b"GET / HTTP/1.0\r\n\r\n".to_vec(),
        b"\r\nGET /ab HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
        b"GET / HTTP/1.1\r\nA\rb: c\r\n\r\n".to_vec(),
        post("1;a\r\na\r\n0\r\n\r\n"),
        post("0\r\nX: y\r\nZ:\r\n\r\n"),
        post("0\r\n\rX: y\r\n\r\n"),
    ];
    for most in 0..64 {
        for which in 0..4 {
            let mut limits = Limits::default();
            match which {
                0 => limits.request_line = most,
                1 => limits.field_line = most,
                2 => limits.head = most,
                _ => limits.trailers = most as u16,
            }
            for wire in &wires {
                every_cut(limits, wire);
            }
        }
    }
}

#[test]
fn limits_of_zero_refuse_and_never_panic() {
    let zero = Limits {
        request_line: 0,
        field_line: 0,
        head: 0,
        fields: 0,
        body: 0,
        chunk_extensions: 0,
        chunk_overhead: 0,
        trailers: 0,
    };
    for wire in [get("/", ""), post("1;a\r\na\r\n0\r\nX: y\r\n\r\n")] {
        assert!(matches!(every_cut(zero, &wire).stop, Stop::Rejected { .. }));
        for limits in one_at_zero() {
            every_cut(limits, &wire);
        }
    }
}

/// The default with one limit at zero, for each.
fn one_at_zero() -> [Limits; 8] {
    let default = Limits::default();
    [
        Limits {
            request_line: 0,
            ..default
        },
        Limits {
            field_line: 0,
            ..default
        },
        Limits { head: 0, ..default },
        Limits { fields: 0, ..default },
        Limits { body: 0, ..default },
        Limits {
            chunk_extensions: 0,
            ..default
        },
        Limits {
            chunk_overhead: 0,
            ..default
        },
        Limits {
            trailers: 0,
            ..default
        },
    ]
}

#[test]
fn limits_at_their_largest_never_overflow() {
    let most = Limits {
        request_line: u32::MAX,
        field_line: u32::MAX,
        head: u32::MAX,
        fields: u16::MAX,
        body: u64::MAX,
        chunk_extensions: u16::MAX,
        chunk_overhead: u16::MAX,
        trailers: u16::MAX,
    };
    taken(most, &get("/", ""));
    taken(most, &post("1;a=b\r\na\r\n0\r\nX: y\r\n\r\n"));
    every_cut(most, &post("ffffffffffffffff\r\nabc"));
}
