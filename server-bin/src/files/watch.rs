//! What a remembered answer rests on, and the look that says whether it is still so.

use std::ffi::CString;

use crate::sys::{Root, Stamp};

/// The things that an answer was made of: while they are as they were, the answer is right.
#[derive(Debug)]
pub(super) struct Watch {
    /// The directory's name below the root.
    pub(super) place: CString,
    /// The directory's own stamp, if the answer rests on names that are not in it.
    pub(super) directory: Option<Stamp>,
    /// The names in it, each with its stamp: the file, and the sibling that was chosen instead.
    pub(super) file: (CString, Stamp),
    pub(super) sibling: Option<(CString, Stamp)>,
}

impl Watch {
    /// Whether all of it is as it was: three system calls, and one more each for names that are not there and a sibling.
    #[inline]
    pub(super) fn holds(&self, root: &Root) -> bool {
        let Ok(place) = root.place(&self.place) else {
            return false;
        };
        let is_same = |name: &CString, stamp: &Stamp| place.look(name).is_ok_and(|found| found == *stamp);
        self.directory
            .as_ref()
            .is_none_or(|stamp| Stamp::of(&place).is_ok_and(|found| found == *stamp))
            && is_same(&self.file.0, &self.file.1)
            && self
                .sibling
                .as_ref()
                .is_none_or(|(name, stamp)| is_same(name, stamp))
    }
}
