//! The allocator that counts, and the bare calls that the crate's own are compared with.
#![allow(unsafe_code)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local!(static ALLOCATIONS: Cell<usize> = const { Cell::new(0) });

/// How often the calling thread took memory.
pub(crate) fn allocations_of_this_thread() -> usize {
    ALLOCATIONS.get()
}

fn count() {
    // A thread that ends takes memory after its own variables have gone.
    let _ = ALLOCATIONS.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: every call goes to the system's allocator with the same arguments; counting takes no memory, because the
// variable is constant at the start and has nothing to drop.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of this same function.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of this same function.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
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
