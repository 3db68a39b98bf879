//! All limits at zero, at their largest, and at every small number.

use crate::support::{Stop, every_cut};
use crate::{get, post, taken};
use http_core::Limits;

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
        ..Limits::DEFAULT
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
        ..Limits::DEFAULT
    };
    taken(most, &get("/", ""));
    taken(most, &post("1;a=b\r\na\r\n0\r\nX: y\r\n\r\n"));
    every_cut(most, &post("ffffffffffffffff\r\nabc"));
}
