//! Chooses the kqueue backend where the target has epoll, with the crate kqueue-shim as the provider of its symbols.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    let os = std::env::var("CARGO_CFG_TARGET_OS").expect("cargo sets this for build scripts");
    for name in ["multiplex_kqueue", "multiplex_kqueue_crate"] {
        println!("cargo::rustc-check-cfg=cfg({name})");
        if os == "linux" {
            println!("cargo::rustc-cfg={name}");
        }
    }
}
