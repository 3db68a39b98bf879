//! The answer to a GET, a HEAD or an OPTIONS: leads the way to what the path stands for.

use std::sync::Arc;

use http_core::{Head, Method, Name as FieldName};

use super::asked::Asked;
use super::local::Local;
use super::options::Options;
use super::path::Name;
use super::refusal::Refusal;
use super::resolve::{self, Found};
use super::selected::Role;
use super::send::{Body, Page, answer_condition, send, whole};
use super::{escape, instead, listing};
use crate::handler::{Context, Reply};

const ALLOW: FieldName = FieldName::from_static("allow");

/// Answers a GET, a HEAD or an OPTIONS.
#[inline(always)]
pub(super) fn serve(site: &Options, local: &mut Local, head: &Head<'_>, cx: &mut Context<'_>) -> Reply {
    if head.method() == Method::Options {
        return methods(site, head, cx);
    }
    if local.root.refresh(cx.now()) {
        local.cache.clear();
    }
    let Some(path) = site.below_prefix(head.path()) else {
        return instead::answer(site, local, Refusal::of(404), head, cx);
    };
    let asked = Asked::read(site.precompressed, &mut local.codings, head);
    let served = match local.cache.find(local.root.directory(), path, asked.wanted) {
        // By far the most usual one, apart, as it cannot be refused: 17 instructions fewer than by `answer`.
        Some(entry) if !asked.has_modifiers => return whole(&entry.selected, Body::Kept(entry), cx),
        Some(entry) => answer_condition(&entry.selected, Body::Kept(entry), head, cx),
        None => look_up(site, local, path, asked, head, cx),
    };
    served.unwrap_or_else(|refusal| instead::answer(site, local, refusal, head, cx))
}

/// Answers an OPTIONS with the methods, and with the operator's fields for this path; nothing is looked up for it.
#[cold]
fn methods(site: &Options, head: &Head<'_>, cx: &mut Context<'_>) -> Reply {
    cx.set_status(204).field(ALLOW, super::METHODS.allow().0);
    // `OPTIONS *` asks about the server as a whole, and what no file can be called is no name either.
    let path = site.below_prefix(head.path());
    match path.map(Name::parse) {
        Some(Ok(name)) => {
            for block in site.rules.headers(name.as_bytes()) {
                cx.add(block);
            }
        }
        _ => {
            cx.add(site.rules.everywhere());
        }
    }
    Reply::EMPTY
}

#[inline(never)]
fn look_up(
    site: &Options,
    local: &mut Local,
    path: &[u8],
    asked: Asked,
    head: &Head<'_>,
    cx: &mut Context<'_>,
) -> Result<Reply, Refusal> {
    let mut name = match path {
        // The prefix without a slash behind it.
        b"" => {
            return Err(Refusal::moved(escape::directory_url(
                &site.prefix,
                head.target().query(),
            )));
        }
        path => Name::parse(path).map_err(|refusal| Refusal::of(refusal.status()))?,
    };
    let root = Arc::clone(local.root.directory());
    let lookup = site.lookup(&root, asked.wanted);
    match resolve::find(&lookup, &mut name).map_err(Refusal::of)? {
        Found::File(opened) => {
            let page = Page {
                role: Role::Page,
                key: path,
                asked,
            };
            send(site, local, page, &mut name, opened, head, cx)
        }
        Found::NeedsSlash => {
            let url = escape::directory_url(name.as_bytes(), head.target().query());
            Err(Refusal::moved(url))
        }
        Found::Directory if site.listing => {
            let listing = listing::answer(site, &mut local.listings, &root, &name, head, cx);
            listing.map_err(Refusal::of)
        }
        Found::Directory => Err(Refusal::Unlisted),
    }
}
