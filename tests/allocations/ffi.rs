//! An allocator that counts. It is unsafe by its trait alone: every call goes to the system's allocator unchanged.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// How often memory was asked for, in this process, by all threads.
pub(crate) static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);
/// Bytes that are allocated now.
pub(crate) static LIVE: AtomicI64 = AtomicI64::new(0);

pub(crate) struct Counting;

fn count(new: usize, old: usize) {
    ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
    LIVE.fetch_add(new as i64 - old as i64, Ordering::Relaxed);
}

// SAFETY: each method hands its arguments to `System`, which keeps the trait's promises, and answers what it answers.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: our caller keeps the promises that `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: our caller keeps the promises that `System` asks for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: our caller keeps the promises that `System` asks for, and `pointer` came from it.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size() as i64, Ordering::Relaxed);
        // SAFETY: our caller keeps the promises that `System` asks for, and `pointer` came from it.
        unsafe { System.dealloc(pointer, layout) }
    }
}
