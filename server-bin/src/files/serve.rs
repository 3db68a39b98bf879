//! The answer to a GET or HEAD: status, fields and body for what the path stands for.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http_core::{Head, Method, Name as FieldName};

use super::asked::{Asked, Codings};
use super::cache::{Cache, Entry};
use super::coding::Coding;
use super::conditional::{self, Representation, Verdict};
use super::etag::{Tags, has_settled};
use super::guard;
use super::options::Options;
use super::path::Name;
use super::refusal::{self, Refusal};
use super::resolve::{self, Found, Opened};
use super::root::ServedRoot;
use super::selected::{Facts, Role, Selected};
use super::text::Text;
use super::{escape, listing};
use crate::handler::{Content, Context, FileGuard, FileSlice, Reply};
use crate::sys::Stamp;

const ALLOW: FieldName = FieldName::from_static("allow");

/// A file of at most this size is read at once, and leaves in one write with its head.
pub(super) const IN_MEMORY: usize = 64 * 1024;

/// One worker's part of a site.
#[derive(Debug)]
pub(super) struct Local {
    pub(super) root: ServedRoot,
    pub(super) cache: Cache,
    pub(super) codings: Codings,
    /// The file that was described and read last; the next one uses the memory again.
    pub(super) selected: Selected,
    pub(super) buffer: Vec<u8>,
    pub(super) listings: listing::Builder,
}

impl Local {
    pub(super) fn new(root: ServedRoot, cache: (usize, usize)) -> Self {
        Self {
            root,
            cache: Cache::new(cache.0, cache.1),
            codings: Codings::default(),
            selected: Selected::new(),
            buffer: Vec::new(),
            listings: listing::Builder::default(),
        }
    }

    /// Bytes that are kept for later requests.
    pub(super) fn memory(&self) -> usize {
        self.cache.size() + self.buffer.capacity()
    }

    /// Forgets them.
    pub(super) fn give_up_memory(&mut self) {
        self.cache.clear();
        self.buffer = Vec::new();
    }
}

/// The bytes of a representation.
enum Body<'a> {
    /// In the cache.
    Kept(&'a Entry),
    /// In memory.
    Read(&'a Arc<[u8]>),
    /// Too large for that; and what it has to be like to its end, if it had settled.
    Open(File, Option<Box<dyn FileGuard>>),
}

/// Answers a GET, a HEAD or an OPTIONS.
#[inline(always)]
pub(super) fn serve(site: &Options, local: &mut Local, head: &Head<'_>, cx: &mut Context<'_>) -> Reply {
    if head.method() == Method::Options {
        return methods(site, head, cx);
    }
    let Some(path) = site.below_prefix(head.path()) else {
        return refusal::answer(site, local, Refusal::of(404), head, cx);
    };
    if local.root.refresh(cx.now()) {
        local.cache.clear();
    }
    let asked = Asked::read(site.precompressed, &mut local.codings, head);
    let served = match local.cache.find(local.root.directory(), path, asked.wanted) {
        // By far the most usual one, apart, as it cannot be refused: 17 instructions fewer than by `answer`.
        Some(entry) if !asked.has_modifiers => return whole(&entry.selected, Body::Kept(entry), cx),
        Some(entry) => answer_condition(&entry.selected, Body::Kept(entry), head, cx),
        None => look_up(site, local, path, asked, head, cx),
    };
    served.unwrap_or_else(|refusal| refusal::answer(site, local, refusal, head, cx))
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

/// Why a file is sent, and the request that it is sent to.
#[derive(Clone, Copy)]
pub(super) struct Page<'a> {
    pub(super) role: Role,
    /// By what the answer is remembered.
    pub(super) key: &'a [u8],
    pub(super) asked: Asked,
}

/// Sends a page of the site's own, whose name is no request's: a fallback or the text of an error.
pub(super) fn send_own(
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
        return answer(&entry.selected, Body::Read(&entry.content), page.asked, head, cx);
    }
    let mut name = Name::plain(path).map_err(|refusal| Refusal::of(refusal.status()))?;
    match resolve::find(&site.lookup(&root, page.asked.wanted), &mut name).map_err(Refusal::of)? {
        Found::File(opened) => send(site, local, page, &mut name, opened, head, cx),
        Found::Directory | Found::NeedsSlash => Err(Refusal::of(404)),
    }
}

/// Sends a file that was opened, and remembers it if it is small and has settled.
fn send(
    site: &Options,
    local: &mut Local,
    page: Page<'_>,
    name: &mut Name,
    opened: Opened,
    head: &Head<'_>,
    cx: &mut Context<'_>,
) -> Result<Reply, Refusal> {
    let Local {
        cache,
        selected,
        buffer,
        ..
    } = local;
    // Before the content is read: a later change is stamped with this moment or a later one.
    let now = SystemTime::now();
    let read = read(&opened.file, opened.size(), buffer);
    let (stamp, length) = read.map_err(|error| {
        site.troubles.failed(name.as_bytes(), &error, false);
        Refusal::of(resolve::status_of(&error))
    })?;
    let settled = |stamp: &Stamp, tags| length == stamp.size && has_settled(stamp, now, tags);
    let negotiated = site.precompressed && opened.media.is_compressible();
    let facts = Facts {
        name: name.as_bytes(),
        media: opened.media,
        role: page.role,
        coding: opened.coding().map_or("", Coding::name),
        negotiated,
        stamp,
        settled: settled(&stamp, site.tags),
        now: seconds(now),
    };
    let keeps = facts.settled && facts.stamp.modified.seconds <= facts.now.cast_signed();
    selected.describe(&facts, length, site);
    if length > IN_MEMORY as u64 {
        let state = facts.settled.then(|| guard::of(stamp));
        return answer(selected, Body::Open(opened.file, state), page.asked, head, cx);
    }
    let keeps = keeps && opened.can_be_watched(&stamp, |stamp| has_settled(stamp, now, Tags::Full));
    let content = Arc::from(&buffer[..length as usize]);
    let reply = answer(selected, Body::Read(&content), page.asked, head, cx);
    if cache.is_on() {
        cache.insert(Entry::new(
            page.key,
            negotiated.then_some(page.asked.wanted),
            keeps.then(|| opened.watch(name)),
            selected.clone(),
            content,
        ));
    }
    reply
}

/// Reads a file that seems to be small, and returns its stamp after that and how many bytes it has: those that were
/// read, or those that it has of a large one.
fn read(file: &File, size: u64, buffer: &mut Vec<u8>) -> io::Result<(Stamp, u64)> {
    let mut size = size;
    let mut tries = 0;
    loop {
        if size > IN_MEMORY as u64 {
            let stamp = Stamp::of(file)?;
            return Ok((stamp, stamp.size));
        }
        if buffer.len() < size as usize {
            buffer.resize(size as usize, 0);
        }
        let length = match size {
            0 => 0,
            _ => read_at(file, &mut buffer[..size as usize])?,
        };
        let stamp = Stamp::of(file)?;
        if length as u64 == stamp.size || tries == 1 {
            return Ok((stamp, length as u64));
        }
        // It was cut or it grew meanwhile.
        (size, tries) = (stamp.size, tries + 1);
    }
}

/// How many signals may come while a small file is read; a worker must not try for ever.
const MAX_INTERRUPTIONS: usize = 16;

fn read_at(file: &File, buffer: &mut [u8]) -> io::Result<usize> {
    let (mut length, mut interruptions) = (0, 0);
    while length < buffer.len() {
        match file.read_at(&mut buffer[length..], length as u64) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted && interruptions < MAX_INTERRUPTIONS => {
                interruptions += 1;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// Sends a representation, whole or in part, or only what its conditions left.
fn answer(
    selected: &Selected,
    body: Body<'_>,
    asked: Asked,
    head: &Head<'_>,
    cx: &mut Context<'_>,
) -> Result<Reply, Refusal> {
    if !asked.has_modifiers {
        return Ok(whole(selected, body, cx));
    }
    answer_condition(selected, body, head, cx)
}

#[inline(never)]
fn answer_condition(
    selected: &Selected,
    body: Body<'_>,
    head: &Head<'_>,
    cx: &mut Context<'_>,
) -> Result<Reply, Refusal> {
    let all = selected.length;
    let representation = Representation {
        etag: &selected.etag,
        modified: selected.modified,
        modified_text: selected.modified_text.as_bytes(),
        length: all,
        now: || seconds(SystemTime::now()),
    };
    match conditional::verdict(head.modifiers(), head.method() == Method::Get, &representation) {
        Verdict::Whole => Ok(whole(selected, body, cx)),
        Verdict::Part { first, length } => {
            let last = first + length - 1;
            let range = Text::<80>::of(format_args!("bytes {first}-{last}/{all}"));
            cx.set_status(206).field(refusal::CONTENT_RANGE, range.as_bytes());
            cx.add(&selected.full);
            Ok(part(body, first, length))
        }
        Verdict::NotModified => Ok(not_modified(selected, body, cx)),
        Verdict::PreconditionFailed => Err(Refusal::of(412)),
        Verdict::Unsatisfiable => Err(Refusal::Behind(all)),
    }
}

#[inline(always)]
fn whole(selected: &Selected, body: Body<'_>, cx: &mut Context<'_>) -> Reply {
    if let Body::Kept(entry) = body
        && let Some(prepared) = entry.whole()
    {
        return Reply::Prepared(Arc::clone(prepared));
    }
    cx.add(&selected.full);
    match body {
        Body::Kept(Entry { content, .. }) | Body::Read(content) => {
            Reply::Bytes(Content::Shared(Arc::clone(content)))
        }
        Body::Open(file, guard) => Reply::File(FileSlice {
            file: file.into(),
            offset: 0,
            len: selected.length,
            guard,
        }),
    }
}

#[inline(always)]
fn not_modified(selected: &Selected, body: Body<'_>, cx: &mut Context<'_>) -> Reply {
    if let Body::Kept(entry) = body
        && let Some(prepared) = entry.unchanged()
    {
        return Reply::Prepared(Arc::clone(prepared));
    }
    cx.set_status(304).add(&selected.brief);
    Reply::EMPTY
}

fn part(body: Body<'_>, first: u64, length: u64) -> Reply {
    match body {
        // A part lies within the length, and that of what is in memory is small.
        Body::Kept(Entry { content, .. }) | Body::Read(content) => {
            content[first as usize..][..length as usize].to_vec().into()
        }
        Body::Open(file, guard) => Reply::File(FileSlice {
            file: file.into(),
            offset: first,
            len: length,
            guard,
        }),
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
