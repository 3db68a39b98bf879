//! The driver over a scripted socket: each test says when bytes arrive, when there is room, and what time it is.

mod bodies;
mod closing;
mod deadlines;
mod faults;
mod handlers;
mod kept;
mod later;
mod outcomes;
pub(super) mod phases;
mod protocols;
mod rates;
mod requests;
pub(super) mod rig;
mod sending;
mod sinks;
mod sources;
