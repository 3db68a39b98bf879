//! The pages that list a directory without an index, where that is switched on.
//!
//! [`build`] does everything that asks the file system, and takes as long as a directory is large: it runs where
//! blocking does no harm. What it returns is a source of HTML that holds one page's entries, and makes its text as it is
//! sent.

mod builder;
mod entries;
mod page;

use std::sync::Arc;

use http_core::{FieldBlock, FieldLine, Head};

use super::path::Name;
use super::resolve::status_of;
use crate::handler::{Context, Reply};
use crate::sys::Root;
pub(super) use builder::Builder;
use page::Listing;

const HTML: FieldLine = FieldLine::from_static("content-type: text/html; charset=utf-8");
/// Nothing on this page runs or loads, whatever the names in it say; its own few rules of style apply.
const NOTHING_ACTIVE: FieldLine =
    FieldLine::from_static("content-security-policy: default-src 'none'; style-src 'unsafe-inline'");

/// How many entries one page shows.
const PER_PAGE: usize = 1000;

/// What is to be listed.
#[derive(Debug)]
pub(super) struct Order {
    root: Arc<Root>,
    name: Box<[u8]>,
    /// The page, counted from 1.
    page: usize,
}

/// Answers with what is in a directory, later, or with a status.
pub(super) fn answer(
    builder: &mut Builder,
    root: &Arc<Root>,
    name: &Name,
    everywhere: &FieldBlock,
    head: &Head<'_>,
    cx: &mut Context<'_>,
) -> Result<Reply, u16> {
    let order = Order {
        root: Arc::clone(root),
        name: name.as_bytes().into(),
        page: page_asked_for(head.target().query()),
    };
    builder.promise(order, everywhere, cx)
}

/// Reads the directory and picks the entries of the page, or says by which status it cannot be listed.
fn build(order: &Order) -> Result<Listing, u16> {
    let name = std::ffi::CString::new(&*order.name).map_err(|_| 404_u16)?;
    let mut entries = entries::read(&order.root, &name).map_err(|error| status_of(&error))?;
    entries.sort();
    let pages = entries.len().div_ceil(PER_PAGE).max(1);
    if order.page > pages {
        return Err(404);
    }
    let shown = entries.take((order.page - 1) * PER_PAGE, PER_PAGE);
    Ok(Listing::new(
        order,
        shown,
        entries.len(),
        pages,
        entries.is_complete(),
    ))
}

/// The page that a query like `page=2` asks for; the first one for any other query.
fn page_asked_for(query: Option<&str>) -> usize {
    let parameters = query.unwrap_or_default().split('&');
    let mut pages = parameters.filter_map(|parameter| parameter.strip_prefix("page="));
    let page = pages.next().and_then(|page| page.parse().ok());
    page.filter(|&page| page > 0).unwrap_or(1)
}
