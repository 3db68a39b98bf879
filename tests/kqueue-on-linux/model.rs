//! The model-based test of multiplex on its kqueue backend, in each mode of the shim.

#[path = "../../multiplex/tests/model.rs"]
mod model;
mod modes;

#[test]
fn it_holds_in_lint_mode() {
    modes::passes("model::", "lint");
}

#[test]
fn it_holds_in_chaos() {
    for seed in [1, 2] {
        modes::passes("model::", &format!("lint,chaos:{seed}"));
    }
}
