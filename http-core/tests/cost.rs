//! Counted work: bytes looked at, by the crate's own counter, and instructions, by callgrind.

mod support;

use http_core::{Connection, Event, Fields, Limits, ResponseHead, TargetPolicy};
use support::corpus::load_all;

/// Feeds the wire in steps and answers each complete request. Returns how many bytes were looked at.
fn work(limits: Limits, wire: &[u8], step: usize) -> u64 {
    let mut conn = Connection::server(limits);
    let mut fields = Fields::<{ support::SLOTS }>::new();
    let head = ResponseHead::new(404);
    let mut out = Vec::new();
    let (mut at, mut open) = (0, false);
    for end in support::steps(wire.len(), step) {
        loop {
            let Ok(received) = conn.receive(&wire[at..end], &mut fields) else {
                return counted(&fields);
            };
            at += received.consumed;
            open |= matches!(received.event, Event::Request(_));
            let stop = matches!(
                received.event,
                Event::NeedMore | Event::Closed | Event::Upgraded | Event::Paused
            );
            if open && conn.request_ended() {
                conn.reply(&mut out, &head, b"").expect("a 404 is legal");
                out.clear();
                open = false;
            }
            if stop {
                break;
            }
        }
    }
    counted(&fields)
}

fn counted(fields: &Fields<{ support::SLOTS }>) -> u64 {
    fields
        .work()
        .expect("the counter is there in builds with debug assertions, and tests are such")
}

#[test]
fn the_work_is_at_most_four_times_the_bytes_whatever_the_cut() {
    let mut worst = (0.0, String::new());
    for vector in load_all().into_iter().filter(|v| !v.wire.is_empty()) {
        for step in [1, 2, 3, 16, 1460, vector.wire.len()] {
            let work = work(Limits::default(), &vector.wire, step);
            let ratio = work as f64 / vector.wire.len() as f64;
            if ratio > worst.0 {
                worst = (ratio, format!("{} in steps of {step}", vector.name));
            }
        }
    }
    println!("worst: {:.2} bytes looked at for each byte, {}", worst.0, worst.1);
    assert!(
        worst.0 <= 4.0,
        "{:.2} bytes looked at for each byte: {}",
        worst.0,
        worst.1
    );
}

#[test]
fn the_work_on_large_heads_is_at_most_four_times_the_bytes_whatever_the_cut() {
    let limits = Limits {
        head: 1 << 20,
        field_line: 1 << 20,
        request_line: 1 << 20,
        body: 1 << 20,
        targets: TargetPolicy::Browsers,
        ..Limits::default()
    };
    let long = |n: usize| "v".repeat(n);
    let wires = [
        format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", long(65_536)),
        format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", long(65_536)),
        format!(
            "GET /[a]%?{{b}} HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
            long(65_536)
        ),
        format!(
            "GET / HTTP/1.1\r\nHost: a\r\n{}\r\n",
            format!("X: {}\r\n", long(700)).repeat(90)
        ),
        format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", long(65_536)),
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\nConnection: {}\r\n\r\n",
            "a,".repeat(32_768)
        ),
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {}chunked\r\n\r\n",
            ",".repeat(65_536)
        ),
        format!(
            "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}5\r\n\r\nhello",
            "0".repeat(65_536)
        ),
    ];
    for wire in wires {
        for step in [1, 7, 100, 4096, wire.len()] {
            let work = work(limits, wire.as_bytes(), step);
            let most = 4 * wire.len() as u64;
            assert!(
                work <= most,
                "{work} bytes looked at for {} in steps of {step}: {}…",
                wire.len(),
                &wire[..60]
            );
        }
    }
}
