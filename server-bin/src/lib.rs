//! The reference server.

#[allow(dead_code, reason = "the engine and the file handler come next")]
mod sys;
