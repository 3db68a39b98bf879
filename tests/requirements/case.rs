//! A row of a table, and the loop that runs a table.

use std::io::{self, ErrorKind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use support::{Client, Launch, Response, Server};

/// The response that has to come.
#[derive(Clone, Copy)]
pub(crate) enum Want {
    /// One response of these statuses; the connection then serves the next request.
    Served(&'static [u16]),
    /// One response of these statuses; the connection may close after it, but nothing else is answered.
    Answered(&'static [u16]),
    /// One response of these statuses that says close, then the end of the stream.
    Refused(&'static [u16]),
    /// The same to a client that asked for the end itself and sends on. What is sent behind that end is met by a reset:
    /// the response is read before it.
    AskedToEnd(&'static [u16]),
    /// As many responses as statuses, in that order; the connection then serves the next request.
    Pipeline(&'static [u16]),
    /// As many responses as statuses, in that order, the last says close, then the end of the stream.
    PipelineEnds(&'static [u16]),
}

/// One request, or several, and what has to come back.
pub(crate) struct Case {
    name: String,
    bytes: Vec<u8>,
    want: Want,
    body: Option<&'static str>,
}

impl Case {
    /// The same, and the first response has this body.
    pub(crate) fn with_body(mut self, body: &'static str) -> Self {
        self.body = Some(body);
        self
    }

    /// The same, but refused with one of these statuses.
    pub(crate) fn or(mut self, statuses: &'static [u16]) -> Self {
        self.want = Want::Refused(statuses);
        self
    }
}

pub(crate) fn served(name: &str, bytes: impl AsRef<[u8]>) -> Case {
    case(name, bytes, Want::Served(&[200]))
}

pub(crate) fn refused(name: &str, bytes: impl AsRef<[u8]>) -> Case {
    case(name, bytes, Want::Refused(&[400]))
}

pub(crate) fn case(name: &str, bytes: impl AsRef<[u8]>, want: Want) -> Case {
    Case {
        name: name.to_owned(),
        bytes: bytes.as_ref().to_vec(),
        want,
        body: None,
    }
}

/// `GET /plaintext` with Host and these field lines, each with its CRLF.
pub(crate) fn get(lines: &str) -> String {
    format!("GET /plaintext HTTP/1.1\r\nHost: a\r\n{lines}\r\n")
}

/// `POST /echo` with Host, these field lines, each with its CRLF, and this body.
pub(crate) fn post(lines: &str, body: &str) -> String {
    format!("POST /echo HTTP/1.1\r\nHost: a\r\n{lines}\r\n{body}")
}

/// `POST /echo` with a chunked body.
pub(crate) fn chunked(body: &str) -> String {
    post("Transfer-Encoding: chunked\r\n", body)
}

/// Bytes with one that a string cannot hold put where `@` stands.
pub(crate) fn with_byte(text: &str, byte: u8) -> Vec<u8> {
    text.bytes()
        .map(|found| if found == b'@' { byte } else { found })
        .collect()
}

/// Runs a table: every row whole and byte by byte, on connections of its own. Targets are those of RFC 3986; what browsers
/// send beyond them has tests of its own.
pub(crate) fn run(cases: Vec<Case>) {
    run_on(Launch::new(), cases);
}

/// Runs a table on a server that is started in a way of its own.
pub(crate) fn run_on(launch: Launch, cases: Vec<Case>) {
    let server = launch.start();
    let next = AtomicUsize::new(0);
    let failures = thread::scope(|scope| {
        let workers: Vec<_> = (0..16)
            .map(|_| scope.spawn(|| run_some(&server, &cases, &next)))
            .collect();
        workers
            .into_iter()
            .flat_map(|worker| worker.join().expect("a row panicked"))
            .collect::<Vec<_>>()
    });
    assert!(
        failures.is_empty(),
        "{} of {} rows:\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
    // Whatever was sent to it, it still ends with success.
    server.stop();
}

fn run_some(server: &Server, cases: &[Case], next: &AtomicUsize) -> Vec<String> {
    let mut failures = Vec::new();
    while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
        for pieces in [case.bytes.len(), if case.bytes.len() > 4096 { 997 } else { 1 }] {
            if let Err(reason) = attempt(server, case, pieces) {
                let request = case.bytes[..case.bytes.len().min(200)].escape_ascii();
                failures.push(format!(
                    "- {}, in pieces of {pieces}: {reason}\n    {request}",
                    case.name
                ));
            }
        }
    }
    failures
}

fn attempt(server: &Server, case: &Case, piece: usize) -> Result<(), String> {
    let mut client = server.connect().patience(Duration::from_secs(8));
    // A server may answer and close before the last byte: then the rest cannot be sent, and the answer decides.
    let _ = client.send_in_pieces(&case.bytes, piece);
    let head = case.bytes.starts_with(b"HEAD ");
    match case.want {
        Want::Served(statuses) => {
            expect(case, &one_of(&mut client, statuses, head)?)?;
            serves_on(&mut client)
        }
        Want::Answered(statuses) => {
            let response = one_of(&mut client, statuses, head)?;
            expect(case, &response)?;
            if response.says_close() {
                ends(&mut client)
            } else {
                serves_on(&mut client)
            }
        }
        Want::Refused(statuses) => {
            let response = one_of(&mut client, statuses, head)?;
            expect(case, &response)?;
            ends_after(&mut client, &response)
        }
        Want::AskedToEnd(statuses) => {
            let response = one_of(&mut client, statuses, head)?;
            expect(case, &response)?;
            announces_its_end(&response)?;
            match client.rest() {
                // What came before the reset stays to be looked at: a second answer, if the server gave one.
                Err(error) if is_reset(&error) => nothing_in(client.unread()),
                Err(error) => Err(format!("no end: {error}")),
                Ok(rest) => nothing_in(&rest),
            }
        }
        Want::Pipeline(statuses) => {
            pipeline(case, &mut client, statuses)?;
            serves_on(&mut client)
        }
        Want::PipelineEnds(statuses) => {
            let last = pipeline(case, &mut client, statuses)?;
            ends_after(&mut client, &last)
        }
    }
}

fn pipeline(case: &Case, client: &mut Client, statuses: &[u16]) -> Result<Response, String> {
    let mut last = None;
    for (index, status) in statuses.iter().enumerate() {
        let response =
            one_of(client, &[*status], false).map_err(|reason| format!("response {index}: {reason}"))?;
        if index == 0 {
            expect(case, &response)?;
        }
        last = Some(response);
    }
    last.ok_or_else(|| "no status is wanted".to_owned())
}

fn one_of(client: &mut Client, statuses: &[u16], head: bool) -> Result<Response, String> {
    let response = client
        .response_to(head)
        .map_err(|error| format!("wanted {statuses:?}: {error}"))?;
    if !statuses.contains(&response.status) {
        return Err(format!(
            "wanted {statuses:?}, got {} \"{}\"",
            response.status,
            response.text()
        ));
    }
    Ok(response)
}

fn expect(case: &Case, response: &Response) -> Result<(), String> {
    match case.body {
        Some(body) if response.text() != body => {
            Err(format!("wanted \"{body}\", got \"{}\"", response.text()))
        }
        _ => Ok(()),
    }
}

/// The next request on the same connection gets its own answer.
fn serves_on(client: &mut Client) -> Result<(), String> {
    let response = client
        .exchange(get(""))
        .map_err(|error| format!("the request after it: {error}"))?;
    if response.status != 200 || response.text() != "Hello, World!" {
        return Err(format!(
            "the request after it got {} \"{}\"",
            response.status,
            response.text()
        ));
    }
    Ok(())
}

fn ends_after(client: &mut Client, response: &Response) -> Result<(), String> {
    announces_its_end(response)?;
    ends(client)
}

fn announces_its_end(response: &Response) -> Result<(), String> {
    if response.says_close() {
        Ok(())
    } else {
        Err(format!("the {} does not say Connection: close", response.status))
    }
}

/// Nothing more comes, and the end is an orderly one.
fn ends(client: &mut Client) -> Result<(), String> {
    let rest = client
        .rest()
        .map_err(|error| format!("no orderly end: {error}"))?;
    nothing_in(&rest)
}

/// Whether the peer has closed a connection to which something was sent. Linux says the second to a reader that has seen
/// the end of the stream already.
fn is_reset(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}

fn nothing_in(rest: &[u8]) -> Result<(), String> {
    if rest.is_empty() {
        Ok(())
    } else {
        Err(format!("more came: \"{}\"", rest.escape_ascii()))
    }
}
