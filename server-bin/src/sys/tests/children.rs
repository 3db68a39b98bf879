//! Tests that start programs, and those that mind that.
//!
//! Until a child executes its program it has copies of all descriptors. A lock or a socket whose last descriptor a test has
//! closed is held by such a child of another test for some more moments.

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

static CHILDREN: RwLock<()> = RwLock::new(());

/// For a test that minds: none starts a program meanwhile.
pub(crate) fn no_child_starts() -> RwLockReadGuard<'static, ()> {
    CHILDREN.read().unwrap_or_else(PoisonError::into_inner)
}

/// For a test that starts a program.
pub(crate) fn child_starts() -> RwLockWriteGuard<'static, ()> {
    CHILDREN.write().unwrap_or_else(PoisonError::into_inner)
}
