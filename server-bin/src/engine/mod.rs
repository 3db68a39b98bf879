//! The hot path, accept to close.
//!
//! A `worker` is a thread with a poller of its own, its connections in a [`slab`], their [`deadlines`], and one
//! set of [`buffers`]. It accepts (`accept`), and drives each [`connection`] when its socket is ready, its time is
//! over, or an answer for it has come in.

pub(crate) mod accept;
pub mod buffers;
pub mod connection;
pub mod deadlines;
pub(crate) mod held;
pub mod settings;
pub mod slab;
pub(crate) mod worker;
