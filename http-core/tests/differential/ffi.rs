//! picohttpparser, which is C.
#![allow(unsafe_code)]

use crate::{Head, SLOTS, Verdict, trim};
use picohttpparser_sys::{phr_chunked_decoder, phr_decode_chunked, phr_header, phr_parse_request};
use std::ffi::{c_char, c_int};
use std::ptr::null;

/// A head from the beginning of the wire.
#[must_use]
pub fn pico_head(wire: &[u8]) -> Verdict<Head> {
    let (mut method, mut method_len) = (null(), 0);
    let (mut path, mut path_len) = (null(), 0);
    let mut minor: c_int = -1;
    let mut headers = [phr_header::default(); SLOTS];
    let mut count = headers.len();
    // SAFETY: the buffer is `wire.len()` long, `count` says how many headers there is room for, and every other pointer
    // is to a live local.
    let len = unsafe {
        phr_parse_request(
            wire.as_ptr().cast(),
            wire.len(),
            &mut method,
            &mut method_len,
            &mut path,
            &mut path_len,
            &mut minor,
            headers.as_mut_ptr(),
            &mut count,
            0,
        )
    };
    match len {
        -2 => Verdict::Waits,
        len if len < 0 => Verdict::Refuses,
        len => {
            let text = |at, len| String::from_utf8_lossy(part(wire, at, len)).into_owned();
            let field = |h: &phr_header| {
                (
                    text(h.name, h.name_len),
                    trim(part(wire, h.value, h.value_len)).to_vec(),
                )
            };
            Verdict::Takes(Head {
                method: text(method, method_len),
                target: text(path, path_len),
                minor: minor.min(1) as u8,
                fields: headers[..count].iter().map(field).collect(),
                rest: wire.len() - usize::try_from(len).expect("not negative"),
            })
        }
    }
}

/// Room for the headers that picohttpparser finds, to be used again and again.
pub struct PicoSlots([phr_header; 64]);

impl Default for PicoSlots {
    fn default() -> Self {
        Self([phr_header::default(); 64])
    }
}

/// Parses a head and copies nothing, for benches. Returns its length, negative where it is refused or incomplete.
pub fn pico_length(wire: &[u8], slots: &mut PicoSlots) -> i32 {
    let (mut method, mut method_len) = (null(), 0);
    let (mut path, mut path_len) = (null(), 0);
    let mut minor: c_int = -1;
    let mut count = slots.0.len();
    // SAFETY: the buffer is `wire.len()` long, `count` says how many headers there is room for, and every other pointer
    // is to a live local.
    unsafe {
        phr_parse_request(
            wire.as_ptr().cast(),
            wire.len(),
            &mut method,
            &mut method_len,
            &mut path,
            &mut path_len,
            &mut minor,
            slots.0.as_mut_ptr(),
            &mut count,
            0,
        )
    }
}

/// The part of `wire` that a pointer of the parser names; a null name stands for a folded line.
fn part(wire: &[u8], at: *const c_char, len: usize) -> &[u8] {
    if at.is_null() {
        return b"";
    }
    let from = at.addr() - wire.as_ptr().addr();
    &wire[from..from + len]
}

/// A chunked body with its trailers: the data, and what is left behind it.
#[must_use]
pub fn pico_chunked(body: &[u8]) -> Verdict<(Vec<u8>, usize)> {
    // SAFETY: picohttpparser.h asks for a zeroed decoder; it is integers only.
    let mut decoder: phr_chunked_decoder = unsafe { std::mem::zeroed() };
    decoder.consume_trailer = 1;
    let mut buffer = body.to_vec();
    let mut len = buffer.len();
    // SAFETY: the buffer is `len` long, and the decoder writes within it.
    let left = unsafe { phr_decode_chunked(&mut decoder, buffer.as_mut_ptr().cast(), &mut len) };
    match left {
        -2 => Verdict::Waits,
        left if left < 0 => Verdict::Refuses,
        left => {
            buffer.truncate(len);
            Verdict::Takes((buffer, usize::try_from(left).expect("not negative")))
        }
    }
}
