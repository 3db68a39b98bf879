//! The layout of FreeBSD 11, which on 64 bits is that of macOS too, and the numbers of FreeBSD: on macOS EVFILT_USER is another.

use std::ffi::c_void;

/// One change or one event; `struct kevent` of kqueue(2).
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct Kevent {
    /// The descriptor, or a number of the caller's choice for [`EVFILT_USER`].
    pub ident: usize,
    /// One of the `EVFILT` constants.
    pub filter: i16,
    /// `EV` constants.
    pub flags: u16,
    /// `NOTE` constants.
    pub fflags: u32,
    /// What the filter says; an errno beside [`EV_ERROR`].
    pub data: isize,
    /// The caller's own value, handed back.
    pub udata: *mut c_void,
}

const _: () = assert!(
    size_of::<Kevent>() == 3 * size_of::<usize>() + 8,
    "the layout that callers declare"
);

/// Data, end of stream, or connections to accept.
pub const EVFILT_READ: i16 = -1;
/// Room to write.
pub const EVFILT_WRITE: i16 = -2;
/// Triggered by the program itself.
pub const EVFILT_USER: i16 = -11;

/// Adds a knote, or changes an existing one (but never its mode).
pub const EV_ADD: u16 = 0x0001;
/// Removes a knote.
pub const EV_DELETE: u16 = 0x0002;
/// Lets a knote report again.
pub const EV_ENABLE: u16 = 0x0004;
/// Keeps a knote from reporting.
pub const EV_DISABLE: u16 = 0x0008;
/// Mode: the first report deletes the knote.
pub const EV_ONESHOT: u16 = 0x0010;
/// Mode: each state change is reported once.
pub const EV_CLEAR: u16 = 0x0020;
/// Answers the change with an [`EV_ERROR`] entry even when it succeeded.
pub const EV_RECEIPT: u16 = 0x0040;
/// Mode: each report disables the knote.
pub const EV_DISPATCH: u16 = 0x0080;
/// The entry answers a change; `data` is its errno, or 0.
pub const EV_ERROR: u16 = 0x4000;
/// The other side has gone.
pub const EV_EOF: u16 = 0x8000;

/// The smallest amount to report; not supported here.
pub const NOTE_LOWAT: u32 = 0x0000_0001;
/// Triggers an [`EVFILT_USER`] knote.
pub const NOTE_TRIGGER: u32 = 0x0100_0000;
/// The operation on the user's 24 bits: this mask holds it.
pub const NOTE_FFCTRLMASK: u32 = 0xc000_0000;
/// Ands the user's bits.
pub const NOTE_FFAND: u32 = 0x4000_0000;
/// Ors the user's bits.
pub const NOTE_FFOR: u32 = 0x8000_0000;
/// Copies the user's bits.
pub const NOTE_FFCOPY: u32 = 0xc000_0000;
/// The user's 24 bits.
pub const NOTE_FFLAGSMASK: u32 = 0x00ff_ffff;
