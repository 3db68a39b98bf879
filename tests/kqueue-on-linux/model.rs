//! The model-based test of multiplex on its kqueue backend, in each mode of the shim.

#[path = "../../multiplex/tests/model.rs"]
mod model;
mod modes;

#[test]
fn it_holds_as_each_kernel_answers() {
    for kernel in ["freebsd", "openbsd", "netbsd"] {
        modes::passes("model::", &format!("{kernel},lint"));
    }
}

#[test]
fn it_holds_in_chaos() {
    for seed in [1, 2] {
        modes::passes("model::", &format!("lint,chaos:{seed}"));
    }
}
