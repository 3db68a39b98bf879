//! What keeps a request from a file of its own. What it gets then is made by `instead`.

/// Why a request gets no file of its own.
#[derive(Debug)]
pub(super) enum Refusal {
    /// An error of this status.
    Error(u16),
    /// A directory without an index, which would be listed if that were switched on.
    Unlisted,
    /// It has moved to this URL.
    #[expect(
        clippy::box_collection,
        reason = "every answer is as large as the largest refusal"
    )]
    Moved(Box<String>),
    /// Its range lies behind the end of a file of this length.
    Behind(u64),
}

impl Refusal {
    pub(super) fn of(status: u16) -> Self {
        Self::Error(status)
    }

    pub(super) fn moved(location: String) -> Self {
        Self::Moved(Box::new(location))
    }

    pub(super) fn status(&self) -> u16 {
        match self {
            Self::Error(status) => *status,
            Self::Unlisted => 404,
            Self::Moved(_) => 301,
            Self::Behind(_) => 416,
        }
    }
}
