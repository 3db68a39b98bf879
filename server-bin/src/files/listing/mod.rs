//! The pages that list a directory without an index, where that is switched on.
//!
//! [`build`] does everything that asks the file system, and takes as long as a directory is large: it runs where
//! blocking does no harm. It returns a source of HTML that holds one page's entries, and makes its text as it is
//! sent.

mod builder;
mod entries;
mod giving;
mod page;

use std::sync::Arc;

use http_core::{FieldLine, Head};

use super::options::Options;
use super::path::Name;
use super::status::status_of;
use super::trouble::Troubles;
use crate::handler::{Context, Reply};
use crate::sys::Root;
pub(super) use builder::Builder;
use giving::give_back_soon;
use page::Listing;

const HTML: FieldLine = FieldLine::from_static("content-type: text/html; charset=utf-8");
/// Nothing on this page runs or loads, whatever the names in it say; its own few rules of style apply.
const NOTHING_ACTIVE: FieldLine =
    FieldLine::from_static("content-security-policy: default-src 'none'; style-src 'unsafe-inline'");

/// How many entries one page shows.
const PER_PAGE: usize = 1000;

/// From so many entries on, a megabyte or so, the memory that they took is given back to the system soon.
const LARGE: usize = 30_000;

/// A directory that is to be listed.
#[derive(Debug)]
pub(super) struct Order {
    root: Arc<Root>,
    name: Box<[u8]>,
    /// The page, counted from 1.
    page: usize,
    troubles: Troubles,
}

/// Answers with what is in a directory, later, or with a status.
pub(super) fn answer(
    site: &Options,
    builder: &mut Builder,
    root: &Arc<Root>,
    name: &Name,
    head: &Head<'_>,
    cx: &mut Context<'_>,
) -> Result<Reply, u16> {
    let order = Order {
        root: Arc::clone(root),
        name: name.as_bytes().into(),
        page: page_asked_for(head.target().query()),
        troubles: site.troubles.clone(),
    };
    builder.promise(order, site.rules.everywhere(), cx)
}

/// Reads the directory and picks the entries of the page, or says by which status it cannot be listed.
fn build(order: &Order) -> Result<Listing, u16> {
    let name = std::ffi::CString::new(&*order.name).map_err(|_| 404_u16)?;
    let mut entries = entries::read(&order.root, &name).map_err(|error| {
        order.troubles.failed(&order.name, &error, false);
        status_of(&error)
    })?;
    entries.sort();
    let pages = entries.len().div_ceil(PER_PAGE).max(1);
    if order.page > pages {
        return Err(404);
    }
    let shown = entries.page((order.page - 1) * PER_PAGE, PER_PAGE);
    let (all, is_complete) = (entries.len(), entries.is_complete());
    drop(entries);
    if all > LARGE {
        give_back_soon();
    }
    Ok(Listing::new(order, shown, all, pages, is_complete))
}

/// The page that a query like `page=2` asks for; the first one for any other query.
fn page_asked_for(query: Option<&str>) -> usize {
    let parameters = query.unwrap_or_default().split('&');
    let mut pages = parameters.filter_map(|parameter| parameter.strip_prefix("page="));
    let page = pages.next().and_then(|page| page.parse().ok());
    page.filter(|&page| page > 0).unwrap_or(1)
}
