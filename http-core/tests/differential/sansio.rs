//! The peers that are built as http-core is, without input and output of their own: a whole connection through each.

use crate::Request;
use ureq_proto::server::{RecvRequestResult, Reply};

/// Room for a body, and for the field slots that hoot puts into its caller's buffer.
const ROOM: usize = 1 << 20;

/// Reads one request: how long it was, or that it was refused, or nothing if it has not ended.
type ReadRequest = fn(&[u8], &mut [u8], &mut Vec<Request>) -> Option<Result<usize, ()>>;

/// A whole connection: the requests that were seen, and whether what followed was refused.
fn connection(wire: &[u8], read: ReadRequest) -> (Vec<Request>, bool) {
    let mut requests = Vec::new();
    let mut rest = wire;
    let mut room = vec![0; ROOM];
    while !rest.is_empty() {
        match read(rest, &mut room, &mut requests) {
            Some(Ok(used)) => rest = &rest[used..],
            Some(Err(())) => return (requests, true),
            None => break,
        }
    }
    (requests, false)
}

/// The server half of ureq-proto over a whole connection: the requests it saw, and whether it refused what followed.
#[must_use]
pub fn ureq_proto(wire: &[u8]) -> (Vec<Request>, bool) {
    connection(wire, ureq_request)
}

/// One request: how long it was, or that it was refused, or nothing if it has not ended.
fn ureq_request(wire: &[u8], body: &mut [u8], requests: &mut Vec<Request>) -> Option<Result<usize, ()>> {
    let mut reply = Reply::new().ok()?;
    let (mut used, head) = match reply.try_request(wire) {
        Ok((used, head)) => (used, head?),
        Err(_) => return Some(Err(())),
    };
    requests.push(Request {
        target: head.uri().to_string(),
        ..Request::default()
    });
    let last = requests.last_mut()?;
    let mut reading = match reply.proceed()? {
        RecvRequestResult::RecvBody(reading) => reading,
        RecvRequestResult::Send100(send) => match send.accept(&mut [0; 64]) {
            Ok((_, reading)) => reading,
            Err(_) => return Some(Err(())),
        },
        RecvRequestResult::ProvideResponse(_) => {
            last.ended = true;
            return Some(Ok(used));
        }
    };
    while !reading.is_ended() {
        match reading.read(&wire[used..], body) {
            Ok((0, 0)) => break,
            Ok((read, written)) => {
                used += read;
                last.body.extend_from_slice(&body[..written]);
            }
            Err(_) => return Some(Err(())),
        }
    }
    last.ended = reading.is_ended();
    last.ended.then_some(Ok(used))
}

/// The server half of hoot over a whole connection: the requests it saw, and whether it refused what followed.
#[must_use]
pub fn hoot(wire: &[u8]) -> (Vec<Request>, bool) {
    connection(wire, hoot_request)
}

/// One request: how long it was, or that it was refused, or nothing if it has not ended.
fn hoot_request(wire: &[u8], room: &mut [u8], requests: &mut Vec<Request>) -> Option<Result<usize, ()>> {
    let mut request = hoot::server::Request::new();
    let mut used;
    match request.try_read_request(wire, room) {
        Ok(attempt) => {
            used = attempt.input_used();
            requests.push(Request {
                target: attempt.line()?.path().to_owned(),
                ..Request::default()
            });
        }
        Err(_) => return Some(Err(())),
    }
    let last = requests.last_mut()?;
    let mut request = request.proceed();
    while !request.is_finished() {
        match request.read_body(&wire[used..], room) {
            Ok(part) if part.input_used() == 0 => break,
            Ok(part) => {
                used += part.input_used();
                last.body.extend_from_slice(part.data());
            }
            Err(_) => return Some(Err(())),
        }
    }
    last.ended = request.is_finished();
    last.ended.then_some(Ok(used))
}
