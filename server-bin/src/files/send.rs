//! The answer with a file: its bytes, read now or remembered, whole or in part, or only what its conditions left.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use http_core::{Head, Method, Name as FieldName};

use super::asked::Asked;
use super::cache::Entry;
use super::coding::Coding;
use super::conditional::{self, Representation, Verdict};
use super::etag::{Tags, has_settled};
use super::guard;
use super::local::Local;
use super::options::Options;
use super::path::Name;
use super::refusal::Refusal;
use super::resolve::Opened;
use super::selected::{Facts, Role, Selected};
use super::status::status_of;
use super::text::Text;
use crate::handler::{Content, Context, FileGuard, FileSlice, Reply};
use crate::sys::Stamp;

pub(super) const CONTENT_RANGE: FieldName = FieldName::from_static("content-range");

/// A file of at most this size is read at once, and leaves in one write with its head.
const IN_MEMORY: usize = 64 * 1024;

/// Why a file is sent, and the request that it is sent to.
#[derive(Clone, Copy)]
pub(super) struct Page<'a> {
    pub(super) role: Role,
    /// By what the answer is remembered.
    pub(super) key: &'a [u8],
    pub(super) asked: Asked,
}

/// The bytes of a representation.
pub(super) enum Body<'a> {
    /// In the cache.
    Kept(&'a Entry),
    /// In memory.
    Read(&'a Arc<[u8]>),
    /// Too large for that; and what it has to be like to its end, if it had settled.
    Open(File, Option<Box<dyn FileGuard>>),
}

/// Sends a file that was opened, and remembers it if it is small and has settled.
pub(super) fn send(
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
    let (stamp, bytes) = read.map_err(|error| {
        site.troubles.failed(name.as_bytes(), &error, false);
        Refusal::of(status_of(&error))
    })?;
    let length = bytes.map_or(stamp.size, |bytes| bytes.len() as u64);
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
    selected.describe(&facts, length, site.tags, &site.rules);
    let Some(bytes) = bytes else {
        let state = facts.settled.then(|| guard::of(stamp));
        return answer(selected, Body::Open(opened.file, state), page.asked, head, cx);
    };
    let keeps = keeps && opened.can_be_watched(&stamp, |stamp| has_settled(stamp, now, Tags::Full));
    let content = Arc::from(bytes);
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

/// Reads a file that is small, and returns its stamp after that and its bytes; none of a file that is too large for memory.
///
/// `size` is what it had when it was looked at, by its name: another file may have come into its place before it was opened.
fn read<'a>(file: &File, size: u64, buffer: &'a mut Vec<u8>) -> io::Result<(Stamp, Option<&'a [u8]>)> {
    let mut size = size;
    let mut tries = 0;
    loop {
        if size > IN_MEMORY as u64 {
            let stamp = Stamp::of(file)?;
            if stamp.size > IN_MEMORY as u64 {
                return Ok((stamp, None));
            }
            size = stamp.size;
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
            return Ok((stamp, Some(&buffer[..length])));
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
pub(super) fn answer(
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
pub(super) fn answer_condition(
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
            cx.set_status(206).field(CONTENT_RANGE, range.as_bytes());
            cx.add(&selected.full);
            Ok(part(body, first, length))
        }
        Verdict::NotModified => Ok(not_modified(selected, body, cx)),
        Verdict::PreconditionFailed => Err(Refusal::of(412)),
        Verdict::Unsatisfiable => Err(Refusal::Behind(all)),
    }
}

#[inline(always)]
pub(super) fn whole(selected: &Selected, body: Body<'_>, cx: &mut Context<'_>) -> Reply {
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What is read of a file of so many bytes that had another size when it was looked at.
    #[track_caller]
    fn read_of(bytes: usize, looked: u64, mut buffer: Vec<u8>) -> Option<Vec<u8>> {
        let mut file = tempfile::tempfile().expect("a file");
        io::Write::write_all(&mut file, &vec![b'n'; bytes]).expect("room");
        let (stamp, read) = read(&file, looked, &mut buffer).expect("it can be read");
        assert_eq!(stamp.size, bytes as u64);
        read.map(<[u8]>::to_vec)
    }

    #[test]
    fn the_bytes_are_the_files_own_though_it_had_another_size_when_it_was_looked_at() {
        let old = || vec![b'o'; IN_MEMORY];
        for bytes in [0, 1, 10, IN_MEMORY] {
            for looked in [0, 10, IN_MEMORY as u64, IN_MEMORY as u64 + 1, 100_000, u64::MAX] {
                for buffer in [old(), Vec::new()] {
                    let read = read_of(bytes, looked, buffer);
                    assert_eq!(read, Some(vec![b'n'; bytes]), "{bytes}, and it had {looked}");
                }
            }
        }
        for looked in [0, 10, 100_000] {
            assert_eq!(read_of(IN_MEMORY + 1, looked, old()), None, "it had {looked}");
        }
    }
}
