//! The allocator that counts, and the bare calls that the crate's own are compared with.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What one thread did with memory.
#[derive(Clone, Copy)]
pub(crate) struct Memory {
    /// How often it took some.
    pub(crate) allocations: usize,
    /// Bytes that it took and did not give back. Negative for a thread that frees what another one took.
    pub(crate) held: isize,
    /// The largest block that had to grow, and so was copied, perhaps.
    pub(crate) largest_grown: usize,
}

thread_local!(static MEMORY: Cell<Memory> = const { Cell::new(Memory { allocations: 0, held: 0, largest_grown: 0 }) });

/// What the calling thread has done so far.
pub(crate) fn memory_of_this_thread() -> Memory {
    MEMORY.get()
}

/// How often the calling thread took memory.
pub(crate) fn allocations_of_this_thread() -> usize {
    MEMORY.get().allocations
}

fn count(taken: usize, given_back: usize) {
    // A thread that ends takes memory after its own variables have gone.
    let _ = MEMORY.try_with(|memory| {
        let mut now = memory.get();
        now.allocations += usize::from(taken > 0);
        now.held += taken as isize - given_back as isize;
        if taken > 0 && given_back > 0 {
            now.largest_grown = now.largest_grown.max(given_back);
        }
        memory.set(now);
    });
}

// SAFETY: every call goes to the system's allocator with the same arguments; counting takes no memory, because the
// variable is constant at the start and has nothing to drop.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size(), 0);
        // SAFETY: the caller keeps the contract of this same function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size, layout.size());
        // SAFETY: the caller keeps the contract of this same function.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(0, layout.size());
        // SAFETY: the caller keeps the contract of this same function.
        unsafe { System.dealloc(block, layout) }
    }
}

/// epoll_ctl(2), and nothing else.
#[inline]
pub(crate) fn control(epoll: i32, op: i32, fd: i32, events: u32, data: u64) -> i32 {
    let mut event = libc::epoll_event { events, u64: data };
    // SAFETY: `event` lives until the call returns.
    unsafe { libc::epoll_ctl(epoll, op, fd, &mut event) }
}

/// epoll_wait(2), and nothing else.
#[inline]
pub(crate) fn wait(epoll: i32, events: &mut [libc::epoll_event], millis: i32) -> i32 {
    // SAFETY: the kernel writes at most as many events as the slice holds.
    unsafe { libc::epoll_wait(epoll, events.as_mut_ptr(), events.len() as i32, millis) }
}
