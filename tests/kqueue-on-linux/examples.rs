//! The examples and the guide's words, on the kqueue backend over the emulation, and once more in its harshest mode.

#[path = "../../multiplex/tests/examples.rs"]
mod examples;
#[path = "../../multiplex/tests/guide.rs"]
mod guide;
mod modes;

#[test]
fn all_hold_whatever_a_kernel_may_do() {
    modes::passes("examples::", "lint,chaos:1");
    modes::passes("guide::", "lint,chaos:1");
}
