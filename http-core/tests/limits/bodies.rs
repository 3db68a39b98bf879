//! The limits of a body and of its trailers.

use crate::support::{Stop, every_cut};
use crate::{post, post_head, refused, taken};
use http_core::{Limits, Rule};

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
fn a_sum_of_chunks_at_the_limit_is_taken_and_one_byte_more_is_413() {
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
fn a_trailer_section_at_its_limit_is_taken_and_one_byte_more_is_431() {
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
