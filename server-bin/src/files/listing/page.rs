//! The HTML of one page of a listing, made some entries at a time.

use std::fmt::Write as _;

use super::Order;
use super::entries::{Page, Shown};
use crate::date::{Date, LAST};
use crate::files::escape;
use crate::handler::{BodySource, Pulled};

/// Entries that one pull writes: about 32 KiB.
const PER_PULL: usize = 200;

/// The page's own style: readable on a small screen, in light and dark.
const STYLE: &str = ":root{color-scheme:light dark;font-family:sans-serif}table{border-spacing:1.5em .2em}\
td{white-space:nowrap}td:first-child{white-space:normal;overflow-wrap:anywhere}td:nth-child(2){text-align:right}";

/// One page of a listing, on its way.
#[derive(Debug)]
pub(super) struct Listing {
    name: Box<[u8]>,
    shown: Page,
    /// How many of `shown` were written; none before the page's beginning.
    written: Option<usize>,
    total: usize,
    page: usize,
    pages: usize,
    complete: bool,
}

impl Listing {
    pub(super) fn new(order: &Order, shown: Page, total: usize, pages: usize, complete: bool) -> Self {
        Self {
            name: order.name.clone(),
            shown,
            written: None,
            total,
            page: order.page,
            pages,
            complete,
        }
    }

    fn begin(&self, html: &mut String) {
        html.push_str("<!DOCTYPE html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n");
        html.push_str("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>");
        self.push_title(html);
        let _ = write!(html, "</title>\n<style>{STYLE}</style>\n<h1>");
        self.push_title(html);
        html.push_str("</h1>\n");
        self.push_pages(html);
        html.push_str("<table>\n<tr><th>Name<th>Size<th>Modified (UTC)\n");
        if !self.name.is_empty() {
            html.push_str("<tr><td><a href=\"../\">../</a><td><td>\n");
        }
    }

    fn push_title(&self, html: &mut String) {
        html.push_str("Index of /");
        escape::push_html(html, &self.name);
        if !self.name.is_empty() {
            html.push('/');
        }
    }

    /// Links to the pages before and behind this one, if there are several.
    fn push_pages(&self, html: &mut String) {
        let (page, pages) = (self.page, self.pages);
        if pages == 1 {
            return;
        }
        html.push_str("<p>");
        if page > 1 {
            let _ = write!(html, "<a href=\"./?page={}\">previous</a> ", page - 1);
        }
        let _ = write!(html, "page {page} of {pages}, {} entries", self.total);
        if page < pages {
            let _ = write!(html, " <a href=\"./?page={}\">next</a>", page + 1);
        }
        html.push('\n');
    }

    fn end(&self, html: &mut String) {
        html.push_str("</table>\n");
        self.push_pages(html);
        if !self.complete {
            html.push_str("<p>There are more entries than can be listed.\n");
        }
    }
}

impl BodySource for Listing {
    fn pull(&mut self, out: &mut Vec<u8>) -> Pulled {
        let mut html = String::new();
        let first = self.written.unwrap_or_else(|| {
            self.begin(&mut html);
            0
        });
        let last = (first + PER_PULL).min(self.shown.len());
        for entry in self.shown.entries(first..last) {
            push_entry(&mut html, &entry);
        }
        self.written = Some(last);
        let ends = last == self.shown.len();
        if ends {
            self.end(&mut html);
        }
        out.extend_from_slice(html.as_bytes());
        if ends { Pulled::End } else { Pulled::More }
    }

    fn memory(&self) -> usize {
        size_of::<Self>() + self.name.len() + self.shown.memory()
    }
}

fn push_entry(html: &mut String, entry: &Shown<'_>) {
    let slash = if entry.is_file { "" } else { "/" };
    html.push_str("<tr><td><a href=\"");
    escape::push_relative_url(html, entry.name);
    html.push_str(slash);
    html.push_str("\">");
    escape::push_html(html, entry.name);
    html.push_str(slash);
    html.push_str("</a><td>");
    if entry.is_file {
        push_size(html, entry.size);
    }
    html.push_str("<td>");
    push_time(html, entry.modified);
    html.push('\n');
}

/// A size as people read it: exact up to 1,023 bytes, then with one decimal.
fn push_size(html: &mut String, bytes: u64) {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        let _ = write!(html, "{bytes} B");
        return;
    }
    let (mut tenths, mut unit) = (u128::from(bytes) * 10 / 1024, 0);
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    let _ = write!(html, "{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]);
}

/// A time in seconds since the epoch as `2025-01-31 23:59`; nothing for what no such date can say.
fn push_time(html: &mut String, seconds: i64) {
    let seconds = u64::try_from(seconds).ok().filter(|&seconds| seconds <= LAST);
    let Some(seconds) = seconds else { return };
    let date = Date::of(seconds);
    let (year, month, day) = (date.year(), date.month_number(), date.day());
    // Without the seconds.
    let _ = write!(html, "{year}-{month:02}-{day} {}", &date.time()[..5]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_read_as_people_write_them() {
        let size = |bytes| {
            let mut text = String::new();
            push_size(&mut text, bytes);
            text
        };
        let table = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1_048_575, "1023.9 KiB"),
            (1_048_576, "1.0 MiB"),
            (5_368_709_120, "5.0 GiB"),
            (u64::MAX, "15.9 EiB"),
        ];
        for (bytes, text) in table {
            assert_eq!(size(bytes), text);
        }
        let time = |seconds| {
            let mut text = String::new();
            push_time(&mut text, seconds);
            text
        };
        assert_eq!(time(784_111_777), "1994-11-06 08:49");
        assert_eq!(time(0), "1970-01-01 00:00");
        assert_eq!(time(253_402_300_799), "9999-12-31 23:59");
        assert_eq!((time(-1), time(253_402_300_800)), (String::new(), String::new()));
    }
}
