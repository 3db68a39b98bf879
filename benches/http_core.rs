//! http-core beside bare httparse (SIMD on), picohttpparser and Node's former http-parser: `cargo bench -p bench --bench http_core [CASE]`
//!
//! Every turn asserts its answer, so that a wrong parser cannot be fast. The others find the parts of a
//! head; http-core also judges the target, Host, the framing and the connection options. Times differ from run to run:
//! what gates is counted (`http-core/tests/instructions.rs`).

use criterion::{
    BenchmarkGroup, Criterion, Throughput, criterion_group, criterion_main, measurement::WallTime,
};
use http_core::{Body, Connection, DateLine, Event, Fields, Limits, ResponseHead};
use peers::{PicoSlots, http_parser_length, pico_length};
use std::hint::black_box;

/// Limits that none of the wires here reaches.
const WIDE: Limits = Limits {
    request_line: 1 << 20,
    field_line: 1 << 20,
    head: 1 << 20,
    body: u64::MAX,
    ..Limits::DEFAULT
};

/// A head with so many fields: those of a small client first, then a browser's, then more.
fn head(fields: usize) -> Vec<u8> {
    const FIELDS: [&str; 12] = [
        "Host: www.example.com",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Accept-Language: en-GB,en;q=0.5",
        "Connection: keep-alive",
        "Cookie: sid=0f1e2d3c4b5a69788796a5b4c3d2e1f0; consent=all; theme=dark",
        "Referer: https://www.example.com/articles/2024/11/",
        "Sec-Fetch-Dest: document",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Site: same-origin",
        "Upgrade-Insecure-Requests: 1",
    ];
    let mut wire = "GET /articles/2024/11/23?page=2 HTTP/1.1\r\n".to_owned();
    for i in 0..fields {
        match FIELDS.get(i) {
            Some(line) => wire.push_str(line),
            None => wire.push_str(&format!(
                "X-Forwarded-Detail-{i}: detail number {i} of this request"
            )),
        }
        wire.push_str("\r\n");
    }
    (wire + "\r\n").into_bytes()
}

/// The head alone, as each contestant reads it.
fn heads(c: &mut Criterion) {
    let long_target = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "segment/".repeat(512));
    let long_value = format!(
        "GET / HTTP/1.1\r\nHost: a\r\nCookie: {}\r\n\r\n",
        "name=value; ".repeat(682)
    );
    let cases = [
        ("3 fields", head(3)),
        ("4 fields", head(4)),
        ("12 fields", head(12)),
        ("40 fields", head(40)),
        ("target of 4 KiB", long_target.into_bytes()),
        ("value of 8 KiB", long_value.into_bytes()),
    ];
    for (name, wire) in &cases {
        let mut group = c.benchmark_group(format!("head of {name}"));
        group.throughput(Throughput::Bytes(wire.len() as u64));
        ours(&mut group, wire);
        theirs(&mut group, wire);
        group.finish();
    }
}

fn ours(group: &mut BenchmarkGroup<'_, WallTime>, wire: &[u8]) {
    let mut fields = Fields::<64>::new();
    let fresh = Connection::server(WIDE);
    group.bench_function("http-core", |b| {
        b.iter(|| {
            let received = fresh
                .clone()
                .receive(black_box(wire), &mut fields)
                .map(|r| r.consumed);
            assert_eq!(received, Ok(wire.len()));
        });
    });
    let mut conn = Connection::server(WIDE);
    let answer = ResponseHead::new(200)
        .field("content-type", "text/plain")
        .expect("a legal field");
    let mut out = Vec::with_capacity(4096);
    group.bench_function("http-core with its answer", |b| {
        b.iter(|| {
            let consumed = conn.receive(black_box(wire), &mut fields).map(|r| r.consumed);
            assert_eq!(consumed, Ok(wire.len()));
            out.clear();
            conn.reply(&mut out, &answer, b"Hello, World!")
                .expect("a response is due");
            assert!(out.ends_with(b"\r\n\r\nHello, World!"));
        });
    });
}

fn theirs(group: &mut BenchmarkGroup<'_, WallTime>, wire: &[u8]) {
    let mut slots = [const { std::mem::MaybeUninit::uninit() }; 64];
    group.bench_function("httparse", |b| {
        b.iter(|| {
            let mut request = httparse::Request::new(&mut []);
            let parsed = request.parse_with_uninit_headers(black_box(wire), &mut slots);
            assert_eq!(parsed, Ok(httparse::Status::Complete(wire.len())));
        });
    });
    let mut slots = PicoSlots::default();
    group.bench_function("picohttpparser", |b| {
        b.iter(|| assert_eq!(pico_length(black_box(wire), &mut slots), wire.len() as i32));
    });
    group.bench_function("http-parser", |b| {
        b.iter(|| assert_eq!(http_parser_length(black_box(wire)), wire.len()));
    });
}

/// Feeds a request in segments of `step` bytes; answers how many bytes of body were seen.
fn feed(conn: &mut Connection, fields: &mut Fields<64>, wire: &[u8], step: usize) -> usize {
    let (mut at, mut shown, mut body) = (0, 0, 0);
    while shown < wire.len() {
        shown = (shown + step).min(wire.len());
        loop {
            let received = conn.receive(&wire[at..shown], fields).expect("a legal wire");
            at += received.consumed;
            match received.event {
                Event::Data(data) => body += data.len(),
                Event::NeedMore | Event::Paused => break,
                _ => {}
            }
        }
    }
    body
}

fn chunked(chunk: usize, count: usize) -> Vec<u8> {
    let mut wire = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
    for _ in 0..count {
        wire.extend(format!("{chunk:x}\r\n").bytes());
        wire.resize(wire.len() + chunk, b'x');
        wire.extend(b"\r\n");
    }
    wire.extend(b"0\r\n\r\n");
    wire
}

/// Bodies: of a length, of many small chunks, of few large ones.
fn bodies(c: &mut Criterion) {
    let length = [
        b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 65536\r\n\r\n",
        &[b'x'; 65_536][..],
    ]
    .concat();
    let cases = [
        ("a length", length, 65_536),
        ("4096 chunks of 16 bytes", chunked(16, 4096), 65_536),
        ("8 chunks of 8 KiB", chunked(8192, 8), 65_536),
    ];
    let mut group = c.benchmark_group("body of 64 KiB");
    let mut fields = Fields::<64>::new();
    let fresh = Connection::server(WIDE);
    for (name, wire, body) in &cases {
        group.throughput(Throughput::Bytes(wire.len() as u64));
        group.bench_function(*name, |b| {
            b.iter(|| {
                let seen = feed(&mut fresh.clone(), &mut fields, black_box(wire), wire.len());
                assert_eq!(seen, *body);
            });
        });
    }
    group.finish();
}

/// The same bytes in pieces.
fn pieces(c: &mut Criterion) {
    let mut group = c.benchmark_group("in pieces");
    let mut fields = Fields::<64>::new();
    let fresh = Connection::server(WIDE);
    let head = head(12);
    let chunks = chunked(16, 64);
    for (name, wire, body) in [
        ("head of 12 fields", &head, 0),
        ("64 chunks of 16 bytes", &chunks, 1024),
    ] {
        for step in [1, 64, wire.len()] {
            group.throughput(Throughput::Bytes(wire.len() as u64));
            group.bench_function(format!("{name}, {step} bytes at a time"), |b| {
                b.iter(|| {
                    let seen = feed(&mut fresh.clone(), &mut fields, black_box(wire), step);
                    assert_eq!(seen, body);
                });
            });
        }
    }
    group.finish();
}

/// Writing: a head of six fields, and a chunk.
fn responses(c: &mut Criterion) {
    let mut fields = Fields::<4>::new();
    let mut fresh = Connection::server(WIDE);
    fresh
        .receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &mut fields)
        .map(|r| r.consumed)
        .expect("a request");
    let mut out = Vec::with_capacity(16 * 1024);
    let mut head = ResponseHead::new(200);
    let mut group = c.benchmark_group("response");
    group.bench_function("fill and write a head of 6 fields", |b| {
        b.iter(|| {
            fill(&mut head);
            out.clear();
            fresh
                .clone()
                .respond(&mut out, &head, Body::Known(13))
                .expect("a response is due");
            assert!(out.ends_with(b"\r\ncontent-length: 13\r\n\r\n"));
        });
    });
    let mut streaming = fresh.clone();
    streaming
        .respond(&mut out, &head, Body::Stream)
        .expect("a response is due");
    group.bench_function("a chunk of 8 KiB", |b| {
        b.iter(|| {
            out.clear();
            streaming
                .data(&mut out, black_box(&[b'x'; 8192]))
                .expect("a body is under way");
            assert_eq!(out.len(), 4 + 2 + 8192 + 2);
        });
    });
    group.finish();
}

fn fill(head: &mut ResponseHead) {
    head.reset(200);
    head.push_date(&DateLine::new(b"Sun, 06 Nov 1994 08:49:37 GMT"));
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("server", "bench"),
        ("etag", "\"0123456789abcdef\""),
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("cache-control", "max-age=60"),
    ] {
        head.push(black_box(name), black_box(value))
            .expect("a legal field");
    }
}

criterion_group!(benches, heads, bodies, pieces, responses);
criterion_main!(benches);
