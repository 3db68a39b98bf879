//! From a name to what the file system has there: a file to send, a directory, or a status.
//!
//! Everything is looked at before it is opened, and only regular files are opened: nothing happens to a FIFO, a socket
//! or a device by being asked for.

use std::fs::File;
use std::io;

use super::coding::{Coding, Wanted};
use super::mime::{self, Media};
use super::path::Name;
use super::status::status_of;
use super::trouble::Troubles;
use super::watch::Watch;
use crate::sys::{Kind, Place, Root, Stamp};

/// The result of looking a name up.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "it is taken apart where it is made")]
pub(super) enum Found {
    File(Opened),
    /// A directory without an index, asked for with a slash at the end.
    Directory,
    /// A directory, asked for without a slash at the end: relative links in it would lead astray.
    NeedsSlash,
}

/// A file that was opened to be sent, and what was looked at on the way.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: File,
    /// The type of its content, by its name.
    pub(super) media: Media,
    /// The stamp of the name's own file.
    plain: Stamp,
    /// The coding and the stamp of the sibling that was opened instead.
    sibling: Option<(Coding, Stamp)>,
    /// The directory's stamp, if the answer rests on names that are not in it.
    directory: Option<Stamp>,
    /// Whether the answer serves its round only: a symbolic link was followed in the last step, or a sibling could not be opened.
    passing: bool,
}

impl Opened {
    pub(super) fn coding(&self) -> Option<Coding> {
        self.sibling.map(|(coding, _)| coding)
    }

    /// How long the file was when it was looked at.
    pub(super) fn size(&self) -> u64 {
        self.sibling.map_or(self.plain, |(_, stamp)| stamp).size
    }

    /// Whether everything that the answer rests on is known by stamps for which `settled` is true. `read` is the stamp
    /// of the opened file after it was read.
    pub(super) fn can_be_watched(&self, read: &Stamp, settled: impl Fn(&Stamp) -> bool) -> bool {
        let looked = self.sibling.map_or(self.plain, |(_, stamp)| stamp);
        !self.passing
            && looked == *read
            && settled(&self.plain)
            && self.directory.as_ref().is_none_or(settled)
    }

    /// Returns what has to be as it was for this file, looked up by `name`, to be the right one.
    pub(super) fn watch(&self, name: &mut Name) -> Watch {
        let length = name.len();
        name.cut();
        let (place, file) = (name.parent().to_owned(), name.last().to_owned());
        let sibling = self.sibling.and_then(|(coding, stamp)| {
            name.push_bytes(coding.suffix()).ok()?;
            Some((name.last().to_owned(), stamp))
        });
        name.truncate(length);
        name.join();
        Watch {
            place,
            directory: self.directory,
            file: (file, self.plain),
            sibling,
        }
    }
}

/// How names are looked up.
#[derive(Clone, Copy)]
pub(super) struct Lookup<'a> {
    pub(super) root: &'a Root,
    /// The names that stand for a directory: the first of them that is there.
    pub(super) index: &'a [Box<[u8]>],
    /// The codings of which a sibling is wanted.
    pub(super) wanted: Wanted,
    /// What hears of what is there and cannot be opened.
    pub(super) troubles: &'a Troubles,
}

impl Lookup<'_> {
    /// The status for a name that cannot be opened, or nothing if nothing is there.
    #[cold]
    fn refuse(&self, name: &Name, error: &io::Error, linked: bool) -> Result<Option<Found>, u16> {
        self.troubles.failed(name.as_bytes(), error, linked);
        match status_of(error) {
            404 => Ok(None),
            status => Err(status),
        }
    }

    /// The status for a name whose directory cannot be opened.
    #[cold]
    fn refuse_way(&self, name: &Name, error: &io::Error) -> u16 {
        self.troubles.no_way(self.root, name, error);
        status_of(error)
    }
}

/// Finds what `name` stands for, or the status that says why there is nothing. The name grows by its index.
pub(super) fn find(lookup: &Lookup<'_>, name: &mut Name) -> Result<Found, u16> {
    if name.asks_for_directory() {
        return find_index(lookup, name);
    }
    name.cut();
    let place = lookup.root.place(name.parent());
    let place = place.map_err(|error| lookup.refuse_way(name, &error));
    let found = place.and_then(|place| find_in(lookup, &place, name, None));
    name.join();
    found.and_then(|found| found.ok_or(404))
}

fn find_index(lookup: &Lookup<'_>, name: &mut Name) -> Result<Found, u16> {
    let place = match name.is_root() {
        true => lookup.root.place(c""),
        false => lookup.root.place(name.as_c_str()),
    };
    let place = place.map_err(|error| lookup.refuse_way(name, &error))?;
    // That the names before it are not there is part of why an index is the one.
    let directory = match lookup.index.len() {
        0 | 1 => None,
        _ => Some(Stamp::of(&place).map_err(|error| status_of(&error))?),
    };
    let length = name.as_bytes().len();
    for index in lookup.index {
        name.push_segment(index).map_err(|refusal| refusal.status())?;
        name.cut();
        let found = find_in(lookup, &place, name, directory);
        name.join();
        match found {
            Ok(Some(Found::File(opened))) => return Ok(Found::File(opened)),
            // Something that is there, but is no file, stands for nothing.
            Ok(_) => name.truncate(length),
            Err(status) => return Err(status),
        }
    }
    Ok(Found::Directory)
}

/// Finds the last segment of a cut name in its directory. None: there is nothing of that name. The directory's stamp
/// is known already if other names were looked for in it.
fn find_in(
    lookup: &Lookup<'_>,
    place: &Place<'_>,
    name: &mut Name,
    directory: Option<Stamp>,
) -> Result<Option<Found>, u16> {
    let media = mime::of(name.last().to_bytes());
    let wanted = match media.is_compressible() {
        true => lookup.wanted,
        false => Wanted::NONE,
    };
    // Before the names in it are looked for: what comes later changes it.
    let directory = match (directory, wanted) {
        (None, Wanted::NONE) => None,
        (None, _) => Some(Stamp::of(place).map_err(|error| status_of(&error))?),
        (known, _) => known,
    };
    let mut follow = Follow {
        root: lookup.root,
        place,
        linked: false,
        failed: false,
    };
    let plain = match follow.look(name) {
        Ok(stamp) => stamp,
        Err(error) => return lookup.refuse(name, &error, follow.linked),
    };
    match plain.kind() {
        Kind::File => {}
        Kind::Directory => return Ok(Some(Found::NeedsSlash)),
        Kind::Link | Kind::Other => return Ok(None),
    }
    let sibling = follow.open_sibling(name, &plain, wanted, lookup.troubles);
    let (file, sibling) = match sibling {
        Some((file, coding, stamp)) => (file, Some((coding, stamp))),
        None => match follow.open(name) {
            Ok(file) => (file, None),
            Err(error) => return lookup.refuse(name, &error, false),
        },
    };
    Ok(Some(Found::File(Opened {
        file,
        media,
        plain,
        sibling,
        directory,
        passing: follow.linked || follow.failed,
    })))
}

/// Looks at names in one directory, and follows the links among them.
struct Follow<'a> {
    root: &'a Root,
    place: &'a Place<'a>,
    /// Whether a link was followed.
    linked: bool,
    /// Whether a sibling is there and could not be opened.
    failed: bool,
}

impl Follow<'_> {
    fn look(&mut self, name: &mut Name) -> io::Result<Stamp> {
        match self.place.look(name.last())? {
            stamp if stamp.kind() == Kind::Link => {
                self.linked = true;
                name.join();
                let stamp = self.root.look(name.as_c_str());
                name.cut();
                stamp
            }
            stamp => Ok(stamp),
        }
    }

    fn open(&self, name: &mut Name) -> io::Result<File> {
        if !self.linked {
            return self.place.open(name.last());
        }
        name.join();
        let file = self.root.open_below(name.as_c_str());
        name.cut();
        file
    }

    /// Opens the file in the most wanted coding in which it lies beside itself.
    ///
    /// A sibling that is older than its file is left over from an earlier one, and does not count. Whatever keeps a
    /// sibling from being looked at or opened, the file itself is there to be sent.
    fn open_sibling(
        &mut self,
        name: &mut Name,
        plain: &Stamp,
        wanted: Wanted,
        troubles: &Troubles,
    ) -> Option<(File, Coding, Stamp)> {
        let length = name.len();
        for coding in wanted.iter() {
            name.push_bytes(coding.suffix()).ok()?;
            let opened = match self.look(name) {
                Ok(stamp) if stamp.is_file() && stamp.modified.seconds >= plain.modified.seconds => {
                    self.try_sibling(name, troubles).map(|file| (file, coding, stamp))
                }
                _ => None,
            };
            name.truncate(length);
            if opened.is_some() {
                return opened;
            }
        }
        None
    }

    fn try_sibling(&mut self, name: &mut Name, troubles: &Troubles) -> Option<File> {
        let opened = self.open(name);
        if let Err(error) = &opened {
            // Nothing that is watched changes when it can be opened again.
            self.failed = true;
            troubles.failed(name.as_bytes(), error, false);
        }
        opened.ok()
    }
}
