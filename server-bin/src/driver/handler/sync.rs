//! What threads share in `mailbox` and `later`; under `cfg(loom)` it is what the models of `scripts/races loom` watch.

#[cfg(loom)]
pub(crate) use loom::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU8, Ordering},
};
#[cfg(not(loom))]
pub(crate) use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicU8, Ordering},
};
