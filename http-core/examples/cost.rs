//! The costs of this crate and its peers, in instructions: `cargo run --release -p http-core --features std --example cost [CASE]...`, and in time:
//! the same with `--time` before the cases.
//!
//! Each case runs in callgrind with N and with 2 N turns; the difference, divided by N, is what one turn costs, whatever
//! starting and ending the process costs. Only the functions called `counted_…` count, not the loop around them. Needs
//! `valgrind`.
//!
//! Times are of whole turns, the loop around what is counted included. Each case runs in many short rounds that take turns with
//! those of the other cases; the fastest round is what the machine does when nothing disturbs it, and the median says how
//! disturbed it was.

use http_core::{
    Body, Connection, DateLine, Event, FieldLine, Fields, Limits, Misuse, PreparedHead, Received, Rejection,
    ResponseHead,
};
use std::hint::black_box;
use std::mem::MaybeUninit;
use std::process::{Command, ExitCode};
use std::time::Instant;

const TURNS: u64 = 200;

const DATE: DateLine = DateLine::new(b"Sun, 06 Nov 1994 08:49:37 GMT");

/// The head of a small client.
const SHORT: &[u8] =
    b"GET /plaintext HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: curl/8.5.0\r\nAccept: */*\r\n\r\n";

/// A case: its name, what it does in one turn, and how many operations that is.
struct Case {
    name: &'static str,
    operations: u64,
    run: fn(u64),
}

const CASES: &[Case] = &[
    Case {
        name: "httparse, 3 fields",
        operations: 1,
        run: |turns| bare(&head(3), turns),
    },
    Case {
        name: "receive, 3 fields",
        operations: 1,
        run: |turns| receive(&head(3), turns),
    },
    Case {
        name: "httparse, 3 short fields",
        operations: 1,
        run: |turns| bare(SHORT, turns),
    },
    Case {
        name: "receive, 3 short fields",
        operations: 1,
        run: |turns| receive(SHORT, turns),
    },
    Case {
        name: "httparse, 4 fields",
        operations: 1,
        run: |turns| bare(&head(4), turns),
    },
    Case {
        name: "receive, 4 fields",
        operations: 1,
        run: |turns| receive(&head(4), turns),
    },
    Case {
        name: "httparse, 12 fields",
        operations: 1,
        run: |turns| bare(&head(12), turns),
    },
    Case {
        name: "receive, 12 fields",
        operations: 1,
        run: |turns| receive(&head(12), turns),
    },
    Case {
        name: "httparse, 40 fields",
        operations: 1,
        run: |turns| bare(&head(40), turns),
    },
    Case {
        name: "receive, 40 fields",
        operations: 1,
        run: |turns| receive(&head(40), turns),
    },
    Case {
        name: "httparse, target of 4 KiB",
        operations: 1,
        run: |turns| bare(&long_target(), turns),
    },
    Case {
        name: "receive, target of 4 KiB",
        operations: 1,
        run: |turns| receive(&long_target(), turns),
    },
    Case {
        name: "httparse, value of 8 KiB",
        operations: 1,
        run: |turns| bare(&long_value(), turns),
    },
    Case {
        name: "receive, value of 8 KiB",
        operations: 1,
        run: |turns| receive(&long_value(), turns),
    },
    Case {
        name: "receive and reply, 3 fields",
        operations: 1,
        run: |turns| cycle(&head(3), turns),
    },
    Case {
        name: "ureq-proto, whole exchange, 3 fields",
        operations: 1,
        run: |turns| exchange(&head(3), turns, counted_ureq_proto),
    },
    Case {
        name: "hoot, whole exchange, 3 fields",
        operations: 1,
        run: |turns| exchange(&head(3), turns, counted_hoot),
    },
    Case {
        name: "one byte at a time, per call",
        operations: 12,
        run: byte_by_byte,
    },
    Case {
        name: "chunks of 1 byte, per chunk",
        operations: 100,
        run: |turns| chunks(1, turns),
    },
    Case {
        name: "chunks of 64 bytes, per chunk",
        operations: 100,
        run: |turns| chunks(64, turns),
    },
    Case {
        name: "chunks of 8 KiB, per chunk",
        operations: 100,
        run: |turns| chunks(8192, turns),
    },
    Case {
        name: "write a head of 6 fields",
        operations: 1,
        run: write_head,
    },
    Case {
        name: "fill and reply, 6 fields",
        operations: 1,
        run: fill_and_reply,
    },
    Case {
        name: "reply with a prepared head of 6 fields",
        operations: 1,
        run: reply_prepared,
    },
    Case {
        name: "fill a head of 6 fields",
        operations: 1,
        run: fill_head,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [flag, name, turns] = &arguments[..]
        && flag == "--run"
    {
        let case = CASES
            .iter()
            .find(|case| case.name == name)
            .expect("a case of this program");
        (case.run)(turns.parse().expect("a number of turns"));
        return ExitCode::SUCCESS;
    }
    let (timed, words) = match &arguments[..] {
        [flag, words @ ..] if flag == "--time" => (true, words),
        words => (false, words),
    };
    let wanted = |case: &&Case| words.is_empty() || words.iter().any(|word| case.name.contains(word));
    if timed {
        print_times(&CASES.iter().filter(wanted).collect::<Vec<_>>());
        return ExitCode::SUCCESS;
    }
    for case in CASES.iter().filter(wanted) {
        match (instructions(case.name, TURNS), instructions(case.name, 2 * TURNS)) {
            (Some(once), Some(twice)) => {
                println!(
                    "{:>8} instructions: {}",
                    (twice - once) / TURNS / case.operations,
                    case.name
                );
            }
            _ => {
                eprintln!("valgrind does not run: install it");
                return ExitCode::FAILURE;
            }
        }
    }
    ExitCode::SUCCESS
}

/// Prints what an operation of each case takes, in nanoseconds.
fn print_times(cases: &[&Case]) {
    const ROUNDS: usize = 400;
    let mut times = vec![Vec::with_capacity(ROUNDS); cases.len()];
    for _ in 0..ROUNDS {
        for (case, times) in cases.iter().zip(&mut times) {
            let start = Instant::now();
            (case.run)(TURNS);
            times.push(start.elapsed().as_nanos() as u64 / TURNS / case.operations);
        }
    }
    for (case, mut times) in cases.iter().zip(times) {
        times.sort_unstable();
        println!("{:>8} ns, median {}: {}", times[0], times[ROUNDS / 2], case.name);
    }
}

/// How many instructions this program executes for so many turns of a case.
fn instructions(name: &str, turns: u64) -> Option<u64> {
    let program = std::env::current_exe().ok()?;
    let output = Command::new("valgrind")
        .args([
            "--tool=callgrind",
            "--callgrind-out-file=/dev/null",
            "--toggle-collect=*counted_*",
        ])
        .arg(program)
        .args(["--run", name, &turns.to_string()])
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = text.lines().find(|line| line.contains("Collected : "))?;
    line.rsplit(' ').next()?.parse().ok()
}

/// A head with so many fields: those of a small client, then those of a browser, then more cookies.
fn head(fields: usize) -> Vec<u8> {
    const FIELDS: [&str; 12] = [
        "Host: 127.0.0.1:8080",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8",
        "Connection: keep-alive",
        "Accept-Language: en-US,en;q=0.5",
        "Accept-Encoding: gzip, deflate, br, zstd",
        "Referer: http://127.0.0.1:8080/a/page/that/links/here.html",
        "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=yes",
        "Upgrade-Insecure-Requests: 1",
        "Sec-Fetch-Dest: document",
        "Sec-Fetch-Mode: navigate",
        "Sec-Fetch-Site: same-origin",
    ];
    let mut wire = String::from("GET / HTTP/1.1\r\n");
    for i in 0..fields {
        match FIELDS.get(i) {
            Some(line) => wire += line,
            None => wire += &format!("X-Field-{i}: the value of field number {i}"),
        }
        wire += "\r\n";
    }
    wire += "\r\n";
    wire.into_bytes()
}

fn long_target() -> Vec<u8> {
    format!(
        "GET /{} HTTP/1.1\r\nHost: a\r\n\r\n",
        "path/of/segments/".repeat(240)
    )
    .into_bytes()
}

fn long_value() -> Vec<u8> {
    format!(
        "GET / HTTP/1.1\r\nHost: a\r\nCookie: {}\r\n\r\n",
        "name=value; ".repeat(682)
    )
    .into_bytes()
}

fn bare(wire: &[u8], turns: u64) {
    for _ in 0..turns {
        let parsed = counted_httparse(black_box(wire));
        assert_eq!(parsed, Ok(httparse::Status::Complete(wire.len())));
    }
}

fn receive(wire: &[u8], turns: u64) {
    let fresh = Connection::server(Limits::default());
    let mut fields = Fields::<64>::new();
    for _ in 0..turns {
        let mut conn = fresh.clone();
        let received = counted_receive(&mut conn, black_box(wire), &mut fields).expect("a request");
        assert_eq!(received.consumed, wire.len());
        let Event::Request(head) = received.event else {
            unreachable!()
        };
        black_box(head);
    }
}

fn cycle(wire: &[u8], turns: u64) {
    let mut conn = Connection::server(Limits::default());
    let mut fields = Fields::<64>::new();
    let mut head = ResponseHead::new(200);
    let mut out = Vec::with_capacity(4096);
    for _ in 0..turns {
        out.clear();
        counted_cycle(&mut conn, &mut fields, black_box(wire), &mut head, &mut out);
        black_box(&out);
    }
}

#[inline(never)]
fn counted_cycle(
    conn: &mut Connection,
    fields: &mut Fields<64>,
    wire: &[u8],
    head: &mut ResponseHead,
    out: &mut Vec<u8>,
) {
    const PLAIN: FieldLine = FieldLine::from_static("content-type: text/plain");
    let received = conn.receive(wire, fields).expect("a request");
    let Event::Request(request) = received.event else {
        unreachable!()
    };
    black_box(request.path());
    head.reset(200);
    head.push_date(&DATE);
    head.push_line(PLAIN);
    conn.reply(out, head, b"Hello, World!").expect("a reply");
}

/// A whole exchange with another sans-IO crate: a request comes, and the answer of [`counted_cycle`] is written.
fn exchange(wire: &[u8], turns: u64, counted: fn(&[u8], &mut [u8]) -> usize) {
    let mut out = vec![0; 4096];
    for _ in 0..turns {
        let written = counted(black_box(wire), &mut out);
        let text = out[..written].to_ascii_lowercase();
        for part in [
            "http/1.1 200 ok\r\n",
            "content-type: text/plain\r\n",
            "content-length: 13\r\n",
            "date: ",
        ] {
            let found = text.windows(part.len()).any(|window| window == part.as_bytes());
            assert!(found, "no {part} in {}", text.escape_ascii());
        }
        assert!(text.ends_with(b"\r\n\r\nhello, world!"));
    }
}

const DATE_TEXT: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

#[inline(never)]
fn counted_ureq_proto(wire: &[u8], out: &mut [u8]) -> usize {
    use ureq_proto::server::{RecvRequestResult, Reply, SendResponseResult};
    let mut reply = Reply::new().expect("a cycle");
    let (used, request) = reply.try_request(wire).expect("a request");
    assert_eq!(used, wire.len());
    black_box(request.expect("a whole one").uri().path().len());
    let Some(RecvRequestResult::ProvideResponse(reply)) = reply.proceed() else {
        unreachable!()
    };
    let response = http::Response::builder()
        .header("date", DATE_TEXT)
        .header("content-type", "text/plain")
        .header("content-length", "13")
        .body(())
        .expect("a response");
    let mut reply = reply.provide(response).expect("a legal one");
    let head = reply.write(out).expect("room");
    let SendResponseResult::SendBody(mut reply) = reply.proceed() else {
        unreachable!()
    };
    let (_, body) = reply.write(b"Hello, World!", &mut out[head..]).expect("room");
    assert!(reply.is_finished());
    black_box(reply.proceed().must_close_connection());
    head + body
}

#[inline(never)]
fn counted_hoot(wire: &[u8], out: &mut [u8]) -> usize {
    use hoot::server::{Request, Response, ResponseVariant};
    let mut request = Request::new();
    let attempt = request.try_read_request(wire, out).expect("a request");
    assert_eq!(attempt.input_used(), wire.len());
    black_box(attempt.line().expect("a whole one").path().len());
    let ResponseVariant::Get(token) = request.proceed().into_response().expect("no body") else {
        unreachable!()
    };
    let mut response = Response::resume(token, out)
        .send_status(200, "OK")
        .and_then(|response| response.header("date", DATE_TEXT))
        .and_then(|response| response.header("content-type", "text/plain"))
        .and_then(|response| response.with_body(13_u64))
        .expect("room");
    response.write_bytes(b"Hello, World!").expect("room");
    response.flush().as_bytes().len()
}

#[inline(never)]
fn counted_httparse(wire: &[u8]) -> httparse::Result<usize> {
    let mut slots = [const { MaybeUninit::uninit() }; 64];
    let mut request = httparse::Request::new(&mut []);
    let parsed = request.parse_with_uninit_headers(wire, &mut slots);
    black_box(&request);
    parsed
}

#[inline(never)]
fn counted_receive<'a>(
    conn: &mut Connection,
    wire: &'a [u8],
    fields: &'a mut Fields<64>,
) -> Result<Received<'a>, Rejection> {
    conn.receive(wire, fields)
}

#[inline(never)]
fn counted_respond(conn: &mut Connection, out: &mut Vec<u8>, head: &ResponseHead) -> Result<(), Misuse> {
    conn.respond(out, head, Body::Known(13))
}

fn byte_by_byte(turns: u64) {
    let wire = b"X: 012345678901234567890123456789";
    let mut start = b"GET / HTTP/1.1\r\nHost: a\r\n".to_vec();
    let cut = start.len();
    start.extend_from_slice(wire);
    let mut fields = Fields::<64>::new();
    let mut fresh = Connection::server(Limits::default());
    fresh
        .receive(&start[..cut], &mut fields)
        .expect("a part of a head");
    for _ in 0..turns {
        let mut conn = fresh.clone();
        for end in cut + 1..=cut + 12 {
            let received =
                counted_receive(&mut conn, black_box(&start[..end]), &mut fields).expect("a part of a head");
            black_box(matches!(received.event, Event::NeedMore));
        }
    }
}

fn chunks(size: usize, turns: u64) {
    let mut wire = Vec::new();
    for _ in 0..101 {
        wire.extend_from_slice(format!("{size:x}\r\n").as_bytes());
        wire.resize(wire.len() + size, b'x');
        wire.extend_from_slice(b"\r\n");
    }
    let mut fields = Fields::<64>::new();
    let mut fresh = Connection::server(Limits {
        body: u64::MAX,
        ..Limits::default()
    });
    let head = b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    fresh.receive(head, &mut fields).expect("a head");
    for _ in 0..turns {
        let mut conn = fresh.clone();
        let mut at = 0;
        for _ in 0..100 {
            let received = counted_receive(&mut conn, black_box(&wire[at..]), &mut fields).expect("a chunk");
            at += received.consumed;
            let Event::Data(data) = received.event else {
                unreachable!()
            };
            black_box(data);
        }
    }
}

fn answer() -> ResponseHead {
    let mut head = ResponseHead::new(200);
    counted_fill(&mut head);
    head
}

#[inline(never)]
fn counted_fill(head: &mut ResponseHead) {
    head.reset(200);
    head.push_date(&DATE);
    for (name, value) in [
        ("content-type", "text/html; charset=utf-8"),
        ("server", "http-core"),
        ("etag", "\"0123456789abcdef\""),
        ("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT"),
        ("cache-control", "max-age=60"),
    ] {
        head.push(name, value).expect("a field");
    }
}

fn write_head(turns: u64) {
    let head = answer();
    let mut fields = Fields::<64>::new();
    let mut fresh = Connection::server(Limits::default());
    fresh
        .receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &mut fields)
        .expect("a request");
    let mut out = Vec::with_capacity(4096);
    for _ in 0..turns {
        let mut conn = fresh.clone();
        out.clear();
        counted_respond(&mut conn, &mut out, black_box(&head)).expect("a response");
        black_box(&out);
    }
}

/// A connection whose request is whole and waits for its answer.
fn asked() -> Connection {
    let mut conn = Connection::server(Limits::default());
    conn.receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", &mut Fields::<64>::new())
        .expect("a request");
    conn
}

fn fill_and_reply(turns: u64) {
    let (asked, mut out) = (asked(), Vec::with_capacity(4096));
    let mut head = ResponseHead::new(200);
    for _ in 0..turns {
        out.clear();
        counted_fill(&mut head);
        counted_reply(&mut asked.clone(), &mut out, black_box(&head)).expect("a response");
        black_box(&out);
    }
}

#[inline(never)]
fn counted_reply(conn: &mut Connection, out: &mut Vec<u8>, head: &ResponseHead) -> Result<(), Misuse> {
    conn.reply(out, head, b"Hello, World!")
}

fn reply_prepared(turns: u64) {
    let (asked, mut out) = (asked(), Vec::with_capacity(4096));
    // Date is not among the lines that are prepared.
    let mut head = answer();
    head.remove_all("date");
    let head = PreparedHead::new(&head, 13).expect("a head");
    for _ in 0..turns {
        out.clear();
        counted_reply_prepared(&mut asked.clone(), &mut out, black_box(&head)).expect("a response");
        black_box(&out);
    }
}

#[inline(never)]
fn counted_reply_prepared(
    conn: &mut Connection,
    out: &mut Vec<u8>,
    head: &PreparedHead,
) -> Result<(), Misuse> {
    conn.reply_prepared(out, head, Some(&DATE), b"Hello, World!")
}

fn fill_head(turns: u64) {
    let mut head = ResponseHead::new(200);
    for _ in 0..turns {
        counted_fill(&mut head);
        black_box(&head);
    }
}
