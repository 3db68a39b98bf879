//! The many-threads tests of multiplex on its kqueue backend, in each mode of the shim.

mod modes;
#[path = "../../multiplex/tests/threads.rs"]
mod threads;

#[test]
fn it_holds_in_lint_mode() {
    modes::passes("threads::", "lint");
}

#[test]
fn it_holds_in_chaos() {
    for seed in [1, 2] {
        modes::passes("threads::", &format!("lint,chaos:{seed}"));
    }
}
