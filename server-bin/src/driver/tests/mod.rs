//! The driver over a scripted socket: each test says when bytes arrive, when there is room, and what time it is.

mod bodies;
mod closing;
mod counters;
mod deadlines;
pub(crate) mod edges;
mod fairness;
mod faults;
mod handlers;
mod idle;
mod kept;
mod later;
pub(super) mod meaning;
mod memory;
mod outcomes;
pub(crate) mod phases;
pub(super) mod planted;
mod protocols;
pub(crate) mod random;
mod rates;
mod requests;
pub(crate) mod rig;
mod sending;
mod sinks;
mod sources;
