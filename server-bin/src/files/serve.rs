//! The answer to a GET or HEAD: status, fields and body for what the path stands for.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http_core::{FieldLine, Head, Method, Name as FieldName};

use super::coding::Accepted;
use super::conditional::{self, Representation, Verdict};
use super::etag::ETag;
use super::path::Name;
use super::resolve::{self, Kind, Opened};
use super::text::Text;
use super::{Files, escape, listing, mime};
use crate::handler::{Context, FileSlice, Reply, plain};

const CONTENT_ENCODING: FieldName = FieldName::from_static("content-encoding");
const CONTENT_RANGE: FieldName = FieldName::from_static("content-range");
const CONTENT_TYPE: FieldName = FieldName::from_static("content-type");
const ETAG: FieldName = FieldName::from_static("etag");
const LAST_MODIFIED: FieldName = FieldName::from_static("last-modified");
const LOCATION: FieldName = FieldName::from_static("location");

const ACCEPT_RANGES: FieldLine = FieldLine::from_static("accept-ranges: bytes");
const HTML: FieldLine = FieldLine::from_static("content-type: text/html; charset=utf-8");
const NOTHING_ACTIVE: FieldLine = FieldLine::from_static("content-security-policy: default-src 'none'");
const NO_SNIFFING: FieldLine = FieldLine::from_static("x-content-type-options: nosniff");
const RETRY_SOON: FieldLine = FieldLine::from_static("retry-after: 1");
const VARY: FieldLine = FieldLine::from_static("vary: accept-encoding");

/// Answers a GET or HEAD.
pub(crate) fn serve(files: &Files, head: &Head<'_>, cx: &mut Context<'_>) -> Reply {
    let mut name = match Name::parse(head.path()) {
        Ok(name) => name,
        Err(refusal) => return refuse(refusal.status(), cx),
    };
    match resolve::find(&files.root, &mut name) {
        Ok((Kind::File, opened)) => send(files, &mut name, opened, head, cx),
        Ok((Kind::NeedsSlash, _)) => {
            let url = escape::directory_url(name.as_bytes(), head.target().query());
            let reply = refuse(301, cx);
            cx.field(LOCATION, url);
            reply
        }
        Ok((Kind::Directory, opened)) if files.listing => list(opened, &name, cx),
        Ok((Kind::Directory, _)) => refuse(404, cx),
        Err(status) => refuse(status, cx),
    }
}

/// Answers with what is in a directory.
fn list(directory: Opened, name: &Name, cx: &mut Context<'_>) -> Reply {
    match listing::page(directory.file, name.as_bytes()) {
        Ok(page) => {
            // Nothing on this page runs or loads, whatever the names in it say.
            cx.line(HTML).line(NOTHING_ACTIVE).line(NO_SNIFFING);
            page.into()
        }
        Err(_) => refuse(500, cx),
    }
}

/// An answer that is not a file: a status, and its name as text.
pub(crate) fn refuse(status: u16, cx: &mut Context<'_>) -> Reply {
    cx.line(NO_SNIFFING);
    if status == 503 {
        cx.line(RETRY_SOON);
    }
    plain::reply(cx, status)
}

/// Sends a file, or its sibling, or a part of it, or only what its conditions left.
fn send(files: &Files, name: &mut Name, plain: Opened, head: &Head<'_>, cx: &mut Context<'_>) -> Reply {
    let essence = mime::essence(name.as_bytes());
    let (opened, coding) = if files.precompressed && mime::is_compressible(essence) {
        // Also a 304 and an error say what they depended on (RFC 9110 §12.5.5 and §15.4.5).
        cx.line(VARY);
        negotiate(files, name, plain, head)
    } else {
        (plain, "")
    };
    let now = SystemTime::now();
    let representation = Representation {
        etag: &ETag::of(&opened.metadata, coding, now),
        modified: last_modified(&opened, now),
        length: opened.metadata.len(),
        now: seconds(now),
    };
    let verdict = conditional::verdict(head.fields(), head.method() == Method::Get, &representation);
    let (first, length) = match part(verdict, &representation, cx) {
        Ok(part) => part,
        Err(reply) => return reply,
    };
    describe(essence, coding, &representation, cx);
    if length == 0 {
        return Reply::EMPTY;
    }
    Reply::File(FileSlice {
        file: opened.file.into(),
        offset: first,
        len: length,
    })
}

/// Which part of the file is to be sent, from where and how much, or the answer that takes its place.
fn part(
    verdict: Verdict,
    representation: &Representation<'_>,
    cx: &mut Context<'_>,
) -> Result<(u64, u64), Reply> {
    let all = representation.length;
    match verdict {
        Verdict::Whole => Ok((0, all)),
        Verdict::Part { first, length } => {
            let last = first + length - 1;
            let range = Text::<80>::of(format_args!("bytes {first}-{last}/{all}"));
            cx.set_status(206).field(CONTENT_RANGE, range.as_bytes());
            Ok((first, length))
        }
        Verdict::NotModified => {
            cx.set_status(304).field(ETAG, representation.etag.as_bytes());
            Err(Reply::EMPTY)
        }
        Verdict::PreconditionFailed => Err(refuse(412, cx)),
        Verdict::Unsatisfiable => {
            let range = Text::<32>::of(format_args!("bytes */{all}"));
            let reply = refuse(416, cx);
            cx.field(CONTENT_RANGE, range.as_bytes());
            Err(reply)
        }
    }
}

/// The sibling that the request wants most and its coding, or the file itself.
fn negotiate(files: &Files, name: &mut Name, plain: Opened, head: &Head<'_>) -> (Opened, &'static str) {
    let accepted = Accepted::read(head.fields());
    match resolve::find_sibling(&files.root, name, &plain.metadata, &accepted) {
        Some((coding, opened)) => (opened, coding.name()),
        None => (plain, ""),
    }
}

/// The fields that describe a file, whole or in part.
fn describe(essence: &'static str, coding: &str, representation: &Representation<'_>, cx: &mut Context<'_>) {
    cx.field(CONTENT_TYPE, mime::content_type(essence).as_bytes());
    cx.line(NO_SNIFFING);
    if !coding.is_empty() {
        cx.field(CONTENT_ENCODING, coding);
    }
    if let Some(modified) = representation.modified {
        let date = httpdate::HttpDate::from(UNIX_EPOCH + Duration::from_secs(modified));
        cx.field(LAST_MODIFIED, Text::<32>::of(format_args!("{date}")).as_bytes());
    }
    cx.field(ETAG, representation.etag.as_bytes()).line(ACCEPT_RANGES);
}

/// What Last-Modified says: never later than now (RFC 9110 §8.8.2.1), and nothing for times before the epoch.
fn last_modified(opened: &Opened, now: SystemTime) -> Option<u64> {
    let modified = opened.metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(modified.as_secs().min(seconds(now)))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
