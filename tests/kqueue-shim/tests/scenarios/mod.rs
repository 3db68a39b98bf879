//! Questions to a kqueue, each a fixed list of calls, and the transcript of its answers.
//!
//! The scenarios know neither the shim nor a system: `ffi.rs` chooses the provider. A recording of one kernel is
//! compared with another by text, so a label, once recorded, stays.

pub(crate) mod ffi;
pub(crate) mod world;

mod changing;
mod ending;
mod numbers;
mod rearming;
mod sharing;
pub(crate) mod sockets;
mod triggers;
mod waiting;

use world::World;

type Scenario = fn(&mut World);

/// In the order of the recordings.
const ALL: [(&str, Scenario); 31] = [
    ("level", triggers::level),
    ("clear", triggers::clear),
    ("clear_write", triggers::clear_write),
    ("oneshot", rearming::oneshot),
    ("dispatch", rearming::dispatch),
    ("disable", rearming::disable),
    ("readd", changing::readd),
    ("badfd", changing::badfd),
    ("delete", changing::delete),
    ("changelist", changing::changelist),
    ("receipt", changing::receipt),
    ("eof", ending::eof),
    ("shutdown", ending::shutdown),
    ("wr_eof", ending::wr_eof),
    ("eof_clear", ending::eof_clear),
    ("listen", sockets::listen),
    ("connect", sockets::connect),
    ("close", numbers::close),
    ("dup", numbers::dup),
    ("rearm", rearming::rearm),
    ("err_wait", changing::err_wait),
    ("threads", waiting::threads),
    ("timeout", waiting::timeout),
    ("timeout_neg", waiting::timeout_neg),
    ("nested_self", numbers::nested_self),
    ("fair", sharing::fair),
    ("rw", sharing::rw),
    ("nested", numbers::nested),
    ("dgram", sockets::dgram),
    ("batch", numbers::batch),
    ("user", waiting::user),
];

/// Runs every scenario, one after the other: they count on the fd numbers that others would take.
pub(crate) fn transcript() -> Vec<String> {
    let mut lines = Vec::new();
    for (name, scenario) in ALL {
        let mut world = World::new(name);
        scenario(&mut world);
        lines.extend(world.finish());
    }
    lines
}
