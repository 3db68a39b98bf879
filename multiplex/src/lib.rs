//! Readiness for event loops.

pub mod timers;
