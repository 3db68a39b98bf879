//! Readiness for event loops.
