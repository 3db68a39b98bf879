//! The contract of multiplex on its kqueue backend, in each mode of the shim.
//!
//! The tests of `contract` run in the plain mode, or in the one that `KQUEUE_SHIM` names; the others here run them all again
//! in a process of its own with another mode. A run with `KQUEUE_SHIM=chaos:SEED` and the name of a test replays it.

#[path = "../../multiplex/tests/contract.rs"]
mod contract;
mod modes;

#[test]
fn it_holds_as_freebsd_answers() {
    modes::passes("contract::", "freebsd,lint");
}

/// Without EVFILT_USER, so with pipes as wakers. So does the next one.
#[test]
fn it_holds_as_openbsd_answers() {
    modes::passes("contract::", "openbsd,lint");
}

#[test]
fn it_holds_as_netbsd_answers() {
    modes::passes("contract::", "netbsd,lint");
}

#[test]
fn it_holds_in_chaos_with_every_filter() {
    for seed in [2, 4] {
        modes::passes("contract::", &format!("lint,chaos:{seed}"));
    }
}

#[test]
fn it_holds_in_chaos_without_evfilt_user() {
    for seed in [1, 3] {
        modes::passes("contract::", &format!("lint,chaos:{seed}"));
    }
}
