//! Answers that are no file of the request's: errors and redirects, and the pages that an operator gives for them.

use std::sync::Arc;

use http_core::{FieldLine, Head, Name as FieldName};

use super::asked::{Asked, takes_html};
use super::local::Local;
use super::options::Options;
use super::path::Name;
use super::refusal::Refusal;
use super::resolve::{self, Found};
use super::selected::{NO_CACHE, NO_SNIFFING, Role, VARY_ACCEPT};
use super::send::{self, Body, CONTENT_RANGE, Page};
use super::text::Text;
use crate::handler::{Context, Reply, plain};

const LOCATION: FieldName = FieldName::from_static("location");
const RETRY_SOON: FieldLine = FieldLine::from_static("retry-after: 1");

const UNLISTED: &str =
    "404 Not Found\nThis directory has no index, and directories are not listed (see --listing).\n";

/// By what the fallback page is remembered: no path, as it has no slash.
const FALLBACK: &[u8] = b"fallback";

/// Answers what was refused: with the fallback page, with the page for the error, or with its name as text.
#[cold]
pub(super) fn answer(
    site: &Options,
    local: &mut Local,
    refusal: Refusal,
    head: &Head<'_>,
    cx: &mut Context<'_>,
) -> Reply {
    let status = refusal.status();
    // The fields that an embedder has set are meant for the file that is not sent.
    cx.start_over(status);
    let fallback = site.fallback_for(status);
    if let Some(path) = fallback
        && takes_html(head)
        && let Ok(reply) = send_fallback(site, local, path, head, cx)
    {
        return reply;
    }
    let reply = match site.error_page(status) {
        Some(path) => send_error_page(site, local, status, path, head, cx),
        None => None,
    };
    let reply = reply.unwrap_or_else(|| {
        let mut reply = plain::reply(cx, status);
        if matches!(refusal, Refusal::Unlisted) {
            reply = UNLISTED.into();
        }
        cx.line(NO_CACHE).line(NO_SNIFFING).add(site.rules.everywhere());
        reply
    });
    if fallback.is_some() {
        cx.line(VARY_ACCEPT);
    }
    add_details(&refusal, cx);
    reply
}

fn add_details(refusal: &Refusal, cx: &mut Context<'_>) {
    match refusal {
        Refusal::Error(503) => {
            cx.line(RETRY_SOON);
        }
        Refusal::Error(_) | Refusal::Unlisted => {}
        Refusal::Moved(location) => {
            cx.field(LOCATION, &**location);
        }
        Refusal::Behind(length) => {
            let range = Text::<32>::of(format_args!("bytes */{length}"));
            cx.field(CONTENT_RANGE, range.as_bytes());
        }
    }
}

fn send_fallback(
    site: &Options,
    local: &mut Local,
    path: &[u8],
    head: &Head<'_>,
    cx: &mut Context<'_>,
) -> Result<Reply, Refusal> {
    cx.set_status(200);
    let page = Page {
        role: Role::Fallback,
        key: FALLBACK,
        asked: Asked::read(site.precompressed, &mut local.codings, head),
    };
    send_own(site, local, page, path, head, cx)
}

/// The page for an error, if it can be sent. Conditions mean nothing to it (RFC 9110 §13.2.1).
fn send_error_page(
    site: &Options,
    local: &mut Local,
    status: u16,
    path: &[u8],
    head: &Head<'_>,
    cx: &mut Context<'_>,
) -> Option<Reply> {
    let key = Text::<8>::of(format_args!("{status}"));
    let page = Page {
        role: Role::Error,
        key: key.as_bytes(),
        asked: Asked::NOTHING,
    };
    let reply = send_own(site, local, page, path, head, cx).ok()?;
    cx.set_status(status);
    Some(reply)
}

/// Sends a page of the site's own, whose name is no request's: a fallback or the text of an error.
fn send_own(
    site: &Options,
    local: &mut Local,
    page: Page<'_>,
    path: &[u8],
    head: &Head<'_>,
    cx: &mut Context<'_>,
) -> Result<Reply, Refusal> {
    let root = Arc::clone(local.root.directory());
    if let Some(entry) = local.cache.find(&root, page.key, page.asked.wanted) {
        // Its status is the refusal's.
        return send::answer(&entry.selected, Body::Read(&entry.content), page.asked, head, cx);
    }
    let mut name = Name::plain(path).map_err(|refusal| Refusal::of(refusal.status()))?;
    match resolve::find(&site.lookup(&root, page.asked.wanted), &mut name).map_err(Refusal::of)? {
        Found::File(opened) => send::send(site, local, page, &mut name, opened, head, cx),
        Found::Directory | Found::NeedsSlash => Err(Refusal::of(404)),
    }
}
