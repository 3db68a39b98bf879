//! The limits of a head.

use crate::{get, refused, taken};
use http_core::{Connection, Event, Fields, Limits, Rule, limits};

#[test]
fn a_request_line_at_its_limit_is_taken_and_one_byte_more_is_414() {
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
fn a_request_line_of_8000_bytes_is_within_the_default() {
    let line = |len: usize| get(&format!("/{}", "a".repeat(len - "GET / HTTP/1.1\r\n".len())), "");
    taken(Limits::default(), &line(8000));
    taken(Limits::default(), &line(limits::REQUEST_LINE as usize));
    let past = limits::REQUEST_LINE as usize + 1;
    refused(Limits::default(), &line(past), Rule::RequestLineTooLong, past);
}

#[test]
fn a_method_at_its_limit_is_taken_and_one_byte_more_is_400() {
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
fn a_field_line_at_its_limit_is_taken_and_one_byte_more_is_431() {
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
fn a_head_at_its_limit_is_taken_and_one_byte_more_is_431() {
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
