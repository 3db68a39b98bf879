//! What peers got, and whether that is what they have to get.

use super::model::Exchange;
use super::seams::LOST;

/// A response as far as it has arrived.
#[derive(Debug)]
pub(super) struct Response {
    status: u16,
    body: Vec<u8>,
    complete: bool,
    pub(super) closes: bool,
}

/// Reads the final responses from what a peer received; `exchanges` says which of them have no body.
pub(super) fn responses(mut bytes: &[u8], exchanges: &[Exchange]) -> Vec<Response> {
    let mut found = Vec::new();
    while let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
        let head = std::str::from_utf8(&bytes[..end])
            .expect("a head is text")
            .to_lowercase();
        bytes = &bytes[end + 4..];
        let status = head[9..12].parse().expect("a status");
        if status == 100 {
            continue;
        }
        let exchange = exchanges.get(found.len());
        // An answer that the peer did not ask for, to a deadline for example, has a body.
        let bodiless = exchange.is_some_and(|exchange| exchange.bodiless && exchange.status == status);
        // A HEAD that was cut has none, where its method was understood before.
        let may_be_bodiless = exchange.is_some_and(|exchange| exchange.request.starts_with(b"HEAD"));
        let field = |name: &str| head.split("\r\n").find_map(|line| line.strip_prefix(name));
        assert!(field("date: ").is_some(), "no date: {head}");
        let length: Option<usize> = field("content-length: ").map(|length| length.parse().expect("a length"));
        let mut body = Vec::new();
        let complete = match length {
            _ if status == 101 => {
                body = std::mem::take(&mut bytes).to_vec();
                body.ends_with(b".")
            }
            _ if bodiless => true,
            Some(length) => {
                body = bytes[..length.min(bytes.len())].to_vec();
                bytes = &bytes[body.len()..];
                body.len() == length || (body.is_empty() && may_be_bodiless)
            }
            None => {
                assert_eq!(field("transfer-encoding: "), Some("chunked"), "{head}");
                unchunk(&mut bytes, &mut body)
            }
        };
        let closes = field("connection: ") == Some("close");
        found.push(Response {
            status,
            body,
            complete,
            closes,
        });
        if !complete {
            return found;
        }
    }
    assert!(
        b"HTTP/1.1 ".starts_with(&bytes[..bytes.len().min(9)]),
        "{}",
        bytes.escape_ascii()
    );
    found
}

/// Takes chunks from `bytes`; whether the last one was there.
fn unchunk(bytes: &mut &[u8], body: &mut Vec<u8>) -> bool {
    while let Some(end) = bytes.windows(2).position(|window| window == b"\r\n") {
        let size = std::str::from_utf8(&bytes[..end])
            .ok()
            .and_then(|size| usize::from_str_radix(size, 16).ok());
        let size = size.expect("a chunk size");
        let chunk = &bytes[end + 2..];
        let Some((data, rest)) = chunk.split_at_checked(size + 2) else {
            body.extend(&chunk[..size.min(chunk.len())]);
            break;
        };
        assert!(data.ends_with(b"\r\n"), "a chunk without its end");
        body.extend(&data[..size]);
        *bytes = rest;
        if size == 0 {
            return true;
        }
    }
    *bytes = &[];
    false
}

/// How the texts begin that explain a broken rule.
const REFUSALS: [&[u8]; 2] = [b"400 Bad Request\n", b"413 Content Too Large\n"];

/// Checks that a response is the one that belongs to an exchange, or as much of it as has arrived.
pub(super) fn check(response: &Response, exchange: &Exchange) -> Result<(), String> {
    let request = exchange.request[..exchange.request.len().min(80)].escape_ascii();
    if response.status != exchange.status {
        return Err(format!(
            "{} instead of {} for {request}",
            response.status, exchange.status
        ));
    }
    let same = match response.complete {
        true if response.body.is_empty() && exchange.request.starts_with(b"HEAD") => true,
        // Behind the status stands the broken rule.
        true if exchange.status == response.status && REFUSALS.contains(&&*exchange.body) => {
            response.body.starts_with(&exchange.body)
        }
        false if REFUSALS.contains(&&*exchange.body) => {
            let length = response.body.len().min(exchange.body.len());
            response.body[..length] == exchange.body[..length]
        }
        true => response.body == exchange.body && !exchange.cut,
        false => exchange.body.starts_with(&response.body),
    };
    let lengths = (response.body.len(), exchange.body.len());
    if same {
        Ok(())
    } else {
        Err(format!("another body (lengths {lengths:?}) for {request}"))
    }
}

/// How much of its body a response has, for a message.
pub(super) fn progress(response: &Response, exchange: &Exchange) -> String {
    format!("{} of {} bytes", response.body.len(), exchange.body.len())
}

/// Checks that all of a response has arrived that ever will.
pub(super) fn is_whole(response: &Response, exchange: &Exchange) -> bool {
    // Bytes that a source has made are lost with it when nobody is left who could wake it.
    let may_be_lost = exchange.body == LOST.as_bytes();
    response.complete || (exchange.cut && (response.body == exchange.body || may_be_lost))
}

/// Whether it says that the server is short of something.
pub(super) fn is_refusal(response: &Response) -> bool {
    response.status == 503 && response.closes
}

/// Whether the response is one that only a deadline explains.
pub(super) fn is_timeout(response: &Response) -> bool {
    matches!(response.status, 408 | 503) && response.closes
}
