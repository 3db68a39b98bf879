//! The many-threads tests of multiplex on its kqueue backend, in each mode of the shim.

mod modes;
#[path = "../../multiplex/tests/threads.rs"]
mod threads;

#[test]
fn it_holds_as_each_kernel_answers() {
    for kernel in ["freebsd", "openbsd", "netbsd"] {
        modes::passes("threads::", &format!("{kernel},lint"));
    }
}

#[test]
fn it_holds_in_chaos() {
    for seed in [1, 2] {
        modes::passes("threads::", &format!("lint,chaos:{seed}"));
    }
}
