//! Wires for properties: heaps of grammar, requests that are mostly right, and mutations of them.

#![allow(dead_code, unreachable_pub, missing_docs)]

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// The fuzzers' dictionary, so that both search in the same language.
const DICTIONARY: &str = include_str!("../../fuzz/http.dict");

/// The values of a libFuzzer dictionary.
pub fn dictionary() -> Vec<Vec<u8>> {
    let lines = DICTIONARY
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty());
    lines
        .map(|line| unescape(line.split_once('=').expect("name=\"value\"").1.trim_matches('"')))
        .collect()
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = match (first, more) {
            (b'\\', [b'x', high, low, more @ ..]) => {
                let hex = |b: &u8| char::from(*b).to_digit(16).expect("a hex digit") as u8;
                bytes.push(hex(high) * 16 + hex(low));
                more
            }
            (b'\\', [escaped, more @ ..]) => {
                bytes.push(*escaped);
                more
            }
            _ => {
                bytes.push(*first);
                more
            }
        };
    }
    bytes
}

/// A wire made of dictionary entries and single bytes: grammar in a heap.
pub fn heap() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![6 => select(dictionary()), 1 => vec(any::<u8>(), 1..3)];
    vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

/// One of a few texts.
fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    select(texts).prop_map(str::to_owned)
}

/// A text of printable ASCII and HTAB.
fn printable(len: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    of(b"\t !\"#$%&'()*+,-./0123456789:;<=>?@AZ[\\]^_`az{|}~", len)
}

/// A text of these bytes.
fn of(alphabet: &'static [u8], len: std::ops::Range<usize>) -> impl Strategy<Value = String> {
    vec(select(alphabet), len).prop_map(|bytes| bytes.into_iter().map(char::from).collect())
}

/// A request line that is mostly right.
pub fn request_line() -> impl Strategy<Value = String> {
    let method =
        prop_oneof![8 => one_of(&["GET", "POST", "HEAD", "OPTIONS", "CONNECT", "M-X"]), 1 => printable(0..7)];
    let target = prop_oneof![
        6 => one_of(&["/", "/a?b=c", "*", "http://a/b", "https://[::1]:8/", "a:1", "/%41", "http://a", "/%4", "/a#b", "//", "/[slug].js?ids[]={1}", "/100%?%"]),
        2 => printable(0..9).prop_map(|rest| format!("/{rest}")),
        1 => (of(b"ahHx0:@.[]%-/?#", 0..12), one_of(&["http", "https", "ftp"])).prop_map(|(rest, scheme)| format!("{scheme}://{rest}")),
    ];
    let version = one_of(&[
        "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0", "HTTP/1.9", "HTTP/2.0", "http/1.1",
        "HTTP/1.", "HTTP/11",
    ]);
    (method, target, version).prop_map(|(m, t, v)| format!("{m} {t} {v}\r\n"))
}

/// A field line of the kinds that decide something.
pub fn field_line() -> impl Strategy<Value = String> {
    let name = select(vec![
        "Content-Length",
        "content-length",
        "Transfer-Encoding",
        "TRANSFER-ENCODING",
        "Host",
        "host",
        "Connection",
        "Expect",
        "Upgrade",
        "Content-Type",
        "X",
        "Content_Length",
        "TE",
    ]);
    let value = prop_oneof![
        8 => one_of(&[
            "5", "0", "05", "5, 5", "+5", "", "chunked", "Chunked", "chunked, chunked", "gzip, chunked", "chunked,", ",chunked", "gzip",
            "chunked;a=b", "gzip;a=b, chunked", "gzip;a, chunked", "chunked;a=b, chunked", "a", "a:80", "[::1]", "[::1]:80", "a b", "close",
            "keep-alive", "close, keep-alive", "upgrade", "100-continue", "x, 100-continue", "websocket, h2c", "18446744073709551616", "1048577",
        ]),
        1 => printable(0..11),
        1 => (of(b"01f::.", 0..24), of(b":08", 0..4)).prop_map(|(address, port)| format!("[{address}]{port}")),
    ];
    let colon =
        prop_oneof![12 => Just(":"), 12 => Just(": "), 1 => Just(" : "), 1 => Just(""), 2 => Just(":\t ")];
    let end = prop_oneof![20 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r"), 1 => Just("\r\n "), 2 => Just(" \r\n")];
    (name, colon, value, end).prop_map(|(n, c, v, e)| format!("{n}{c}{v}{e}"))
}

/// A chunk, mostly right.
pub fn chunk() -> impl Strategy<Value = String> {
    let extension = prop_oneof![8 => Just(""), 3 => select(vec![";a", ";a=b", " ; a = \"b\"", ";a=\"\\\"\"", ";", ";a=", "; ", ";a=\"", ";a b", " "])];
    let end = prop_oneof![20 => Just("\r\n"), 1 => Just("\n"), 1 => Just("\r"), 1 => Just("")];
    let size = prop_oneof![12 => Just(String::new()), 1 => select(vec!["0", "00", "+", " ", "0x", "_", "fffffffffffffff"]).prop_map(str::to_owned)];
    (of(b"abc", 0..13), size, extension, end.clone(), end)
        .prop_map(|(data, before, ext, e1, e2)| format!("{before}{:x}{ext}{e1}{data}{e2}", data.len()))
}

pub fn body() -> impl Strategy<Value = String> {
    let trailer = prop_oneof![6 => Just(""), 2 => Just("X: y\r\n"), 1 => Just("Host: a\r\n"), 1 => Just("X : y\r\n"), 1 => Just("X: y\n")];
    let chunked = (vec(chunk(), 0..4), trailer)
        .prop_map(|(chunks, trailer)| format!("{}0\r\n{trailer}\r\n", chunks.concat()));
    prop_oneof![3 => Just("hello".to_owned()), 2 => Just(String::new()), 6 => chunked]
}

/// One to three requests that are mostly right.
pub fn wire() -> impl Strategy<Value = Vec<u8>> {
    let host = prop_oneof![12 => Just("Host: a\r\n"), 1 => Just("")];
    let request =
        (request_line(), host, vec(field_line(), 0..4), body()).prop_map(|(line, host, fields, body)| {
            format!("{line}{host}{}\r\n{body}", fields.concat()).into_bytes()
        });
    vec(request, 1..4).prop_map(|requests| requests.concat())
}

/// A change that turns right into nearly right.
#[derive(Debug, Clone)]
pub enum Mutation {
    Replace(prop::sample::Index, u8),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    Repeat(prop::sample::Index, usize),
    Truncate(prop::sample::Index),
}

pub fn mutation() -> impl Strategy<Value = Mutation> {
    use prop::sample::Index;
    prop_oneof![
        (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        (any::<Index>(), select(b"\r\n \t:;,\0\x7f\xff".to_vec()))
            .prop_map(|(at, byte)| Mutation::Replace(at, byte)),
        (any::<Index>(), select(dictionary())).prop_map(|(at, piece)| Mutation::Insert(at, piece)),
        (any::<Index>(), 1..4usize).prop_map(|(at, n)| Mutation::Remove(at, n)),
        (any::<Index>(), 1..40usize).prop_map(|(at, n)| Mutation::Repeat(at, n)),
        any::<Index>().prop_map(Mutation::Truncate),
    ]
}

pub fn mutate(mut wire: Vec<u8>, mutations: &[Mutation]) -> Vec<u8> {
    for mutation in mutations {
        if wire.is_empty() {
            break;
        }
        let clip = |at: usize, n: usize| at..(at + n).min(wire.len());
        match mutation {
            Mutation::Replace(at, byte) => {
                let at = at.index(wire.len());
                wire[at] = *byte;
            }
            Mutation::Insert(at, piece) => {
                let at = at.index(wire.len());
                wire.splice(at..at, piece.iter().copied());
            }
            Mutation::Remove(at, n) => drop(wire.drain(clip(at.index(wire.len()), *n))),
            Mutation::Repeat(at, n) => {
                let range = clip(at.index(wire.len()), *n);
                let piece = wire[range.clone()].to_vec();
                wire.splice(range.start..range.start, piece);
            }
            Mutation::Truncate(at) => wire.truncate(at.index(wire.len())),
        }
    }
    wire
}

pub fn mutated() -> impl Strategy<Value = Vec<u8>> {
    (wire(), vec(mutation(), 0..4)).prop_map(|(wire, mutations)| mutate(wire, &mutations))
}
